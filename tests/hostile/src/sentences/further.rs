//! The other sections of the page, in its order: what is claimed there.

use super::{Sentence, and, shown, tried};

/// Those of other sections: a whole first column with its bars, or the words of a sentence.
pub const FURTHER: &[Sentence] = &[
    and(
        "| weights |",
        &["key::*"],
        &["e2e::secrecy::the_host_the_wire_and_the_disk_hold_neither_weights_nor_requests_nor_answers"],
    ),
    and(
        "| data keys |",
        &["key::*"],
        &["e2e::secrecy::forgotten::a_data_key_is_gone_once_its_package_is_open"],
    ),
    tried("| request and answer |", &["messages::what_clients_send", "messages::what_clients_get"]),
    and(
        "| API key |",
        &["messages::what_clients_send"],
        &["e2e::secrecy::forgotten::a_request_and_its_api_key_are_gone_once_it_is_answered"],
    ),
    tried(
        "| private part: API key digests, organisations, own limits of keys, rules of routes, state key |",
        &["key::a_policy_for_another_*", "key::a_private_part_with_a_models_key", "releases::*private_part*"],
    ),
    and(
        "| counters of rows and bits |",
        &["state::a_state_*"],
        &["e2e::controls::how_much::a_quota_of_rows_ends_and_receipts_say_what_is_left"],
    ),
    shown(
        "| audit log |",
        &[
            "e2e::controls::audit::each_answer_is_recorded_once_and_the_owner_reads_it",
            "client::cli::audit::tests::another_audit_key_opens_nothing",
        ],
    ),
    shown(
        "| session keys, offer keys, receipt key, key of the audit log |",
        &[
            "e2e::secrecy::forgotten::session_keys_are_in_the_enclave_alone_and_gone_once_another_release_is_served",
        ],
    ),
    and(
        "Padded sizes: requests in powers of two from 1 KiB; answers in one size per model and request class",
        &["messages::the_size_of_*", "messages::a_request_with_a_byte_more"],
        &["e2e::sizes::of_one_size_class_every_outcome_has_one_size"],
    ),
    shown(
        "What the enclave declares public",
        &[
            "e2e::serving::refusals_have_the_size_of_answers_and_name_only_declared_things",
            "e2e::messages::unknown_sessions_and_cut_messages_get_a_code_and_nothing_else",
            "e2e::panics::a_model_that_panics_costs_one_request_and_only_its_owner_can_tell",
        ],
    ),
    shown(
        "An enclave that serves has nothing there from process 1",
        &["e2e::nitro::neither_environment_nor_kernel_command_line_is_a_way_in"],
    ),
    shown(
        "The audit log as sealed records of one size, one for each answer",
        &["e2e::controls::audit::each_answer_is_recorded_once_and_the_owner_reads_it"],
    ),
    shown(
        "Reports, where the controls state `telemetry`: on a fixed schedule, of one size.",
        &["e2e::controls::telemetry::reports_come_whether_or_not_anything_is_asked_and_have_one_size"],
    ),
    shown(
        "The sealed state: that something changed, and its size as a power of two",
        &[
            "enclave::state::tests::its_size_says_little",
            "e2e::controls::restarts::state_is_handed_over_after_any_answer_and_no_other_time",
        ],
    ),
    and(
        "That neither weights, data key, API key, requests nor answers",
        &["messages::what_clients_send", "messages::what_clients_get"],
        &[
            "e2e::secrecy::the_host_the_wire_and_the_disk_hold_neither_weights_nor_requests_nor_answers",
            "e2e::logging::a_busy_host_logs_nothing_but_what_is_listed",
            "e2e::binaries::the_host_contains_nothing_that_could_open_or_judge_what_it_relays",
        ],
    ),
    tried(
        "Whether a request was accepted or refused, and why, sizes and records do not tell",
        &["messages::the_size_of_*"],
    ),
    shown(
        "Times do tell, unless the policy puts answers on a grid",
        &[
            "e2e::timing::without_a_quantum_the_host_can_tell_a_refusal_by_its_time",
            "e2e::timing::on_a_grid_the_host_can_tell_neither_class_nor_refusal",
        ],
    ),
    tried(
        "So the host can stop the service, repeat a request's side effects across boots and releases",
        &[
            "state::a_request_made_again_in_another_boot",
            "state::withheld_state",
            "state::the_last_boot_left_out",
            "state::an_end_cut_off*",
        ],
    ),
    and(
        "gets evidence and sealed refusals.",
        &[
            "messages::the_size_of_a_refused_*",
            "messages::an_opening_with_another_nonce",
            "messages::an_opening_for_another_clients_offer",
            "link::a_large_opening",
            "link::a_flood_of_hellos",
            "link::a_crowd_of_hellos",
        ],
        &[
            "e2e::serving::to_the_host_a_refused_api_key_looks_like_an_accepted_one",
            "e2e::serving::what_is_too_large_before_authentication_is_refused_in_clear",
        ],
    ),
    shown(
        "as often as its allowances let it, and gets what its role's treatment lets out",
        &[
            "e2e::controls::coming_in::values_outside_the_schema_never_reach_the_engine",
            "e2e::controls::how_much::a_quota_of_rows_ends_and_receipts_say_what_is_left",
            "e2e::controls::going_out::each_role_gets_its_treatment_and_no_label_changes",
        ],
    ),
    and(
        "It cannot read weights, other clients' data, or a model that it may not ask.",
        &[
            "messages::openings_with_their_records_swapped",
            "messages::a_request_under_another_clients_session",
            "messages::an_answer_to_another_client",
        ],
        &["e2e::controls::who::a_key_asks_the_models_of_its_role_and_of_its_own_list"],
    ),
    shown(
        "Inputs that make tract panic cost that request",
        &[
            "enclave::engine::runs::a_panic_costs_one_request",
            "e2e::panics::a_model_that_panics_costs_one_request_and_only_its_owner_can_tell",
        ],
    ),
    shown(
        "detectors see noise, other data, jitter, walks along the boundary and many young keys of one organisation",
        &[
            "e2e::controls::watching::rows_unlike_the_data_are_refused_by_position_and_end_in_a_suspension",
            "e2e::controls::watching::jittered_copies_bring_labels_alone_and_then_a_suspension",
            "e2e::controls::watching::rows_at_the_boundary_bring_labels_alone",
            "e2e::controls::watching::young_keys_of_one_organisation_are_seen_together",
        ],
    ),
    shown(
        "It can lie about a declared risk field.",
        &["e2e::controls::routes::a_route_picks_by_role_and_declared_risk"],
    ),
    shown(
        "it has several allowances, unless an organisation is above them",
        &[
            "e2e::controls::how_much::the_keys_of_an_organisation_share_its_allowance",
            "e2e::controls::going_out::noise_is_the_keys_own_and_lasts_over_boots",
        ],
    ),
    shown(
        "It can make a size look quick",
        &[
            "enclave::pace::tests::each_size_has_its_own_average_which_follows_slowly",
            "enclave::turns::tests::a_run_costs_its_key_what_it_took_whatever_was_expected",
        ],
    ),
    shown(
        "It learns little of others.",
        &[
            "e2e::controls::who::each_role_may_do_its_own_operations_and_no_other",
            "e2e::controls::audit::operators_ask_for_status_and_nothing_else",
            "e2e::controls::how_much::a_model_and_the_whole_enclave_have_rates_of_their_own",
        ],
    ),
    and(
        "it can make the host store 512 B a message",
        &["state::records_never_confirmed"],
        &[
            "e2e::controls::audit::answers_stop_when_the_host_keeps_no_records_and_go_on_when_it_does",
            "host::limits::an_address_that_asks_too_often_is_told_to_wait_and_nobody_else_is",
        ],
    ),
    tried(
        "A client limits the owner by its trust file",
        &[
            "evidence::a_charter_of_the_hosts_own",
            "evidence::another_model_than_demanded",
            "evidence::other_controls_than_demanded",
            "evidence::exact_answers",
            "evidence::no_audit_log",
            "evidence::no_limits",
            "evidence::no_provenance",
            "releases::a_release_below_the_demanded_epoch",
        ],
    ),
    and(
        "It cannot go around a release, change one without a new epoch, or hide from a client which treatment its answer got.",
        &["releases::another_release_of_the_same_epoch", "releases::a_release_changed_under_*"],
        &["e2e::controls::audit::receipts_verify_offline_and_say_how_the_answer_was_treated"],
    ),
    and(
        "What is private can only be stricter than the public controls",
        &["releases::a_key_above_its_role", "releases::a_key_without_a_role"],
        &[
            "attestation::release::tests::a_key_is_allowed_no_more_than_its_role",
            "attestation::release::tests::the_stricter_treatment_is_no_finer_than_what_roles_get",
        ],
    ),
    shown(
        "Measurements of another signer, deployment or purpose are refused",
        &[
            "attestation::published::tests::other_signers_deployments_and_purposes_are_refused",
            "e2e::upgrade::measurements_of_two_releases_are_published_side_by_side_and_verified_against",
        ],
    ),
    tried(
        "can reach the enclave's ports, because vsock knows machines and not processes or namespaces",
        &["link::*", "releases::an_older_release"],
    ),
    shown(
        "It cannot stand in for the enclave, whose context id alone the host lets in.",
        &["link::listener::tests::a_rule_admits_exactly_its_peer"],
    ),
    shown(
        "the chart's pods tolerate the taint that their nodes must have",
        &[
            "deploy::test_chart::test_nodes_are_chosen_and_their_taint_tolerated",
            "deploy::test_chart::test_no_two_pods_share_a_node",
        ],
    ),
    tried(
        "can stop the service and let the next boot begin with an older release that is still in force, and no more",
        &["packages::*", "releases::an_older_release_after_a_restart", "key::a_charter_*"],
    ),
    tried(
        "sees what the host sees. Its certificate proves nothing about the enclave",
        &["messages::what_clients_send", "messages::what_clients_get", "evidence::*"],
    ),
    and(
        "can judge stored evidence at its own time, verify receipts, and follow the chain of a copied audit log",
        &["state::a_record_*", "state::a_log_forked", "state::a_receipt_of_an_earlier_boot"],
        &[
            "client::cli::receipt::judge::tests::a_kept_receipt_verifies_years_later",
            "e2e::controls::audit::receipts_verify_offline_and_say_how_the_answer_was_treated",
        ],
    ),
    shown(
        "reads which key asked what and when, and nothing of what was asked.",
        &["e2e::controls::audit::each_answer_is_recorded_once_and_the_owner_reads_it"],
    ),
    tried(
        "it reads and can forge sealed state, which is what the host may withhold anyway",
        &["state::a_forged_state", "state::withheld_state"],
    ),
    tried(
        "can sign, and still gets no weights: KMS asks for the pinned image and charter.",
        &[
            "key::a_changed_image_that_a_release_lists",
            "key::a_policy_for_another_image",
            "key::a_charter_of_the_hosts_own",
        ],
    ),
    tried(
        "A release also needs a private part of its own epoch whose data key KMS made for exactly that manifest",
        &["releases::the_private_part_of_another_*", "key::a_private_part_with_a_models_key"],
    ),
    tried(
        "needs the X-Wing private key of its batch, which is zeroized when the batch is used",
        &[
            "messages::a_replayed_opening",
            "messages::copies_of_an_opening_at_once",
            "messages::an_opening_replayed_to_another_boot",
        ],
    ),
    tried("The data keys travel from KMS inside TLS 1.3", &["key::an_older_tls", "key::no_tls"]),
    shown(
        "A web page in a browser on that machine cannot",
        &[
            "client::proxy::guard::tests::a_page_passes_only_where_it_comes_from_the_proxy_itself",
            "client::proxy::guard::tests::rebound_names_and_foreign_addresses_do_not",
            "clients::test_rude::test_a_page_gets_nothing_and_sends_nothing",
        ],
    ),
    shown(
        "the proxy listens on nothing",
        &[
            "e2e::proxy::what_is_not_verified_is_not_served",
            "e2e::proxy::a_new_release_is_verified_before_it_is_asked",
        ],
    ),
    shown(
        "What host and network can do to an honest page",
        &[
            "client::web::hostile::nobody is followed to another host",
            "client::web::hostile::old evidence and old answers are refused",
            "client::web::hostile::attempts are counted, whatever the host wants",
            "client::web::hostile::an endless answer ends",
            "client::web::hostile::a silent host is waited for a minute",
        ],
    ),
    and(
        "denies `Decrypt` unless PCR0 is pinned, denies it unless PCR16 is pinned",
        &[
            "key::a_policy_for_another_*",
            "key::a_changed_image_that_a_release_lists",
            "key::a_request_without_a_recipient",
            "key::credentials_of_another_role",
        ],
        &[
            "kms::only_the_pinned_enclave_gets_the_key_with_real_documents",
            "kms::grants_work_and_the_generated_policy_stops_them",
            "sim::kms::policy::the_generated_policy_lets_exactly_its_pairs",
        ],
    ),
    shown(
        "A policy without errors lets nobody decrypt without a pinned attestation",
        &[
            "policy_lint::what_lints_without_errors_is_gated",
            "policy_lint::what_the_generator_writes_is_clean",
            "e2e::kms_policy::a_running_deployments_key_is_clean_and_its_people_are_named",
        ],
    ),
    shown(
        "It does not get clients' requests: clients never encrypt to KMS.",
        &[
            "e2e::architecture::nevers::the_client_library_has_no_engine_no_link_no_command_line_and_no_aws_sdk",
        ],
    ),
    tried(
        "Public controls are attested; the private part's digest is.",
        &[
            "evidence::claims_of_other_controls",
            "evidence::controls_that_are_not_released",
            "releases::controls_of_the_hosts_own",
            "releases::the_private_part_of_another_release",
        ],
    ),
    and(
        "Flips and misinformation are wrong answers on purpose",
        &["evidence::other_controls_than_demanded"],
        &[
            "e2e::controls::watching::misinformation_is_wrong_consistently_and_only_where_it_is_stated",
            "e2e::controls::watching::flips_are_few_and_the_same_for_everybody",
        ],
    ),
    tried(
        "what is released in total is at most allowance × boots × replicas",
        &[
            "state::withheld_state",
            "state::a_state_rolled_back",
            "state::a_state_of_a_replica",
            "state::a_forged_state",
            "state::a_restart_storm",
        ],
    ),
    and(
        "is one sealed state: counters and the head of the audit log, nothing derived from an input",
        &["state::a_state_*"],
        &["e2e::controls::restarts::an_honest_restart_goes_on_counting"],
    ),
    tried(
        "Inside a boot the epoch never goes back, also after a release that withdrew the image.",
        &["releases::an_older_release", "releases::a_withdrawn_image_brought_back"],
    ),
    tried(
        "Across boots the floors are the charter's `least_epoch`, the release's `not_after`",
        &[
            "releases::a_release_below_the_charters_floor",
            "releases::an_expired_release",
            "releases::an_older_release_after_a_restart",
        ],
    ),
    tried(
        "The host may freeze the enclave.",
        &["releases::an_enclave_frozen_until_its_release_expired", "releases::a_guest_that_slept_a_month"],
    ),
    shown(
        "the enclave's allocator zeroes all memory that Rust code frees",
        &["e2e::secrecy::forgotten::weights_and_remembered_answers_are_gone_once_another_release_is_served"],
    ),
    shown(
        "a data key is gone once its package is open, a request and its API key once they are answered",
        &[
            "e2e::secrecy::forgotten::a_data_key_is_gone_once_its_package_is_open",
            "e2e::secrecy::forgotten::a_request_and_its_api_key_are_gone_once_it_is_answered",
            "e2e::secrecy::forgotten::weights_and_remembered_answers_are_gone_once_another_release_is_served",
            "e2e::secrecy::forgotten::session_keys_are_in_the_enclave_alone_and_gone_once_another_release_is_served",
        ],
    ),
];
