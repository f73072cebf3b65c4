//! Ending measures: those that are named, and no other.

use std::collections::BTreeSet;

use strongroom_proto::name::Name;

use super::change::{Next, key};
use super::rollback::listed;
use crate::error::{CliError, Result};
use crate::history::Record;
use crate::policy::incident::Incident;

/// The measures that end.
#[derive(Default, clap::Args)]
pub(crate) struct Ended {
    /// The lockdown
    #[arg(long)]
    lockdown: bool,
    /// Labels alone: of the models of --model, or without it of all for which they are in force
    #[arg(long)]
    label_only: bool,
    /// Block, freeze and early end of an API key, by its SHA-256
    #[arg(long, value_name = "HEX", num_args = 1.., value_parser = key)]
    key_sha256: Vec<String>,
    /// Freeze and labels alone of a model; with --label-only its freeze goes on
    #[arg(long, value_name = "NAME", num_args = 1..)]
    model: Vec<Name>,
    /// Freeze of an organisation
    #[arg(long, value_name = "NAME", num_args = 1..)]
    organisation: Vec<Name>,
    /// All measures
    #[arg(long, conflicts_with_all = ["lockdown", "label_only", "key_sha256", "model", "organisation"])]
    all: bool,
}

impl Ended {
    /// The newest release without these measures.
    pub(super) fn applied(&self, newest: &Record) -> Result<Next> {
        let record = Record { incident: self.left(&newest.incident)?, ..newest.clone() };
        let (before, after) = (newest.incident.blocked(), record.incident.blocked());
        let listed_keys = newest.keys()?;
        let again: BTreeSet<_> =
            before.difference(&after).filter(|key| listed_keys.contains(key)).copied().collect();
        let notes = listed("accepted again, because the release still lists them:", &again);
        Ok(Next { record, notes })
    }

    /// What stays in force. A measure that is named and not in force is an error: it may be mistyped.
    fn left(&self, incident: &Incident) -> Result<Incident> {
        if self.all {
            return Ok(Incident::default());
        }
        let mut left = incident.clone();
        let named = self.take(&mut left);
        if named.is_empty() {
            return Err(wrong("name the measures that end, or --all", incident));
        }
        match named.into_iter().find(|(_, was_in_force)| !was_in_force) {
            Some((name, _)) => Err(wrong(&format!("{name} names no measure"), incident)),
            None => Ok(left),
        }
    }

    /// Takes out what is named, and says of each whether it was there.
    fn take(&self, left: &mut Incident) -> Vec<(String, bool)> {
        let mut named = Vec::new();
        if self.lockdown {
            named.push(("--lockdown".to_owned(), std::mem::take(&mut left.lockdown)));
        }
        if self.label_only && self.model.is_empty() {
            named.push(("--label-only".to_owned(), !std::mem::take(&mut left.label_only).is_empty()));
        }
        for model in &self.model {
            let labels = left.label_only.remove(model.as_str());
            let freeze = !self.label_only && left.frozen_models.remove(model).is_some();
            named.push((format!("--model {model}"), labels || freeze));
        }
        for name in &self.organisation {
            let freeze = left.frozen_organisations.remove(name).is_some();
            named.push((format!("--organisation {name}"), freeze));
        }
        named.extend(self.key_sha256.iter().map(|key| (format!("--key-sha256 {key}"), left.take_key(key))));
        named
    }
}

/// An error that says what is in force.
fn wrong(what: &str, incident: &Incident) -> CliError {
    let in_force = match incident.lines() {
        none if none.is_empty() => "no measure is in force".to_owned(),
        lines => format!("in force:\n  {}", lines.join("\n  ")),
    };
    CliError::usage(format!("{what}; {in_force}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        ended: Ended,
    }

    fn ended(line: &str) -> Ended {
        Line::try_parse_from(std::iter::once("lift").chain(line.split_whitespace())).unwrap().ended
    }

    /// A release that lists the key aa and is under every kind of measure.
    fn record() -> Record {
        let (until, key) = ("2030-01-01T00:00:00Z", |byte: &str| byte.repeat(32));
        let json = serde_json::json!({
            "deployment": "d", "epoch": 3, "made_at_ms": 1, "why": "release", "valid_days": 7, "images": [],
            "models": [], "grants": [key("aa")], "policy": "", "audit_key": null,
            "incident": {
                "blocked_keys": [key("AA"), key("bb")], "label_only": ["fraud", "other"], "lockdown": true,
                "frozen_models": { "fraud": until }, "frozen_organisations": { "acme": until },
                "frozen_keys": { key("bb"): until },
            },
        });
        serde_json::from_value(json).unwrap()
    }

    fn gone(line: &str) -> Vec<String> {
        let next = ended(line).applied(&record()).unwrap();
        let left = next.record.incident.lines();
        let gone = record().incident.lines().into_iter().filter(|measure| !left.contains(measure));
        gone.map(|measure| measure.replace(&"bb".repeat(32), "bb").replace(&"AA".repeat(32), "AA")).collect()
    }

    #[test]
    fn what_is_named_ends_and_nothing_else() {
        let until = "frozen until 2030-01-01T00:00:00Z";
        assert_eq!(gone("--lockdown"), ["lockdown: nobody may infer"]);
        assert_eq!(gone("--label-only"), ["labels alone of fraud", "labels alone of other"]);
        assert_eq!(gone("--label-only --model fraud"), ["labels alone of fraud"]);
        assert_eq!(
            gone("--model fraud"),
            ["labels alone of fraud".to_owned(), format!("model fraud {until}")]
        );
        assert_eq!(gone("--organisation acme"), [format!("organisation acme {until}")]);
        let key = format!("--key-sha256 {}", "BB".repeat(32));
        assert_eq!(gone(&key), ["key bb blocked".to_owned(), format!("key bb {until}")]);
        assert_eq!(gone("--model other --lockdown").len(), 2);
        assert_eq!(gone("--all").len(), record().incident.lines().len());
    }

    #[test]
    fn without_a_name_nothing_ends_and_the_measures_are_listed() {
        let refused = |line: &str| ended(line).applied(&record()).err().unwrap().to_string();
        let said = refused("");
        assert!(said.contains("--all") && said.contains("lockdown: nobody may infer"), "{said}");
        assert!(
            said.contains("labels alone of other") && said.contains("organisation acme frozen"),
            "{said}"
        );
        for line in
            ["--model none", "--organisation none", "--lockdown --model none", "--label-only --model none"]
        {
            let said = refused(line);
            assert!(said.contains("none names no measure") && said.contains("lockdown"), "{line}: {said}");
        }
        assert!(refused(&format!("--key-sha256 {}", "cc".repeat(32))).contains("names no measure"));
        assert!(Line::try_parse_from(["lift", "--all", "--lockdown"]).is_err());
    }

    #[test]
    fn measures_that_are_not_in_force_are_no_measures() {
        let quiet = Record { incident: Incident::default(), ..record() };
        for line in ["", "--lockdown", "--label-only"] {
            let said = ended(line).applied(&quiet).err().unwrap().to_string();
            assert!(said.contains("no measure is in force"), "{line}: {said}");
        }
        assert!(ended("--all").applied(&quiet).is_ok());
    }

    #[test]
    fn keys_that_are_accepted_again_are_told() {
        let next = ended("--all").applied(&record()).unwrap();
        assert_eq!(next.notes.get(1..).unwrap(), ["  key aaaaaaaaaaaaaaaa"], "bb is not listed");
        assert!(ended("--lockdown").applied(&record()).unwrap().notes.is_empty());
    }
}
