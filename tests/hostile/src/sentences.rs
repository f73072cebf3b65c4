//! The sentences of the threat model, and who tries each.

mod further;
mod rows;
mod stated;

use crate::Attack;

pub use further::FURTHER;
pub use rows::SENTENCES;
pub use stated::STATED;

/// What `docs/threat-model.md` says: a row of its table on what the host can do, or the beginning of a sentence elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Sentence {
    /// The first column of its row, or the words of the sentence.
    pub text: &'static str,
    /// The attacks: a name, or its beginning and a star.
    pub tried_by: &'static [&'static str],
    /// Tests outside this suite: those that show what no attack can try. A row of the table names them itself.
    pub shown_by: &'static [&'static str],
}

const fn tried(text: &'static str, tried_by: &'static [&'static str]) -> Sentence {
    Sentence { text, tried_by, shown_by: &[] }
}

const fn shown(text: &'static str, shown_by: &'static [&'static str]) -> Sentence {
    Sentence { text, tried_by: &[], shown_by }
}

const fn and(
    text: &'static str,
    tried_by: &'static [&'static str],
    shown_by: &'static [&'static str],
) -> Sentence {
    Sentence { text, tried_by, shown_by }
}

impl Sentence {
    /// Whether this attack tries it.
    #[must_use]
    pub fn is_tried_by(&self, attack: &Attack) -> bool {
        self.tried_by.iter().any(|pattern| matches(pattern, &attack.id()))
    }
}

/// A name, or parts of one around stars.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.filter_map(|at| name.get(at..)).any(|name| matches(rest, name))
        }),
    }
}

/// Holds the sentences to those of the threat model and to the attacks: each row of its table stands here, each further
/// paragraph, row and bullet says something that stands here, each attack tries one of them, and each name here is that of an
/// attack or of a test in the row.
///
/// # Errors
/// What does not fit.
pub fn check(threat_model: &str, attacks: &[Attack]) -> Result<(), String> {
    table_fits(threat_model)?;
    let listed: Vec<_> = FURTHER.iter().map(|sentence| sentence.text).collect();
    let listed = [listed, STATED.iter().map(|(text, _)| *text).collect()].concat();
    everything_is_listed(threat_model, &listed)?;
    for Sentence { text, tried_by, shown_by } in SENTENCES.iter().chain(FURTHER) {
        if tried_by.is_empty() && shown_by.is_empty() {
            return Err(format!("nothing tries '{text}'"));
        }
        let idle = |pattern: &&&str| !attacks.iter().any(|attack| matches(pattern, &attack.id()));
        if let Some(idle) = tried_by.iter().find(idle) {
            return Err(format!("'{idle}' is no attack"));
        }
    }
    let every = || SENTENCES.iter().chain(FURTHER);
    let loose = |attack: &&Attack| !every().any(|sentence| sentence.is_tried_by(attack));
    match attacks.iter().find(loose) {
        Some(attack) => Err(format!("'{}' belongs to no sentence", attack.id())),
        None => Ok(()),
    }
}

/// The tests outside this suite that stand for a sentence: the way to each, and behind it its name.
pub fn tests_elsewhere() -> impl Iterator<Item = &'static str> {
    SENTENCES.iter().chain(FURTHER).flat_map(|sentence| sentence.shown_by).copied()
}

/// The rows of the table on what the host can do are [`SENTENCES`], and name the tests that those name.
fn table_fits(threat_model: &str) -> Result<(), String> {
    let rows = threat_model.split("## What the host can do").nth(1).unwrap_or_default();
    let rows = rows.split("\n## ").next().unwrap_or_default().lines();
    let rows = rows.filter_map(|line| line.strip_prefix("| ")?.split_once(" |")).skip(1);
    let mut told: Vec<_> = rows.collect();
    told.retain(|(text, _)| !text.starts_with("--"));
    if told.len() != SENTENCES.len() {
        return Err(format!("{} rows of the threat model, {} sentences", told.len(), SENTENCES.len()));
    }
    for (sentence, (text, rest)) in SENTENCES.iter().zip(told) {
        if sentence.text != text {
            return Err(format!("'{}' stands where the threat model says '{text}'", sentence.text));
        }
        if let Some(strange) = sentence.shown_by.iter().find(|test| !rest.contains(**test)) {
            return Err(format!("'{strange}' does not stand in the row of '{text}'"));
        }
    }
    Ok(())
}

/// Each piece of the page holds a listed text, or is a row of [`SENTENCES`]; each listed text stands in one of them.
fn everything_is_listed(page: &str, listed: &[&str]) -> Result<(), String> {
    let pieces = pieces(page)?;
    if let Some(missing) = listed.iter().find(|text| !pieces.iter().any(|piece| piece.contains(**text))) {
        return Err(format!("the threat model does not say '{missing}'"));
    }
    let is_row = |piece: &str| {
        let first = piece.strip_prefix("| ").and_then(|row| row.split(" |").next());
        SENTENCES.iter().any(|sentence| Some(sentence.text) == first)
    };
    let unlisted = |piece: &&String| !is_row(piece) && !listed.iter().any(|text| piece.contains(text));
    match pieces.iter().find(unlisted) {
        Some(piece) => Err(format!("no sentence is listed of '{piece}'")),
        None => Ok(()),
    }
}

/// What the page is made of, up to what it leaves out: paragraphs, bullets, and rows of tables without their heads. Each is one
/// line.
fn pieces(page: &str) -> Result<Vec<String>, String> {
    let (page, _) = page.split_once("\n## Out of scope").ok_or("the threat model has no end of its scope")?;
    let (mut pieces, mut goes_on) = (Vec::<String>::new(), false);
    for line in page.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            goes_on = false;
        } else if line.starts_with("|--") {
            pieces.pop();
        } else if let Some(piece) = pieces.last_mut().filter(|_| goes_on && !begins(line)) {
            piece.push(' ');
            piece.push_str(line);
        } else {
            pieces.push(line.to_owned());
            goes_on = true;
        }
    }
    Ok(pieces)
}

/// Whether a line begins a bullet or a row.
fn begins(line: &str) -> bool {
    line.starts_with("- ") || line.starts_with("| ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that breaks off fails")]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\nOne claim\nover two lines.\n\n## Table\n\n| who | what |\n|---|---|\n| one | says |\n\
        | two | says |\n\nAnother:\n\n- A bullet\n  goes on.\n- The next.\n\n## Out of scope\n\n- What is not.\n";

    const LISTED: [&str; 6] =
        ["claim over two lines", "| one |", "| two |", "Another:", "A bullet goes on", "The next."];

    #[test]
    fn a_page_falls_into_paragraphs_rows_and_bullets() {
        let pieces = pieces(PAGE).unwrap();
        let expected = [
            "One claim over two lines.",
            "| one | says |",
            "| two | says |",
            "Another:",
            "- A bullet goes on.",
            "- The next.",
        ];
        assert_eq!(pieces, expected);
        assert!(super::pieces("# Title\n").is_err(), "a page without an end of its scope");
    }

    #[test]
    fn whatever_is_new_is_noticed() {
        assert_eq!(everything_is_listed(PAGE, &LISTED), Ok(()));
        for (before, new) in [
            ("## Table", "A new paragraph.\n\n"),
            ("| two |", "| new | says |\n"),
            ("- The next.", "- A new bullet.\n"),
            ("\n## Out of scope", "\n### New\n\nAnd its paragraph.\n"),
        ] {
            let page = PAGE.replace(before, &format!("{new}{before}"));
            let noticed = everything_is_listed(&page, &LISTED).unwrap_err();
            assert!(noticed.starts_with("no sentence is listed of '"), "{noticed}");
        }
    }

    #[test]
    fn what_is_listed_and_not_said_any_more_is_noticed() {
        let gone = everything_is_listed(&PAGE.replace("- The next.\n", ""), &LISTED).unwrap_err();
        assert_eq!(gone, "the threat model does not say 'The next.'");
        let out_of_scope = everything_is_listed(PAGE, &["What is not."]).unwrap_err();
        assert_eq!(out_of_scope, "the threat model does not say 'What is not.'");
    }

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name, fits) in [
            ("key::no_tls", "key::no_tls", true),
            ("key::no_tls", "key::no_tls_13", false),
            ("key::a_*", "key::a_name", true),
            ("key::*credentials*", "key::no_credentials", true),
            ("key::*credentials*", "key::no_tls", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
