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
    withheld_state("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// hands over bytes that are no state
    a_state_of_other_bytes("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// cuts the last byte off the state
    a_truncated_state("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// hands over a state beyond its bound
    an_oversized_state("the enclave does not start any more", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// flips a bit in the name of the boot that left the state
    a_state_of_another_boot("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// changes the number of the state
    a_state_of_another_number("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// flips a bit of what is sealed
    a_state_with_a_flipped_bit("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// hands over the state of another deployment
    a_state_of_another_deployment("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// hands over an older state
    a_state_rolled_back("more than allowance × boots is let out", "7 + 10 rows in 2 boots of 10", "rows-counted");
    /// hands over the latest state
    a_state_handed_over("an honest restart lets out more than the allowance", "7 + 3 rows in 2 boots of 10", "state-counts");
    /// asks on while a newer release comes into force
    a_state_read_again("each release lets out what is left of the older state once more", "3 + 7 + 0 rows in 2 boots of 10", "state-read-once");
    /// restarts the enclave again and again without a state
    a_restart_storm("more than allowance × boots is let out", "10 + 10 + 10 rows in 3 boots of 10", "rows-counted");
    /// drops a record
    a_record_dropped("what was answered is not in the log, and nobody sees it", "exit 14: gap", "audit-tampering");
    /// has two records change places
    records_reordered("the log tells another story, and nobody sees it", "exit 14: changed", "audit-tampering");
    /// flips a bit in a record
    a_record_changed("the log tells another story, and nobody sees it", "exit 14: changed", "audit-tampering");
    /// puts a record in the place of the one before it as well
    a_record_doubled("the log tells another story, and nobody sees it", "exit 14: changed", "audit-tampering");
    /// has two records under one number
    a_log_forked("each reader is told another story, and nobody sees it", "exit 14: fork", "audit-tampering");
    /// cuts the end off
    an_end_cut_off("what was answered last is not in the log, and nobody sees it", "exit 14: cut-tail", "audit-tampering");
    /// cuts the end off together with its checkpoints
    an_end_cut_off_with_checkpoints("what was answered last is not in the log, and a receipt of it does not show that", "exit 14: cut-tail", "audit-tampering");
    /// leaves the opening out
    a_log_without_its_opening("records pass whose enclave nobody can judge", "exit 14: opening", "audit-tampering");
    /// leaves everything out
    an_empty_log("nothing was answered, as it seems", "exit 14: empty", "audit-tampering");
    /// leaves the log before the last out
    a_boot_left_out("a boot's allowance was let out, and nobody sees it", "exit 14: missing-log", "audit-tampering");
    /// leaves the last log out
    the_last_boot_left_out("a boot's allowance was let out, and the calls of KMS do not show that", "exit 14: missing-boot", "audit-tampering");
    /// puts the opening of one boot before the records of another
    an_opening_of_another_boot("records pass for those of another enclave", "exit 14: opening", "audit-tampering");
    /// puts a checkpoint of another boot beside the own
    a_checkpoint_of_another_boot("what another enclave signed vouches for this log", "exit 10: checkpoint", "audit-signatures");
    /// flips a bit in a checkpoint
    a_checkpoint_changed("what nobody signed vouches for this log", "exit 10: checkpoint", "audit-signatures");
    /// confirms no record of the audit log
    records_never_confirmed("answers are given that no log will ever show", "429", "audit-bound");
    /// shows the receipt of an earlier boot with the evidence of a later one
    a_receipt_of_an_earlier_boot("an answer passes for one of another boot", "exit 14: receipt-signature", "receipt-of-boot");
}
