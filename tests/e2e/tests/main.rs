//! Both sides together: every part is a process of its own, started from the shipped binaries, over the
//! simulated vsock, NSM and KMS.

mod architecture;
mod attacks;
mod binaries;
mod client_refuses;
mod memory;
mod messages;
mod no_key;
mod real_models;
mod release;
mod secrecy;
mod serving;
mod simulation;
mod tampering;
