//! `strongroom-host doctor`: looks at a machine and says what to do where something is missing.
//!
//! It changes nothing and opens no connection between host and enclave. What it says is for the
//! operator, who could lie to it; no client learns of it.

mod allocator;
mod clock;
mod credentials;
mod disk;
mod files;
mod finding;
mod imds;
mod kms;
mod nitro;
mod ports;
mod program;
mod region;
mod report;
mod state;
mod store;
mod system;
mod tls;

use strongroom_link::Endpoint;

use crate::config::{Config, Settings};

pub use finding::{Finding, Status};
pub use report::{Line, Report};
pub use system::System;

/// What `strongroom-host doctor` prints for this machine, and whether nothing failed.
pub async fn answer(settings: &Settings, json: bool) -> (String, bool) {
    let report = examine(settings, &System::real()).await;
    (if json { format!("{}\n", report.json()) } else { report.to_string() }, report.is_good())
}

/// Looks at everything.
pub async fn examine(settings: &Settings, system: &System) -> Report {
    let (cli, imds, role, kms, packages, ports) = tokio::join!(
        nitro::cli(settings, system),
        imds::survey(settings),
        credentials::check(settings),
        kms::reach(settings),
        store::check(settings),
        ports::check(settings),
    );
    let set_aside = allocator::read(system);
    let allocator = set_aside.as_ref();
    Report::new([
        ("config", config(settings)),
        ("nitro-cli", cli),
        ("nitro-device", nitro::device(settings, system)),
        ("allocator", allocator::check(settings, system, allocator)),
        ("hugepages", allocator::hugepages(settings, system, allocator)),
        ("enclave-cpus", allocator::cpus(settings, system, allocator)),
        ("vsock", nitro::vsock(settings, system)),
        ("enclave-start", program::check(settings, system)),
        ("region", region::check(settings, &imds)),
        ("imds", imds::check(&imds)),
        ("credentials", role),
        ("clock", clock::check(&imds, &kms)),
        ("disk", disk::check(settings, system)),
        ("kms", kms::check(settings, &kms)),
        ("store", packages),
        ("state", state::check(settings)),
        ("tls", tls::check(settings)),
        ("ports", ports),
        ("open-files", files::check(settings)),
    ])
}

/// Whether the settings fit together, as `--check` would say.
fn config(settings: &Settings) -> Finding {
    match Config::new(settings.clone()) {
        Ok(_) => Finding::pass("the settings fit together"),
        Err(error) => Finding::fail(error, "correct the settings; strongroom-host --help explains each"),
    }
}

/// Whether the enclave is behind vsock, and not a process of this machine in a test.
fn is_nitro(settings: &Settings) -> bool {
    !matches!(settings.enclave, Some(Endpoint::Unix(_)))
}

/// What is said of everything that only a Nitro Enclave needs.
fn no_nitro() -> Finding {
    Finding::skip("the enclave is behind a unix socket")
}

#[cfg(test)]
mod tests;
