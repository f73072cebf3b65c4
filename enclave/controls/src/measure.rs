//! What a request costs: its rows, and the bits of information that its answer can hold.
//!
//! A row is one entry along the first input's outermost dimension, see [`Interface::rows`]. Bits are an upper bound from shapes and treatment alone: they are known
//! before the model runs.

use std::collections::BTreeMap;

use strongroom_attestation::release::{Detail, ModelControls, OutputKind, Treatment};
use strongroom_seal::model::{AnswerBound, Dim, Interface, TensorSpec};

use crate::counter::Charge;

/// A model as far as costs go.
pub struct Priced<'a> {
    /// Its inputs and outputs.
    pub interface: &'a Interface,
    /// What its outputs are.
    pub controls: &'a ModelControls,
    /// How large its answers may be.
    pub answer: &'a AnswerBound,
}

type Symbols = BTreeMap<String, u64>;

impl Priced<'_> {
    /// The charge of a request whose symbols have these values.
    #[must_use]
    pub fn charge(&self, treatment: &Treatment, symbols: &Symbols) -> Charge {
        let bits = |output| self.output_bits(output, treatment, symbols);
        let bits = self.interface.outputs.iter().map(bits).fold(0, u64::saturating_add);
        Charge { rows: self.interface.rows(symbols), bits }
    }

    fn output_bits(&self, output: &TensorSpec, treatment: &Treatment, symbols: &Symbols) -> u64 {
        let kind = self.controls.output(&output.name);
        if kind == OutputKind::Values && treatment.detail == Detail::LabelOnly {
            return 0;
        }
        let width = output.dtype.element_bytes().map(|bytes| 8 * bytes as u64);
        let (Some(shape), Some(width)) = (known(output, symbols), width) else {
            // Whatever the owner said an answer may hold.
            return self.answer.max_bytes.saturating_mul(8);
        };
        let elements = shape.iter().copied().fold(1, u64::saturating_mul);
        let classes = shape.last().copied().unwrap_or(1).max(1);
        match kind {
            OutputKind::Label => elements.saturating_mul(self.classes(symbols).map_or(width, log2)),
            OutputKind::Values => elements.saturating_mul(width),
            OutputKind::Probabilities | OutputKind::Logits => {
                let value = value_bits(treatment, kind, width);
                (elements / classes).saturating_mul(row_bits(treatment.detail, classes, value))
            }
        }
    }

    /// How many classes a label can name, where an output of scores says so.
    fn classes(&self, symbols: &Symbols) -> Option<u64> {
        let scores = |output: &&TensorSpec| {
            matches!(self.controls.output(&output.name), OutputKind::Probabilities | OutputKind::Logits)
        };
        let scores = self.interface.outputs.iter().find(scores)?;
        known(scores, symbols)?.last().copied()
    }
}

fn row_bits(detail: Detail, classes: u64, value: u64) -> u64 {
    match detail {
        Detail::Full => classes.saturating_mul(value),
        Detail::TopK(k) => u64::from(k).min(classes).saturating_mul(value + log2(classes)),
        Detail::LabelOnly => log2(classes),
    }
}

/// Bits of one score: as many as its levels tell apart, and never more than its type has.
fn value_bits(treatment: &Treatment, kind: OutputKind, width: u64) -> u64 {
    let span = match (kind, treatment.clamp) {
        (OutputKind::Probabilities, _) => Some(1.0),
        // Noise leaves the clamp's range.
        (_, Some(clamp)) if treatment.noise.is_none() => {
            Some((clamp.max - clamp.min) / treatment.temperature.unwrap_or(1.0))
        }
        _ => None,
    };
    match (treatment.decimals, span) {
        (Some(decimals), Some(span)) => {
            let levels = (span * 10_f64.powi(decimals.into())).ceil() + 2.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a logarithm of at least 2"
            )]
            let bits = levels.log2().ceil() as u64;
            bits.min(width)
        }
        _ => width,
    }
}

/// Bits that tell `count` things apart.
fn log2(count: u64) -> u64 {
    u64::from(u64::BITS - count.saturating_sub(1).leading_zeros()).max(1)
}

/// The shape, if the inputs' symbols give it.
fn known(output: &TensorSpec, symbols: &Symbols) -> Option<Vec<u64>> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(fixed) => Some(*fixed),
        Dim::Symbol(symbol) => symbols.get(symbol).copied(),
    };
    output.shape.iter().map(dim).collect()
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::release::Clamp;
    use strongroom_seal::tensor::DType;

    use super::*;

    fn interface(classes: Dim) -> Interface {
        let batch = || Dim::Symbol("batch".into());
        let spec = |name: &str, dtype, shape| TensorSpec { name: name.into(), dtype, shape };
        Interface {
            inputs: vec![spec("x", DType::Fp32, vec![batch(), Dim::Fixed(30)])],
            outputs: vec![
                spec("label", DType::Int64, vec![batch()]),
                spec("scores", DType::Fp32, vec![batch(), classes]),
            ],
            symbols: BTreeMap::new(),
        }
    }

    fn bits(kind: OutputKind, treatment: &Treatment, classes: Dim) -> Charge {
        let outputs = [("label".to_owned(), OutputKind::Label), ("scores".to_owned(), kind)].into();
        let controls = ModelControls { outputs, ..ModelControls::default() };
        let answer = AnswerBound { names_bytes: 0, bytes_per_request_kib: 0, max_bytes: 100 };
        let interface = interface(classes);
        let priced = Priced { interface: &interface, controls: &controls, answer: &answer };
        priced.charge(treatment, &BTreeMap::from([("batch".to_owned(), 3)]))
    }

    #[test]
    fn bits_follow_what_the_treatment_lets_out() {
        use OutputKind::{Logits, Probabilities};
        let ten = || Dim::Fixed(10);
        let exact = bits(Probabilities, &Treatment::EXACT, ten());
        assert_eq!(exact, Charge { rows: 3, bits: 3 * (4 + 10 * 32) });
        let label = bits(Probabilities, &Treatment::LABEL_ONLY, ten());
        assert_eq!(label.bits, 3 * (4 + 4));
        let rounded = Treatment { decimals: Some(2), ..Treatment::EXACT };
        assert_eq!(bits(Probabilities, &rounded, ten()).bits, 3 * (4 + 10 * 7));
        let top = Treatment { detail: Detail::TopK(2), decimals: Some(2), ..Treatment::EXACT };
        assert_eq!(bits(Probabilities, &top, ten()).bits, 3 * (4 + 2 * (7 + 4)));
        assert_eq!(bits(Logits, &rounded, ten()).bits, exact.bits, "logits without bounds have all levels");
        let clamped =
            Treatment { clamp: Some(Clamp { min: -5.0, max: 5.0 }), decimals: Some(1), ..Treatment::EXACT };
        assert_eq!(bits(Logits, &clamped, ten()).bits, 3 * (4 + 10 * 7));
        let sharpened = Treatment { temperature: Some(0.1), ..clamped };
        assert_eq!(bits(Logits, &sharpened, ten()).bits, 3 * (4 + 10 * 10), "temperature widens the range");
        let noisy = Treatment { noise: Some(0.1), ..clamped };
        assert_eq!(bits(Logits, &noisy, ten()).bits, exact.bits, "noise leaves it");
        let values = bits(OutputKind::Values, &Treatment::LABEL_ONLY, ten());
        assert_eq!(values.bits, 3 * 64, "values are withheld, and how many classes there are is not known");
    }

    #[test]
    fn outputs_of_unknown_shape_cost_what_an_answer_may_hold() {
        let unknown = bits(OutputKind::Probabilities, &Treatment::EXACT, Dim::Symbol("found".into()));
        assert_eq!(unknown.bits, 3 * 64 + 800);
    }
}
