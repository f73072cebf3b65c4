use proptest::prelude::*;

use super::*;

const START: u64 = 1_800_000_000_000;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn key(byte: u8) -> ApiKeyDigest {
    ApiKeyDigest::new([byte; 32])
}

fn holders<'a>(key: &'a ApiKeyDigest, limits: &'a Limits) -> Holders<'a> {
    Holders { key: (key, limits), organisation: None, models: vec![], enclave: None }
}

#[test]
fn a_charge_is_taken_from_all_holders_or_from_none() {
    let ledger = Ledger::default();
    let (one, two, acme, fraud) = (key(1), key(2), name("acme"), name("fraud"));
    let own = Limits { rows: Some(100), ..Limits::NONE };
    let shared = Limits { rows: Some(15), ..Limits::NONE };
    let rate = Rate { rows: 1, per_ms: 1000, burst: 12 };
    let ask = |key: &ApiKeyDigest, rows| {
        let holders = Holders {
            key: (key, &own),
            organisation: Some((&acme, &shared)),
            models: vec![(&fraud, Some(&rate))],
            enclave: None,
        };
        ledger.charge(&holders, Charge { rows, bits: 0 }, UnixMillis::new(START))
    };
    let limited = |what, retry_after_ms| Err(Refusal::Limit { what, retry_after_ms });
    assert_eq!(ask(&one, 10), Ok(()));
    assert_eq!(ask(&two, 10), limited(Limited::Rows, None), "the organisation's");
    assert_eq!(ask(&two, 5), limited(Limited::ServiceRate, Some(3000)), "the model's, in whole seconds");
    assert_eq!(ask(&two, 2), Ok(()));
    let now = UnixMillis::new(START);
    assert_eq!(ledger.left(&two, &own, now).rows, Some(98), "refusals cost nothing");
    assert_eq!(ask(&two, 13), limited(Limited::Rows, None));
}

#[test]
fn receipts_are_numbered_by_key_and_boot() {
    let ledger = Ledger::default();
    assert_eq!(
        [ledger.next_receipt(&key(1)), ledger.next_receipt(&key(1)), ledger.next_receipt(&key(2))],
        [1, 2, 1]
    );
    let next = Ledger::default();
    next.restore(ledger.save());
    assert_eq!(next.next_receipt(&key(1)), 1);
}

#[test]
fn a_restart_goes_on_counting_whatever_came_before_the_counters_did() {
    let limits = Limits { rows: Some(10), ..Limits::NONE };
    let now = UnixMillis::new(START);
    let charge = |ledger: &Ledger, rows| {
        ledger.charge(&holders(&key(1), &limits), Charge { rows, bits: 0 }, now).is_ok()
    };
    let first = Ledger::default();
    assert!(charge(&first, 6));
    let second = Ledger::default();
    assert!(charge(&second, 2), "before the counters of the first arrive");
    second.restore(first.save());
    assert!(!charge(&second, 3) && charge(&second, 2));
    assert_eq!(second.left(&key(1), &limits, now).rows, Some(0));
}

#[test]
fn state_of_a_key_is_small() {
    // A table holds an entry and a byte of control in places that are at least 7/8 full after it has grown to
    // its size, and at least 7/16 just after it doubled.
    let entry = size_of::<(ApiKeyDigest, KeyAccount)>() + 1;
    let grant = crate::access::bytes_per_key();
    assert!(entry * 16 / 7 + grant <= crate::limits::MAX_KEY_STATE_BYTES, "{entry} and {grant}");
}

#[derive(Clone, Debug)]
enum Step {
    Ask {
        replica: usize,
        key: u8,
        rows: u64,
        bits: u64,
    },
    Wait(u64),
    /// The host kills a replica and starts it with any state that it ever saw, or none.
    Restart {
        replica: usize,
        state: Option<usize>,
    },
    Save(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2_usize, 0..2_u8, 1..8_u64, 0..40_u64)
            .prop_map(|(replica, key, rows, bits)| Step::Ask { replica, key, rows, bits }),
        1 => (0..40_000_000_u64).prop_map(Step::Wait),
        1 => (0..2_usize, proptest::option::of(0..8_usize))
            .prop_map(|(replica, state)| Step::Restart { replica, state }),
        2 => (0..2_usize).prop_map(Step::Save),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the order of requests, restarts and replays: of a lifetime allowance never more than allowance ×
    /// boots is let out, per key and per organisation, and of a day's never more than that × days.
    #[test]
    fn never_more_than_allowance_times_boots(steps in proptest::collection::vec(step(), 1..120)) {
        let own = Limits { rows: Some(20), bits: Some(70), rows_per_day: Some(9), ..Limits::NONE };
        let shared = Limits { rows: Some(30), ..Limits::NONE };
        let acme = name("acme");
        let mut replicas = [Ledger::default(), Ledger::default()];
        let (mut boots, mut now, mut states) = (2_u64, START, Vec::new());
        let mut let_out = [(0_u64, 0_u64); 2];
        let mut by_day = std::collections::BTreeMap::<(u8, u64), u64>::new();
        for step in steps {
            match step {
                Step::Ask { replica, key: byte, rows, bits } => {
                    let key = key(byte);
                    let holders = Holders { organisation: Some((&acme, &shared)), ..holders(&key, &own) };
                    let asked = replicas[replica].charge(&holders, Charge { rows, bits }, UnixMillis::new(now));
                    if asked.is_ok() {
                        let_out[usize::from(byte)].0 += rows;
                        let_out[usize::from(byte)].1 += bits;
                        *by_day.entry((byte, now / 86_400_000)).or_default() += rows;
                    }
                }
                Step::Wait(ms) => now += ms,
                Step::Restart { replica, state } => {
                    replicas[replica] = Ledger::default();
                    boots += 1;
                    if let Some(saved) = state.and_then(|at| states.get(at).cloned()) {
                        replicas[replica].restore(saved);
                    }
                }
                Step::Save(replica) => states.push(replicas[replica].save()),
            }
            for (rows, bits) in let_out {
                prop_assert!(rows <= 20 * boots && bits <= 70 * boots);
            }
            prop_assert!(let_out[0].0 + let_out[1].0 <= 30 * boots);
            prop_assert!(by_day.values().all(|rows| *rows <= 9 * boots));
        }
    }

    /// With an honest host restarts are invisible: the allowance is let out once.
    #[test]
    fn an_honest_restart_gives_nothing_away(asks in proptest::collection::vec((1..8_u64, any::<bool>()), 1..60)) {
        let limits = Limits { rows: Some(40), ..Limits::NONE };
        let (mut ledger, mut total) = (Ledger::default(), 0);
        for (rows, restarts) in asks {
            if ledger.charge(&holders(&key(1), &limits), Charge { rows, bits: 0 }, UnixMillis::new(START)).is_ok() {
                total += rows;
            }
            if restarts {
                let next = Ledger::default();
                next.restore(ledger.save());
                ledger = next;
            }
        }
        prop_assert!(total <= 40);
    }
}
