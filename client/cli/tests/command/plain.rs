//! No escape sequence where nobody asked for one.

use crate::common::{strongroom_with, text};

/// Begins every escape sequence.
const ESCAPE: char = '\u{1b}';

const TERMINAL: (&str, &str) = ("TERM", "xterm-256color");

#[test]
fn stderr_that_is_no_terminal_holds_text_alone() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let log = ("STRONGROOM_LOG", "trace");
    for args in [
        vec!["inspect", text(&absent)],
        vec!["no-such-command"],
        vec!["infer", "--api-key", "literal"],
        vec!["verify", "--url", "http://127.0.0.1:9", "--trust", text(&absent)],
        vec!["--help"],
        vec!["seal", "--help"],
    ] {
        for env in [vec![TERMINAL, log], vec![("TERM", "dumb"), log], vec![TERMINAL, ("NO_COLOR", "1"), log]]
        {
            let ran = strongroom_with(&args, &env);
            assert!(!ran.err.contains(ESCAPE) && !ran.out.contains(ESCAPE), "{args:?} {env:?}: {}", ran.err);
            assert!(!ran.err.is_empty() || !ran.out.is_empty());
        }
    }
}

#[test]
fn colours_that_were_asked_for_are_there_and_flag_environment_and_file_are_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "color = \"always\"\n").unwrap();
    let colored = |args: &[&str], env: &[(&str, &str)]| {
        let ran = strongroom_with(&[&["inspect", "/nowhere/file"], args].concat(), env);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        ran.err.contains(ESCAPE)
    };
    let file = ["--config", text(&config)];
    assert!(colored(&["--color", "always"], &[TERMINAL, ("NO_COLOR", "1")]), "the flag");
    assert!(!colored(&[&file[..], &["--color", "never"]].concat(), &[TERMINAL]), "the flag");
    assert!(!colored(&file, &[TERMINAL, ("NO_COLOR", "1")]), "the environment");
    assert!(!colored(&file, &[("TERM", "dumb")]), "the environment");
    assert!(colored(&file, &[TERMINAL]), "the file");
    assert!(!colored(&[], &[TERMINAL]), "no terminal");
}

#[test]
fn an_error_says_what_to_do() {
    let ran = strongroom_with(&["inspect", "/nowhere/file"], &[]);
    assert!(ran.err.contains("help:"), "{}", ran.err);
}
