//! The compiled plans of one model: one for all shapes, or a bounded cache of plans by shape; and
//! either for the whole batch or for one image at a time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use strongroom_seal::model::{DimRange, Interface};
use tract_onnx::prelude::InferenceModel;

use crate::alone;
use crate::compile::{self, Plan, SymbolValues};
use crate::error::LoadError;
use crate::limits::{MAX_PLANS_PER_MODEL, PROBE_VALUES};
use crate::split::{self, Part, Split};
use crate::trial;

/// How a model is compiled.
pub(crate) enum Plans {
    /// tract compiled the symbols. Batches may be split.
    Symbolic(Arc<Plan>, Option<Split>),
    /// It could not: each combination of values is compiled when it is first asked for.
    PerShape(Box<PerShape>),
    /// Images go one by one; this symbol counts them, and the plans are for one.
    Alone(String, Box<Plans>),
}

/// The graph to compile from, and the plans compiled last.
pub(crate) struct PerShape {
    graph: InferenceModel,
    interface: Interface,
    /// Most recently used last. Never more than [`MAX_PLANS_PER_MODEL`].
    cache: Mutex<Vec<(SymbolValues, Slot)>>,
}

/// `None` inside means that this shape does not compile, which is worth remembering too.
type Slot = Arc<OnceLock<Option<Arc<Plan>>>>;

impl Plans {
    /// Compiles for all shapes if tract can, and otherwise for one, to see that it compiles at all.
    pub(crate) fn compile(graph: InferenceModel, interface: &Interface) -> Result<Self, LoadError> {
        if let Some(symbol) = alone::symbol(&graph, interface) {
            let plans = Self::together(graph, &split::interface_of(interface, &symbol, 1))?;
            return Ok(Self::Alone(symbol, Box::new(plans)));
        }
        Self::together(graph, interface)
    }

    fn together(graph: InferenceModel, interface: &Interface) -> Result<Self, LoadError> {
        if interface.symbols.is_empty() {
            let plan = compile::plan(compile::wire(graph, interface, None)?, interface)?;
            compile::check_outputs(&plan, interface)?;
            return Ok(Self::Symbolic(plan, None));
        }
        // The graph stays until the plan has run: some symbolic plans compile and then fail.
        let symbolic =
            compile::wire(graph.clone(), interface, None).and_then(|wired| compile::plan(wired, interface));
        match symbolic.ok().filter(|plan| trial::runs(plan, interface)) {
            Some(plan) => {
                compile::check_outputs(&plan, interface)?;
                Ok(Self::Symbolic(plan, Split::of(&graph, interface)))
            }
            None => PerShape::probe(graph, interface).map(|plans| Self::PerShape(Box::new(plans))),
        }
    }

    /// What to run for these values of the symbols; `None` when the model does not take them.
    pub(crate) fn get(&self, values: &SymbolValues) -> Option<Vec<Part>> {
        match self {
            Self::Symbolic(plan, Some(split)) => split.parts(values, plan),
            Self::Symbolic(plan, None) => Some(vec![Part { plan: Arc::clone(plan), rows: 0 }]),
            Self::PerShape(plans) => plans.get(values).map(|plan| vec![Part { plan, rows: 0 }]),
            Self::Alone(symbol, plans) => {
                let mut others = values.clone();
                let images = others.remove(symbol)?;
                let parts = plans.get(&others)?;
                let part = parts.first()?;
                Some((0..images).map(|_| Part { plan: Arc::clone(&part.plan), rows: 1 }).collect())
            }
        }
    }

    /// Whether no shape is left to compile.
    pub(crate) fn complete(&self) -> bool {
        match self {
            Self::Symbolic(..) => true,
            Self::PerShape(_) => false,
            Self::Alone(_, plans) => plans.complete(),
        }
    }
}

impl PerShape {
    fn probe(graph: InferenceModel, interface: &Interface) -> Result<Self, LoadError> {
        let mut refusal = LoadError::Panicked;
        for value in PROBE_VALUES {
            let within = |range: &DimRange| value.clamp(range.min, range.max);
            let values: SymbolValues =
                interface.symbols.iter().map(|(symbol, range)| (symbol.clone(), within(range))).collect();
            let wired = compile::wire(graph.clone(), interface, Some(&values));
            match wired.and_then(|wired| compile::plan(wired, interface)) {
                Ok(plan) => {
                    compile::check_outputs(&plan, interface)?;
                    let slot: Slot = Arc::new(OnceLock::from(Some(plan)));
                    let cache = Mutex::new(vec![(values, slot)]);
                    return Ok(Self { graph, interface: interface.clone(), cache });
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn get(&self, values: &SymbolValues) -> Option<Arc<Plan>> {
        let slot = self.slot(values);
        // Compiled outside the cache's lock: others wait only when they ask for the same shape.
        slot.get_or_init(|| {
            let wired = compile::wire(self.graph.clone(), &self.interface, Some(values));
            let plan = wired.and_then(|wired| compile::plan(wired, &self.interface)).ok()?;
            compile::check_outputs(&plan, &self.interface).ok().map(|()| plan)
        })
        .clone()
    }

    fn slot(&self, values: &SymbolValues) -> Slot {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cache.iter().position(|(key, _)| key == values);
        let entry = match known {
            Some(position) => cache.remove(position),
            None => (values.clone(), Slot::default()),
        };
        let slot = Arc::clone(&entry.1);
        if cache.len() >= MAX_PLANS_PER_MODEL {
            cache.remove(0);
        }
        cache.push(entry);
        slot
    }
}
