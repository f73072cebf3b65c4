//! What an auditor holds beside the log: receipts of answers, and heads that an enclave signed for the asking.

use std::collections::BTreeMap;

use strongroom_attestation::audit::{AuditOpening, Checkpoint};
use strongroom_attestation::claims::BootId;
use strongroom_attestation::receipt::Receipt;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_seal::digest::AuditCommitment;
use strongroom_seal::label::{self, Label};
use strongroom_seal::signed::dangerous_unverified_payload;

use super::LogId;
use super::findings::Findings;
use crate::words::boot_words;

/// What a receipt or a head may cost to decode.
const SIGNED_CBOR: Bounds = Bounds { max_bytes: 2048, max_depth: 6, max_items: 96 };

/// A document and the name of its file.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Receipts that were verified and are still looked for, by what each says of the log.
#[derive(Default)]
pub(super) struct Wanted {
    open: BTreeMap<AuditCommitment, (BootId, String)>,
    found: usize,
}

/// The logs whose openings were verified.
pub(super) type Openings = [(LogId, AuditOpening)];

impl Wanted {
    /// Sorts receipts by the boot whose key signed each.
    pub(super) fn collect(receipts: &[Named], logs: &Openings, findings: &mut Findings) -> Self {
        let mut wanted = Self::default();
        for Named { name, bytes } in receipts {
            let signer = logs.iter().find_map(|(_, opening)| {
                let receipt = Receipt::open(bytes, &opening.receipt_key).ok()?;
                (receipt.boot == opening.boot).then_some(receipt)
            });
            match signer {
                Some(Receipt { boot, audit: Some(commitment), .. }) => {
                    wanted.open.insert(commitment, (boot, name.clone()));
                }
                Some(_) => findings.note("receipt", None, format!("{name} names no record of a log")),
                None => {
                    strange(name, stated::<Receipt>(label::RECEIPT, bytes).map(|r| r.boot), logs, findings)
                }
            }
        }
        wanted
    }

    /// Takes what the next record's receipt has to say.
    pub(super) fn meet(&mut self, commitment: &AuditCommitment) {
        self.found += usize::from(self.open.remove(commitment).is_some());
    }

    /// Reports what was not found. Where a chain broke, it could not be looked for.
    pub(super) fn finish(self, readable: bool, broken: &[LogId], findings: &mut Findings) {
        if self.found > 0 {
            findings.pass("receipt", None, format!("{} of the receipts have their records", self.found));
        }
        let mut lost: Vec<_> = self.open.into_values().collect();
        lost.sort_by(|(_, one), (_, other)| one.cmp(other));
        for (boot, name) in lost {
            let boot_log = format!("boot {}", boot_words(boot));
            if !readable {
                findings.note(
                    "receipt",
                    None,
                    format!("{name} ({boot_log}) cannot be looked for without --key"),
                );
            } else if broken.iter().any(|log| log.boot() == boot) {
                let what = format!("{name} ({boot_log}) is not found, and the log is not whole");
                findings.tampered("receipt", None, what);
            } else {
                let what = format!(
                    "{name} ({boot_log}) has no record: the end of the log is missing, cut off or lost before the \
                     host had it"
                );
                findings.tampered("cut-tail", None, what);
            }
        }
    }
}

/// Sorts heads by the log that each is of.
pub(super) fn heads(
    held: &[Named],
    logs: &Openings,
    findings: &mut Findings,
) -> Vec<(LogId, Checkpoint, String)> {
    let mut heads = Vec::new();
    for Named { name, bytes } in held {
        let signed = logs.iter().find_map(|(id, log)| Some((*id, Checkpoint::open(bytes, log).ok()?)));
        match signed {
            Some((id, head)) => heads.push((id, head, name.clone())),
            None => {
                let head = stated::<Checkpoint>(label::AUDIT_CHECKPOINT, bytes);
                if let Some(head) = &head
                    && let log = LogId::new(head.boot, head.segment)
                    && logs.iter().any(|(_, opening)| opening.boot == head.boot)
                    && !logs.iter().any(|(id, _)| *id == log)
                {
                    findings.tampered(
                        "missing-log",
                        Some(log),
                        format!("{name} is the head of a log that is not here"),
                    );
                } else {
                    strange(name, head.map(|head| head.boot), logs, findings);
                }
            }
        }
    }
    heads
}

/// A document that no log's key signed.
fn strange(name: &str, boot: Option<BootId>, logs: &Openings, findings: &mut Findings) {
    match boot {
        None => findings.unsigned("held", None, format!("{name} is neither a receipt nor a head")),
        Some(boot) if logs.iter().any(|(_, opening)| opening.boot == boot) => {
            let what = format!("{name} is not signed by the key of its boot {}", boot_words(boot));
            findings.unsigned("held", None, what);
        }
        Some(boot) => {
            let what = format!(
                "{name} is of boot {}, as it says itself, and this boot has no log here",
                boot_words(boot)
            );
            findings.tampered("missing-boot", None, what);
        }
    }
}

/// What a document says, whoever signed it.
fn stated<T: serde::de::DeserializeOwned>(label: Label, document: &[u8]) -> Option<T> {
    let payload = dangerous_unverified_payload(label, document, SIGNED_CBOR).ok()?;
    cbor::decode(&payload, SIGNED_CBOR).ok()
}
