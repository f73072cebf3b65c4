//! What cargo says of this workspace: its packages and their declared dependencies, and resolved trees.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "helpers of tests fail with the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// A package of ours, as its manifest declares it.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the repository.
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: Vec<String>,
}

/// A dependency that a manifest of ours declares: for any target, optional or not, for tests or not.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
}

impl Package {
    /// Whether it is shipped, and not one of those below `tests/`.
    pub(crate) fn is_production(&self) -> bool {
        !self.folder.starts_with("tests")
    }
}

/// A package of a resolved tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Every package of a resolved tree with the features it is built with.
pub(crate) type Tree = BTreeMap<Resolved, BTreeSet<String>>;

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The packages of this workspace.
pub(crate) fn packages() -> &'static [Package] {
    static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(|| {
        let metadata: Value =
            serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"])).unwrap();
        metadata["packages"].as_array().unwrap().iter().map(package).collect()
    });
    &PACKAGES
}

/// The package of this name.
pub(crate) fn named(name: &str) -> &'static Package {
    packages()
        .iter()
        .find(|package| package.name == name)
        .unwrap_or_else(|| panic!("there is no crate {name}"))
}

fn package(value: &Value) -> Package {
    let manifest = Path::new(value["manifest_path"].as_str().unwrap()).canonicalize().unwrap();
    Package {
        name: text(&value["name"]),
        folder: manifest.parent().unwrap().strip_prefix(root()).unwrap().to_path_buf(),
        dependencies: value["dependencies"].as_array().unwrap().iter().map(dependency).collect(),
        features: value["features"].as_object().unwrap().keys().cloned().collect(),
    }
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(&value["name"]),
        default_features: value["uses_default_features"] == true,
        features: value["features"].as_array().unwrap().iter().map(text).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What a crate of ours is linked from. Macros run in the compiler and are left out.
pub(crate) fn linked_into(package: &str) -> Tree {
    let tree = tree(&["--package", package, "--edges=normal,no-proc-macro"]);
    assert!(tree.keys().any(|resolved| resolved.name == package), "the tree of {package} lacks itself");
    tree
}

/// A tree as `cargo tree` resolves it with these arguments.
pub(crate) fn tree(arguments: &[&str]) -> Tree {
    let mut all = vec!["tree", "--prefix=none", "--format={p}|{f}"];
    all.extend_from_slice(arguments);
    let mut tree = Tree::new();
    for line in cargo(&all).lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.split_once('|').unwrap();
        let mut words = package.split(' ');
        let mut word = || words.next().unwrap().to_owned();
        let resolved = Resolved { name: word(), version: word().trim_start_matches('v').to_owned() };
        // A package that was listed before is marked so.
        let features = features.trim_end_matches("(*)").trim().split(',').filter(|name| !name.is_empty());
        tree.entry(resolved).or_default().extend(features.map(str::to_owned));
    }
    tree
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--locked", "--offline"]).current_dir(root()).stdin(Stdio::null());
    let output = command.output().expect("cargo runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {} failed: {stderr}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}
