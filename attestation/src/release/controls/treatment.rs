//! How outputs are treated before they leave.
//!
//! In this order: logits are clamped, temperature, keyed smooth noise, rounding, then top-k or the label
//! alone. None of it changes which class wins.

use serde::{Deserialize, Serialize};

/// How the outputs that a role gets from a model are treated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Treatment {
    /// How much of a row of scores is released.
    pub detail: Detail,
    /// Bounds that logits are cut to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamp: Option<Clamp>,
    /// Divides logits, or flattens probabilities as if their logits were divided. Above 1 flattens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Standard deviation of the keyed smooth noise that is added to scores and values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Decimals that numbers are rounded to; ties go towards the winner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
}

/// How much of a row of scores is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Every score.
    Full,
    /// The highest scores; the others are as low as can be.
    TopK(u32),
    /// Which class wins, and nothing else.
    LabelOnly,
}

/// Lowest and highest value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clamp {
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
}

/// How coarse an answer is, from the finest to the coarsest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coarseness {
    /// Numbers as the model computed them, or with noise.
    Exact,
    /// Numbers rounded to stated decimals.
    Rounded,
    /// The winning class alone.
    LabelOnly,
}

/// Most decimals of a rounding. An f32 has about seven digits: more would round nothing.
const MAX_DECIMALS: u8 = 6;

/// Highest temperature, and the inverse of the lowest.
const MAX_TEMPERATURE: f64 = 1000.0;

impl Treatment {
    /// Outputs leave as the model computed them.
    pub const EXACT: Self =
        Self { detail: Detail::Full, clamp: None, temperature: None, noise: None, decimals: None };

    /// The winning class alone.
    pub const LABEL_ONLY: Self = Self { detail: Detail::LabelOnly, ..Self::EXACT };

    /// How coarse what it lets out is.
    #[must_use]
    pub fn coarseness(&self) -> Coarseness {
        match (self.detail, self.decimals) {
            (Detail::LabelOnly, _) => Coarseness::LabelOnly,
            (_, Some(_)) => Coarseness::Rounded,
            _ => Coarseness::Exact,
        }
    }

    /// Whether outputs leave as the model computed them.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        *self == Self::EXACT
    }

    /// Whether nothing that it lets out is finer than what `other` lets out.
    #[must_use]
    pub fn is_no_finer_than(&self, other: &Self) -> bool {
        if self.detail == Detail::LabelOnly {
            return true;
        }
        let decimals = match (self.decimals, other.decimals) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) => own <= others,
        };
        let detail = match (self.detail, other.detail) {
            (_, Detail::Full) => true,
            (Detail::TopK(own), Detail::TopK(others)) => own <= others,
            _ => false,
        };
        let clamp = match (self.clamp, other.clamp) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) => others.min <= own.min && own.max <= others.max,
        };
        // Behind a rounding, another temperature shows other digits, whichever of the two is higher.
        let same = |own: Option<f64>, others: Option<f64>| {
            own.unwrap_or(1.0).total_cmp(&others.unwrap_or(1.0)).is_eq()
        };
        let temperature = same(self.temperature, other.temperature);
        decimals && detail && clamp && temperature && self.noise.unwrap_or(0.0) >= other.noise.unwrap_or(0.0)
    }

    pub(crate) fn is_possible(&self) -> bool {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        self.detail != Detail::TopK(0)
            && self
                .clamp
                .is_none_or(|clamp| clamp.min.is_finite() && clamp.max.is_finite() && clamp.min < clamp.max)
            && self.temperature.is_none_or(|t| (1.0 / MAX_TEMPERATURE..=MAX_TEMPERATURE).contains(&t))
            && self.noise.is_none_or(positive)
            && self.decimals.is_none_or(|decimals| decimals <= MAX_DECIMALS)
    }
}
