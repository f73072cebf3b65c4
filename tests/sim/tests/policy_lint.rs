//! The linter against the simulated KMS: what lints without errors must be gated.
//!
//! Generated policies are mutated at random. Whenever the linter still finds no error, the evaluator of the
//! simulated KMS, which shares no code with it, must deny decryption to every caller whose attestation is not a
//! pinned pair, and everything that leads around decryption to everyone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use strongroom_kms::PolicyText;
use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy, shut_policy};
use strongroom_lint::{Demands, KeyFacts, Register, Report, Severity, lint};
use strongroom_sim::kms::Caller;
use strongroom_sim::kms::ciphertext::Context;
use strongroom_sim::kms::policy::{ConditionKeys, Decision, Grant, Policy, Request, evaluate};

const ACCOUNT: &str = "111122223333";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const PCR0: &str = "kms:RecipientAttestation:PCR0";
const PCR16: &str = "kms:RecipientAttestation:PCR16";
/// Two images under one charter: every pair of pinned values is a pinned pair.
const IMAGES: [u8; 2] = [1, 3];
const CHARTER: u8 = 0xc2;
/// Mutated policies that are judged.
const CASES: u32 = 6_000;
/// Of those that are refused, one in so many is evaluated too, to see that the linter had something to refuse.
const SAMPLED: u32 = 8;

fn hex(byte: u8) -> String {
    format!("{byte:02x}").repeat(48)
}

fn principals() -> Principals {
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}").parse().unwrap();
    Principals { admin: arn("role/kms-admin"), sealer: arn("user/owner"), enclave: arn("role/Enclave") }
}

fn generated() -> PolicyText {
    let pcr = |byte: u8| PinnedPcr::new([byte; 48]).unwrap();
    let pins = IMAGES.map(|image| Pin { image: pcr(image), charter: pcr(CHARTER) });
    key_policy(&principals(), &pins).unwrap()
}

fn judge(policy: &str) -> Report {
    let registers = |bytes: &[u8]| -> Option<BTreeSet<Register>> {
        Some(bytes.iter().map(|byte| Register::new([*byte; 48])).collect())
    };
    let demands = Demands { images: registers(&IMAGES), charters: registers(&[CHARTER]) };
    lint(policy.as_bytes(), &KeyFacts::default(), &demands)
}

/// Whoever might ask: named and not, with and without IAM policies, of this account and of another.
fn callers() -> Vec<Caller> {
    vec![
        Caller::role(ACCOUNT, "Enclave", "i-0123", &["kms:*"]),
        Caller::role(ACCOUNT, "Enclave", "i-0123", &[]),
        Caller::role(ACCOUNT, "kms-admin", "admin", &["kms:*"]),
        Caller::user(ACCOUNT, "owner", &["kms:*"]),
        Caller::role(ACCOUNT, "Stranger", "s", &["kms:*"]),
        Caller::role("444455556666", "Stranger", "s", &["kms:*"]),
    ]
}

/// Attestations that are no pinned pair: none at all, half a one, wrong, zero, and of look-alike keys.
fn unfit() -> Vec<Vec<(&'static str, String)>> {
    let (image, charter, other, zero) = (hex(IMAGES[0]), hex(CHARTER), hex(9), hex(0));
    vec![
        vec![],
        vec![(PCR0, image.clone())],
        vec![(PCR16, charter.clone())],
        vec![(PCR0, image.clone()), (PCR16, other.clone())],
        vec![(PCR0, other.clone()), (PCR16, charter.clone())],
        vec![(PCR0, charter.clone()), (PCR16, image.clone())],
        vec![(PCR0, zero.clone()), (PCR16, charter.clone())],
        vec![(PCR0, image), (PCR16, zero.clone())],
        vec![(PCR0, zero.clone()), (PCR16, zero)],
        vec![(PCR0, other.clone()), (PCR16, other)],
        vec![("kms:RecipientAttestation:PCR1", hex(IMAGES[0])), (PCR16, charter)],
    ]
}

/// What leads around decryption. Nobody may do any of it.
const DETOURS: [&str; 8] = [
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:CreateGrant",
    "kms:DeriveSharedSecret",
    "kms:GenerateDataKeyPair",
    "kms:ReplicateKey",
    "kms:ImportKeyMaterial",
    "kms:UpdatePrimaryRegion",
];

fn decide(
    policy: &Policy,
    grants: &[Grant],
    caller: &Caller,
    action: &str,
    pairs: &[(&str, String)],
) -> Decision {
    let mut keys = ConditionKeys::default();
    keys.add("aws:PrincipalArn", &caller.principal);
    keys.add("kms:CallerAccount", &caller.account);
    pairs.iter().for_each(|(name, value)| keys.add(name, value.as_str()));
    let context = Context::new();
    evaluate(policy, grants, Request { caller, action, key_arn: KEY, context: &context, keys: &keys })
}

/// What a policy lets through that it must not.
fn leaks(policy: &Policy) -> Vec<String> {
    let mut leaks = Vec::new();
    for caller in callers() {
        // Even with a grant that somebody left behind.
        let grant = Grant {
            id: "g".into(),
            grantee: caller.principal.clone(),
            operations: vec!["Decrypt".into()],
            context_subset: None,
            context_equals: None,
        };
        for pairs in unfit() {
            for grants in [&[][..], std::slice::from_ref(&grant)] {
                if decide(policy, grants, &caller, "kms:Decrypt", &pairs) == Decision::Allowed {
                    leaks.push(format!("{} decrypts with {pairs:?}", caller.arn));
                }
            }
        }
        let pair = [(PCR0, hex(IMAGES[0])), (PCR16, hex(CHARTER))];
        for action in DETOURS {
            for pairs in [&[][..], &pair] {
                if decide(policy, &[], &caller, action, pairs) == Decision::Allowed {
                    leaks.push(format!("{} may {action}", caller.arn));
                }
            }
        }
    }
    leaks
}

/// One change of a policy.
#[derive(Clone, Debug)]
enum Mutation {
    Remove(Index),
    Double(Index),
    Swap(Index, Index),
    Set(Index, &'static str, Value),
    Rename(Index, &'static str, &'static str),
    Operator(Index, &'static str),
    Key(Index, &'static str),
    Values(Index, Value),
    Condition(Index, &'static str, &'static str, Value),
    Unconditional(Index),
    Add(Value),
}

fn effects() -> impl Strategy<Value = Value> {
    select(vec![json!("Allow"), json!("Deny")])
}

fn some_principals() -> impl Strategy<Value = Value> {
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}");
    select(vec![
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": ["*"]}),
        json!({"AWS": arn("root")}),
        json!({"AWS": ACCOUNT}),
        json!({"AWS": arn("role/Enclave")}),
        json!({"AWS": [arn("role/Enclave"), arn("role/Stranger")]}),
        json!({"AWS": arn("role/Stranger")}),
        json!({"AWS": "arn:aws:iam::444455556666:role/Stranger"}),
        json!({"AWS": "arn:aws:sts::111122223333:assumed-role/Enclave/i-0123"}),
        json!({"Service": "ec2.amazonaws.com"}),
        json!({"AWS": "*", "Service": "ec2.amazonaws.com"}),
    ])
}

fn some_actions() -> impl Strategy<Value = Value> {
    let one = select(vec![
        "kms:Decrypt",
        "KMS:DECRYPT",
        "kms:*",
        "*",
        "kms:De*",
        "kms:ReEncrypt*",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:CreateGrant",
        "kms:GenerateDataKey",
        "kms:GenerateDataKey*",
        "kms:DescribeKey",
        "kms:PutKeyPolicy",
        "kms:Encrypt",
        "kms:DeriveSharedSecret",
        "kms:ReplicateKey",
        "kms:ImportKeyMaterial",
    ]);
    prop_oneof![
        one.clone().prop_map(|action| json!(action)),
        prop::collection::vec(one, 1..4).prop_map(|actions| json!(actions)),
    ]
}

fn some_resources() -> impl Strategy<Value = Value> {
    select(vec![json!("*"), json!(["*"]), json!(KEY), json!("arn:aws:kms:*"), json!("arn:aws:s3:::b")])
}

fn some_operators() -> impl Strategy<Value = &'static str> {
    select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "StringEqualsIfExists",
        "StringNotEqualsIgnoreCaseIfExists",
        "ForAnyValue:StringEquals",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotEqualsIgnoreCase",
        "Null",
        "ArnEquals",
        "ArnNotLike",
    ])
}

fn some_keys() -> impl Strategy<Value = &'static str> {
    select(vec![
        PCR0,
        PCR16,
        "KMS:recipientattestation:pcr0",
        "kms:RecipientAttestation:PCR1",
        "kms:RecipientAttestation:PCR8",
        "kms:RecipientAttestation:ImageSha384",
        "kms:RecipientAttestation",
        "aws:PrincipalArn",
        "kms:CallerAccount",
    ])
}

fn some_values() -> impl Strategy<Value = Value> {
    let one = select(vec![
        json!(hex(IMAGES[0])),
        json!(hex(IMAGES[1])),
        json!(hex(CHARTER)),
        json!(hex(CHARTER).to_uppercase()),
        json!(hex(0)),
        json!(hex(9)),
        json!("*"),
        json!("true"),
        json!("false"),
        json!(ACCOUNT),
        json!("arn:aws:iam::111122223333:role/Stranger"),
    ]);
    prop_oneof![one.clone(), prop::collection::vec(one, 1..3).prop_map(|values| json!(values))]
}

fn statements() -> impl Strategy<Value = Value> {
    let condition =
        prop::option::of((some_operators(), some_keys(), some_values(), some_keys(), some_values()));
    (effects(), some_principals(), some_actions(), some_resources(), condition).prop_map(
        |(effect, principal, action, resource, condition)| {
            let mut statement =
                json!({"Effect": effect, "Principal": principal, "Action": action, "Resource": resource});
            if let Some((operator, key, values, second, more)) = condition {
                let mut keys = json!({key: values});
                keys[second] = more;
                statement["Condition"] = json!({operator: keys});
            }
            statement
        },
    )
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Mutation::Remove),
        at().prop_map(Mutation::Double),
        (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        (at(), effects()).prop_map(|(at, value)| Mutation::Set(at, "Effect", value)),
        (at(), some_principals()).prop_map(|(at, value)| Mutation::Set(at, "Principal", value)),
        (at(), some_actions()).prop_map(|(at, value)| Mutation::Set(at, "Action", value)),
        (at(), some_resources()).prop_map(|(at, value)| Mutation::Set(at, "Resource", value)),
        at().prop_map(|at| Mutation::Rename(at, "Action", "NotAction")),
        at().prop_map(|at| Mutation::Rename(at, "Condition", "Conditions")),
        (at(), some_operators()).prop_map(|(at, operator)| Mutation::Operator(at, operator)),
        (at(), some_keys()).prop_map(|(at, key)| Mutation::Key(at, key)),
        (at(), some_values()).prop_map(|(at, values)| Mutation::Values(at, values)),
        (at(), some_operators(), some_keys(), some_values())
            .prop_map(|(at, operator, key, values)| Mutation::Condition(at, operator, key, values)),
        at().prop_map(Mutation::Unconditional),
        statements().prop_map(Mutation::Add),
    ]
}

fn mutate(statements: &mut Vec<Value>, mutation: Mutation) {
    if let Mutation::Add(statement) = mutation {
        return statements.push(statement);
    }
    if statements.is_empty() {
        return;
    }
    let count = statements.len();
    let object = |statements: &mut Vec<Value>, at: Index| at.index(statements.len());
    match mutation {
        Mutation::Remove(at) => drop(statements.remove(at.index(count))),
        Mutation::Double(at) => statements.push(statements[at.index(count)].clone()),
        Mutation::Swap(a, b) => statements.swap(a.index(count), b.index(count)),
        Mutation::Set(at, name, value) => statements[at.index(count)][name] = value,
        Mutation::Rename(at, from, to) => {
            let at = object(statements, at);
            let fields = statements[at].as_object_mut().unwrap();
            if let Some(value) = fields.remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
        Mutation::Operator(at, operator) => {
            let at = conditional(statements, at);
            if let Some(keys) = at.and_then(|at| first(&statements[at]["Condition"])) {
                statements[at.unwrap()]["Condition"] = json!({operator: keys});
            }
        }
        Mutation::Key(at, key) => {
            if let Some(keys) = keys(statements, at)
                && let Some(name) = keys.keys().next().cloned()
            {
                let values = keys.remove(&name).unwrap();
                keys.insert(key.to_owned(), values);
            }
        }
        Mutation::Values(at, values) => {
            if let Some(first) = keys(statements, at).and_then(|keys| keys.values_mut().next()) {
                *first = values;
            }
        }
        Mutation::Condition(at, operator, key, values) => {
            statements[at.index(count)]["Condition"][operator][key] = values;
        }
        Mutation::Unconditional(at) => {
            drop(statements[at.index(count)].as_object_mut().unwrap().remove("Condition"))
        }
        Mutation::Add(_) => {}
    }
}

/// One of the statements that have conditions.
fn conditional(statements: &[Value], at: Index) -> Option<usize> {
    let all: Vec<usize> =
        (0..statements.len()).filter(|at| statements[*at]["Condition"].is_object()).collect();
    (!all.is_empty()).then(|| *at.get(&all))
}

fn first(condition: &Value) -> Option<Value> {
    condition.as_object()?.values().next().cloned()
}

fn keys(statements: &mut [Value], at: Index) -> Option<&mut serde_json::Map<String, Value>> {
    let at = conditional(statements, at)?;
    statements[at]["Condition"].as_object_mut()?.values_mut().next()?.as_object_mut()
}

/// Deterministic, so that the counts below mean something and a failure comes back.
#[test]
fn what_lints_without_errors_is_gated() {
    let strategy = prop::collection::vec(mutations(), 1..4);
    let mut runner = TestRunner::deterministic();
    let (mut clean, mut refused, mut leaking) = (0_u32, 0_u32, 0_u32);
    for _ in 0..CASES {
        let mutations = strategy.new_tree(&mut runner).unwrap().current();
        let mut policy: Value = serde_json::from_str(generated().as_str()).unwrap();
        let statements = policy["Statement"].as_array_mut().unwrap();
        mutations.iter().cloned().for_each(|mutation| mutate(statements, mutation));
        let text = policy.to_string();
        let report = judge(&text);
        // What this KMS does not read, no key ever has.
        let evaluated = Policy::parse(&text).ok();
        let leaks = || evaluated.as_ref().map(leaks).unwrap_or_default();
        if report.worst() == Some(Severity::Error) {
            refused += 1;
            leaking += u32::from(refused.is_multiple_of(SAMPLED) && !leaks().is_empty());
        } else {
            clean += 1;
            let leaks = leaks().join("\n");
            assert!(leaks.is_empty(), "{mutations:?}\n{policy:#}\n{report}\n{leaks}");
        }
    }
    eprintln!("{clean} clean, {refused} refused, {leaking} of {} leaking", refused / SAMPLED);
    // The property says something only if both sides are met often.
    assert!(clean > CASES / 20 && leaking > refused / SAMPLED / 10);
}

#[test]
fn what_the_generator_writes_is_clean() {
    let report = judge(generated().as_str());
    assert_eq!(report.worst(), Some(Severity::Notice), "{report}");
    assert!(["SR605", "SR801", "SR802"].iter().all(|id| report.has(id)), "{report}");
    let pcr = |byte: u8| PinnedPcr::new([byte; 48]).unwrap();
    let pins: Vec<Pin> = (1..=32).map(|n| Pin { image: pcr(n), charter: pcr(n + 100) }).collect();
    for count in [1, 2, 32] {
        let policy = key_policy(&principals(), &pins[..count]).unwrap();
        let report = lint(policy.as_str().as_bytes(), &KeyFacts::default(), &Demands::default());
        assert_eq!(report.worst(), Some(Severity::Notice), "{report}");
    }
}

/// Whoever is named for what: at worst a warning, because the form itself is kept.
#[test]
fn what_the_generator_writes_has_no_errors_whoever_it_names() {
    let names = ["root", "role/a", "role/path/b", "user/c@example.com"];
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}").parse().unwrap();
    for number in 0..names.len().pow(3) {
        let name = |place: u32| arn(names[number / names.len().pow(place) % names.len()]);
        let principals = Principals { admin: name(0), sealer: name(1), enclave: name(2) };
        let pin = Pin { image: PinnedPcr::new([1; 48]).unwrap(), charter: PinnedPcr::new([2; 48]).unwrap() };
        let open = key_policy(&principals, &[pin]);
        // Hosts that administer the key could replace the policy: that one is not written at all.
        assert_eq!(open.is_err(), principals.admin == principals.enclave);
        for policy in open.into_iter().chain(shut_policy(&principals)) {
            let report = lint(policy.as_str().as_bytes(), &KeyFacts::default(), &Demands::default());
            assert_eq!(report.count(Severity::Error), 0, "{report}");
        }
    }
}

#[test]
fn a_shut_policy_lets_nobody_decrypt_and_says_so() {
    let policy = shut_policy(&principals()).unwrap();
    let report = lint(policy.as_str().as_bytes(), &KeyFacts::default(), &Demands::default());
    assert!(report.worst() == Some(Severity::Notice) && report.has("SR504"), "{report}");
    let evaluated = Policy::parse(policy.as_str()).unwrap();
    let pair = [(PCR0, hex(IMAGES[0])), (PCR16, hex(CHARTER))];
    for caller in callers() {
        assert_eq!(decide(&evaluated, &[], &caller, "kms:Decrypt", &pair), Decision::ExplicitlyDenied);
    }
    assert!(judge(policy.as_str()).has("SR701"), "it does not pin what is demanded either");
}
