//! The built `strongroom` command, run as its users run it, without a network.

mod common;
mod documents;
mod offline;
mod online;
