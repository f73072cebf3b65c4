//! Runs the attacks, each as a test of its own, and holds `docs/security-tests.md` to them.
//!
//! With a defence named in `STRONGROOM_MUTANT`, as `scripts/hostile --mutants` does in a copy that has it taken out, only the
//! attacks that it defends against run, and each has to work.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an attack that breaks off fails"
)]

mod attacks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use strongroom_hostile::{Attack, MUTANT_VARIABLE, mutants, mutated, sentences, table};

/// Set to have the table written in place of compared.
const WRITE: &str = "STRONGROOM_WRITE_TABLE";

/// Where tests are.
const SOURCES: [&str; 7] = ["attestation", "client", "deploy", "enclave", "host", "proto", "tests"];

/// Options whose value is an argument of its own.
const VALUED: [&str; 5] = ["--skip", "--test-threads", "--format", "--color", "--logfile"];

fn main() {
    let (mut arguments, filters) = arguments();
    // Each starts processes of its own, on two cores.
    arguments.test_threads = arguments.test_threads.or(Some(3));
    let attacks = attacks::all();
    let trials = match std::env::var(MUTANT_VARIABLE) {
        Ok(mutant) => {
            let against = attacks.into_iter().filter(|attack| attack.defence == mutant);
            against.map(|attack| Trial::test(attack.id(), move || works(&attack))).collect()
        }
        Err(_) => {
            let whole = attacks.clone();
            let mut trials = vec![
                Trial::test("table::is_that_of_the_attacks", move || table_is_current(&whole)),
                Trial::test("table::every_defence_is_attacked", {
                    let whole = attacks.clone();
                    move || defences(&whole)
                }),
            ];
            trials.push(Trial::test("table::every_mutant_applies", || Ok(mutated(&root()).map(drop)?)));
            trials.push(Trial::test("table::every_sentence_of_the_threat_model_is_tried", {
                let whole = attacks.clone();
                move || Ok(sentences::check(&document("threat-model.md")?, &whole)?)
            }));
            trials.push(Trial::test("table::every_test_elsewhere_is_there", tests_are_there));
            trials
                .extend(attacks.into_iter().map(|attack| Trial::test(attack.id(), move || refused(&attack))));
            trials
        }
    };
    let mut trials: Vec<Trial> = trials;
    let exact = arguments.exact;
    trials.retain(|trial| {
        let named =
            |filter: &String| if exact { trial.name() == filter } else { trial.name().contains(filter) };
        filters.is_empty() || filters.iter().any(named)
    });
    libtest_mimic::run(&arguments, trials).exit();
}

/// The arguments, and beside them the filters: cargo hands every test program as many as it was given itself.
fn arguments() -> (Arguments, Vec<String>) {
    let (mut options, mut filters, mut is_value) = (Vec::new(), Vec::new(), true);
    // The first is the program's name.
    for argument in std::env::args() {
        if is_value || argument.starts_with('-') {
            is_value = !is_value && VALUED.contains(&argument.as_str());
            options.push(argument);
        } else {
            filters.push(argument);
        }
    }
    (Arguments::from_iter(options), filters)
}

fn carried_out(attack: &Attack) -> strongroom_hostile::Found {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on((attack.run)())
}

fn refused(attack: &Attack) -> Result<(), Failed> {
    attack.judge(&carried_out(attack)).map_err(Failed::from)
}

fn works(attack: &Attack) -> Result<(), Failed> {
    let found = carried_out(attack);
    if found.succeeded() { Ok(()) } else { Err(format!("still refused: {}", found.refusal).into()) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn path(document: &str) -> PathBuf {
    root().join("docs").join(document)
}

fn document(name: &str) -> std::io::Result<String> {
    std::fs::read_to_string(path(name))
}

fn table_is_current(attacks: &[Attack]) -> Result<(), Failed> {
    let wanted = table(attacks);
    if std::env::var_os(WRITE).is_some() {
        return Ok(std::fs::write(path("security-tests.md"), wanted)?);
    }
    if document("security-tests.md")? == wanted {
        return Ok(());
    }
    Err("docs/security-tests.md is not that of the attacks: run scripts/hostile --table".into())
}

/// No attack is without a defence that can be taken out, no defence without an attack, and no two attacks share a name.
fn defences(attacks: &[Attack]) -> Result<(), Failed> {
    let defences: BTreeSet<_> = mutants()?.into_iter().map(|mutant| mutant.name).collect();
    let named: BTreeSet<_> = attacks.iter().map(|attack| attack.defence.to_owned()).collect();
    let names: BTreeSet<_> = attacks.iter().map(Attack::id).collect();
    if let Some(odd) = defences.symmetric_difference(&named).next() {
        return Err(format!("'{odd}' is not both a defence and attacked").into());
    }
    if names.len() < attacks.len() { Err("two attacks share a name".into()) } else { Ok(()) }
}

/// Each test outside this suite that stands for a sentence is there, in whatever language.
fn tests_are_there() -> Result<(), Failed> {
    let mut sources = String::new();
    for folder in SOURCES {
        read(&root().join(folder), &mut sources)?;
    }
    let is_there = |test: &str| {
        let name = test.rsplit("::").next().unwrap_or(test);
        let forms = [format!("fn {name}("), format!("def {name}("), format!("test(\"{name}\"")];
        forms.iter().any(|form| sources.contains(form))
    };
    match sentences::tests_elsewhere().find(|test| !is_there(test)) {
        Some(missing) => Err(format!("'{missing}' is no test").into()),
        None => Ok(()),
    }
}

/// The text of all sources of a folder.
fn read(folder: &Path, sources: &mut String) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_source =
            path.extension().is_some_and(|ending| ["rs", "py", "mjs"].iter().any(|own| ending == *own));
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            read(&path, sources)?;
        } else if is_source && path.is_file() {
            sources.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
