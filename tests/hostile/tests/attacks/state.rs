//! Counters, the audit log and boots.

mod audit;
mod boots;
mod counters;

use audit::*;
use boots::*;
use counters::*;

use super::attacks;

attacks! { State;
    /// withholds the sealed state at a restart
    withheld_state("more than allowance × boots is let out", "none: 7 + 10 rows in 2 boots of 10", "rows-counted");
    /// hands over bytes that are no state
    a_state_of_other_bytes("the enclave does not start any more", "not read: 7 + 10 rows in 2 boots of 10", "state-optional");
    /// cuts the last byte off the state
    a_truncated_state("the enclave does not start any more", "not read: 7 + 10 rows in 2 boots of 10", "state-optional");
    /// hands over a state beyond its bound
    an_oversized_state("the enclave does not start any more", "not read: 7 + 10 rows in 2 boots of 10", "state-optional");
    /// flips a bit in the name of the boot that left the state
    a_state_of_another_boot("counters that the host chose count for the owner's", "not read: 7 + 10 rows in 2 boots of 10", "state-boot");
    /// changes the number of the state
    a_state_of_another_number("counters that the host chose count for the owner's", "not read: 7 + 10 rows in 2 boots of 10", "state-number");
    /// flips a bit of the sealed count, so that 7 rows become 3
    a_state_with_a_flipped_bit("counters that the host chose count for the owner's", "not read: 7 + 10 rows in 2 boots of 10", "state-sealed");
    /// hands over the state of another deployment
    a_state_of_another_deployment("counters that the host chose count for the owner's", "not read: 7 + 10 rows in 2 boots of 10", "state-key");
    /// hands over the state from after 3 of the 7 rows
    a_state_rolled_back("more than allowance × boots is let out", "read: 7 + 7 rows in 2 boots of 10", "rows-counted");
    /// hands over the state of another enclave of the deployment, which has let nothing out
    a_state_of_a_replica("more than allowance × boots × replicas is let out", "read: 7 + 10 rows in 3 boots of 10", "rows-counted");
    /// hands over the latest state
    a_state_handed_over("an honest restart lets out more than the allowance", "read: 7 + 3 rows in 2 boots of 10", "state-counts");
    /// has the owner's state key, and seals a state in which nothing was counted
    a_forged_state("more than allowance × boots is let out", "read: 7 + 10 rows in 2 boots of 10", "rows-counted");
    /// restarts the enclave without a state, so that a client makes its request again
    a_request_made_again_in_another_boot("what is served again is not charged again", "10 + 10 rows in 2 boots of 10", "rows-counted");
    /// asks on while a newer release comes into force
    a_state_read_again("each release lets out what is left of the older state once more", "3 + 7 + 0 rows in 2 boots of 10", "state-read-once");
    /// restarts the enclave seven times without a state
    a_restart_storm("more than allowance × boots is let out", "10 + 10 + 10 + 10 + 10 + 10 + 10 + 10 rows in 8 boots of 10", "rows-counted");
    /// drops a record
    a_record_dropped("what was answered is not in the log, and nobody sees it", "exit 14: gap", "audit-numbers");
    /// has two records change places
    records_reordered("the log tells another story, and nobody sees it", "exit 14: changed", "audit-chain");
    /// flips a bit in a record
    a_record_changed("the log tells another story, and nobody sees it", "exit 14: changed", "audit-chain");
    /// puts a record in the place of the one before it as well
    a_record_doubled("the log tells another story, and nobody sees it", "exit 14: changed", "audit-chain");
    /// has two records under one number
    a_log_forked("each reader is told another story, and nobody sees it", "exit 14: fork", "audit-fork");
    /// cuts the end off
    an_end_cut_off("what was answered last is not in the log, and nobody sees it", "exit 14: cut-tail", "audit-end");
    /// cuts the end off together with its checkpoints
    an_end_cut_off_with_checkpoints("what was answered last is not in the log, and a receipt of it does not show that", "exit 14: cut-tail", "audit-receipts");
    /// leaves the opening out
    a_log_without_its_opening("records pass whose enclave nobody can judge", "exit 14: opening", "audit-opening");
    /// leaves everything out
    an_empty_log("nothing was answered, as it seems", "exit 14: empty", "audit-empty");
    /// leaves the log before the last out
    a_boot_left_out("a boot's allowance was let out, and nobody sees it", "exit 14: missing-log", "audit-boots");
    /// leaves the last log out
    the_last_boot_left_out("a boot's allowance was let out, and the calls of KMS do not show that", "exit 14: missing-boot", "audit-boots");
    /// puts the opening of one boot before the records of another
    an_opening_of_another_boot("records pass for those of another enclave", "exit 14: opening", "audit-opening-own");
    /// puts a checkpoint of another boot beside the own
    a_checkpoint_of_another_boot("what another enclave signed vouches for this log", "exit 10: checkpoint", "checkpoint-signed");
    /// flips a bit in a checkpoint
    a_checkpoint_changed("what nobody signed vouches for this log", "exit 10: checkpoint", "checkpoint-signed");
    /// confirms no record of the audit log
    records_never_confirmed("answers are given that no log will ever show", "429", "audit-bound");
    /// shows the receipt of an earlier boot with the evidence of a later one
    a_receipt_of_an_earlier_boot("an answer passes for one of another boot", "exit 14: receipt-signature", "receipt-of-boot");
}
