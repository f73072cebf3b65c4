//! The host from outside: a real client on one side, a pretended enclave on a unix socket on the other.

#[cfg(test)]
mod common;
#[cfg(test)]
mod container;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod enclave_side;
#[cfg(test)]
mod keep;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod process;
#[cfg(test)]
mod s3;
#[cfg(test)]
mod supervise;
#[cfg(test)]
mod tls;
