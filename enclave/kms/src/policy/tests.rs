//! The generated policies, read back as JSON.

use serde_json::Value;

use super::*;

fn principals() -> Principals {
    Principals {
        admin: "arn:aws:iam::111122223333:user/owner".parse().unwrap(),
        sealer: "arn:aws:iam::111122223333:role/Sealer".parse().unwrap(),
        enclave: "arn:aws:iam::111122223333:role/Enclave".parse().unwrap(),
    }
}

fn pcr(byte: u8) -> PinnedPcr {
    PinnedPcr::new([byte; 48]).unwrap()
}

fn statements(policy: &PolicyText) -> Vec<Value> {
    let json: Value = serde_json::from_str(policy.as_str()).unwrap();
    assert_eq!(json["Version"], "2012-10-17");
    json["Statement"].as_array().unwrap().clone()
}

#[test]
fn zeros_and_empty_lists_cannot_be_pinned() {
    assert!(PinnedPcr::new([0; 48]).is_err());
    assert!(key_policy(&principals(), &[]).is_err());
    let pin = Pin { image: pcr(1), charter: pcr(2) };
    assert!(key_policy(&principals(), &[pin; MAX_POLICY_PAIRS + 1]).is_err());
}

#[test]
fn the_longest_policy_fits() {
    let pins: Vec<Pin> =
        (1..=MAX_POLICY_PAIRS as u8).map(|n| Pin { image: pcr(n), charter: pcr(n + 100) }).collect();
    assert!(key_policy(&principals(), &pins).is_ok());
}

#[test]
fn each_register_has_a_negated_deny_of_its_own_and_each_pair_an_allow() {
    let pins = [Pin { image: pcr(0xab), charter: pcr(2) }, Pin { image: pcr(0xab), charter: pcr(4) }];
    let statements = statements(&key_policy(&principals(), &pins).unwrap());
    let denials: Vec<&Value> =
        statements.iter().filter(|s| s["Effect"] == "Deny" && s["Action"][0] == "kms:Decrypt").collect();
    assert_eq!(denials.len(), 2);
    for (denial, (register, count)) in denials.iter().zip([("PCR0", 1), ("PCR16", 2)]) {
        assert_eq!(denial["Principal"], "*");
        let condition = denial["Condition"].as_object().unwrap();
        assert_eq!(condition.len(), 1);
        let keys = condition["StringNotEqualsIgnoreCase"].as_object().unwrap();
        assert_eq!(keys.len(), 1, "two registers in one Deny would be ANDed");
        let values = keys[&format!("kms:RecipientAttestation:{register}")].as_array().unwrap();
        assert_eq!(values.len(), count);
    }
    let allows: Vec<&Value> =
        statements.iter().filter(|s| s["Effect"] == "Allow" && s["Action"][0] == "kms:Decrypt").collect();
    assert_eq!(allows.len(), 2);
    for (allow, charter) in allows.iter().zip(["02", "04"]) {
        assert_eq!(allow["Principal"]["AWS"], "arn:aws:iam::111122223333:role/Enclave");
        let keys = &allow["Condition"]["StringEqualsIgnoreCase"];
        assert_eq!(keys["kms:RecipientAttestation:PCR0"], "ab".repeat(48));
        assert_eq!(keys["kms:RecipientAttestation:PCR16"], charter.repeat(48));
    }
}

#[test]
fn every_statement_is_complete_and_sids_differ() {
    let pin = Pin { image: pcr(1), charter: pcr(2) };
    for policy in [key_policy(&principals(), &[pin]).unwrap(), shut_policy(&principals()).unwrap()] {
        let mut sids: Vec<String> = Vec::new();
        for statement in statements(&policy) {
            for field in ["Sid", "Effect", "Principal", "Action", "Resource"] {
                assert!(!statement[field].is_null(), "{field}");
            }
            assert_eq!(statement["Resource"], "*");
            sids.push(statement["Sid"].as_str().unwrap().to_owned());
        }
        let count = sids.len();
        sids.sort();
        sids.dedup();
        assert_eq!(sids.len(), count);
    }
}

#[test]
fn nobody_decrypts_unconditionally_and_detours_are_denied() {
    for statement in statements(&shut_policy(&principals()).unwrap()) {
        let actions = statement["Action"].as_array().unwrap();
        if statement["Effect"] == "Allow" {
            assert!(actions.iter().all(|a| a != "kms:Decrypt" && a != "kms:*" && a != "kms:CreateGrant"));
        } else {
            assert_eq!(statement["Principal"], "*");
        }
    }
    let text = shut_policy(&principals()).unwrap();
    assert!(text.as_str().contains("kms:ReEncrypt*") && text.as_str().contains("kms:CreateGrant"));
}
