//! Tables: policies, requests and what AWS decides.

use serde_json::{Value, json};

use super::*;
use crate::kms::caller::Caller;
use crate::kms::ciphertext::Context;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const PCR0: &str = "kms:RecipientAttestation:PCR0";
const PCR16: &str = "kms:RecipientAttestation:PCR16";

fn enclave() -> Caller {
    Caller::role("111122223333", "Enclave", "i-0123", &["kms:Decrypt"])
}

fn keys(pairs: &[(&str, &str)]) -> ConditionKeys {
    let mut keys = ConditionKeys::default();
    pairs.iter().for_each(|(name, value)| keys.add(name, *value));
    keys
}

fn decide(policy: &Value, caller: &Caller, action: &str, pairs: &[(&str, &str)]) -> Decision {
    let (policy, keys) = (Policy::parse(&policy.to_string()).unwrap(), keys(pairs));
    let context = Context::new();
    evaluate(&policy, &[], Request { caller, action, key_arn: KEY, context: &context, keys: &keys })
}

/// Whether a condition block holds, seen through an Allow.
fn holds(condition: Value, pairs: &[(&str, &str)]) -> bool {
    let policy = json!({"Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition,
    }});
    decide(&policy, &enclave(), "kms:Decrypt", pairs) == Decision::Allowed
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("kms:*", "kms:Decrypt", true),
        ("kms:ReEncrypt*", "kms:ReEncryptFrom", true),
        ("kms:ReEncrypt*", "kms:Encrypt", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*a*b", "xxaxxb", true),
        ("*a*b", "xxaxxbx", false),
        ("", "a", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn operators_on_present_and_absent_keys() {
    // Operator, value, and the outcome for: equal, other case, different, absent.
    for (operator, outcomes) in [
        ("StringEquals", [true, false, false, false]),
        ("StringNotEquals", [false, true, true, true]),
        ("StringEqualsIgnoreCase", [true, true, false, false]),
        ("StringNotEqualsIgnoreCase", [false, false, true, true]),
        ("StringLike", [true, false, false, false]),
        ("StringNotLike", [false, true, true, true]),
        ("StringEqualsIfExists", [true, false, false, true]),
        ("StringEqualsIgnoreCaseIfExists", [true, true, false, true]),
        ("StringNotEqualsIfExists", [false, true, true, true]),
        ("ForAnyValue:StringEquals", [true, false, false, false]),
        ("ForAllValues:StringEquals", [true, false, false, true]),
        ("ForAnyValue:StringNotEquals", [false, true, true, false]),
    ] {
        let condition = json!({operator: {PCR0: "ab"}});
        let requests: [&[(&str, &str)]; 4] = [&[(PCR0, "ab")], &[(PCR0, "AB")], &[(PCR0, "cd")], &[]];
        for (request, expected) in requests.iter().zip(outcomes) {
            assert_eq!(holds(condition.clone(), request), expected, "{operator} {request:?}");
        }
    }
}

#[test]
fn null_asks_for_absence_or_presence() {
    assert!(holds(json!({"Null": {PCR0: "true"}}), &[]));
    assert!(!holds(json!({"Null": {PCR0: "true"}}), &[(PCR0, "ab")]));
    assert!(holds(json!({"Null": {PCR0: false}}), &[(PCR0, "ab")]));
    assert!(!holds(json!({"Null": {PCR0: "false"}}), &[]));
}

#[test]
fn several_values_are_ored_and_negated_ones_nored() {
    let (one, other, neither) = ([(PCR0, "ab")], [(PCR0, "cd")], [(PCR0, "ef")]);
    let positive = json!({"StringEquals": {PCR0: ["ab", "cd"]}});
    let negated = json!({"StringNotEquals": {PCR0: ["ab", "cd"]}});
    for (request, expected) in [(one, true), (other, true), (neither, false)] {
        assert_eq!(holds(positive.clone(), &request), expected);
        assert_eq!(holds(negated.clone(), &request), !expected);
    }
}

#[test]
fn keys_of_one_statement_are_anded() {
    let both = json!({"StringNotEquals": {PCR0: "ab", PCR16: "cd"}});
    assert!(holds(both.clone(), &[(PCR0, "x"), (PCR16, "y")]));
    // The reason never to put two registers into one Deny: one right register excuses a wrong one.
    assert!(!holds(both, &[(PCR0, "ab"), (PCR16, "y")]));
}

#[test]
fn multivalued_keys_and_key_names_without_case() {
    let name = "kms:EncryptionContextKeys";
    let two = [(name, "model"), (name, "version")];
    assert!(holds(json!({"ForAllValues:StringEquals": {name: ["model", "version", "x"]}}), &two));
    assert!(!holds(json!({"ForAllValues:StringEquals": {name: ["model"]}}), &two));
    assert!(holds(json!({"ForAnyValue:StringEquals": {name: ["version"]}}), &two));
    assert!(holds(
        json!({"StringEquals": {"KMS:encryptioncontext:MODEL": "m"}}),
        &[("kms:EncryptionContext:model", "m")]
    ));
}

#[test]
fn principals() {
    let other_account = Caller::role("999999999999", "Enclave", "i-0", &["kms:*"]);
    let without_iam = Caller::role("111122223333", "Enclave", "i-0", &[]);
    let root = json!({"AWS": "arn:aws:iam::111122223333:root"});
    for (principal, caller, expected) in [
        (json!("*"), enclave(), true),
        (json!({"AWS": "*"}), other_account.clone(), true),
        (json!({"AWS": "arn:aws:iam::111122223333:role/Enclave"}), enclave(), true),
        (json!({"AWS": "arn:aws:sts::111122223333:assumed-role/Enclave/i-0123"}), enclave(), true),
        (json!({"AWS": ["arn:aws:iam::111122223333:role/Other"]}), enclave(), false),
        (root.clone(), enclave(), true),
        (json!({"AWS": "111122223333"}), enclave(), true),
        (root.clone(), without_iam.clone(), false),
        (root.clone(), other_account.clone(), false),
        (json!({"Service": "ec2.amazonaws.com"}), enclave(), false),
    ] {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*"},
        ]});
        let allowed = decide(&policy, &caller, "kms:Decrypt", &[]) == Decision::Allowed;
        assert_eq!(allowed, expected, "{principal} {}", caller.arn);
    }
    let deny = json!({"Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": root, "Action": "kms:Decrypt", "Resource": "*"},
    ]});
    assert_eq!(decide(&deny, &without_iam, "kms:Decrypt", &[]), Decision::ExplicitlyDenied);
    assert_eq!(decide(&deny, &other_account, "kms:Decrypt", &[]), Decision::Allowed);
}

#[test]
fn actions_and_resources() {
    for (fields, action, expected) in [
        (json!({"Action": "kms:Decrypt", "Resource": "*"}), "kms:Decrypt", true),
        (json!({"Action": "KMS:decrypt", "Resource": "*"}), "kms:Decrypt", true),
        (json!({"Action": ["kms:Encrypt", "kms:De*"], "Resource": "*"}), "kms:DescribeKey", true),
        (json!({"Action": "kms:Decrypt", "Resource": "*"}), "kms:Encrypt", false),
        (json!({"NotAction": "kms:Decrypt", "Resource": "*"}), "kms:Encrypt", true),
        (json!({"NotAction": "kms:Decrypt", "Resource": "*"}), "kms:Decrypt", false),
        (json!({"Action": "kms:Decrypt", "Resource": KEY}), "kms:Decrypt", true),
        (json!({"Action": "kms:Decrypt", "Resource": "arn:aws:s3:::x"}), "kms:Decrypt", false),
    ] {
        let mut statement = fields.clone();
        statement["Effect"] = json!("Allow");
        statement["Principal"] = json!("*");
        let allowed =
            decide(&json!({"Statement": [statement]}), &enclave(), action, &[]) == Decision::Allowed;
        assert_eq!(allowed, expected, "{fields}");
    }
}

#[test]
fn grants_allow_within_their_constraints_and_a_deny_beats_them() {
    let subset: Context = [("model".to_owned(), "m".to_owned())].into();
    let grant = Grant {
        id: "g".into(),
        grantee: "arn:aws:iam::111122223333:role/Enclave".into(),
        operations: vec!["Decrypt".into()],
        context_subset: Some(subset.clone()),
        context_equals: None,
    };
    let exact = Grant { context_equals: Some(subset.clone()), context_subset: None, ..grant.clone() };
    let mut larger = subset.clone();
    larger.insert("version".into(), "1".into());
    let none = json!({"Statement": []});
    let deny = json!({"Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
        "Condition": {"StringNotEqualsIgnoreCase": {PCR0: "ab"}},
    }]});
    for (policy, grant, action, context, expected) in [
        (&none, &grant, "kms:Decrypt", &larger, Decision::Allowed),
        (&none, &exact, "kms:Decrypt", &subset, Decision::Allowed),
        (&none, &exact, "kms:Decrypt", &larger, Decision::NotAllowed),
        (&none, &grant, "kms:Decrypt", &Context::new(), Decision::NotAllowed),
        (&none, &grant, "kms:Encrypt", &larger, Decision::NotAllowed),
        (&deny, &grant, "kms:Decrypt", &larger, Decision::ExplicitlyDenied),
    ] {
        let policy = Policy::parse(&policy.to_string()).unwrap();
        let (caller, keys) = (enclave(), ConditionKeys::default());
        let request = Request { caller: &caller, action, key_arn: KEY, context, keys: &keys };
        assert_eq!(evaluate(&policy, std::slice::from_ref(grant), request), expected);
    }
}

#[test]
fn what_is_not_understood_is_malformed() {
    let statement = |fields: Value| {
        let mut all = json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"});
        for (name, value) in fields.as_object().unwrap() {
            all[name] = value.clone();
        }
        json!({"Statement": [all]}).to_string()
    };
    for bad in [
        "{".to_owned(),
        "{}".to_owned(),
        json!({"Version": "2020-01-01", "Statement": []}).to_string(),
        statement(json!({"NotPrincipal": "*"})),
        statement(json!({"NotAction": "kms:*"})),
        statement(json!({"Effect": "allow"})),
        statement(json!({"Principal": "arn:aws:iam::111122223333:root"})),
        statement(json!({"Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}})),
        statement(json!({"Condition": {"NumericEquals": {PCR0: "1"}}})),
        statement(json!({"Condition": {"NullIfExists": {PCR0: "true"}}})),
        statement(json!({"Condition": {"Null": {PCR0: "maybe"}}})),
        statement(json!({"Condition": {"StringEquals": {PCR0: []}}})),
        statement(json!({"Condition": {"StringEquals": {PCR0: "${aws:userid}"}}})),
    ] {
        assert!(Policy::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn the_generated_policy_lets_exactly_its_pairs() {
    use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy};
    let owner = Caller::user("111122223333", "owner", &[]);
    let principals = Principals {
        admin: owner.arn.parse().unwrap(),
        sealer: owner.arn.parse().unwrap(),
        enclave: enclave().principal.parse().unwrap(),
    };
    let pcr = |byte: u8| PinnedPcr::new([byte; 48]).unwrap();
    let pins = [Pin { image: pcr(1), charter: pcr(2) }, Pin { image: pcr(3), charter: pcr(4) }];
    let policy: Value = serde_json::from_str(key_policy(&principals, &pins).unwrap().as_str()).unwrap();
    let hex = |byte: u8| format!("{byte:02x}").repeat(48);
    let decrypt = |caller: &Caller, image: u8, charter: u8| {
        let (image, charter) = (hex(image), hex(charter));
        decide(&policy, caller, "kms:Decrypt", &[(PCR0, image.as_str()), (PCR16, charter.as_str())])
    };
    let attested = |image, charter| decrypt(&enclave(), image, charter);
    assert_eq!(attested(1, 2), Decision::Allowed);
    assert_eq!(attested(3, 4), Decision::Allowed);
    assert_eq!(attested(1, 4), Decision::NotAllowed, "the image of one pair, the charter of the other");
    assert_eq!(attested(9, 2), Decision::ExplicitlyDenied);
    assert_eq!(attested(1, 9), Decision::ExplicitlyDenied);
    assert_eq!(decrypt(&owner, 1, 2), Decision::NotAllowed, "not even the owner's principal, attested");
    assert_eq!(decide(&policy, &enclave(), "kms:Decrypt", &[]), Decision::ExplicitlyDenied);
    assert_eq!(decide(&policy, &enclave(), "kms:Decrypt", &[(PCR0, &hex(1))]), Decision::ExplicitlyDenied);
    for action in ["kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant"] {
        assert_eq!(decide(&policy, &owner, action, &[]), Decision::ExplicitlyDenied, "{action}");
    }
    for action in ["kms:PutKeyPolicy", "kms:GenerateDataKey", "kms:DescribeKey"] {
        assert_eq!(decide(&policy, &owner, action, &[]), Decision::Allowed, "{action}");
        assert_eq!(decide(&policy, &enclave(), action, &[]), Decision::NotAllowed, "{action}");
    }
}
