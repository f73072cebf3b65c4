//! How many boots there were: those that the log shows against those that asked KMS for keys.
//!
//! Allowances are counted per boot of one enclave, because a host can withhold the counters that an earlier boot left.
//! The number of boots, replicas included, is therefore what bounds the total.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use strongroom_attestation::Pcr;

use super::findings::{Finding, Findings};
use super::{KmsCall, Seen};

/// The count.
#[derive(Serialize)]
pub(crate) struct Boots {
    /// Boots of which either shows, each once.
    pub(crate) boots: usize,
    /// Enclaves that got a key from KMS.
    pub(crate) with_keys: usize,
    /// Enclaves that kept a log.
    pub(crate) with_log: usize,
    #[serde(skip)]
    pub(crate) findings: Vec<Finding>,
}

/// Compares logs with the calls of enclaves with these images.
pub(crate) fn count(logs: &[Seen], calls: &[KmsCall], images: &[Pcr]) -> Boots {
    let mut findings = Findings::default();
    let deployments: BTreeSet<&str> = logs.iter().map(|log| log.deployment.as_str()).collect();
    let ours = |call: &&KmsCall| {
        let same = |stated: &String| deployments.is_empty() || deployments.contains(stated.as_str());
        images.contains(&call.image) && call.deployment.as_ref().is_none_or(same)
    };
    let (ours, others): (Vec<&KmsCall>, Vec<&KmsCall>) = calls.iter().partition(ours);
    if !others.is_empty() {
        findings.note(
            "kms",
            None,
            format!("{} calls of other images or deployments are not counted", others.len()),
        );
    }
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for call in ours.iter().filter(|call| !call.refused) {
        *calls.entry(&call.module_id).or_default() += 1;
    }
    let booted = booted(logs);
    let logged: BTreeSet<&str> = booted.keys().copied().collect();
    compare(&calls, &logged, &mut findings);
    let again = again(&booted, &mut findings);
    let enclaves: BTreeSet<&str> = logged.iter().chain(calls.keys()).copied().collect();
    Boots {
        boots: enclaves.len() + again,
        with_keys: calls.len(),
        with_log: logged.len(),
        findings: findings.0,
    }
}

fn compare(calls: &BTreeMap<&str, usize>, logged: &BTreeSet<&str>, findings: &mut Findings) {
    for (module, number) in calls.iter().filter(|(module, _)| !logged.contains(*module)) {
        let what = format!("enclave {module} got keys ({number} calls), and no log of it is here");
        findings.tampered("missing-boot", None, what);
    }
    for module in logged.iter().filter(|module| !calls.contains_key(*module)) {
        let what = format!(
            "enclave {module} kept a log, and no KMS call of it is here: the call records do not cover its time, or \
             are not whole"
        );
        findings.note("kms", None, what);
    }
    let both = logged.iter().filter(|module| calls.contains_key(*module)).count();
    if both > 0 {
        findings.pass("kms", None, format!("{both} enclaves have both KMS calls and a log"));
    }
}

/// Boots by the enclave that their logs name.
fn booted(logs: &[Seen]) -> BTreeMap<&str, BTreeSet<[u8; 16]>> {
    let mut booted: BTreeMap<&str, BTreeSet<[u8; 16]>> = BTreeMap::new();
    for log in logs {
        booted.entry(&log.module_id).or_default().insert(*log.id.boot().as_bytes());
    }
    booted
}

/// One enclave boots once. A second boot of its module would be one whose keys came by one call: how many there are.
fn again(booted: &BTreeMap<&str, BTreeSet<[u8; 16]>>, findings: &mut Findings) -> usize {
    let mut again = 0;
    for (module, boots) in booted.iter().filter(|(_, boots)| boots.len() > 1) {
        findings.note("kms", None, format!("{} boots name the enclave {module}", boots.len()));
        again += boots.len() - 1;
    }
    again
}

impl Boots {
    /// The bound on what was let out in total.
    pub(crate) fn words(&self) -> String {
        let boots = self.boots;
        format!(
            "{boots} boots, replicas included: in total at most {boots} times the allowance of one boot was let out \
             (allowance × boots × replicas)"
        )
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::FailureClass;
    use strongroom_attestation::claims::BootId;

    use super::super::{Level, LogId};
    use super::*;

    fn seen(boot: u8, module_id: &str) -> Seen {
        let id = LogId::new(BootId::new([boot; 16]), 0);
        Seen { id, deployment: "d".parse().unwrap(), module_id: module_id.to_owned() }
    }

    fn call(module_id: &str, image: u8, deployment: &str) -> KmsCall {
        let deployment = Some(deployment.to_owned());
        KmsCall { module_id: module_id.to_owned(), image: Pcr::new([image; 48]), deployment, refused: false }
    }

    #[test]
    fn boots_without_a_log_are_missing_and_other_callers_do_not_count() {
        let logs = [seen(1, "a"), seen(2, "b")];
        let denied = KmsCall { refused: true, ..call("e", 1, "d") };
        let calls = [
            call("a", 1, "d"),
            call("a", 1, "d"),
            call("c", 1, "d"),
            call("x", 2, "d"),
            call("y", 1, "o"),
            denied,
        ];
        let boots = count(&logs, &calls, &[Pcr::new([1; 48])]);
        assert_eq!((boots.with_keys, boots.with_log), (2, 2));
        let missing: Vec<_> =
            boots.findings.iter().filter(|f| f.level == Level::Fail(FailureClass::Binding)).collect();
        assert_eq!(missing.len(), 1);
        assert!(missing[0].detail.contains("enclave c got keys (1 calls)"));
        assert!(
            boots
                .findings
                .iter()
                .any(|f| f.level == Level::Note && f.detail.contains("enclave b kept a log"))
        );
        assert!(boots.findings.iter().any(|f| f.detail.starts_with("2 calls of other images")));
        assert_eq!(boots.boots, 3, "a with both, b with a log alone, c with keys alone");
        assert!(boots.words().starts_with("3 boots") && boots.words().contains("at most 3 times"));
    }

    #[test]
    fn a_further_boot_of_an_enclave_counts_and_a_further_log_of_a_boot_does_not() {
        let next = Seen { id: LogId::new(BootId::new([1; 16]), 1), ..seen(1, "a") };
        let logs = [seen(1, "a"), next, seen(2, "a"), seen(3, "a")];
        let boots = count(&logs, &[call("a", 1, "d"), call("c", 1, "d")], &[Pcr::new([1; 48])]);
        assert_eq!((boots.boots, boots.with_keys, boots.with_log), (4, 2, 1));
        assert!(boots.findings.iter().any(|f| f.detail == "3 boots name the enclave a"));
    }
}
