//! What the sources of our crates must never say.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail with the test")]

use std::path::{Path, PathBuf};

use super::workspace::{packages, root};

/// Crates that are linked into the enclave.
const INSIDE: &[&str] =
    &["proto", "link", "attestation", "seal", "nsm", "enclave", "controls", "monitor", "engine", "kms"];
/// Crates that take time, bytes and roots as arguments alone.
const PURE: &[&str] = &["proto", "attestation", "seal", "controls", "monitor"];

/// Longest file outside tests.
const MAX_LINES: usize = 400;

struct Source {
    package: &'static str,
    /// Relative to the repository.
    path: PathBuf,
    text: String,
}

impl Source {
    /// Lines outside comments and the test module, numbered from one.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.take(self.length()).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Number of lines before the test module, which stands last.
    fn length(&self) -> usize {
        let lines: Vec<_> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            matches!(pair, ["#[cfg(test)]", module] if module.starts_with("mod ") && module.ends_with('{'))
        });
        tests.unwrap_or(lines.len())
    }
}

/// Every source of our crates that is not a test.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for package in packages() {
        let mut paths = Vec::new();
        collect(&root().join(&package.folder).join("src"), &mut paths);
        for path in paths.into_iter().filter(|path| !is_test(path)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_path_buf();
            let package = package.name.strip_prefix("strongroom-").unwrap();
            sources.push(Source { package, path, text });
        }
    }
    assert!(sources.len() > 100, "only {} sources found", sources.len());
    sources
}

/// All Rust files in a folder and below it.
pub(crate) fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

fn assert_unsaid(packages: &[&str], words: &[&str]) {
    assert_unsaid_but_in(packages, words, "");
}

/// `excepted` is the path of one file that may say it.
fn assert_unsaid_but_in(packages: &[&str], words: &[&str], excepted: &str) {
    let mut said = Vec::new();
    let bound = |source: &&Source| packages.contains(&source.package) && source.path != Path::new(excepted);
    for source in sources().iter().filter(bound) {
        for (number, line) in source.code() {
            let found = words.iter().filter(|word| line.contains(**word));
            said.extend(found.map(|word| format!("{}:{number} says {word}", source.path.display())));
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// The one file that looks at arguments and environment: to see whether there are any, and to drop them.
const BARE: &str = "enclave/src/init/bare.rs";

#[test]
fn the_enclave_reads_no_environment() {
    assert_unsaid_but_in(INSIDE, &["std::env", "env::var", "env::args", "option_env!"], BARE);
    let bare = std::fs::read_to_string(root().join(BARE)).unwrap();
    let uses: Vec<_> = bare.lines().filter(|line| line.contains("std::env")).map(str::trim).collect();
    assert_eq!(uses, ["std::env::args_os().count() <= 1 && std::env::vars_os().next().is_none()"]);
}

#[test]
fn the_enclave_never_asks_the_system_for_the_time() {
    assert_unsaid(INSIDE, &["SystemTime::now", "UNIX_EPOCH.elapsed", "Utc::now", "now_utc", "clock_gettime"]);
}

#[test]
fn attestation_seal_proto_and_controls_have_no_clock_no_files_no_sockets_and_no_threads() {
    let words = [
        "Instant::now",
        "SystemTime",
        "std::fs",
        "std::net",
        "std::os",
        "std::thread",
        "std::process",
        "tokio",
    ];
    assert_unsaid(PURE, &words);
}

#[test]
fn nothing_outside_the_simulation_names_it() {
    let production: Vec<_> = packages().iter().filter(|package| package.is_production()).collect();
    let names: Vec<_> =
        production.iter().map(|package| package.name.trim_start_matches("strongroom-")).collect();
    assert_unsaid(&names, &["strongroom_sim", "cfg(not(test))", "cfg!(test)"]);
}

#[test]
fn no_source_says_unsafe() {
    for source in sources() {
        for (number, line) in source.code() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(!words.any(|word| word == "unsafe"), "{}:{number}", source.path.display());
        }
    }
}

#[test]
fn files_stay_small() {
    // What a tool writes is not read, and not written, by people.
    let generated = Path::new("client/proxy/src/grpc/generated.rs");
    for source in sources().into_iter().filter(|source| source.path != generated) {
        let length = source.length();
        assert!(length <= MAX_LINES, "{} has {length} lines outside its tests", source.path.display());
    }
}

#[test]
fn every_exception_from_a_lint_gives_its_reason() {
    for source in sources() {
        for attribute in attributes(&source.text) {
            let excepts = ["allow(", "expect("].iter().any(|word| attribute.contains(word));
            let reasoned = attribute.contains("reason = \"");
            assert!(!excepts || reasoned, "{}: {attribute}", source.path.display());
        }
    }
}

#[test]
fn attributes_are_found_whole() {
    let text = "#![allow(a, reason = \"b\")]\n#[derive(Debug)]\nlet x = y.expect(\"no [attribute]\");\n#[cfg_attr(all(), expect(c[0]))] fn";
    let found = ["#![allow(a, reason = \"b\")]", "#[derive(Debug)]", "#[cfg_attr(all(), expect(c[0]))]"];
    assert_eq!(attributes(text), found);
}

/// Attributes, from the hash to the bracket that closes them.
fn attributes(text: &str) -> Vec<&str> {
    let starts = text.match_indices('#').map(|(start, _)| &text[start..]);
    let starts = starts.filter(|rest| rest.starts_with("#[") || rest.starts_with("#!["));
    let whole = |rest: &str| {
        let mut depth = 0_i32;
        let end = rest.char_indices().find(|(_, c)| {
            depth += match c {
                '[' => 1,
                ']' => -1,
                _ => return false,
            };
            depth == 0
        });
        end.map(|(end, _)| end + 1)
    };
    starts.filter_map(|rest| whole(rest).map(|end| &rest[..end])).collect()
}
