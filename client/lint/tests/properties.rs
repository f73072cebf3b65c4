//! What must hold for any policy.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail with the test")]

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use strongroom_lint::{Demands, KeyFacts, Report, Severity, lint};

const GOOD: &str = include_str!("../examples/good.json");
const SHUT: &str = include_str!("../examples/shut.json");

fn judge(bytes: &[u8]) -> Report {
    lint(bytes, &KeyFacts::default(), &Demands::default())
}

fn judge_value(policy: &Value) -> Report {
    judge(policy.to_string().as_bytes())
}

fn is_error(report: &Report) -> bool {
    report.worst() == Some(Severity::Error)
}

/// What was found, without places: those follow the order of the statements.
fn found(report: &Report) -> Vec<(&'static str, String)> {
    let mut found: Vec<_> = report.findings().iter().map(|f| (f.rule.id, f.message.clone())).collect();
    found.sort();
    found
}

/// A good policy of several pairs, each with an image of its own.
fn good() -> impl Strategy<Value = Value> {
    (1..6_u8, any::<bool>()).prop_map(|(count, share_charter)| {
        let mut policy: Value = serde_json::from_str(GOOD).unwrap();
        let hex = |byte: u8| format!("{byte:02x}").repeat(48);
        let pairs: Vec<(String, String)> =
            (1..=count).map(|n| (hex(n), hex(if share_charter { 200 } else { 100 + n }))).collect();
        let statements = policy["Statement"].as_array_mut().unwrap();
        let template = statements.pop().unwrap();
        for (at, number) in [(3, 0), (4, 16)] {
            let values: Vec<&String> = pairs.iter().map(|(i, c)| if number == 0 { i } else { c }).collect();
            statements[at]["Condition"] =
                json!({"StringNotEqualsIgnoreCase": {format!("kms:RecipientAttestation:PCR{number}"): values}});
        }
        for (image, charter) in &pairs {
            let mut allow = template.clone();
            allow["Condition"]["StringEqualsIgnoreCase"] =
                json!({"kms:RecipientAttestation:PCR0": image, "kms:RecipientAttestation:PCR16": charter});
            statements.push(allow);
        }
        policy
    })
}

/// Conditions that do not bind decryption to both registers.
fn loose_conditions() -> impl Strategy<Value = Option<Value>> {
    let a = "a1".repeat(48);
    let register = |n: u8| format!("kms:RecipientAttestation:PCR{n}");
    let both = json!({register(0): a, register(16): a});
    let operators = [
        "StringNotEqualsIgnoreCase",
        "StringEqualsIfExists",
        "StringEqualsIgnoreCaseIfExists",
        "StringLike",
        "StringNotLike",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringEquals",
        "ArnEquals",
        "Null",
    ];
    let mut all: Vec<Option<Value>> = operators.iter().map(|o| Some(json!({*o: both}))).collect();
    all.extend([
        None,
        Some(json!({})),
        Some(json!({"StringEquals": {register(0): a}})),
        Some(json!({"StringEquals": {register(16): a}})),
        Some(json!({"StringEquals": {register(0): a, register(1): a}})),
        Some(json!({"StringEquals": {register(0): "*", register(16): a}})),
        Some(json!({"StringEquals": {"aws:PrincipalArn": "x"}})),
        Some(json!({"StringEquals": {register(0): "0".repeat(96), register(16): a}})),
    ]);
    select(all)
}

/// Everything that lets somebody decrypt, one way or the other.
fn decrypting() -> impl Strategy<Value = Value> {
    const ACTIONS: [&str; 6] = ["kms:Decrypt", "kms:decrypt", "kms:*", "*", "kms:Dec*", "kms:?ecrypt"];
    let action = prop_oneof![
        select(&ACTIONS[..]).prop_map(|action| json!(action)),
        select(&ACTIONS[..]).prop_map(|action| json!(["kms:DescribeKey", action])),
    ];
    let principal = select(vec![
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": "arn:aws:iam::111122223333:root"}),
        json!({"AWS": ["arn:aws:iam::111122223333:role/strongroom-host"]}),
        json!({"AWS": "444455556666"}),
        json!({"Service": "lambda.amazonaws.com"}),
    ]);
    let resource = select(vec![json!("*"), json!(["*"]), json!("arn:aws:kms:*:*:key/*")]);
    (action, principal, resource, loose_conditions()).prop_map(|(action, principal, resource, condition)| {
        let mut statement =
            json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource});
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    })
}

/// Hex digits in another case, chosen bit by bit.
fn recase(value: &mut Value, bits: &mut impl Iterator<Item = bool>) {
    match value {
        Value::String(text) if text.len() == 96 => {
            let flip = |c: char| if bits.next().unwrap_or(false) { c.to_ascii_uppercase() } else { c };
            *text = text.chars().map(flip).collect();
        }
        Value::Array(list) => list.iter_mut().for_each(|value| recase(value, bits)),
        Value::Object(map) => map.values_mut().for_each(|value| recase(value, bits)),
        _ => {}
    }
}

/// Every text where IAM takes a list becomes a list, or the other way round.
fn relist(statement: &mut Value, into_lists: bool) {
    let flip = |value: &mut Value| match value {
        Value::String(_) if into_lists => *value = json!([value.clone()]),
        Value::Array(list) if !into_lists && list.len() == 1 => *value = list[0].clone(),
        _ => {}
    };
    for name in ["Action", "Resource"] {
        flip(&mut statement[name]);
    }
    if statement["Principal"].is_object() {
        flip(&mut statement["Principal"]["AWS"]);
    }
    for keys in
        statement.get_mut("Condition").and_then(Value::as_object_mut).into_iter().flat_map(|c| c.values_mut())
    {
        keys.as_object_mut().unwrap().values_mut().for_each(flip);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(is_error(&judge(&bytes)));
    }

    /// A damaged policy is never clean by accident of what was damaged, and never a panic.
    #[test]
    fn damaged_policies_are_judged(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = GOOD.as_bytes().to_vec();
        let at = at.index(bytes.len() - 2);
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let report = judge(&bytes);
        prop_assert!(!cut || is_error(&report));
    }

    #[test]
    fn good_policies_are_clean(policy in good()) {
        let report = judge_value(&policy);
        prop_assert!(report.worst() == Some(Severity::Notice), "{report}");
    }

    #[test]
    fn an_allow_of_decryption_without_the_conditions_is_an_error(
        mut policy in good(), statement in decrypting(), at in any::<prop::sample::Index>(),
    ) {
        let statements = policy["Statement"].as_array_mut().unwrap();
        let at = at.index(statements.len() + 1);
        statements.insert(at, statement);
        let report = judge_value(&policy);
        prop_assert!(is_error(&report), "{report}");
        let is_told = |finding: &strongroom_lint::Finding| {
            finding.severity() == Severity::Error && finding.place.as_ref().is_some_and(|p| p.number == at + 1)
        };
        prop_assert!(report.findings().iter().any(is_told), "not told where:\n{report}");
    }

    /// All but the owner's two statements, which give the owner something and take nothing from the form.
    #[test]
    fn no_statement_of_the_form_can_be_left_out(mut policy in good(), at in any::<prop::sample::Index>()) {
        let statements = policy["Statement"].as_array_mut().unwrap();
        let at = 2 + at.index(statements.len() - 2);
        statements.remove(at);
        prop_assert!(is_error(&judge_value(&policy)));
    }

    #[test]
    fn order_lists_and_case_change_nothing(
        mut policy in good(),
        seed in prop::collection::vec(any::<bool>(), 2048),
        into_lists in any::<bool>(),
        order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let before = found(&judge_value(&policy));
        recase(&mut policy["Statement"], &mut seed.into_iter());
        let statements = policy["Statement"].as_array_mut().unwrap();
        statements.iter_mut().for_each(|statement| relist(statement, into_lists));
        let shuffled = order.into_iter().filter_map(|at| statements.get(at).cloned()).collect();
        policy["Statement"] = Value::Array(shuffled);
        prop_assert_eq!(found(&judge_value(&policy)), before);
    }

    /// Saying something twice changes nothing but that it is noted.
    #[test]
    fn repetition_is_a_notice(mut policy in good(), which in subsequence((0..6_usize).collect::<Vec<_>>(), 1..6)) {
        let statements = policy["Statement"].as_array_mut().unwrap();
        let copies: Vec<Value> = which.iter().map(|at| statements[*at].clone()).collect();
        statements.extend(copies);
        let report = judge_value(&policy);
        prop_assert!(report.worst() == Some(Severity::Notice), "{report}");
        let count = report.findings().iter().filter(|finding| finding.rule.id == "SR505").count();
        prop_assert_eq!(count, which.len());
    }
}

#[test]
fn a_shut_policy_needs_its_denies() {
    for at in 2..4 {
        let mut policy: Value = serde_json::from_str(SHUT).unwrap();
        policy["Statement"].as_array_mut().unwrap().remove(at);
        assert!(is_error(&judge_value(&policy)), "without statement {at}");
    }
}
