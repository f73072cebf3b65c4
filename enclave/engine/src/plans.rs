//! The compiled plans of one model: one for all shapes, or a bounded cache of plans by shape; and
//! either for the whole batch or for one image at a time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use strongroom_seal::model::{Dim, DimRange, Interface};
use strongroom_seal::tensor::DType;
use tract_onnx::prelude::InferenceModel;

use crate::alone;
use crate::ceiling;
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
type Slot = Arc<OnceLock<Option<Compiled>>>;

/// A plan for one shape.
#[derive(Clone)]
struct Compiled {
    plan: Arc<Plan>,
    /// Bytes that a run holds at its highest; `None` for more than it may.
    held: Option<u64>,
}

impl Compiled {
    fn of(plan: Arc<Plan>, interface: &Interface, values: &SymbolValues) -> Self {
        let held = ceiling::held(&plan, shapes(interface, values, 0)).ok();
        Self { plan, held }
    }
}

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
            Self::PerShape(plans) => plans.get(values).map(|one| vec![Part { plan: one.plan, rows: 0 }]),
            Self::Alone(symbol, plans) => {
                let mut others = values.clone();
                let images = others.remove(symbol)?;
                let parts = plans.get(&others)?;
                let part = parts.first()?;
                Some((0..images).map(|_| Part { plan: Arc::clone(&part.plan), rows: 1 }).collect())
            }
        }
    }

    /// Bytes that a run holds at its highest for these values of the symbols, compiling for them if need be. `None` where
    /// there is no such run.
    pub(crate) fn held(&self, values: &SymbolValues, interface: &Interface) -> Option<u64> {
        if let Self::PerShape(plans) = self {
            return plans.get(values)?.held;
        }
        let parts = self.get(values)?;
        let alike = |one: &Part, other: &Part| Arc::ptr_eq(&one.plan, &other.plan) && one.rows == other.rows;
        let (mut most, mut answers) = (0_u64, 0_u64);
        for parts in parts.chunk_by(alike) {
            let Part { plan, rows } = parts.first()?;
            most = most.max(ceiling::held(plan, shapes(interface, values, *rows)).ok()?);
            let one = ceiling::answered(plan, shapes(interface, values, *rows)).ok()?;
            answers = answers.saturating_add(one.saturating_mul(parts.len() as u64));
        }
        if parts.len() == 1 {
            return Some(most);
        }
        // Parts run one after the other. The inputs of all are there beside them, and so are answers, which are joined at the end.
        Some(most.saturating_add(bytes(interface, values)).saturating_add(answers.saturating_mul(2)))
    }

    /// Whether a run for these values of the symbols has to compile first.
    pub(crate) fn compiles(&self, values: &SymbolValues) -> bool {
        match self {
            Self::Symbolic(..) => false,
            Self::PerShape(plans) => !plans.knows(values),
            Self::Alone(symbol, plans) => {
                let mut others = values.clone();
                others.remove(symbol);
                plans.compiles(&others)
            }
        }
    }

    /// As [`Plans::held`], as if batches were never split, so that it grows with each symbol. `None` where that takes compiling.
    pub(crate) fn held_together(&self, values: &SymbolValues, interface: &Interface) -> Option<u64> {
        match self {
            Self::Symbolic(plan, _) => ceiling::held(plan, shapes(interface, values, 0)).ok(),
            Self::PerShape(_) => None,
            Self::Alone(symbol, plans) => {
                let mut one = values.clone();
                one.insert(symbol.clone(), 1);
                let held = plans.held_together(&one, interface)?;
                let images = values.get(symbol).copied().unwrap_or(1);
                let answers = plans.answered(&one, interface)?.saturating_mul(images);
                Some(held.saturating_add(bytes(interface, values)).saturating_add(answers.saturating_mul(2)))
            }
        }
    }

    fn answered(&self, values: &SymbolValues, interface: &Interface) -> Option<u64> {
        match self {
            Self::Symbolic(plan, _) => ceiling::answered(plan, shapes(interface, values, 0)).ok(),
            Self::PerShape(_) | Self::Alone(..) => None,
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

/// The shapes of a run's inputs, of so many rows where that is not zero.
fn shapes<'a>(
    interface: &'a Interface,
    values: &'a SymbolValues,
    rows: usize,
) -> impl Iterator<Item = impl Iterator<Item = u64> + 'a> + 'a {
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => *length,
        Dim::Symbol(symbol) => values.get(symbol).copied().unwrap_or(1),
    };
    let dim = move |(axis, dim)| if axis == 0 && rows > 0 { rows as u64 } else { length(dim) };
    interface.inputs.iter().map(move |input| input.shape.iter().enumerate().map(dim))
}

/// Bytes of a request's inputs.
fn bytes(interface: &Interface, values: &SymbolValues) -> u64 {
    let element = |dtype: DType| dtype.element_bytes().unwrap_or(size_of::<String>()) as u64;
    let sizes = shapes(interface, values, 0).zip(&interface.inputs);
    let sizes = sizes.map(|(shape, input)| shape.fold(element(input.dtype), u64::saturating_mul));
    sizes.fold(0, u64::saturating_add)
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
                    let compiled = Compiled::of(plan, interface, &values);
                    let slot: Slot = Arc::new(OnceLock::from(Some(compiled)));
                    let cache = Mutex::new(vec![(values, slot)]);
                    return Ok(Self { graph, interface: interface.clone(), cache });
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn get(&self, values: &SymbolValues) -> Option<Compiled> {
        let slot = self.slot(values);
        // Compiled outside the cache's lock: others wait only when they ask for the same shape.
        slot.get_or_init(|| {
            let wired = compile::wire(self.graph.clone(), &self.interface, Some(values));
            let plan = wired.and_then(|wired| compile::plan(wired, &self.interface)).ok()?;
            compile::check_outputs(&plan, &self.interface).ok()?;
            Some(Compiled::of(plan, &self.interface, values))
        })
        .clone()
    }

    fn knows(&self, values: &SymbolValues) -> bool {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.iter().any(|(key, slot)| key == values && slot.get().is_some())
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
