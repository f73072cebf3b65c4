//! The command line: what stands before and around every command.

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::command::Command;
use crate::error::Result;
use crate::terminal::{self, Color};
use crate::{examples, secret, settings};

/// Confidential inference: seal models, release them, verify enclaves, ask them.
#[derive(Parser)]
#[command(name = "strongroom", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
struct Global {
    /// File that says what a client would repeat; else STRONGROOM_CONFIG, else ~/.config/strongroom/config.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Whether stderr has colours and progress bars; else NO_COLOR, TERM=dumb, and `color` of the config file decide
    #[arg(long, value_enum, value_name = "WHEN", global = true)]
    color: Option<Color>,
}

/// The definition of all commands, with their examples.
pub(crate) fn definition() -> clap::Command {
    examples::shown_in(Cli::command())
}

/// Reads the arguments; clap answers `--help` and wrong ones itself, and ends the process. A wrong one that looks like a key is
/// not repeated.
pub(crate) fn parse() -> Cli {
    let matches = definition().try_get_matches().unwrap_or_else(|error| unsaid(error).exit());
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn unsaid(error: clap::Error) -> clap::Error {
    if !error.use_stderr() || !secret::is_within(&error.to_string()) {
        return error;
    }
    let what = "an argument is a secret key where none belongs: a secret is named by its file, an API key also by its SHA-256";
    clap::Error::raw(error.kind(), what).with_cmd(&definition())
}

impl Cli {
    /// Reads the config file and decides what stderr may hold beside text. A config file that cannot be used is an error of every command.
    pub(crate) fn prepare(&self) -> Result<()> {
        let file = settings::read_file(self.global.config.clone());
        terminal::prepare(self.global.color, file.as_ref().ok().and_then(|file| file.color));
        file.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands without `--json`, and why.
    const NO_JSON: &[(&str, &str)] = &[
        ("completions", "a script for a shell"),
        ("image", "prints JSON, in the shape of nitro-cli"),
        ("infer", "prints JSON, in the shape of the Open Inference Protocol"),
        ("kms-policy", "prints a key policy, which is JSON"),
        ("man", "a page for man"),
        ("measure", "prints JSON, in the shape of nitro-cli, or a key policy"),
        ("proxy", "prints one line, the address, and serves until it is stopped"),
        ("redteam", "its result is the folder of --out, with report.json in it"),
    ];

    /// Every command that does something, with the words that lead to it.
    pub(crate) fn leaves() -> Vec<(String, clap::Command)> {
        let mut leaves = Vec::new();
        let root = definition();
        let below = |command: &clap::Command| command.get_subcommands().cloned().collect::<Vec<_>>();
        let mut open: Vec<_> = below(&root).into_iter().map(|one| (String::new(), one)).collect();
        while let Some((above, command)) = open.pop() {
            let path = format!("{above} {}", command.get_name()).trim().to_owned();
            open.extend(below(&command).into_iter().map(|one| (path.clone(), one)));
            if !command.is_subcommand_required_set() {
                leaves.push((path, command));
            }
        }
        leaves
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
        assert!(leaves().len() > 30, "{}", leaves().len());
    }

    #[test]
    fn each_command_has_json_or_a_reason_not_to() {
        for (path, command) in leaves() {
            let has = command.get_arguments().any(|argument| argument.get_id() == "json");
            let excepted = NO_JSON.iter().any(|(name, _)| *name == path);
            assert!(has != excepted, "{path}: --json {has}, excepted {excepted}");
        }
        for (path, reason) in NO_JSON {
            assert!(leaves().iter().any(|(name, _)| name == path), "{path} is no command");
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn each_command_shows_examples_that_parse() {
        for (path, command) in leaves() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let longest = help.lines().map(str::len).max().unwrap_or_default();
            assert!(longest <= 80, "{path}: clap would break a line of {longest} characters");
            let lines = examples::lines(&help);
            assert!(!lines.is_empty(), "{path} has no example");
            for words in lines {
                let parsed = definition().try_get_matches_from(&words);
                let read = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
                let shown = words.join(" ") + " ";
                assert!(shown.starts_with(&format!("strongroom {path} ")), "{path}: {shown}");
                assert!(read.is_ok(), "{shown}: {}", read.err().unwrap());
            }
        }
    }
}
