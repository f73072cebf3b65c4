//! The built `strongroom` command, run as its users run it, without a network.

#[cfg(test)]
mod auditor;
#[cfg(test)]
mod common;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod online;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod settings;
