//! Every rule against its own examples: one that breaks it and one that does not.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail with the test")]

use strongroom_lint::{Demands, Example, KeyFacts, Report, Severity, lint, rules};

fn judge(example: &Example) -> Report {
    let key: KeyFacts =
        example.key.map_or_else(KeyFacts::default, |json| serde_json::from_str(json).unwrap());
    let demands: Demands =
        example.demands.map_or_else(Demands::default, |json| serde_json::from_str(json).unwrap());
    lint(example.policy.as_bytes(), &key, &demands)
}

#[test]
fn each_rule_is_broken_by_its_failing_example_and_kept_by_its_passing_one() {
    for rule in rules::ALL {
        let (fails, passes) = (judge(&rule.fails), judge(&rule.passes));
        assert!(fails.has(rule.id), "{} does not fail:\n{fails}", rule.id);
        assert!(!passes.has(rule.id), "{} does not pass:\n{passes}", rule.id);
        assert!(passes.worst() > Some(Severity::Warning), "{} passes with worse:\n{passes}", rule.id);
    }
}

/// A statement that is not accepted leaves its place in the policy empty: only that may be found beside the fault.
#[test]
fn a_failing_example_has_one_fault() {
    let follow = ["SR501", "SR502", "SR503"];
    for rule in rules::ALL {
        let report = judge(&rule.fails);
        let serious = report.findings().iter().filter(|finding| finding.severity() < Severity::Notice);
        let others: Vec<String> = serious
            .filter(|finding| finding.rule.id != rule.id && !follow.contains(&finding.rule.id))
            .map(ToString::to_string)
            .collect();
        assert!(others.is_empty(), "{}: {}", rule.id, others.join("\n"));
        assert!(report.worst() <= Some(rule.severity), "{}", rule.id);
    }
}

#[test]
fn ids_rise_and_words_are_plain() {
    for pair in rules::ALL.windows(2) {
        assert!(pair[0].id < pair[1].id, "{} stands before {}", pair[0].id, pair[1].id);
    }
    for rule in rules::ALL {
        let digits = rule.id.strip_prefix("SR").unwrap();
        assert!(digits.len() == 3 && digits.parse::<u16>().is_ok(), "{}", rule.id);
        assert!(!rule.title.is_empty() && !rule.title.contains(['|', '\n']), "{}", rule.id);
        assert!(rule.reason.ends_with('.') && !rule.reason.contains(['|', '\n']), "{}", rule.id);
        assert_eq!(rules::find(rule.id).unwrap().title, rule.title);
    }
    assert!(rules::find("SR000").is_none());
}

/// The manual's table has every rule, word for word.
#[test]
fn the_manual_lists_every_rule() {
    let manual = include_str!("../../../docs/kms-policy.md");
    for rule in rules::ALL {
        let row = format!("| `{}` | {} | {} | {} |", rule.id, rule.severity, rule.title, rule.reason);
        assert!(manual.contains(&row), "docs/kms-policy.md lacks this row:\n{row}");
    }
    let rows = manual.lines().filter(|line| line.starts_with("| `SR")).count();
    assert_eq!(rows, rules::ALL.len(), "docs/kms-policy.md lists a rule that does not exist");
}

/// Examples are read from files by their names; a file that no rule reads proves nothing.
#[test]
fn every_example_file_is_in_use() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let used: Vec<&str> = rules::ALL
        .iter()
        .flat_map(|rule| [rule.fails, rule.passes])
        .flat_map(|example| [Some(example.policy), example.key, example.demands])
        .flatten()
        .collect();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(used.contains(&text.as_str()), "{} is not the example of any rule", path.display());
    }
}
