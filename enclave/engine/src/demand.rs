//! For which inputs a run holds so little that nobody needs to ask whether there is as much.
//!
//! What a run holds follows from a walk over its plan, which would cost small requests of a model of many operators more than
//! they can spare. So some largest inputs that take little are found while the model is loaded, and what is no larger than one of
//! these in any dimension takes little, too.

use strongroom_seal::model::{DimRange, Interface};

use crate::compile::SymbolValues;
use crate::limits::LITTLE_BYTES;
use crate::plans::Plans;

/// Values of the symbols up to which runs hold at most [`LITTLE_BYTES`].
pub(crate) struct Demand(Vec<SymbolValues>);

impl Demand {
    /// Looks at the largest inputs, and then from the smallest on, each symbol being the first to grow once.
    pub(crate) fn of(plans: &Plans, interface: &Interface) -> Self {
        let little = |values: &SymbolValues| {
            plans.held_together(values, interface).is_some_and(|held| held <= LITTLE_BYTES)
        };
        let ends = |end: fn(&DimRange) -> u64| -> SymbolValues {
            interface.symbols.iter().map(|(symbol, range)| (symbol.clone(), end(range))).collect()
        };
        let (smallest, largest) = (ends(|range| range.min), ends(|range| range.max));
        if little(&largest) {
            return Self(vec![largest]);
        }
        if !little(&smallest) {
            return Self(Vec::new());
        }
        let symbols: Vec<_> = interface.symbols.iter().collect();
        let grown = |first: usize| {
            let mut values = smallest.clone();
            for (symbol, range) in symbols.iter().cycle().skip(first).take(symbols.len()) {
                let mut most = range.max;
                while most > range.min {
                    let mut more = values.clone();
                    more.insert((*symbol).clone(), most);
                    if little(&more) {
                        values = more;
                        break;
                    }
                    most /= 2;
                }
            }
            values
        };
        Self((0..symbols.len()).map(grown).collect())
    }

    /// Whether a run with these values of the symbols surely holds little.
    pub(crate) fn is_little(&self, values: &SymbolValues) -> bool {
        let within = |most: &SymbolValues| {
            values.iter().all(|(symbol, value)| most.get(symbol).is_some_and(|most| value <= most))
        };
        self.0.iter().any(within)
    }
}
