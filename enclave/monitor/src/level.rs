//! What becomes of a key's answers: the ladder that alarms climb.

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{Detail, Treatment};
use strongroom_proto::name::Name;
use strongroom_seal::secret::ApiKeyDigest;

/// Decimals that are left on the second step of the ladder.
const ROUNDED_DECIMALS: u8 = 1;

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The API key.
    pub key: &'a ApiKeyDigest,
    /// Its organisation.
    pub organisation: Option<&'a Name>,
}

/// How far a key has climbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Answers are treated as the role says.
    #[default]
    Full,
    /// Scores are rounded to one decimal.
    Rounded,
    /// The winning class alone is told.
    LabelOnly,
    /// Nothing is answered until then.
    Suspended(UnixMillis),
}

impl Level {
    /// A treatment that is no finer than this level allows. Which class wins never changes from level to level.
    #[must_use]
    pub fn limit(self, treatment: Treatment) -> Treatment {
        match self {
            Self::Full => treatment,
            Self::Rounded => {
                let decimals = treatment.decimals.map_or(ROUNDED_DECIMALS, |own| own.min(ROUNDED_DECIMALS));
                Treatment { decimals: Some(decimals), ..treatment }
            }
            Self::LabelOnly | Self::Suspended(_) => Treatment { detail: Detail::LabelOnly, ..treatment },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_the_ladder_is_no_finer_than_the_one_before() {
        let steps = [Level::Full, Level::Rounded, Level::LabelOnly, Level::Suspended(UnixMillis::new(1))];
        let exact = Treatment::EXACT;
        let coarse = Treatment { decimals: Some(0), noise: Some(0.1), ..exact };
        for treatment in
            [exact, coarse, Treatment { detail: Detail::TopK(2), ..exact }, Treatment::LABEL_ONLY]
        {
            for pair in steps.windows(2) {
                assert!(pair[0] < pair[1]);
                assert!(pair[1].limit(treatment).is_no_finer_than(&pair[0].limit(treatment)), "{pair:?}");
            }
        }
    }
}
