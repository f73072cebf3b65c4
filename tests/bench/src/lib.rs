//! Measures Strongroom beside plain peers: when requests arrive, how long they take, whose CPU they use.
//!
//! A run of the load generator is a [`Target`] and a [`Pattern`]. Latency goes into an HDR histogram, and in the open loop
//! it is counted from the moment at which a request was due, so that a server that stalls cannot hide it (coordinated
//! omission). CPU is read from the kernel for each process that is named, before and after, so that what a request costs
//! is known and not only how long it took.
//!
//! Everything here stands outside the product, which has no switch for benchmarks: it is measured as it is shipped.

mod arrivals;
pub mod command;
mod cpu;
mod error;
mod latency;
pub mod limits;
mod load;
mod machine;
mod memory;
mod request;
mod target;
mod worker;

pub use arrivals::Arrivals;
pub use cpu::{Meter, Reading};
pub use error::BenchError;
pub use latency::{Latencies, Summary};
pub use load::{Outcome, Pattern, run};
pub use machine::Machine;
pub use memory::resident_kib;
pub use request::BenchRequest;
pub use target::Target;
