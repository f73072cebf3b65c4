//! Lengths, frames, connections and floods.

mod asked;
mod between;
mod floods;
mod frames;
mod memory;
mod raw;
mod slow;

use super::attacks;
use asked::*;
use floods::*;
use frames::*;
use memory::*;
use slow::*;

attacks! { Link;
    /// announces a nonce of a byte more than there is in one
    a_hello_too_long("a peer decides how much is read", "closed after 0 bytes", "frame-length");
    /// announces a message of 2^32 - 1 bytes
    a_message_of_4_gib("a peer decides how much is read", "closed after 0 bytes", "frame-length");
    /// announces a message of a byte more than the largest
    a_message_a_byte_too_long("a peer decides how much is read", "closed after 0 bytes", "frame-length");
    /// announces a release of a byte more than the largest
    a_release_a_byte_too_long("a peer decides how much is read", "closed after 0 bytes", "frame-length");
    /// sends a body with a question that has none
    a_status_with_a_body("a peer decides how much is read", "closed after 0 bytes", "frame-length");
    /// sends a frame of kind 0
    a_frame_of_kind_0("what nobody knows is taken for something", "closed after 0 bytes", "frame-kind");
    /// sends a frame of a kind between those there are
    a_frame_of_an_unknown_kind("what nobody knows is taken for something", "closed after 0 bytes", "frame-kind");
    /// sends a frame of kind 255
    a_frame_of_kind_255("what nobody knows is taken for something", "closed after 0 bytes", "frame-kind");
    /// sends the enclave a reply of its own kind
    a_reply_to_the_enclave("a peer keeps connections that it does not use as it should", "closed after 0 bytes", "frame-direction");
    /// asks the enclave for boot documents
    a_boot_question_to_the_enclave("a peer keeps connections that it does not use as it should", "closed after 0 bytes", "frame-direction");
    /// asks the enclave for credentials
    a_credentials_question_to_the_enclave("a peer keeps connections that it does not use as it should", "closed after 0 bytes", "frame-direction");
    /// sends the enclave a line of its own log
    a_log_line_to_the_enclave("a peer keeps connections that it does not use as it should", "closed after 0 bytes", "frame-direction");
    /// sends the enclave a host's reply where it asked for nothing
    a_host_reply_to_the_enclave("a peer keeps connections that it does not use as it should", "closed after 0 bytes", "frame-direction");
    /// ends a connection inside a header
    a_header_cut_short("half a question counts as one", "closed after 0 bytes", "frame-whole");
    /// ends a connection inside a nonce
    a_hello_cut_short("half a question counts as one", "closed after 0 bytes", "frame-whole");
    /// ends a connection inside a message
    a_message_cut_short("half a question counts as one", "closed after 0 bytes", "frame-whole");
    /// cuts a message with the header of another frame, and ends there
    a_frame_inside_another("half a question counts as one", "closed after 0 bytes", "frame-whole");
    /// says hello without a nonce
    a_hello_without_a_nonce("evidence for a challenge that nobody made", "malformed", "nonce-whole");
    /// says hello with half a nonce
    a_hello_with_half_a_nonce("evidence for a challenge that can be guessed", "malformed", "nonce-whole");
    /// sends a message of no bytes
    an_empty_message("a message that nobody sent is answered", "malformed", "message-form");
    /// sends a message behind a header that says it has no bytes
    a_message_that_says_nothing("a message that nobody sent is answered", "malformed", "message-form");
    /// sends a message behind a header that says it has one byte
    a_message_that_says_one_byte("a message that nobody sent is answered", "malformed", "message-form");
    /// sends a nonce behind a header that says it has one byte
    a_hello_that_says_one_byte("evidence for a challenge that can be guessed", "malformed", "nonce-whole");
    /// sends 10000 messages of random bytes on one connection
    ten_thousand_messages_of_garbage("a message that nobody sent is answered", "10000 times malformed", "message-form");

    /// sends 96 MiB for a session that is not there
    a_large_message_without_a_session("who has no session fills the enclave's memory", "misdirected, without memory", "large-by-session");
    /// sends 96 MiB for an open session whose release allows 64 KiB
    a_message_larger_than_its_release_allows("who has a session fills the enclave's memory", "too large, without memory", "large-by-release");
    /// sends an opening of 96 MiB
    a_large_opening("who has no session fills the enclave's memory", "too large, without memory", "large-by-session");
    /// begins six messages of 128 MiB at once in an open session
    many_large_messages_at_once("one session fills the enclave's memory", "2 of 6 let in", "bodies-bounded");
    /// begins six messages of 128 MiB in an open session, and smaller ones that fill what those leave, and finishes none of them
    large_messages_left_unfinished("messages that nobody finishes keep all others waiting", "small ones are served", "small-bodies");
    /// sends a header byte by byte
    a_header_that_drips("connections that say nothing hold their places for ever", "closed", "header-time");
    /// sends 16 bytes of a message on each of 48 connections, and waits
    bodies_left_unfinished("whoever is slow keeps others waiting", "others are served", "side-by-side");
    /// begins a message on each of 48 connections, and goes on with a byte a second for as long as it is let
    bodies_that_drip("whoever is slow holds its places for ever", "others are served, and each drip ends after a minute", "body-time");
    /// sends 40000 questions and reads no answer
    a_peer_that_never_reads("answers that nobody takes fill the enclave's memory", "it reads no further", "requests-bounded");
    /// holds 80 connections
    a_flood_of_connections("connections without end", "64 of 80 served", "connections-bounded");
    /// ends its half of 64 connections and holds the other
    half_open_connections("connections that are over keep others out", "others are served", "connection-ends");
    /// begins a header on 300 connections, one after the other, and leaves
    connections_left_inside_a_header("connections that are over keep others out", "others are served", "connection-ends");
    /// says hello 6000 times at once while the security module is slow
    a_flood_of_hellos("hellos that wait fill the enclave's memory", "busy", "hellos-bounded");
    /// says hello 600 times at once, more than one attestation document answers
    a_crowd_of_hellos("a client in a crowd gets no evidence", "600 of 600 answered", "hellos-kept");
    /// binds a socket for a peer that cannot be behind it, as a context id on a socket of this machine: the rule itself is asked, for there is no vsock here
    a_peer_of_another_kind("anyone who reaches the socket is taken for the parent", "endpoint does not fit this use", "peer-rule");

    /// closes the connection in place of the boot documents
    a_host_that_hangs_up("a lost connection is the end of an enclave", "it dials again, and serves", "dial-again");
    /// closes the connection inside the boot documents
    a_host_that_hangs_up_inside_an_answer("a lost connection is the end of an enclave", "it dials again, and serves", "dial-again");
    /// answers with half a header and closes
    a_host_that_hangs_up_inside_a_header("a lost connection is the end of an enclave", "it dials again, and serves", "dial-again");
    /// answers with a kind that does not exist
    a_host_of_an_unknown_kind("a lost connection is the end of an enclave", "it dials again, and serves", "dial-again");
    /// asks a question in place of an answer
    a_host_that_asks_in_reply("a lost connection is the end of an enclave", "it dials again, and serves", "dial-again");
    /// announces an answer of 2^32 - 1 bytes
    a_host_that_announces_4_gib("the host decides how much is read", "it dials again, and serves", "frame-length");
    /// answers what was not asked before it answers what was
    a_host_that_answers_another_question("an answer is taken for that to another question", "it serves all the same", "reply-of-its-request");
    /// sends 20000 answers to nothing before it answers
    a_host_that_answers_nothing_20000_times("an answer is taken for that to another question", "it serves all the same", "reply-of-its-request");
    /// hands over boot documents with a byte behind them
    boot_documents_with_a_byte_more("bytes that no document accounts for", "the enclave ended", "boot-form");
    /// hands over credentials with a byte behind them
    credentials_with_a_byte_more("bytes that no document accounts for", "private part: credentials: the host's answer has another form than asked for", "credentials-form");
    /// hands over more of a package than was asked for
    a_range_longer_than_asked("the host decides how much is read", "fraud@1: the host's answer has another form than asked for", "range-bound");
}
