//! Key policies.

use std::sync::OnceLock;

use serde_json::Value;
use strongroom_lint::{Demands, KeyFacts, Severity, lint};

/// Judges `bytes` as a key policy; true when nothing in it is an error.
///
/// The same bytes are judged the same, and white space around them changes nothing. Of whatever passes, a statement that lets
/// somebody decrypt has a condition on each of both registers, and none lists a pattern.
pub fn policy(bytes: &[u8]) -> bool {
    static NOTHING: OnceLock<(KeyFacts, Demands)> = OnceLock::new();
    let (key, demands) = NOTHING.get_or_init(Default::default);
    let judged = lint(bytes, key, demands);
    let clean = judged.count(Severity::Error) == 0;
    let spaced = [b" \n".as_slice(), bytes, b"\n"].concat();
    let again = lint(&spaced, key, demands);
    if spaced.len() <= MAX_POLICY_BYTES {
        assert_eq!(again.count(Severity::Error) == 0, clean, "white space changes nothing");
    }
    assert!(!clean || is_gated(bytes) == Some(true), "nothing gates decryption");
    clean
}

/// Whether each Allow is harmless, or of decryption under both registers. Reads the policy by itself, and knows neither the
/// forms that the linter knows nor its reader.
fn is_gated(bytes: &[u8]) -> Option<bool> {
    let policy: Value = serde_json::from_slice(bytes).ok()?;
    for statement in listed(policy.get("Statement")?) {
        if statement.get("Effect")? != "Allow" {
            continue;
        }
        let actions = listed(statement.get("Action")?).iter().map(lower).collect::<Option<Vec<_>>>()?;
        let pattern = actions.iter().any(|action| action.contains(['*', '?']));
        let decrypts = actions.iter().any(|action| action == "kms:decrypt");
        if pattern || decrypts && !REGISTERS.iter().all(|register| is_compared(statement, register)) {
            return Some(false);
        }
    }
    Some(true)
}

/// Condition keys of the image and of the charter (AWS KMS, "Condition keys for AWS Nitro Enclaves").
const REGISTERS: [&str; 2] = ["kms:recipientattestation:pcr0", "kms:recipientattestation:pcr16"];

/// Whether a statement has a condition on this key, by some operator.
fn is_compared(statement: &Value, register: &str) -> bool {
    let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let mut keys = operators.filter_map(|(_, keys)| keys.as_object()).flatten();
    keys.any(|(key, _)| key.eq_ignore_ascii_case(register))
}

/// What stands for a list of one may stand without the list.
fn listed(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn lower(value: &Value) -> Option<String> {
    value.as_str().map(str::to_ascii_lowercase)
}

/// Bytes of a policy, at most (AWS KMS, "Resource quotas").
const MAX_POLICY_BYTES: usize = 32 * 1024;
