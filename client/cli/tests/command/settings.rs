//! Flag, environment, config file, default: each before the next, and what a config file may not hold.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::common::{Ran, strongroom, strongroom_with, text};
use crate::online::client;

/// A host that counts who comes, and hangs up.
struct Door {
    address: SocketAddr,
    knocks: Arc<AtomicUsize>,
    _open: Arc<Mutex<()>>,
}

impl Door {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (knocks, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(())));
        let (counted, watched) = (Arc::clone(&knocks), Arc::downgrade(&open));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if watched.upgrade().is_none() {
                    break;
                }
                drop(stream);
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, knocks, _open: open }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether anybody came since the last question.
    fn was_asked(&self) -> bool {
        self.knocks.swap(0, Ordering::SeqCst) > 0
    }
}

/// A folder with a config file beside a trust file, an API key and a request.
fn configured(config: &str) -> TempDir {
    let folder = client();
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    text(&folder.path().join(name)).to_owned()
}

fn infer(folder: &TempDir, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let input = path(folder, "request.json");
    strongroom_with(&[&["infer", "--model", "m", "--input", &input], args].concat(), env)
}

#[test]
fn the_url_is_that_of_the_flag_the_environment_or_the_file() {
    let (flag, environment, file) = (Door::open(), Door::open(), Door::open());
    let folder = configured(&format!("url = \"{}\"\ntrust = \"trust.toml\"\n", file.url()));
    let config = path(&folder, "config.toml");
    let asked = || [flag.was_asked(), environment.was_asked(), file.was_asked()];
    let env = [("STRONGROOM_URL", environment.url()), ("STRONGROOM_CONFIG", config.clone())];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ran = strongroom_with(&["verify", "--url", &flag.url()], &env);
    assert_eq!((ran.code, asked()), (40, [true, false, false]), "{}", ran.err);
    let ran = strongroom_with(&["verify"], &env);
    assert_eq!((ran.code, asked()), (40, [false, true, false]), "{}", ran.err);
    let ran = strongroom(&["verify", "--config", &config]);
    assert_eq!((ran.code, asked()), (40, [false, false, true]), "{}", ran.err);
    let ran = strongroom_with(&["--config", &config, "verify"], &[("STRONGROOM_URL", "")]);
    assert_eq!((ran.code, asked()), (40, [false, false, true]), "an empty variable says nothing");
    let ran = strongroom(&["verify"]);
    assert_eq!((ran.code, asked()), (2, [false; 3]));
    for way in ["--url", "STRONGROOM_URL", "config file"] {
        assert!(ran.err.contains(way), "{}", ran.err);
    }
    // The listener's thread sees that its door is gone with the next knock.
    [flag, environment, file].iter().for_each(|door| drop(TcpStream::connect(door.address)));
}

#[test]
fn the_trust_file_is_that_of_the_flag_the_environment_or_the_file() {
    let folder = configured("url = \"http://127.0.0.1:9\"\ntrust = \"of-the-file.toml\"\n");
    let config = path(&folder, "config.toml");
    let named = |args: &[&str], env: &[(&str, &str)]| {
        let ran = strongroom_with(&[&["verify", "--config", &config], args].concat(), env);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let names = ["of-the-flag.toml", "of-the-environment.toml", "of-the-file.toml"];
        // A long path is broken into lines.
        let told: String = ran.err.split(['\n', ' ', '│']).collect();
        names.into_iter().find(|name| told.contains(name)).unwrap_or_else(|| panic!("{}", ran.err))
    };
    let env = [("STRONGROOM_TRUST", "of-the-environment.toml")];
    assert_eq!(named(&["--trust", "of-the-flag.toml"], &env), "of-the-flag.toml");
    assert_eq!(named(&[], &env), "of-the-environment.toml");
    assert_eq!(named(&[], &[]), "of-the-file.toml");
}

#[test]
fn the_api_key_is_that_of_the_flag_the_environment_or_the_file() {
    let folder =
        configured("url = \"http://127.0.0.1:9\"\ntrust = \"trust.toml\"\napi_key_file = \"file\"\n");
    let config = path(&folder, "config.toml");
    for name in ["flag", "environment", "file"] {
        std::fs::write(folder.path().join(name), "no key").unwrap();
    }
    let good = format!("@{}", path(&folder, "api-key"));
    let (key, bad) = (std::fs::read_to_string(&good[1..]).unwrap(), path(&folder, "environment"));
    let base = ["--config", config.as_str()];
    let code = |args: &[&str], env: &[(&str, &str)]| infer(&folder, &[&base, args].concat(), env).code;
    assert_eq!(code(&["--api-key", &good], &[("STRONGROOM_API_KEY", "no key")]), 40, "the flag");
    assert_eq!(code(&["--api-key", &format!("@{bad}")], &[("STRONGROOM_API_KEY", &key)]), 2, "the flag");
    assert_eq!(code(&[], &[("STRONGROOM_API_KEY", &key)]), 40, "the environment");
    assert_eq!(code(&[], &[("STRONGROOM_API_KEY_FILE", &good[1..])]), 40, "the environment");
    assert_eq!(code(&[], &[("STRONGROOM_API_KEY_FILE", &bad)]), 2, "the environment");
    assert_eq!(code(&[], &[]), 2, "the file");
    std::fs::write(folder.path().join("file"), &key).unwrap();
    assert_eq!(code(&[], &[]), 40, "the file");
    let both = [("STRONGROOM_API_KEY", key.as_str()), ("STRONGROOM_API_KEY_FILE", bad.as_str())];
    assert_eq!(code(&[], &both), 2, "two that may differ");
}

#[test]
fn the_usual_file_is_found_and_a_named_one_is_before_it() {
    let door = Door::open();
    let folder = client();
    let usual = folder.path().join("xdg/strongroom");
    std::fs::create_dir_all(&usual).unwrap();
    let trust = path(&folder, "trust.toml");
    let config = format!("url = \"{}\"\ntrust = \"{trust}\"\n", door.url());
    std::fs::write(usual.join("config.toml"), config).unwrap();
    let xdg = path(&folder, "xdg");
    assert_eq!(strongroom_with(&["verify"], &[("XDG_CONFIG_HOME", &xdg)]).code, 40);
    assert!(door.was_asked());
    let home = path(&folder, "home");
    std::fs::create_dir_all(Path::new(&home).join(".config")).unwrap();
    std::fs::rename(&usual, Path::new(&home).join(".config/strongroom")).unwrap();
    assert_eq!(strongroom_with(&["verify"], &[("HOME", &home)]).code, 40);
    assert!(door.was_asked());
    let named = strongroom_with(&["verify", "--config", "/dev/null"], &[("HOME", &home)]);
    assert_eq!((named.code, door.was_asked()), (2, false), "the named one alone counts");
    let absent = strongroom_with(&["verify", "--config", "/nowhere/config.toml"], &[("HOME", &home)]);
    assert_eq!(absent.code, 1, "{}", absent.err);
    drop(TcpStream::connect(door.address));
}

#[test]
fn a_key_in_the_config_file_is_refused_and_not_repeated() {
    for config in [
        "api_key_file = \"sr_secretsecret\"\n",
        "api_key = \"sr_secretsecret\"\n",
        "url = \"http://127.0.0.1:9\"\ncolor = \"sr_secretsecret\"\n",
    ] {
        let folder = configured(config);
        let ran = infer(&folder, &["--config", &path(&folder, "config.toml")], &[]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{config}");
        assert!(!ran.err.contains("secretsecret") && ran.err.contains("docs/cli.md"), "{}", ran.err);
    }
    let ran = infer(&client(), &[], &[("STRONGROOM_API_KEY_FILE", "sr_secretsecret")]);
    assert!(ran.code == 2 && !ran.err.contains("secretsecret"), "{}", ran.err);
}

#[test]
fn a_stored_document_needs_no_url_and_is_not_disturbed_by_one() {
    let folder = client();
    let document = path(&folder, "request.json");
    let demand = format!("0={}", "ab".repeat(48));
    let args = ["verify", "--document", &document, "--at-ms", "1", "--pcr", &demand];
    let env = [("STRONGROOM_URL", "http://127.0.0.1:9"), ("STRONGROOM_TRUST", "absent")];
    assert_eq!(strongroom_with(&args, &env).code, 10);
    assert_eq!(strongroom(&[args.as_slice(), &["--url", "http://127.0.0.1:9"]].concat()).code, 2);
}

#[test]
fn a_receipt_is_judged_by_the_trust_file_that_is_named_unless_none_is_wanted() {
    let folder = client();
    let (file, absent) = (path(&folder, "request.json"), path(&folder, "absent"));
    let args = ["receipt", "verify", &file, "--evidence", &file];
    let env = [("STRONGROOM_TRUST", absent.as_str())];
    assert_eq!(strongroom_with(&args, &env).code, 1, "the trust file is not there");
    assert_eq!(strongroom_with(&[args.as_slice(), &["--any-enclave"]].concat(), &env).code, 10);
    assert_eq!(strongroom(&args).code, 10);
    let measurements = [args.as_slice(), &["--measurements", &absent]].concat();
    assert_eq!(strongroom(&measurements).code, 2, "measurements of no trust file");
}
