//! What is tested is what is measured: the enclave's dependencies have the same features whether it is
//! built alone, as for an image, or with the whole workspace and its tests.

use super::workspace::{linked_into, tree};

/// A feature that the workspace turns on and the enclave alone does not, and why that changes nothing.
struct Exception {
    package: &'static str,
    feature: &'static str,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[Exception {
    package: "rustix",
    feature: "termios",
    reason: "adds a module of terminal calls, for the help of our commands; the enclave reaches rustix \
                 only through tract's reader of archives, and runs neither",
}];

#[test]
fn the_measured_enclave_is_built_with_the_features_that_the_tests_use() {
    let measured = linked_into("strongroom-enclave");
    let tested = tree(&["--workspace", "--edges=normal,dev,no-proc-macro"]);
    let mut differences = Vec::new();
    for (package, features) in &measured {
        let Some(others) = tested.get(package) else {
            differences.push(format!("{package} is not in the workspace's tree"));
            continue;
        };
        // "default" only names other features, and those are listed themselves.
        let names = features.symmetric_difference(others).filter(|feature| *feature != "default");
        let unexplained = names.filter(|feature| !is_excepted(&package.name, feature));
        differences.extend(unexplained.map(|feature| {
            let only = if features.contains(feature) { "enclave" } else { "workspace" };
            format!("{package}: '{feature}' in the {only}'s build alone")
        }));
    }
    assert!(differences.is_empty(), "name these in [workspace.dependencies]:\n{}", differences.join("\n"));
}

#[test]
fn every_exception_is_still_one_and_gives_a_reason() {
    let measured = linked_into("strongroom-enclave");
    let tested = tree(&["--workspace", "--edges=normal,dev,no-proc-macro"]);
    for exception in EXCEPTIONS {
        let has = |tree: &super::workspace::Tree| {
            tree.iter().any(|(package, features)| {
                package.name == exception.package && features.contains(exception.feature)
            })
        };
        assert!(has(&tested) && !has(&measured), "{}: remove the exception", exception.package);
        assert!(!exception.reason.is_empty());
    }
}

fn is_excepted(package: &str, feature: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| exception.package == package && exception.feature == feature)
}
