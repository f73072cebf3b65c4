//! One line of a `Condition` block: operator, key, values.
//!
//! AWS "IAM JSON policy elements: Condition operators". A key that the request lacks makes a positive operator
//! false, a negated one true and an `…IfExists` one true.

use super::evaluate::ConditionKeys;
use super::fits;

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
    Null,
}

/// How a key with several values in the request is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    None,
    ForAnyValue,
    ForAllValues,
}

/// A condition operator, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operator {
    quantifier: Quantifier,
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
}

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::None, name),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(_) => return None,
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (comparison, negated) = match base {
            "StringEquals" => (Comparison::Equals, false),
            "StringNotEquals" => (Comparison::Equals, true),
            "StringEqualsIgnoreCase" | "Bool" => (Comparison::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::EqualsIgnoreCase, true),
            "StringLike" | "ArnLike" | "ArnEquals" => (Comparison::Like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Comparison::Like, true),
            "Null" if !if_exists && quantifier == Quantifier::None => (Comparison::Null, false),
            _ => return None,
        };
        Some(Self { quantifier, comparison, negated, if_exists })
    }

    /// Whether one value of the request satisfies the operator against the policy's values: for a positive
    /// operator any of them may fit, for a negated one none may.
    fn accepts(self, wanted: &[String], given: &str) -> bool {
        let any = wanted.iter().any(|w| match self.comparison {
            Comparison::Equals => w == given,
            Comparison::EqualsIgnoreCase => w.to_lowercase() == given.to_lowercase(),
            Comparison::Like => fits(w, given),
            Comparison::Null => false,
        });
        any != self.negated
    }
}

/// One condition of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

impl Condition {
    /// `None` when the operator is not known, a value cannot belong to it, or a policy variable occurs.
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Option<Self> {
        let operator = Operator::parse(operator)?;
        let is_null = operator.comparison == Comparison::Null;
        let is_bool = |v: &String| v == "true" || v == "false";
        let has_variable = values.iter().any(|v| v.contains("${"));
        if values.is_empty()
            || has_variable
            || (is_null && !(values.len() == 1 && values.iter().all(is_bool)))
        {
            return None;
        }
        Some(Self { operator, key: key.to_owned(), values })
    }

    /// Whether the request satisfies it.
    pub(super) fn holds(&self, keys: &ConditionKeys) -> bool {
        let given = keys.get(&self.key);
        let op = self.operator;
        if op.comparison == Comparison::Null {
            return given.is_empty() == self.values.iter().any(|v| v == "true");
        }
        if given.is_empty() {
            return match op.quantifier {
                Quantifier::None => op.negated || op.if_exists,
                Quantifier::ForAnyValue => op.if_exists,
                Quantifier::ForAllValues => true,
            };
        }
        let mut accepted = given.iter().map(|g| op.accepts(&self.values, g));
        match op.quantifier {
            Quantifier::ForAllValues => accepted.all(|a| a),
            // Without a quantifier AWS wants single-valued keys; a negated operator is then the stricter reading.
            Quantifier::None if op.negated => accepted.all(|a| a),
            Quantifier::None | Quantifier::ForAnyValue => accepted.any(|a| a),
        }
    }
}
