use clap::Parser;

use super::*;
use crate::keep::ForwardTo;

fn cli(arguments: &[&str]) -> Cli {
    Cli::try_parse_from([&["strongroom-host"], arguments].concat()).unwrap()
}

fn load(arguments: &[&str]) -> Result<Config, ConfigError> {
    Config::load(cli(arguments))
}

const LEAST: [&str; 5] =
    ["--kms", "kms.eu-central-1.amazonaws.com:443", "--store", ".", "--credentials-imds"];

/// The agent of EKS.
const AGENT: &str = "http://169.254.170.23/v1/credentials";

#[test]
fn defaults_are_those_of_the_help() {
    let config = load(&LEAST).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.metrics.to_string(), "127.0.0.1:9464");
    assert_eq!(config.enclave.to_string(), "vsock:16:5000");
    assert_eq!(config.services.to_string(), "vsock:any:5001");
    assert_eq!(config.tunnel.to_string(), "vsock:any:5002");
    assert_eq!(config.peer_rule(), PeerRule::Cid(16));
    assert!(
        matches!(&config.credentials, Source::Imds(imds) if imds.to_string() == "http://169.254.169.254:80")
    );
    assert_eq!((config.max_requests, config.max_connections), (256, 1024));
    assert_eq!(config.address_limit, None);
    assert_eq!((config.timing.request.as_secs(), config.timing.grace.as_secs()), (60, 30));
}

#[test]
fn flags_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    let text = "listen = \"127.0.0.1:1\"\nmax_requests = 5\nkms = \"kms.example:443\"\nstore = \".\"\n\
        enclave = \"unix:e\"\nservices = \"unix:s\"\ntunnel = \"unix:t\"\ncredentials_file = \"c\"\nlog_format = \"json\"\n";
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let config = load(&["--config", path, "--listen", "127.0.0.1:2"]).unwrap();
    assert_eq!((config.listen.port(), config.max_requests), (2, 5));
    assert_eq!(config.peer_rule(), PeerRule::AnyLocal);
    assert_eq!(config.credentials, Source::File("c".into()));
    let config = load(&["--config", path, "--credentials-imds", "http://127.0.0.1:9"]).unwrap();
    assert!(matches!(config.credentials, Source::Imds(_)));

    for bad in ["unknown = 1", "metrics_any_address = 1", "listen = 5", "enclave = \"tcp:1\"", "kms = \"a\""]
    {
        std::fs::write(path, bad).unwrap();
        assert!(matches!(load(&["--config", path]), Err(ConfigError::Toml { .. })), "{bad}");
    }
    assert!(matches!(load(&["--config", "no/such/file"]), Err(ConfigError::File { .. })));
}

#[test]
fn metrics_leave_this_machine_by_decision_alone() {
    let with = |more: &[&str]| load(&[&LEAST, more].concat());
    let wide = ["--metrics", "0.0.0.0:9464"];
    let refused = with(&wide).unwrap_err().to_string();
    assert_eq!(refused, "metrics must be a loopback address unless metrics-any-address is set");
    for address in ["0.0.0.0:9464", "[::]:9464", "10.0.0.1:9464"] {
        let config = with(&["--metrics", address, "--metrics-any-address"]).unwrap();
        assert_eq!(config.metrics, address.parse().unwrap());
    }
    assert_eq!(with(&["--metrics-any-address"]).unwrap().metrics, DEFAULT_METRICS);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    let file = ["--config", path.to_str().unwrap()];
    std::fs::write(&path, "metrics = \"0.0.0.0:9464\"\nmetrics_any_address = true\n").unwrap();
    assert!(with(&file).is_ok());
    let narrowed = with(&[file.as_slice(), &["--metrics-any-address=false"]].concat());
    assert!(matches!(narrowed, Err(ConfigError::Combination(_))));
    std::fs::write(&path, "metrics = \"0.0.0.0:9464\"\nmetrics_any_address = false\n").unwrap();
    assert!(with(&file).is_err());
    assert!(with(&[file.as_slice(), &["--metrics-any-address"]].concat()).is_ok());
}

#[test]
fn pages_of_no_origin_are_permitted_by_default() {
    assert!(load(&LEAST).unwrap().cors_origins.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    let file = [LEAST.as_slice(), &["--config", path.to_str().unwrap()]].concat();
    let origins = |arguments: &[&str]| {
        let config = load(arguments).unwrap();
        config.cors_origins.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    std::fs::write(&path, "cors_origins = [\"https://a.example\", \"http://127.0.0.1:8081\"]\n").unwrap();
    assert_eq!(origins(&file), ["https://a.example", "http://127.0.0.1:8081"]);
    let flag = [file.as_slice(), &["--cors-origin", "https://b.example"]].concat();
    assert_eq!(origins(&flag), ["https://b.example"], "flags win");
    std::fs::write(&path, "cors_origins = [\"https://a.example/\"]\n").unwrap();
    assert!(matches!(load(&file), Err(ConfigError::Toml { .. })));
}

#[test]
fn there_is_one_source_of_credentials() {
    let least = ["--kms", "a:1", "--store", "."];
    let with = |more: &[&str]| load(&[least.as_slice(), more].concat());
    let missing = ConfigError::Missing("credentials-file, credentials-imds or credentials-container");
    assert_eq!(with(&[]).err(), Some(missing));
    let (file, imds) = (["--credentials-file", "c"], ["--credentials-imds"]);
    let agent = ["--credentials-container", AGENT, "--credentials-container-token-file", "t"];
    for sources in [
        [file.as_slice(), &imds].concat(),
        [file.as_slice(), &agent].concat(),
        [imds.as_slice(), &agent].concat(),
        [file.as_slice(), &imds, &agent].concat(),
    ] {
        let refused = with(&sources).unwrap_err().to_string();
        assert!(refused.ends_with("exclude each other"), "{sources:?}: {refused}");
    }
    for half in [&agent[..2], &agent[2..]] {
        let refused = with(half).unwrap_err().to_string();
        assert!(refused.ends_with("need each other"), "{half:?}: {refused}");
    }
    for bad in ["http://169.254.169.254/v1/credentials", "https://127.0.0.1/", "http://agent/"] {
        let parsed = Cli::try_parse_from(["strongroom-host", "--credentials-container", bad]);
        assert!(parsed.is_err(), "{bad}");
    }
}

#[test]
fn a_source_given_by_flag_replaces_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    let source = |text: &str, flags: &[&str]| {
        std::fs::write(&path, format!("kms = \"a:1\"\nstore = \".\"\n{text}\n")).unwrap();
        load(&[&["--config", path.to_str().unwrap()], flags].concat()).map(|config| config.credentials)
    };
    let container = |url: &str, token_file: &str| {
        Source::Container(Container { url: url.parse().unwrap(), token_file: token_file.into() })
    };
    let (file, imds) = (Source::File("c".into()), Source::Imds("http://127.0.0.1:9".parse().unwrap()));
    let agent = format!("credentials_container = \"{AGENT}\"\ncredentials_container_token_file = \"t\"");
    let texts = ["credentials_file = \"d\"", "credentials_imds = \"http://127.0.0.1:8\"", agent.as_str()];
    let token = ["--credentials-container-token-file", "u"];
    let other = ["--credentials-container", "http://127.0.0.1:7/c"];
    let both = [other.as_slice(), &token].concat();
    for text in texts {
        assert_eq!(source(text, &["--credentials-file", "c"]), Ok(file.clone()), "{text}");
        assert_eq!(source(text, &["--credentials-imds", "http://127.0.0.1:9"]), Ok(imds.clone()), "{text}");
        assert_eq!(source(text, &both), Ok(container(other[1], "u")), "{text}");
    }
    assert_eq!(source(&agent, &[]), Ok(container(AGENT, "t")));
    assert_eq!(source(&agent, &other), Ok(container(other[1], "t")));
    assert_eq!(source(&agent, &token), Ok(container(AGENT, "u")));
    assert!(matches!(source(texts[0], &token), Err(ConfigError::Combination(_))));
    assert!(matches!(source(texts[1], &other), Err(ConfigError::Combination(_))));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let with = |more: &[&str]| load(&[&LEAST, more].concat());
    assert!(matches!(load(&[]), Err(ConfigError::Missing(_))));
    for more in [
        ["--metrics", "0.0.0.0:9464"],
        ["--tls-cert", "Cargo.toml"],
        ["--credentials-file", "c"],
        ["--credentials-container", AGENT],
        ["--credentials-container-token-file", "t"],
        ["--services", "unix:s"],
        ["--enclave", "vsock:any:5000"],
        ["--services", "vsock:any:5002"],
        ["--max-requests", "0"],
        ["--max-connections", "1048577"],
        ["--address-burst", "5"],
        ["--s3-region", "eu-central-1"],
        ["--audit-forward", "-"],
        ["--enclave-stop", "x"],
        ["--enclave-start-timeout-s", "5"],
        ["--enclave-start", ""],
        ["--s3-endpoint", "http://127.0.0.1:9000"],
        ["--deadline-s", "18446744073709551615"],
        ["--drain-delay-s", "86401"],
        ["--grace-s", "18446744073709551615"],
    ] {
        assert!(matches!(with(&more), Err(ConfigError::Combination(_))), "{more:?}");
    }
    assert!(with(&["--deadline-s", "86400"]).is_ok());
    let start = ["--enclave-start", "x", "--enclave-start-timeout-s", "86401"];
    assert!(matches!(with(&start), Err(ConfigError::Combination(_))));
    assert!(matches!(
        load(&["--store", "none", "--kms", "a:1", "--credentials-imds"]),
        Err(ConfigError::NotFound { .. })
    ));
    let pem = "--tls-key=-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----";
    let error = with(&["--tls-cert", "Cargo.toml", pem]).unwrap_err();
    assert_eq!(error.to_string(), "tls-key: no such file or directory: a private key in place of its file");
}

#[test]
fn a_store_in_s3_has_a_region() {
    let with = |store: &str, more: &[&str]| {
        load(&[&["--kms", "a:1", "--credentials-imds", "--store", store], more].concat())
    };
    assert_eq!(with("s3://models/eu", &[]).err(), Some(ConfigError::Missing("s3-region")));
    let config = with("s3://models/eu", &["--s3-region", "eu-central-1"]).unwrap();
    let Place::S3(place) = config.store else { panic!("not S3") };
    assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("models", "eu/"));
    assert_eq!((place.region.as_str(), place.endpoint), ("eu-central-1", None));
    for bad in [["--store", "s3://M"], ["--s3-region", "here"], ["--s3-endpoint", "http://10.0.0.1"]] {
        assert!(Cli::try_parse_from([&["strongroom-host"], bad.as_slice()].concat()).is_err(), "{bad:?}");
    }
}

#[test]
fn an_address_has_a_rate_and_ten_seconds_of_it_at_once() {
    let with = |more: &[&str]| load(&[&LEAST, more].concat()).unwrap().address_limit.unwrap();
    let limit = |rate, burst| {
        let number = |number| NonZeroU32::new(number).unwrap();
        AddressLimit { rate: number(rate), burst: number(burst) }
    };
    assert_eq!(with(&["--address-rate", "5"]), limit(5, 50));
    assert_eq!(with(&["--address-rate", "5", "--address-burst", "1"]), limit(5, 1));
    assert_eq!(with(&["--address-rate", "4294967295"]), limit(u32::MAX, u32::MAX));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    std::fs::write(&path, "address_rate = 5\naddress_burst = 7\n").unwrap();
    let file = ["--config", path.to_str().unwrap()];
    assert_eq!(with(&file), limit(5, 7));
    assert_eq!(with(&[file.as_slice(), &["--address-rate", "6"]].concat()), limit(6, 7));
    for bad in [["--address-rate", "0"], ["--address-burst", "0"], ["--address-rate", "0.5"]] {
        assert!(Cli::try_parse_from([&["strongroom-host"], bad.as_slice()].concat()).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_kept_has_a_place() {
    assert_eq!(load(&LEAST).unwrap().keeping, None);
    let with = |more: &[&str]| load(&[&LEAST, more].concat()).unwrap().keeping.unwrap();
    let directory = PathBuf::from("d");
    assert_eq!(with(&["--state-dir", "d"]), Keeping { directory: directory.clone(), forward: None });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    std::fs::write(&path, "state_dir = \"d\"\naudit_forward = \"-\"\n").unwrap();
    let file = ["--config", path.to_str().unwrap()];
    assert_eq!(with(&file), Keeping { directory: directory.clone(), forward: Some(ForwardTo::Stdout) });
    let forward = Some(ForwardTo::File("f".into()));
    assert_eq!(with(&[file.as_slice(), &["--audit-forward", "f"]].concat()), Keeping { directory, forward });
}

#[test]
fn programs_are_lists_of_words() {
    assert!(load(&LEAST).unwrap().supervision.is_none());
    let words = ["--enclave-start=nitro-cli", "--enclave-start", "run-enclave", "--enclave-start", "--debug"];
    let plan = load(&[LEAST.as_slice(), &words].concat()).unwrap().supervision.unwrap();
    let named = |words: &[&str]| Program::new(words.iter().map(|word| (*word).to_owned()).collect()).unwrap();
    assert_eq!(plan.start, named(&["nitro-cli", "run-enclave", "--debug"]));
    assert_eq!((plan.stop, plan.start_timeout.as_secs()), (None, 120));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.toml");
    let text = "enclave_start = [\"a\", \"b c\"]\nenclave_stop = [\"d\"]\nenclave_start_timeout_s = 7\n";
    std::fs::write(&path, text).unwrap();
    let file = ["--config", path.to_str().unwrap()];
    let plan = load(&[LEAST.as_slice(), &file].concat()).unwrap().supervision.unwrap();
    assert_eq!((plan.start, plan.stop), (named(&["a", "b c"]), Some(named(&["d"]))));
    assert_eq!(plan.start_timeout.as_secs(), 7);
    let flag = ["--enclave-start", "e"];
    let plan = load(&[LEAST.as_slice(), &file, &flag].concat()).unwrap().supervision.unwrap();
    assert_eq!(plan.start, named(&["e"]), "flags replace the list and do not add to it");
    std::fs::write(&path, "enclave_start = []\n").unwrap();
    assert!(matches!(load(&[LEAST.as_slice(), &file].concat()), Err(ConfigError::Combination(_))));
}
