//! Completions, manual and help: all made from one definition.

use std::collections::BTreeSet;

use crate::common::{strongroom, text};

#[test]
fn each_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = strongroom(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        for word in ["seal", "kms-policy", "keep-receipts", "completions"] {
            assert!(ran.out.contains(word), "{shell} does not complete {word}");
        }
    }
    assert_eq!(strongroom(&["completions", "none"]).code, 2);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let ran = strongroom(&["man", "--out", text(&pages)]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let names: BTreeSet<String> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in
        ["strongroom.1", "strongroom-seal.1", "strongroom-audit-verify.1", "strongroom-kms-policy-lint.1"]
    {
        assert!(names.contains(name), "{name} of {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("-help")), "{names:?}");
    let page = std::fs::read_to_string(pages.join("strongroom-infer.1")).unwrap();
    assert!(
        page.starts_with(".") && page.contains("keep\\-receipts") && page.contains("Examples:"),
        "{page}"
    );
    let printed = strongroom(&["man"]);
    assert_eq!(printed.out, std::fs::read_to_string(pages.join("strongroom.1")).unwrap());
}

#[test]
fn help_shows_examples() {
    let ran = strongroom(&["audit", "head", "--help"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("Examples:") && ran.out.contains("--out heads/monday.cose"), "{}", ran.out);
}
