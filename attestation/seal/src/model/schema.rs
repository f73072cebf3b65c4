//! What values the inputs of a model may hold, and the check of a request's tensors against that.
//!
//! The check looks at every element once, before anything reaches an engine. What it says names the
//! input and the position of a feature, never a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Interface;
use super::values::{Values, values};
use crate::limits::MAX_FEATURES;
use crate::tensor::{DType, Tensor, strings};

/// Rules for the values of a model's inputs. An input without rules may hold any finite value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Rules by input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, ValueRule>,
    /// Bytes of all inputs of one request together. Absent: as many as a record holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// What the elements of one input may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRule {
    /// Whether NaN and infinities may come in. They may not unless this says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub non_finite: bool,
    /// Smallest values, both ends allowed: one for all features, or one for each along the last dimension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub min: Vec<f64>,
    /// Largest values, in the same form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub max: Vec<f64>,
    /// Number of ids: an integer is 0 to this, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<u64>,
    /// Bytes of the longest element of a BYTES input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_string_bytes: Option<u64>,
    /// The distance, in units of the features, over which the model's answers change: one for all features, or
    /// one for each. Keyed noise needs it, see the controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lengthscale: Vec<f64>,
}

/// What is wrong with a schema, or with values offered to it. Names only declared things and positions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The declaration contradicts itself or the interface.
    #[error("schema of '{input}': {reason}")]
    Declaration {
        /// Which input.
        input: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// NaN or infinite.
    #[error("input '{0}' holds a value that is not a finite number")]
    NonFinite(String),
    /// Outside its declared range.
    #[error("input '{input}' is outside the declared range at feature {feature}")]
    Range {
        /// Which input.
        input: String,
        /// Position along the last dimension.
        feature: usize,
    },
    /// Not an id of the vocabulary.
    #[error("input '{0}' holds an id outside the vocabulary")]
    Vocabulary(String),
    /// A string longer than declared.
    #[error("input '{0}' holds a string that is longer than declared")]
    StringLength(String),
    /// A string that is not UTF-8 (RFC 3629).
    #[error("input '{0}' holds a string that is not UTF-8")]
    Text(String),
    /// All inputs together.
    #[error("the inputs are larger than is declared for this model")]
    Size,
}

impl Schema {
    /// Checks the declaration against the interface it is for.
    ///
    /// # Errors
    /// [`SchemaError::Declaration`] naming the input and what is wrong.
    pub fn check(&self, interface: &Interface) -> Result<(), SchemaError> {
        for (name, rule) in &self.inputs {
            let wrong = |reason| SchemaError::Declaration { input: name.clone(), reason };
            let input = interface.inputs.iter().find(|spec| spec.name == *name);
            let input = input.ok_or_else(|| wrong("the model has no such input"))?;
            rule.check(input.dtype).map_err(wrong)?;
        }
        Ok(())
    }

    /// Checks the values of tensors that the interface has admitted.
    ///
    /// # Errors
    /// The first value that breaks a rule, see [`SchemaError`].
    pub fn admit(&self, inputs: &[Tensor<'_>]) -> Result<(), SchemaError> {
        let bytes: u64 = inputs.iter().map(|input| input.data.len() as u64).sum();
        if self.max_bytes.is_some_and(|max| bytes > max) {
            return Err(SchemaError::Size);
        }
        let open = ValueRule::default();
        inputs.iter().try_for_each(|input| self.inputs.get(input.name.as_ref()).unwrap_or(&open).admit(input))
    }
}

impl ValueRule {
    fn check(&self, dtype: DType) -> Result<(), &'static str> {
        let is_text = dtype == DType::Bytes;
        let numbers = !self.min.is_empty() || !self.max.is_empty() || !self.lengthscale.is_empty();
        if is_text && (numbers || self.vocabulary.is_some() || self.non_finite) {
            return Err("a BYTES input has neither ranges nor ids");
        }
        if !is_text && self.max_string_bytes.is_some() {
            return Err("only a BYTES input has strings");
        }
        if self.vocabulary.is_some() && (dtype.is_float() || dtype == DType::Bool) {
            return Err("only an input of integers has a vocabulary");
        }
        if self.vocabulary == Some(0) {
            return Err("an empty vocabulary");
        }
        self.check_lists(dtype)
    }

    fn check_lists(&self, dtype: DType) -> Result<(), &'static str> {
        let lists = [&self.min, &self.max, &self.lengthscale];
        if lists.iter().any(|list| list.len() > MAX_FEATURES || list.iter().any(|value| value.is_nan())) {
            return Err("a list that is too long, or not of numbers");
        }
        let (min, max) = (&self.min, &self.max);
        if !min.is_empty() && !max.is_empty() {
            let longest = min.len().max(max.len());
            let crossed =
                (0..longest).any(|at| matches!((of(min, at), of(max, at)), (Some(a), Some(b)) if a > b));
            let ragged = min.len() != 1 && max.len() != 1 && min.len() != max.len();
            if crossed || ragged {
                return Err("an empty range, or lists of different lengths");
            }
        }
        if self.lengthscale.iter().any(|scale| *scale <= 0.0 || !scale.is_finite()) {
            return Err("a lengthscale that is not a positive number");
        }
        if !self.lengthscale.is_empty() && !matches!(dtype, DType::Fp32 | DType::Fp64) {
            return Err("only FP32 and FP64 inputs have a lengthscale");
        }
        Ok(())
    }

    fn admit(&self, input: &Tensor<'_>) -> Result<(), SchemaError> {
        let name = || input.name.clone().into_owned();
        if input.dtype == DType::Bytes {
            return self.admit_strings(input);
        }
        let features = input.shape.last().and_then(|last| usize::try_from(*last).ok()).unwrap_or(1).max(1);
        let fits = |list: &[f64]| list.len() <= 1 || list.len() == features;
        if !fits(&self.min) || !fits(&self.max) {
            return Err(SchemaError::Range { input: name(), feature: 0 });
        }
        match values(input) {
            Values::Floats(floats) => self.admit_floats(&name, floats, features),
            Values::Integers(integers) => self.admit_integers(&name, integers, features),
        }
    }

    fn admit_floats(
        &self,
        name: &dyn Fn() -> String,
        floats: impl Iterator<Item = f64>,
        features: usize,
    ) -> Result<(), SchemaError> {
        let bounded = !self.min.is_empty() || !self.max.is_empty();
        for (at, value) in floats.enumerate() {
            if !self.non_finite && !value.is_finite() {
                return Err(SchemaError::NonFinite(name()));
            }
            if bounded {
                let feature = at % features;
                let low = of(&self.min, feature).is_some_and(|min| value < min);
                if low || of(&self.max, feature).is_some_and(|max| value > max) {
                    return Err(SchemaError::Range { input: name(), feature });
                }
            }
        }
        Ok(())
    }

    fn admit_integers(
        &self,
        name: &dyn Fn() -> String,
        integers: impl Iterator<Item = i128>,
        features: usize,
    ) -> Result<(), SchemaError> {
        if self.vocabulary.is_none() && self.min.is_empty() && self.max.is_empty() {
            return Ok(());
        }
        for (at, value) in integers.enumerate() {
            if self.vocabulary.is_some_and(|ids| !(0..i128::from(ids)).contains(&value)) {
                return Err(SchemaError::Vocabulary(name()));
            }
            let feature = at % features;
            #[expect(
                clippy::cast_precision_loss,
                reason = "a bound is a float; beyond 2^53 it is one to within an ulp"
            )]
            let value = value as f64;
            let low = of(&self.min, feature).is_some_and(|min| value < min);
            if low || of(&self.max, feature).is_some_and(|max| value > max) {
                return Err(SchemaError::Range { input: name(), feature });
            }
        }
        Ok(())
    }

    fn admit_strings(&self, input: &Tensor<'_>) -> Result<(), SchemaError> {
        for string in strings(&input.data) {
            let string = string.map_err(|_| SchemaError::Size)?;
            if self.max_string_bytes.is_some_and(|max| string.len() as u64 > max) {
                return Err(SchemaError::StringLength(input.name.clone().into_owned()));
            }
            if std::str::from_utf8(string).is_err() {
                return Err(SchemaError::Text(input.name.clone().into_owned()));
            }
        }
        Ok(())
    }
}

/// The bound for one feature: the only one there is, or its own.
fn of(list: &[f64], feature: usize) -> Option<f64> {
    match list {
        [] => None,
        [all] => Some(*all),
        each => each.get(feature).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dim, TensorSpec};

    fn floats(values: &[f32]) -> Tensor<'static> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = vec![1, values.len() as u64];
        Tensor { name: "x".into(), dtype: DType::Fp32, shape, data: data.into() }
    }

    fn ids(values: &[i64]) -> Tensor<'static> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { name: "x".into(), dtype: DType::Int64, shape: vec![values.len() as u64], data: data.into() }
    }

    fn schema(rule: ValueRule) -> Schema {
        Schema { inputs: BTreeMap::from([("x".into(), rule)]), max_bytes: None }
    }

    fn interface(dtype: DType) -> Interface {
        let spec = TensorSpec { name: "x".into(), dtype, shape: vec![Dim::Fixed(2)] };
        Interface { inputs: vec![spec.clone()], outputs: vec![spec], symbols: BTreeMap::new() }
    }

    #[test]
    fn numbers_that_are_not_finite_come_in_only_where_the_schema_says_so() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let input = [floats(&[1.0, bad])];
            assert_eq!(Schema::default().admit(&input), Err(SchemaError::NonFinite("x".into())));
            assert_eq!(schema(ValueRule { non_finite: true, ..ValueRule::default() }).admit(&input), Ok(()));
        }
    }

    #[test]
    fn ranges_hold_for_all_features_or_for_each() {
        let all = schema(ValueRule { min: vec![0.0], max: vec![1.0], ..ValueRule::default() });
        assert_eq!(all.admit(&[floats(&[0.0, 1.0])]), Ok(()));
        assert_eq!(
            all.admit(&[floats(&[0.0, 1.5])]),
            Err(SchemaError::Range { input: "x".into(), feature: 1 })
        );
        let each = schema(ValueRule { min: vec![0.0, -5.0], max: vec![1.0], ..ValueRule::default() });
        assert_eq!(each.admit(&[floats(&[0.0, -4.0])]), Ok(()));
        assert!(each.admit(&[floats(&[-4.0, 0.0])]).is_err());
        assert!(each.admit(&[floats(&[0.0, 0.0, 0.0])]).is_err(), "another number of features");
        let nan_allowed = ValueRule { non_finite: true, min: vec![0.0], ..ValueRule::default() };
        assert_eq!(schema(nan_allowed).admit(&[floats(&[f32::NAN, 1.0])]), Ok(()));
    }

    #[test]
    fn ids_stay_inside_the_vocabulary() {
        let rule = schema(ValueRule { vocabulary: Some(30_522), ..ValueRule::default() });
        assert_eq!(rule.admit(&[ids(&[0, 30_521])]), Ok(()));
        for bad in [-1, 30_522, 1 << 62, i64::MIN] {
            assert_eq!(rule.admit(&[ids(&[0, bad])]), Err(SchemaError::Vocabulary("x".into())), "{bad}");
        }
    }

    #[test]
    fn strings_are_short_and_utf8() {
        let text = |bytes: &[u8]| {
            let mut data = Vec::new();
            crate::tensor::push_string(&mut data, bytes).unwrap();
            [Tensor { name: "x".into(), dtype: DType::Bytes, shape: vec![1], data: data.into() }]
        };
        let rule = schema(ValueRule { max_string_bytes: Some(3), ..ValueRule::default() });
        assert_eq!(rule.admit(&text("aé".as_bytes())), Ok(()));
        assert_eq!(rule.admit(&text(b"abcd")), Err(SchemaError::StringLength("x".into())));
        assert_eq!(Schema::default().admit(&text(&[0xff])), Err(SchemaError::Text("x".into())));
    }

    #[test]
    fn all_inputs_together_have_a_bound() {
        let small = Schema { max_bytes: Some(8), ..Schema::default() };
        assert_eq!(small.admit(&[floats(&[1.0, 2.0])]), Ok(()));
        assert_eq!(small.admit(&[floats(&[1.0, 2.0, 3.0])]), Err(SchemaError::Size));
    }

    #[test]
    fn contradictions_are_named() {
        let refused = |rule: ValueRule, dtype| schema(rule).check(&interface(dtype)).is_err();
        assert!(refused(ValueRule { min: vec![2.0], max: vec![1.0], ..ValueRule::default() }, DType::Fp32));
        assert!(refused(ValueRule { vocabulary: Some(3), ..ValueRule::default() }, DType::Fp32));
        assert!(refused(ValueRule { max_string_bytes: Some(3), ..ValueRule::default() }, DType::Fp32));
        assert!(refused(ValueRule { lengthscale: vec![0.0], ..ValueRule::default() }, DType::Fp32));
        assert!(refused(ValueRule { lengthscale: vec![1.0], ..ValueRule::default() }, DType::Int64));
        assert!(refused(ValueRule { min: vec![1.0], ..ValueRule::default() }, DType::Bytes));
        let elsewhere =
            Schema { inputs: BTreeMap::from([("y".into(), ValueRule::default())]), max_bytes: None };
        assert!(elsewhere.check(&interface(DType::Fp32)).is_err());
        let good =
            ValueRule { min: vec![0.0], max: vec![1.0], lengthscale: vec![0.5], ..ValueRule::default() };
        assert_eq!(schema(good).check(&interface(DType::Fp32)), Ok(()));
    }
}
