//! The log statements of a crate, read from its sources.

use std::path::Path;

use crate::architecture::sources::collect;
use crate::architecture::workspace::{packages, root};

/// One statement.
pub(super) struct Statement {
    /// File, relative to the repository, and line.
    pub(super) place: String,
    pub(super) fields: Vec<String>,
    /// The sentence, as it stands in the source.
    pub(super) message: String,
    pub(super) target: Option<String>,
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "event"];

/// Every statement of the crate `strongroom-NAME`.
pub(super) fn statements(name: &str) -> Vec<Statement> {
    let package = packages().iter().find(|package| package.name == format!("strongroom-{name}")).unwrap();
    let mut paths = Vec::new();
    collect(&root().join(&package.folder).join("src"), &mut paths);
    paths.sort();
    paths.iter().flat_map(|path| statements_of(path)).collect()
}

fn statements_of(path: &Path) -> Vec<Statement> {
    let source = std::fs::read_to_string(path).unwrap();
    let file = path.strip_prefix(root()).unwrap().display().to_string();
    for span in ["tracing::instrument", "#[instrument", "_span!(", "use tracing::{", "use log::"] {
        assert!(!source.contains(span), "{file} says {span}, which this reader does not understand");
    }
    let macros = LEVELS.iter().flat_map(|level| {
        let begin = format!("tracing::{level}!(");
        source.match_indices(&begin).map(|(at, begin)| (at, at + begin.len())).collect::<Vec<_>>()
    });
    let statement = |(at, inside): (usize, usize)| {
        let line = source[..at].lines().count();
        read(format!("{file}:{line}"), &arguments(&source[inside..]))
    };
    macros.map(statement).collect()
}

/// The arguments of a macro, up to the bracket that closes it.
fn arguments(inside: &str) -> Vec<String> {
    let (mut arguments, mut argument) = (Vec::new(), String::new());
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for c in inside.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            match c {
                '"' => quoted = true,
                '(' | '[' | '{' => depth += 1,
                ')' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(std::mem::take(&mut argument).trim().to_owned());
                    continue;
                }
                _ => {}
            }
        }
        argument.push(c);
    }
    arguments.push(argument.trim().to_owned());
    arguments.retain(|argument| !argument.is_empty());
    arguments
}

fn read(place: String, arguments: &[String]) -> Statement {
    let (mut fields, mut message, mut target) = (Vec::new(), None, None);
    for argument in arguments {
        if message.is_some() {
            // What is put into the sentence.
            break;
        }
        if let Some(named) = argument.strip_prefix("target:") {
            target = Some(named.trim().trim_matches('"').to_owned());
        } else if argument.starts_with('"') {
            message = Some(argument.trim_matches('"').to_owned());
        } else {
            let name = argument.split('=').next().unwrap().trim();
            fields.push(name.trim_start_matches(['%', '?']).to_owned());
        }
    }
    let message = message.unwrap_or_else(|| panic!("{place} logs no sentence"));
    Statement { place, fields, message, target }
}

#[test]
fn a_statement_is_read_whole() {
    let inside =
        "target: \"t\", left, %error, kind = ?f(a, b), text = \"x, y\", \"it's said: {}\", more) ; other(";
    let Statement { fields, message, target, .. } = read(String::new(), &arguments(inside));
    assert_eq!(fields, ["left", "error", "kind", "text"]);
    assert_eq!((message.as_str(), target.as_deref()), ("it's said: {}", Some("t")));
}
