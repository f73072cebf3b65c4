//! `verify --document` on documents that AWS signed, each at its own time, and the exit code of each failure.

use serde_json::Value;

use crate::common::{Ran, shared, strongroom, text};

const VALID: (&str, &str) = ("ev_valid.bin", "1665651482136");
const DEBUG: (&str, &str) = ("ev_debug.bin", "1665582606081");
const VERACRUZ: (&str, &str) = ("veracruz.bin", "1668034320696");
const BAD_SIGNATURE: (&str, &str) = ("veracruz_badsig.bin", "1668034320696");
const MARLIN: (&str, &str) = ("marlin_aws_pcr16.bin", "1745922759691");

fn pcr(file: &str, register: &str) -> String {
    let path = shared(file).unwrap();
    let shown = strongroom(&["inspect", text(&path), "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    shown["content"]["pcrs_not_zero"][format!("PCR{register}")].as_str().unwrap().to_owned()
}

fn field(file: &str, name: &str) -> String {
    let shown = strongroom(&["inspect", text(&shared(file).unwrap()), "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert!(shown["verified"].as_str().unwrap().starts_with("UNVERIFIED"));
    shown["content"][name].as_str().unwrap().to_owned()
}

fn verify((file, at): (&str, &str), pcr: &str, more: &[&str]) -> Ran {
    let path = shared(file).unwrap();
    let mut args = vec!["verify", "--document", text(&path), "--at-ms", at, "--pcr", pcr];
    args.extend(more);
    strongroom(&args)
}

#[test]
fn each_real_document_has_its_exit_code() {
    if shared(VALID.0).is_none() {
        return;
    }
    for (document, register, code) in
        [(VALID, "0", 0), (VERACRUZ, "0", 0), (MARLIN, "16", 0), (BAD_SIGNATURE, "0", 10)]
    {
        let demand = format!("{register}={}", pcr(document.0, register));
        let ran = verify(document, &demand, &[]);
        assert_eq!(ran.code, code, "{}: {}{}", document.0, ran.out, ran.err);
    }
    let debug = verify(DEBUG, &format!("3={}", pcr(DEBUG.0, "3")), &[]);
    assert_eq!(debug.code, 13, "{}", debug.out);
    assert!(debug.out.contains("FAIL debug-image"));
    let zero = format!("0={}", "0".repeat(96));
    assert_eq!(verify(DEBUG, &zero, &[]).code, 13, "a zero demand does not let a debug image pass");
    assert_eq!(verify(VALID, &zero, &[]).code, 11, "nor any other image");
    assert_eq!(verify(BAD_SIGNATURE, &zero, &[]).code, 10, "nor hides an earlier failure");
}

#[test]
fn each_demand_that_is_not_met_has_its_code() {
    if shared(VERACRUZ.0).is_none() {
        return;
    }
    let demand = format!("0={}", pcr(VERACRUZ.0, "0"));
    let (nonce, data) = (field(VERACRUZ.0, "nonce"), field(VERACRUZ.0, "user_data"));
    let exact = verify(VERACRUZ, &demand, &["--nonce", &nonce, "--user-data", &data]);
    assert_eq!(exact.code, 0, "{}", exact.out);
    assert!(exact.out.contains("PASS nonce") && exact.out.contains("PASS user-data"));
    assert!(exact.out.contains("SKIP public-key") && exact.out.ends_with("verdict: verified\n"));
    let other = "ab".repeat(32);
    assert_eq!(verify(VERACRUZ, &demand, &["--nonce", &other, "--user-data", &data]).code, 12);
    assert_eq!(verify(VERACRUZ, &demand, &["--nonce", &nonce, "--user-data", &other]).code, 14);
    assert_eq!(
        verify(VERACRUZ, &demand, &["--nonce", &other, "--user-data", &other]).code,
        12,
        "nonce first"
    );
    assert_eq!(
        verify(VERACRUZ, &format!("0={}", "ab".repeat(48)), &["--nonce", &other]).code,
        11,
        "PCR first"
    );
    assert_eq!(
        verify((VERACRUZ.0, "1668035320696"), &demand, &[]).code,
        12,
        "a quarter of an hour later: stale"
    );
    assert_eq!(
        verify((VERACRUZ.0, "1700000000000"), &demand, &[]).code,
        10,
        "a year later: certificates ended"
    );
    let before = verify((VERACRUZ.0, "1668034200000"), &demand, &[]);
    assert_eq!(before.code, 10, "two minutes before: the leaf is not valid yet");
}

#[test]
fn json_has_a_verdict_and_every_check() {
    let Some(path) = shared(VALID.0) else { return };
    let demand = format!("0={}", "ab".repeat(48));
    let ran =
        strongroom(&["verify", "--document", text(&path), "--at-ms", VALID.1, "--pcr", &demand, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["verdict"], "refused");
    let checks: Vec<(&str, &str)> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["id"].as_str().unwrap(), check["status"].as_str().unwrap()))
        .collect();
    assert!(checks.contains(&("signature", "PASS")) && checks.contains(&("pcrs", "FAIL")));
    assert!(checks.contains(&("nonce", "SKIP")) && checks.len() == 10);
    assert!(report["checks"][0]["detail"].is_string());
}

#[test]
fn what_is_no_document_is_malformed_and_nothing_may_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing");
    std::fs::write(&path, b"not a document").unwrap();
    let (file, demand) = (text(&path), format!("0={}", "ab".repeat(48)));
    assert_eq!(strongroom(&["verify", "--document", file, "--at-ms", "1", "--pcr", &demand]).code, 10);
    assert_eq!(strongroom(&["verify", "--document", file, "--at-ms", "1"]).code, 2, "no register");
    assert_eq!(strongroom(&["verify", "--document", file, "--pcr", &demand]).code, 2, "no time");
    assert_eq!(strongroom(&["verify", "--document", file, "--at-ms", "1", "--pcr", "32=00"]).code, 2);
    assert_eq!(strongroom(&["verify"]).code, 2);
    let absent = folder.path().join("absent");
    assert_eq!(
        strongroom(&["verify", "--document", text(&absent), "--at-ms", "1", "--pcr", &demand]).code,
        1
    );
}
