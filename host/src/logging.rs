//! The log on stderr.
//!
//! Nothing of a request's body is ever logged, nor credentials; lines of the enclave, which are
//! public, carry the target `enclave`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogLevel};

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Of the libraries only warnings: at lower levels some of them describe what they carry.
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("strongroom_host", level)
        .with_target("enclave", level);
    let log = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(targets);
    let _ = match format {
        LogFormat::Text => registry.with(log).try_init(),
        LogFormat::Json => registry.with(log.json()).try_init(),
    };
}
