//! What stderr may hold beside text: colours and progress bars, or no escape sequence at all.

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// When stderr has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Color {
    // Comments of the variants would make every command's help longer.
    Auto,
    Always,
    Never,
}

/// Whether progress bars are drawn. One for the process, as stderr is.
static ANIMATED: OnceLock<bool> = OnceLock::new();

/// Sets up diagnostics, log and progress bars. Without it there are neither colours nor bars.
pub(crate) fn prepare(flag: Option<Color>, file: Option<Color>) {
    let terminal = std::io::stderr().is_terminal();
    let colored = is_colored(flag, plain_environment(), file, terminal);
    let _ = ANIMATED.set(colored && terminal);
    // A second hook is refused, and the first one says the same.
    let _ = miette::set_hook(Box::new(move |_| {
        // Every message holds that of its cause already.
        let options = miette::MietteHandlerOpts::new().without_cause_chain();
        Box::new(options.color(colored).terminal_links(colored).build())
    }));
    let asked = std::env::var("STRONGROOM_LOG").ok().and_then(|asked| asked.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colored);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}

/// Whether progress bars are drawn.
pub(crate) fn is_animated() -> bool {
    ANIMATED.get().copied().unwrap_or_default()
}

/// The flag, else the environment, else the file, else what stderr is.
fn is_colored(flag: Option<Color>, plain: bool, file: Option<Color>, terminal: bool) -> bool {
    match (flag.unwrap_or(Color::Auto), file.unwrap_or(Color::Auto)) {
        (Color::Always, _) => true,
        (Color::Never, _) => false,
        _ if plain => false,
        (Color::Auto, Color::Always) => true,
        (Color::Auto, Color::Never) => false,
        (Color::Auto, Color::Auto) => terminal,
    }
}

/// NO_COLOR (no-color.org: set and not empty), or a terminal that knows no escape sequences.
fn plain_environment() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_some() || set("TERM").is_none_or(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_before_the_environment_the_file_and_the_terminal() {
        let (always, never) = (Some(Color::Always), Some(Color::Never));
        assert!(is_colored(always, true, never, false), "the flag");
        assert!(!is_colored(never, false, always, true), "the flag");
        assert!(!is_colored(None, true, always, true), "the environment");
        assert!(!is_colored(Some(Color::Auto), true, always, true), "the environment");
        assert!(is_colored(None, false, always, false), "the file");
        assert!(!is_colored(None, false, never, true), "the file");
        assert!(is_colored(None, false, None, true) && !is_colored(None, false, None, false));
    }
}
