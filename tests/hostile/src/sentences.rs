//! The sentences of the threat model, and who tries each.

use crate::Attack;

/// What `docs/threat-model.md` says: a row of its table on what the host can do, or the beginning of a sentence elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Sentence {
    /// The first column of its row, or the words of the sentence.
    pub text: &'static str,
    /// The attacks: a name, or its beginning and a star.
    pub tried_by: &'static [&'static str],
    /// Where no attack of this suite can try it, the tests that do: those stand in the row itself.
    pub shown_by: &'static [&'static str],
}

const fn tried(text: &'static str, tried_by: &'static [&'static str]) -> Sentence {
    Sentence { text, tried_by, shown_by: &[] }
}

const fn shown(text: &'static str, shown_by: &'static [&'static str]) -> Sentence {
    Sentence { text, tried_by: &[], shown_by }
}

/// Those of other sections, in no order: what the host sees, other parties, and state, time and memory.
pub const FURTHER: &[Sentence] = &[
    tried(
        "That neither weights, data key, API key, requests nor answers",
        &["messages::what_clients_send", "messages::what_clients_get"],
    ),
    tried(
        "Whether a request was accepted or refused, and why, sizes and records do not tell",
        &["messages::the_size_of_*"],
    ),
    tried(
        "It cannot read weights, other clients' data, or a model that it may not ask.",
        &[
            "messages::openings_with_their_records_swapped",
            "messages::a_request_under_another_clients_session",
            "messages::an_answer_to_another_client",
        ],
    ),
    tried(
        "can reach the enclave's ports, because vsock knows machines and not processes or namespaces",
        &["link::*", "releases::an_older_release"],
    ),
    tried(
        "can stop the service and let the next boot begin with an older release that is still in force, and no more",
        &["packages::*", "releases::an_older_release_after_a_restart", "key::a_charter_*"],
    ),
    tried(
        "sees what the host sees. Its certificate proves nothing about the enclave",
        &["messages::what_clients_send", "messages::what_clients_get", "evidence::*"],
    ),
    tried(
        "can judge stored evidence at its own time, verify receipts, and follow the chain of a copied audit log",
        &["state::a_record_*", "state::a_log_forked", "state::a_receipt_of_an_earlier_boot"],
    ),
    tried(
        "it reads and can forge sealed state, which is what the host may withhold anyway",
        &["state::withheld_state"],
    ),
    tried(
        "what is released in total is at most allowance × boots × replicas",
        &[
            "state::withheld_state",
            "state::a_state_rolled_back",
            "state::a_state_of_a_replica",
            "state::a_restart_storm",
        ],
    ),
    tried(
        "Inside a boot the epoch never goes back, also after a release that withdrew the image.",
        &["releases::an_older_release", "releases::a_withdrawn_image_brought_back"],
    ),
    tried(
        "The host may freeze the enclave.",
        &["releases::an_enclave_frozen_until_its_release_expired", "releases::a_guest_that_slept_a_month"],
    ),
];

/// The rows of the table, in its order.
pub const SENTENCES: &[Sentence] = &[
    tried(
        "drop, delay, stop, restart",
        &[
            "messages::a_dropped_answer",
            "messages::ten_dropped_answers",
            "messages::evidence_past_the_deadline",
            "messages::an_answer_past_the_deadline",
            "releases::an_enclave_frozen_until_its_release_expired",
            "link::a_host_*",
            "key::a_tunnel_to_nowhere",
        ],
    ),
    tried("reorder", &["messages::a_request_below_the_window", "messages::answers_swapped_in_flight"]),
    tried(
        "replay an opening",
        &["messages::a_replayed_opening", "messages::copies_of_an_opening_at_once", "messages::an_opening_*"],
    ),
    tried(
        "replay a message",
        &[
            "messages::a_replayed_request*",
            "messages::copies_of_a_request_at_once",
            "messages::a_request_replayed_to_another_boot",
            "messages::a_request_of_a_session_before_a_swap",
            "messages::a_false_421",
        ],
    ),
    tried(
        "change any byte of an opening, request or answer",
        &[
            "messages::an_opening_*",
            "messages::a_request_*",
            "messages::an_answer_*",
            "messages::a_receipt_*",
            "messages::the_client_*",
            "link::an_empty_message",
        ],
    ),
    tried("change any byte of evidence", &["evidence::*", "link::a_hello_*"]),
    tried(
        "substitute messages across sessions or clients",
        &[
            "messages::openings_with_their_records_swapped",
            "messages::a_request_under_another_session",
            "messages::a_request_under_another_clients_session",
            "messages::an_earlier_answer",
            "messages::an_answer_of_another_session",
            "messages::an_answer_to_another_client",
            "evidence::evidence_for_another_client",
        ],
    ),
    shown(
        "replace the proof of a document (chain and signature) by another valid proof of the same statement",
        &["e2e::nitro::the_measured_image_boots_attests_and_answers"],
    ),
    tried(
        "answer a hello itself",
        &[
            "evidence::an_error_page",
            "evidence::a_verdict_of_the_hosts_own",
            "evidence::a_pki_of_the_hosts_own",
            "evidence::a_leaf_of_the_hosts_own",
            "evidence::another_nonce",
            "evidence::the_hosts_own_offer",
        ],
    ),
    tried(
        "run a changed image",
        &[
            "key::a_changed_binary",
            "key::a_policy_for_another_image",
            "evidence::another_pcr0",
            "evidence::another_pcr1",
            "evidence::another_pcr2",
        ],
    ),
    shown("put something else into the image", &["e2e::nitro"]),
    tried(
        "run an image that the newest release does not list",
        &["releases::a_withdrawn_image_brought_back", "releases::a_release_for_another_image"],
    ),
    tried("withhold that release", &["releases::a_split_view", "releases::a_release_of_another_image_shown"]),
    tried(
        "run a debug image",
        &["key::a_debug_image", "evidence::a_debug_image", "releases::a_release_for_a_debug_image"],
    ),
    tried(
        "hand over another charter",
        &[
            "key::a_charter_*",
            "key::a_policy_for_another_charter",
            "evidence::a_charter_*",
            "evidence::another_pcr16",
            "evidence::another_owners_enclave",
        ],
    ),
    tried(
        "hand over an older release in one boot",
        &[
            "releases::an_older_release",
            "releases::another_release_of_the_same_epoch",
            "releases::a_release_changed_under_*",
        ],
    ),
    tried(
        "restart into an older release",
        &["releases::an_older_release_after_a_restart", "releases::a_release_below_*"],
    ),
    tried(
        "show two clients two releases, both signed and in force (split view)",
        &["releases::a_split_view", "evidence::another_release_of_the_owner"],
    ),
    tried(
        "damage, swap or cut a package",
        &[
            "packages::*",
            "releases::*",
            "key::a_package_with_another_models_key",
            "key::a_private_part_with_a_models_key",
        ],
    ),
    tried("lie about lengths and frames", &["link::*"]),
    tried(
        "lie about the time",
        &[
            "evidence::a_client_an_hour_ahead",
            "evidence::evidence_of_its_time",
            "evidence::a_stale_document",
            "evidence::a_document_from_the_future",
            "releases::an_enclave_frozen_until_its_release_expired",
            "releases::a_guest_that_slept_a_month",
            "releases::a_module_whose_clock_falls_back",
            "releases::an_expired_release*",
            "releases::a_release_before_its_time",
        ],
    ),
    tried("give wrong or expired credentials", &["key::*credentials*"]),
    tried(
        "stand in for KMS",
        &[
            "key::a_certificate_*",
            "key::an_expired_certificate",
            "key::a_self_signed_certificate",
            "key::an_older_tls",
            "key::no_tls",
            "key::a_plaintext_*",
            "key::an_answer_*",
            "key::a_context_changed_on_the_way",
            "key::a_flipped_*",
            "key::a_redirecting_answer",
            "key::a_huge_answer",
            "key::a_truncated_answer",
            "key::a_garbled_answer",
        ],
    ),
    tried(
        "forge `CiphertextForRecipient`",
        &["key::a_chosen_key_for_chosen_weights", "key::a_captured_document_with_another_key"],
    ),
    tried(
        "use its credentials at KMS itself",
        &[
            "key::a_document_of_the_hosts_own",
            "key::a_request_without_a_recipient",
            "key::a_captured_request*",
            "key::a_stripped_request",
            "key::a_pki_of_the_hosts_own",
            "key::a_disabled_key",
        ],
    ),
    tried(
        "exhaust",
        &[
            "link::many_large_messages_at_once",
            "link::large_messages_left_unfinished",
            "link::a_flood_*",
            "link::a_crowd_of_hellos",
            "link::a_peer_that_never_reads",
            "link::a_header_that_drips",
            "link::bodies_left_unfinished",
            "link::bodies_that_drip",
            "state::records_never_confirmed",
        ],
    ),
    shown(
        "set the enclave's environment or arguments, or append to the kernel's command line where nobody measured it",
        &["e2e::nitro"],
    ),
    tried(
        "start, kill and start enclaves, or have the host's program do it",
        &["state::a_restart_storm", "messages::an_opening_replayed_to_another_boot"],
    ),
    shown("not answer the boot protocol", &["e2e::nitro"]),
    tried("take packages from a bucket that somebody else writes to", &["packages::*"]),
    tried("let a request be served again in another boot", &["messages::a_request_replayed_to_another_boot"]),
    tried(
        "withhold the sealed state, hand over an old one or another replica's",
        &[
            "state::withheld_state",
            "state::a_state_rolled_back",
            "state::a_state_of_a_replica",
            "state::a_state_handed_over",
            "state::a_state_read_again",
            "state::a_restart_storm",
        ],
    ),
    tried(
        "change the sealed state, or give that of another deployment",
        &["state::a_state_*", "state::a_truncated_state", "state::an_oversized_state"],
    ),
    tried(
        "change, drop, double or reorder audit records; put in its own",
        &[
            "state::a_record_*",
            "state::records_reordered",
            "state::a_checkpoint_*",
            "state::an_opening_of_another_boot",
            "state::a_log_without_its_opening",
        ],
    ),
    tried("keep two copies of a log and let each go on (fork)", &["state::a_log_forked"]),
    tried(
        "cut the end of the log, or leave out a boot's",
        &[
            "state::an_end_cut_off*",
            "state::a_boot_left_out",
            "state::the_last_boot_left_out",
            "state::an_empty_log",
            "state::a_receipt_of_an_earlier_boot",
        ],
    ),
    tried("not keep the log at all", &["state::records_never_confirmed", "state::an_empty_log"]),
    tried(
        "say that it kept what it threw away",
        &["state::an_end_cut_off_with_checkpoints", "state::the_last_boot_left_out"],
    ),
    shown(
        "learn from the log which key asked what, or which request was refused",
        &[
            "e2e::controls::audit::each_answer_is_recorded_once_and_the_owner_reads_it",
            "e2e::controls::who::each_role_may_do_its_own_operations_and_no_other",
        ],
    ),
];

impl Sentence {
    /// Whether this attack tries it.
    #[must_use]
    pub fn is_tried_by(&self, attack: &Attack) -> bool {
        self.tried_by.iter().any(|pattern| matches(pattern, &attack.id()))
    }
}

/// A name, or parts of one around stars.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.filter_map(|at| name.get(at..)).any(|name| matches(rest, name))
        }),
    }
}

/// Holds the sentences to those of the threat model and to the attacks: each row of its table stands here, the further ones
/// stand in it, each attack tries one of them, and each name here is that of an attack or of a test in the row.
///
/// # Errors
/// What does not fit.
pub fn check(threat_model: &str, attacks: &[Attack]) -> Result<(), String> {
    let rows = threat_model.split("## What the host can do").nth(1).unwrap_or_default();
    let rows = rows.split("\n## ").next().unwrap_or_default().lines();
    let rows = rows.filter_map(|line| line.strip_prefix("| ")?.split_once(" |")).skip(1);
    let mut told: Vec<_> = rows.collect();
    told.retain(|(text, _)| !text.starts_with("--"));
    if told.len() != SENTENCES.len() {
        return Err(format!("{} rows of the threat model, {} sentences", told.len(), SENTENCES.len()));
    }
    for (sentence, (text, rest)) in SENTENCES.iter().zip(told) {
        if sentence.text != text {
            return Err(format!("'{}' stands where the threat model says '{text}'", sentence.text));
        }
        if let Some(strange) = sentence.shown_by.iter().find(|test| !rest.contains(**test)) {
            return Err(format!("'{strange}' does not stand in the row of '{text}'"));
        }
    }
    let words = threat_model.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(missing) = FURTHER.iter().find(|sentence| !words.contains(sentence.text)) {
        return Err(format!("the threat model does not say '{}'", missing.text));
    }
    for Sentence { text, tried_by, shown_by } in SENTENCES.iter().chain(FURTHER) {
        if tried_by.is_empty() && shown_by.is_empty() {
            return Err(format!("nothing tries '{text}'"));
        }
        let idle = |pattern: &&&str| !attacks.iter().any(|attack| matches(pattern, &attack.id()));
        if let Some(idle) = tried_by.iter().find(idle) {
            return Err(format!("'{idle}' is no attack"));
        }
    }
    let every = || SENTENCES.iter().chain(FURTHER);
    let loose = |attack: &&Attack| !every().any(|sentence| sentence.is_tried_by(attack));
    match attacks.iter().find(loose) {
        Some(attack) => Err(format!("'{}' belongs to no sentence", attack.id())),
        None => Ok(()),
    }
}
