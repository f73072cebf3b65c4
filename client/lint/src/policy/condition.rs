//! One line of a `Condition` block: operator, key, values.
//!
//! IAM user guide, "IAM JSON policy elements: Condition operators". Names of operators are taken in their documented
//! spelling alone, names of keys in any case. A key that the request lacks makes a positive operator false, a
//! negated one true, and an `…IfExists` one true.

use std::collections::BTreeSet;

use crate::limits::MAX_REGISTER;
use crate::register::Register;

/// What every attestation key starts with, in lower case.
const ATTESTATION: &str = "kms:recipientattestation:pcr";

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    pub(crate) key: Key,
    pub(crate) operator: Operator,
    /// Sorted, and never empty.
    pub(crate) values: Vec<String>,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// `kms:RecipientAttestation:PCR…`.
    Register(u8),
    /// Anything else, in lower case.
    Other(String),
}

/// A condition operator, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operator {
    pub(crate) quantifier: Quantifier,
    pub(crate) comparison: Comparison,
    pub(crate) is_negated: bool,
    pub(crate) is_if_exists: bool,
}

/// The prefix of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantifier {
    None,
    ForAnyValue,
    ForAllValues,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Comparison {
    /// `StringEquals`: case counts.
    Exact,
    /// `StringEqualsIgnoreCase`.
    IgnoreCase,
    /// `Null`: whether the key is absent.
    Absence,
    /// Patterns, numbers, dates, or what is not known.
    Other,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let register = name.strip_prefix(ATTESTATION).and_then(register);
        register.map_or(Self::Other(name), Self::Register)
    }
}

/// A register's number in its one spelling: no sign, no leading zero.
fn register(digits: &str) -> Option<u8> {
    let number: u8 = digits.parse().ok()?;
    (number <= MAX_REGISTER && number.to_string() == digits).then_some(number)
}

impl Operator {
    pub(crate) fn new(name: &str) -> Self {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            _ => (Quantifier::None, name),
        };
        let base = rest.strip_suffix("IfExists");
        let comparison = match base.unwrap_or(rest) {
            "StringEquals" | "StringNotEquals" => Comparison::Exact,
            "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" => Comparison::IgnoreCase,
            "Null" => Comparison::Absence,
            _ => Comparison::Other,
        };
        let is_negated = rest.contains("Not");
        Self { quantifier, comparison, is_negated, is_if_exists: base.is_some() }
    }

    /// Whether it compares whole strings for equality.
    pub(crate) fn is_equality(self) -> bool {
        matches!(self.comparison, Comparison::Exact | Comparison::IgnoreCase)
    }
}

impl Condition {
    pub(crate) fn new(operator: &str, key: &str, mut values: Vec<String>) -> Self {
        values.sort();
        values.dedup();
        Self { key: Key::new(key), operator: Operator::new(operator), values }
    }

    /// Whether it also holds for a request that lacks the key.
    pub(crate) fn holds_when_absent(&self) -> bool {
        let Operator { quantifier, comparison, is_negated, is_if_exists } = self.operator;
        let asks_for_absence = comparison == Comparison::Absence && self.values.iter().any(|v| v != "false");
        let is_negated = is_negated && quantifier != Quantifier::ForAnyValue;
        is_negated || is_if_exists || quantifier == Quantifier::ForAllValues || asks_for_absence
    }

    /// Whether a value has capitals although its operator tells cases apart. KMS writes registers in lower case.
    pub(crate) fn has_wrong_case(&self) -> bool {
        let has_capitals = |value: &String| value.bytes().any(|b| b.is_ascii_uppercase());
        self.operator.comparison == Comparison::Exact && self.values.iter().any(has_capitals)
    }

    /// Its values as registers, where every one is the value of a register and none is zero.
    fn values(&self) -> Option<BTreeSet<Register>> {
        let values: Option<BTreeSet<Register>> = self.values.iter().map(|value| value.parse().ok()).collect();
        values.filter(|values| !values.iter().any(|value| value.is_zero()))
    }

    /// The registers that it compares with, where it does so in the one good way for this effect.
    pub(crate) fn pinned(&self, is_negated: bool) -> Option<BTreeSet<Register>> {
        let Operator { quantifier, is_if_exists, .. } = self.operator;
        let is_good = quantifier == Quantifier::None
            && !is_if_exists
            && self.operator.is_equality()
            && self.operator.is_negated == is_negated
            && !self.has_wrong_case();
        is_good.then(|| self.values()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_taken_apart() {
        let parts = |name: &str| {
            let Operator { quantifier, comparison, is_negated, is_if_exists } = Operator::new(name);
            (quantifier, comparison, is_negated, is_if_exists)
        };
        use Quantifier::{ForAllValues, ForAnyValue, None};
        for (name, expected) in [
            ("StringEquals", (None, Comparison::Exact, false, false)),
            ("StringNotEqualsIgnoreCase", (None, Comparison::IgnoreCase, true, false)),
            ("StringEqualsIgnoreCaseIfExists", (None, Comparison::IgnoreCase, false, true)),
            ("ForAllValues:StringEquals", (ForAllValues, Comparison::Exact, false, false)),
            ("ForAnyValue:StringNotLike", (ForAnyValue, Comparison::Other, true, false)),
            ("stringequals", (None, Comparison::Other, false, false)),
            ("ForSomeValues:StringEquals", (None, Comparison::Other, false, false)),
            ("Null", (None, Comparison::Absence, false, false)),
        ] {
            assert_eq!(parts(name), expected, "{name}");
        }
    }

    #[test]
    fn keys_have_no_case_and_registers_one_spelling() {
        assert_eq!(Key::new("KMS:recipientattestation:pcr16"), Key::Register(16));
        for other in
            ["PCR0", "kms:RecipientAttestation:PCR00", "kms:RecipientAttestation:PCR32", "aws:SourceVpce"]
        {
            assert_eq!(Key::new(other), Key::Other(other.to_lowercase()));
        }
        assert_eq!(
            Key::new("kms:RecipientAttestation:PCR+1"),
            Key::Other("kms:recipientattestation:pcr+1".into())
        );
    }

    #[test]
    fn what_holds_for_a_missing_key() {
        for (operator, value, expected) in [
            ("StringEquals", "a", false),
            ("StringNotEquals", "a", true),
            ("StringEqualsIfExists", "a", true),
            ("ForAllValues:StringEquals", "a", true),
            ("ForAnyValue:StringNotEquals", "a", false),
            ("NotIpAddress", "10.0.0.0/8", true),
            ("Null", "true", true),
            ("Null", "false", false),
        ] {
            let condition = Condition::new(operator, "k", vec![value.to_owned()]);
            assert_eq!(condition.holds_when_absent(), expected, "{operator}");
        }
    }
}
