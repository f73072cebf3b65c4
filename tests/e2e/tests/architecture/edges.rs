//! Which crate of ours may depend on which.

use std::collections::BTreeSet;
use std::path::Path;

use super::workspace::{Dependency, Package, named, packages, root};

/// What each crate may name in its manifest, beside whatever those may.
const ALLOWED: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("link", &["proto"]),
    ("seal", &["proto"]),
    ("attestation", &["seal", "proto"]),
    ("nsm", &["attestation"]),
    ("eif", &["attestation", "proto"]),
    ("controls", &["attestation", "seal", "proto"]),
    ("monitor", &["attestation", "seal", "proto"]),
    ("engine", &["seal", "proto"]),
    ("kms", &[]),
    ("enclave", &["nsm", "attestation", "seal", "link", "proto", "controls", "monitor", "engine", "kms"]),
    ("core", &["attestation", "seal", "proto"]),
    ("client", &["core"]),
    ("proxy", &["client"]),
    ("lint", &[]),
    ("python", &["client"]),
    ("web", &["core"]),
    ("cli", &["proxy", "engine", "kms", "eif", "lint", "controls", "monitor"]),
    ("host", &["link", "proto"]),
];

const PREFIX: &str = "strongroom-";

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

fn is_ours(dependency: &&Dependency) -> bool {
    dependency.name.starts_with(PREFIX)
}

fn reachable(from: &'static str) -> BTreeSet<&'static str> {
    let direct = ALLOWED.iter().find(|(name, _)| *name == from).map_or(&[] as &[_], |(_, to)| *to);
    let further = direct.iter().flat_map(|to| reachable(to));
    direct.iter().copied().chain(further).collect()
}

fn production() -> impl Iterator<Item = &'static Package> {
    packages().iter().filter(|package| package.is_production())
}

#[test]
fn every_production_crate_has_its_row_and_every_row_its_crate() {
    let rows: BTreeSet<_> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let crates: BTreeSet<_> = production().map(|package| short(&package.name)).collect();
    assert_eq!(rows, crates);
}

#[test]
fn dependencies_between_our_crates_run_one_way() {
    for (name, _) in ALLOWED {
        assert!(!reachable(name).contains(name), "the rules let {name} depend on itself");
        let allowed = reachable(name);
        for dependency in named(&format!("{PREFIX}{name}")).dependencies.iter().filter(is_ours) {
            let to = short(&dependency.name);
            assert!(allowed.contains(to), "{name} depends on {to}, which the architecture does not allow");
        }
    }
}

#[test]
fn no_production_crate_depends_on_tests_not_even_for_its_own_tests() {
    for package in production() {
        for dependency in package.dependencies.iter().filter(is_ours) {
            assert!(
                named(&dependency.name).is_production(),
                "{} depends on {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn crates_are_named_after_their_folders() {
    for package in packages() {
        let folder = package.folder.file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(package.name, format!("{PREFIX}{folder}"));
    }
}

#[test]
fn no_crate_has_a_feature_that_swaps_in_something_pretended() {
    for package in packages() {
        for feature in &package.features {
            let pretended = ["mock", "sim", "test", "insecure", "fake", "dangerous"];
            let found = pretended.iter().find(|word| feature.contains(**word));
            assert!(found.is_none(), "{} has the feature {feature}", package.name);
        }
    }
}

#[test]
fn every_crate_lives_under_the_lints_of_the_workspace() {
    for package in packages() {
        let path = root().join(&package.folder).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(inherits, Some(&toml::Value::Boolean(true)), "{}", package.name);
    }
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(manifest["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
}

#[test]
fn fuzz_targets_stay_outside_the_workspace() {
    assert!(packages().iter().all(|package| !package.folder.starts_with(Path::new("tests/fuzz"))));
}

/// Two versions of wasm-bindgen do not understand each other, and which of them is meant stands in two manifests.
#[test]
fn what_a_page_is_compiled_with_and_what_binds_it_are_of_one_version() {
    let locked = |file: &str, name: &str| {
        let lock: toml::Table = std::fs::read_to_string(root().join(file)).unwrap().parse().unwrap();
        let versions =
            lock["package"].as_array().unwrap().iter().filter(|each| each["name"].as_str() == Some(name));
        versions.map(|each| each["version"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let compiled = locked("Cargo.lock", "wasm-bindgen");
    assert_eq!(compiled.len(), 1);
    assert_eq!(compiled, locked("client/web/bindgen/Cargo.lock", "wasm-bindgen-cli-support"));
    assert!(packages().iter().all(|package| !package.folder.starts_with("client/web/bindgen")));
}
