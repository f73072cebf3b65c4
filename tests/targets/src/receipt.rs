//! Receipts, which come with every answer and are kept.

use std::sync::OnceLock;

use strongroom_attestation::claims::Claims;
use strongroom_attestation::receipt::Receipt;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_seal::digest::{OutcomeDigest, RequestDigest};
use strongroom_seal::label;
use strongroom_seal::signed::dangerous_unverified_payload;

use crate::rewrite::reads_back;

/// Every receipt that the enclave of the seeds has signed about that exchange.
const SIGNED: [&[u8]; 3] = [
    include_bytes!("../../fuzz/corpus/receipt/receipt-answer"),
    include_bytes!("../../fuzz/corpus/receipt/receipt-voted"),
    include_bytes!("../../fuzz/corpus/receipt/receipt-refused"),
];

/// Its claims.
const CLAIMS: &[u8] = include_bytes!("../../fuzz/corpus/hello/claims-claims");

/// Digests of the exchange.
const REQUEST: &str =
    "1c8afd447fd5842e72e2367ad04b875d304b494635b301c322c7468a155bed2f3c1a7a0e3fc8c9fd65611f1724c1932a";
const OUTCOME: &str =
    "1c9313fc53b9c34424048e35e42b77c6f51a3e56a20a43af6318c09d7f65b883db260e4a2604ee72b7c6558f4c7229d4";

const BOUNDS: Bounds = Bounds { max_bytes: 2048, max_depth: 6, max_items: 96 };

struct Exchange {
    claims: Claims,
    request: RequestDigest,
    outcome: OutcomeDigest,
}

/// Judges `bytes` as a receipt, and reads what it says before anyone looks at the signature.
///
/// A receipt that passes is one that the enclave signed about the very exchange.
pub fn receipt(bytes: &[u8]) -> bool {
    if let Ok(payload) = dangerous_unverified_payload(label::RECEIPT, bytes, BOUNDS) {
        content(&payload);
    }
    let payload = content(bytes);
    let Some(receipt) = judge(bytes) else { return payload };
    assert_eq!(Some(receipt.request), exchange().map(|exchange| exchange.request));
    static GENUINE: OnceLock<Vec<Receipt>> = OnceLock::new();
    let genuine = GENUINE.get_or_init(|| SIGNED.iter().filter_map(|signed| judge(signed)).collect());
    assert!(genuine.contains(&receipt), "nobody signed this receipt");
    true
}

fn judge(bytes: &[u8]) -> Option<Receipt> {
    let Exchange { claims, request, outcome } = exchange()?;
    Receipt::judge(bytes, claims, *request, *outcome).ok()
}

fn exchange() -> Option<&'static Exchange> {
    static READ: OnceLock<Option<Exchange>> = OnceLock::new();
    let read = || {
        let claims = Claims::decode(CLAIMS).ok()?;
        Some(Exchange { claims, request: REQUEST.parse().ok()?, outcome: OUTCOME.parse().ok()? })
    };
    let exchange = READ.get_or_init(read).as_ref();
    assert!(exchange.is_some(), "the fixtures are claims and digests");
    exchange
}

fn content(payload: &[u8]) -> bool {
    let Ok(receipt) = cbor::decode::<Receipt>(payload, BOUNDS) else { return false };
    reads_back(&receipt, cbor::encode(&receipt), |bytes, first| {
        Ok(equal(&cbor::decode::<Receipt>(bytes, BOUNDS)?, first))
    });
    true
}

/// Whether they are the same, NaN included, which a signed treatment may hold.
fn equal(one: &Receipt, other: &Receipt) -> bool {
    one == other || cbor::encode(one) == cbor::encode(other)
}
