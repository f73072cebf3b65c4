//! Both sides together: every part is a process of its own, started from the shipped binaries, over the
//! simulated vsock, NSM and KMS.

//X mod architecture;
mod attacks;
//X mod binaries;
mod client_refuses;
//X mod memory;
mod messages;
mod no_key;
mod real_models;
mod release;
//X mod secrecy;
mod serving;
mod simulation;
mod tampering;
