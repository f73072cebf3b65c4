use clap::Parser;

use super::*;

fn cli(arguments: &[&str]) -> Cli {
    Cli::try_parse_from([&["strongroom-host"], arguments].concat()).unwrap()
}

fn load(arguments: &[&str]) -> Result<Config, ConfigError> {
    Config::load(cli(arguments))
}

const LEAST: [&str; 5] =
    ["--kms", "kms.eu-central-1.amazonaws.com:443", "--store", ".", "--credentials-imds"];

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

    for bad in ["unknown = 1", "listen = 5", "enclave = \"tcp:1\"", "kms = \"a\""] {
        std::fs::write(path, bad).unwrap();
        assert!(matches!(load(&["--config", path]), Err(ConfigError::Toml { .. })), "{bad}");
    }
    assert!(matches!(load(&["--config", "no/such/file"]), Err(ConfigError::File { .. })));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let with = |more: &[&str]| load(&[&LEAST, more].concat());
    assert!(matches!(load(&[]), Err(ConfigError::Missing(_))));
    for more in [
        ["--metrics", "0.0.0.0:9464"],
        ["--tls-cert", "Cargo.toml"],
        ["--credentials-file", "c"],
        ["--services", "unix:s"],
        ["--enclave", "vsock:any:5000"],
        ["--services", "vsock:any:5002"],
        ["--max-requests", "0"],
        ["--s3-region", "eu-central-1"],
        ["--enclave-stop", "x"],
        ["--enclave-start-timeout-s", "5"],
        ["--enclave-start", ""],
        ["--s3-endpoint", "http://127.0.0.1:9000"],
    ] {
        assert!(matches!(with(&more), Err(ConfigError::Combination(_))), "{more:?}");
    }
    assert!(matches!(
        load(&["--store", "none", "--kms", "a:1", "--credentials-imds"]),
        Err(ConfigError::NotFound { .. })
    ));
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
