//! Policies by hand: what is accepted beside the generator's own, and what is refused however it is dressed up.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail with the test")]

use serde_json::{Value, json};
use strongroom_lint::{Demands, KeyFacts, Report, Severity, lint};

const GOOD: &str = include_str!("../examples/good.json");
const ADMIN: usize = 0;
const SEALS: usize = 1;
const DETOURS: usize = 2;
const IMAGES: usize = 3;
const ALLOW: usize = 5;

fn judge(policy: &Value) -> Report {
    lint(policy.to_string().as_bytes(), &KeyFacts::default(), &Demands::default())
}

/// The good policy after a change of its statements.
fn changed(change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut policy: Value = serde_json::from_str(GOOD).unwrap();
    change(policy["Statement"].as_array_mut().unwrap());
    policy
}

fn assert_found(id: &str, change: impl FnOnce(&mut Vec<Value>)) {
    let report = judge(&changed(change));
    assert!(report.has(id), "{id} is not among:\n{report}");
    assert_eq!(report.worst(), Some(Severity::Error));
}

fn assert_clean(change: impl FnOnce(&mut Vec<Value>)) {
    let report = judge(&changed(change));
    assert!(report.worst() > Some(Severity::Warning), "{report}");
}

fn pcr(number: u8) -> String {
    format!("kms:RecipientAttestation:PCR{number}")
}

#[test]
fn what_aws_takes_for_the_same_is_taken_for_the_same() {
    assert_clean(|s| s[IMAGES]["Principal"] = json!({"AWS": "*"}));
    assert_clean(|s| s[IMAGES]["Principal"] = json!({"AWS": ["*"]}));
    assert_clean(|s| s[IMAGES]["Action"] = json!("KMS:decrypt"));
    assert_clean(|s| {
        s[DETOURS]["Action"] = json!(["kms:ReEncryptTo", "kms:ReEncryptFrom", "kms:CreateGrant"])
    });
    assert_clean(|s| {
        let mut second = s[DETOURS].clone();
        s[DETOURS]["Action"] = json!("kms:CreateGrant");
        second["Action"] = json!("kms:ReEncrypt*");
        s.push(second);
    });
    assert_clean(|s| s[ALLOW]["Condition"] = rename(&s[ALLOW]["Condition"], "kms:recipientAttestation:pcr"));
    assert_clean(|s| s.reverse());
}

fn rename(condition: &Value, prefix: &str) -> Value {
    serde_json::from_str(&condition.to_string().replace("kms:RecipientAttestation:PCR", prefix)).unwrap()
}

#[test]
fn case_sensitive_operators_are_fine_with_lower_case() {
    assert_clean(|s| {
        for statement in &mut s[IMAGES..] {
            let text = statement["Condition"].to_string().replace("IgnoreCase", "");
            statement["Condition"] = serde_json::from_str(&text).unwrap();
        }
    });
}

#[test]
fn what_narrows_an_allow_is_accepted() {
    assert_clean(|s| s[ALLOW]["Condition"]["StringEquals"] = json!({"aws:SourceVpce": "vpce-1"}));
    assert_clean(|s| s[ALLOW]["Condition"]["Bool"] = json!({"aws:SecureTransport": true}));
    assert_clean(|s| {
        s[SEALS]["Condition"] = json!({"StringEquals": {"kms:EncryptionContext:deployment": "d"}})
    });
    // More registers are fine where their Deny comes with them.
    let third = |s: &mut Vec<Value>| {
        s[ALLOW]["Condition"]["StringEqualsIgnoreCase"][pcr(8)] = json!("b8".repeat(48));
    };
    assert_found("SR503", third);
    assert_clean(|s| {
        third(s);
        let mut deny = s[IMAGES].clone();
        deny["Condition"] = json!({"StringNotEqualsIgnoreCase": {pcr(8): "b8".repeat(48)}});
        s.push(deny);
    });
}

#[test]
fn a_deny_more_that_needs_no_condition_is_accepted() {
    assert_clean(|s| {
        s.push(json!({
            "Effect": "Deny", "Principal": "*", "Resource": "*",
            "Action": ["kms:DeriveSharedSecret", "kms:ReplicateKey", "kms:ImportKeyMaterial"],
        }));
    });
}

#[test]
fn every_way_to_hand_decryption_on_is_refused() {
    for action in [
        "kms:*",
        "*",
        "kms:D*",
        "kms:?ecrypt",
        "kms:ReEncrypt*",
        "kms:ReEncryptFrom",
        "kms:CreateGrant",
        "kms:GenerateDataKeyPair",
        "kms:GenerateDataKey*",
        "kms:DeriveSharedSecret",
        "kms:ReplicateKey",
        "kms:ImportKeyMaterial",
        "kms:UpdatePrimaryRegion",
        "kms:Decrypt",
        "KMS:DECRYPT",
        "kms:Encrypt",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:Sign",
        "kms:ActionOfTomorrow",
        "s3:GetObject",
        "",
    ] {
        for action in [json!(action), json!([action]), json!(["kms:DescribeKey", action])] {
            let report = judge(&changed(|s| s[ADMIN]["Action"] = action.clone()));
            assert_eq!(report.worst(), Some(Severity::Error), "{action}:\n{report}");
        }
    }
}

/// Characters that some reader might fold into ASCII letters: KMS matches them with nothing.
#[test]
fn look_alikes_of_action_and_key_names_are_not_taken_for_them() {
    assert_found("SR502", |s| s[DETOURS]["Action"] = json!(["\u{212a}ms:ReEncrypt*", "kms:CreateGrant"]));
    assert_found("SR501", |s| s[IMAGES]["Action"] = json!("\u{212a}ms:Decrypt"));
    let condition =
        json!({"StringNotEqualsIgnoreCase": {"\u{212a}ms:RecipientAttestation:PCR0": "a1".repeat(48)}});
    assert_found("SR501", |s| s[IMAGES]["Condition"] = condition);
}

#[test]
fn what_weakens_a_deny_is_refused() {
    let role = json!({"AWS": "arn:aws:iam::111122223333:role/strongroom-host"});
    let many = json!({"AWS": ["*", "arn:aws:iam::111122223333:role/strongroom-host"]});
    for (at, principal) in [(IMAGES, role.clone()), (DETOURS, role), (IMAGES, many)] {
        assert_found("SR404", |s| s[at]["Principal"] = principal);
    }
    assert_found("SR403", |s| {
        s[DETOURS]["Condition"] = json!({"Bool": {"kms:GrantIsForAWSResource": "false"}})
    });
    assert_found("SR203", |s| s[DETOURS]["Action"] = json!(["kms:ReEncrypt*", "kms:Create*"]));
    assert_found("SR206", |s| s[IMAGES]["Resource"] = json!(["*", "arn:aws:s3:::bucket"]));
    assert_found("SR501", |s| s[IMAGES]["Action"] = json!("kms:Encrypt"));
    assert_found("SR202", |s| {
        s[IMAGES].as_object_mut().unwrap().remove("Principal");
        s[IMAGES]["NotPrincipal"] = json!({"AWS": "arn:aws:iam::111122223333:root"});
    });
    for (operator, id) in [
        ("StringNotEqualsIgnoreCaseIfExists", "SR302"),
        ("ForAllValues:StringNotEqualsIgnoreCase", "SR304"),
        ("StringNotLike", "SR305"),
        ("ArnNotEquals", "SR305"),
        ("StringEquals", "SR401"),
        ("Null", "SR305"),
        ("stringnotequals", "SR305"),
    ] {
        assert_found(id, |s| s[IMAGES]["Condition"] = json!({operator: {pcr(0): "a1".repeat(48)}}));
    }
}

#[test]
fn one_pair_an_allow() {
    assert_found("SR309", |s| {
        s[ALLOW]["Condition"]["StringEquals"] = json!({pcr(0): "a2".repeat(48)});
    });
    assert_found("SR503", |s| {
        s[ALLOW]["Condition"]["StringEqualsIgnoreCase"][pcr(16)] = json!("c2".repeat(48))
    });
    assert_found("SR501", |s| drop(s.drain(IMAGES..)));
    assert_found("SR503", |s| drop(s.pop()));
}

/// A Deny of all decryption makes the rest unnecessary, not an unsafe Allow acceptable.
#[test]
fn a_shut_policy_hides_nothing() {
    let report = judge(&serde_json::from_str(include_str!("../examples/shut.json")).unwrap());
    assert!(report.has("SR504") && report.worst() == Some(Severity::Notice), "{report}");
    assert_found("SR301", |s| {
        s.push(json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}));
        s[ALLOW].as_object_mut().unwrap().remove("Condition");
    });
}

#[test]
fn who_can_change_the_policy_is_named() {
    let message = |policy: &Value, id: &str| -> String {
        let report = judge(policy);
        report.findings().iter().find(|finding| finding.rule.id == id).map(|f| f.message.clone()).unwrap()
    };
    let good = changed(|_| ());
    assert_eq!(message(&good, "SR801"), "arn:aws:iam::111122223333:role/kms-admin");
    let rooted = changed(|s| {
        s[ADMIN]["Principal"] = json!({"AWS": ["111122223333", "arn:aws:iam::111122223333:user/a"]})
    });
    assert_eq!(message(&rooted, "SR804"), "arn:aws:iam::111122223333:root");
    assert_eq!(message(&rooted, "SR801"), "arn:aws:iam::111122223333:root, arn:aws:iam::111122223333:user/a");
    // A pattern covers it too; that the pattern is an error does not hide whom it lets.
    let pattern = changed(|s| s[ADMIN]["Action"] = json!("kms:Put*"));
    assert_eq!(message(&pattern, "SR801"), "arn:aws:iam::111122223333:role/kms-admin");
    // What is denied to everyone is nobody's.
    let frozen = changed(|s| {
        s.push(json!({"Effect": "Deny", "Principal": "*", "Action": "kms:PutKeyPolicy", "Resource": "*"}));
    });
    assert!(judge(&frozen).has("SR803"));
}

/// Nothing unchecked of a policy reaches a terminal or a log.
#[test]
fn a_report_repeats_no_text_it_did_not_read_strictly() {
    let evil = "\u{1b}]0;pwned\u{7}";
    let policy = changed(|s| {
        for statement in s.iter_mut() {
            statement["Sid"] = json!(evil);
        }
        s[ADMIN]["Principal"] = json!({"AWS": evil, evil: evil});
        s[SEALS]["Action"] = json!(evil);
        s[IMAGES]["Condition"] = json!({evil: {evil: evil}});
        s[ALLOW][evil] = json!(evil);
    });
    let report = judge(&policy);
    for text in [report.to_string(), serde_json::to_string(&report).unwrap()] {
        assert!(!text.contains("pwned") && !text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn lines_and_json_say_the_same() {
    let report = judge(&changed(|s| s[ALLOW]["Principal"] = json!("*")));
    let text = report.to_string();
    assert!(text.starts_with("error SR204: statement 6 (EnclaveDecrypts0): "), "{text}");
    assert!(text.ends_with("3 errors, 0 warnings, 3 notices"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "error");
    assert_eq!(json["findings"].as_array().unwrap().len(), text.lines().count() - 1);
    let first = &json["findings"][0];
    assert_eq!((&first["id"], &first["severity"]), (&json!("SR204"), &json!("error")));
    assert_eq!(first["statement"], json!({"number": 6, "sid": "EnclaveDecrypts0"}));
    assert!(first["reason"].as_str().unwrap().ends_with('.'));
}
