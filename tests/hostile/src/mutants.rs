//! Each defence taken out: so that an attack which is refused is known to be refused by that.
//!
//! The files of `mutants` say for each defence which lines of the sources are replaced. All replacements go into one copy of the
//! tree, each behind the environment variable [`MUTANT_VARIABLE`], so that it is built once. `scripts/hostile --mutants`
//! makes that copy, and runs every attack in it with its defence gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Names the defence that is out, in the copy.
pub const MUTANT_VARIABLE: &str = "STRONGROOM_MUTANT";

/// Stands in a replacement for "this defence is out".
const OUT: &str = "MUTANT";

/// A defence, and how it is taken out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// What it does, when it is there.
    pub defence: String,
    /// The lines that are replaced; none where those of another defence, behind which it stands, name this one as well.
    #[serde(default)]
    pub edit: Vec<Edit>,
}

/// One place of the sources.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, from the root of the tree.
    pub file: PathBuf,
    /// Text that it holds exactly once.
    pub find: String,
    /// What takes its place.
    pub replace: String,
}

/// What is listed, a file for each subject.
const LISTS: [&str; 8] = [
    include_str!("../mutants/harness.toml"),
    include_str!("../mutants/key.toml"),
    include_str!("../mutants/evidence.toml"),
    include_str!("../mutants/packages.toml"),
    include_str!("../mutants/releases.toml"),
    include_str!("../mutants/messages.toml"),
    include_str!("../mutants/link.toml"),
    include_str!("../mutants/state.toml"),
];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listed {
    /// What lets the variable through to the enclave of a simulation, which has no environment otherwise.
    harness: Vec<Edit>,
    mutant: Vec<Mutant>,
}

/// All mutants, as the files list them.
///
/// # Errors
/// What is wrong with a file.
pub fn mutants() -> Result<Vec<Mutant>, String> {
    Ok(listed()?.mutant)
}

fn listed() -> Result<Listed, String> {
    let mut listed = Listed::default();
    for text in LISTS {
        let one: Listed = toml::from_str(text).map_err(|error| error.to_string())?;
        listed.harness.extend(one.harness);
        listed.mutant.extend(one.mutant);
    }
    let names: BTreeSet<_> = listed.mutant.iter().map(|mutant| &mutant.name).collect();
    if names.len() == listed.mutant.len() { Ok(listed) } else { Err("a mutant is named twice".to_owned()) }
}

/// Applies every mutant to the tree at `root`.
///
/// # Errors
/// As [`mutated`], and what cannot be written.
pub fn mutate(root: &Path) -> Result<(), String> {
    let write = |(file, text): (PathBuf, String)| {
        fs::write(root.join(&file), text).map_err(|error| format!("{}: {error}", file.display()))
    };
    mutated(root)?.into_iter().try_for_each(write)
}

/// The files of the tree at `root` that mutants change, with all of them applied. Nothing is written.
///
/// # Errors
/// Which text is not found exactly once, and which defence is out in no file.
pub fn mutated(root: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let Listed { harness, mutant } = listed()?;
    let mut files = BTreeMap::new();
    harness.iter().try_for_each(|edit| apply(root, &mut files, edit, &edit.replace))?;
    mutant.iter().try_for_each(|Mutant { name, edit, .. }| {
        let out = format!("::std::env::var_os(\"{MUTANT_VARIABLE}\").is_some_and(|own| own == \"{name}\")");
        edit.iter().try_for_each(|edit| apply(root, &mut files, edit, &edit.replace.replace(OUT, &out)))
    })?;
    let is_out = |name: &str| files.values().any(|text| text.contains(&format!("\"{name}\"")));
    match mutant.iter().find(|mutant| !is_out(&mutant.name)) {
        Some(mutant) => Err(format!("no edit takes '{}' out", mutant.name)),
        None => Ok(files),
    }
}

fn apply(
    root: &Path,
    files: &mut BTreeMap<PathBuf, String>,
    edit: &Edit,
    replacement: &str,
) -> Result<(), String> {
    let at = edit.file.display();
    let text = match files.remove(&edit.file) {
        Some(text) => text,
        None => fs::read_to_string(root.join(&edit.file)).map_err(|error| format!("{at}: {error}"))?,
    };
    if text.matches(&edit.find).count() != 1 {
        return Err(format!("{at}: not found exactly once: {}", edit.find));
    }
    files.insert(edit.file.clone(), text.replace(&edit.find, replacement));
    Ok(())
}
