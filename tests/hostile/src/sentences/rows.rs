//! The table of what the host can do, row by row.

use super::{Sentence, shown, tried};

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
            "key::a_changed_*",
            "key::a_policy_for_another_image",
            "evidence::another_pcr0",
            "evidence::another_pcr1",
            "evidence::another_pcr2",
        ],
    ),
    shown(
        "put something else into the image",
        &["e2e::nitro::the_image_holds_the_binary_its_settings_and_nothing_else"],
    ),
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
        &["releases::a_split_view*", "evidence::another_release_of_the_owner"],
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
            "link::a_message_larger_than_its_release_allows",
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
        &["e2e::nitro::neither_environment_nor_kernel_command_line_is_a_way_in"],
    ),
    tried(
        "start, kill and start enclaves, or have the host's program do it",
        &["state::a_restart_storm", "messages::an_opening_replayed_to_another_boot"],
    ),
    shown(
        "not answer the boot protocol",
        &["e2e::nitro::an_enclave_that_cannot_start_reboots_with_a_reason"],
    ),
    tried("take packages from a bucket that somebody else writes to", &["packages::*"]),
    tried(
        "let a request be served again in another boot",
        &["state::a_request_made_again_in_another_boot", "messages::a_request_replayed_to_another_boot"],
    ),
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
