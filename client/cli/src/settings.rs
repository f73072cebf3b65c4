//! What a client would repeat on every command line: the flag, else the environment, else the config file.
//!
//! This is the one place that knows the order. Whoever asks hands over the flag and gets what counts.

mod file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use strongroom_seal::secret::ApiKey;
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::secret::{self, SecretFile};

pub(crate) use file::File;

const CONFIG_VARIABLE: &str = "STRONGROOM_CONFIG";
const URL_VARIABLE: &str = "STRONGROOM_URL";
const TRUST_VARIABLE: &str = "STRONGROOM_TRUST";
const MEASUREMENTS_VARIABLE: &str = "STRONGROOM_MEASUREMENTS";
const RECEIPTS_VARIABLE: &str = "STRONGROOM_RECEIPTS";
const API_KEY_VARIABLE: &str = "STRONGROOM_API_KEY";
const API_KEY_FILE_VARIABLE: &str = "STRONGROOM_API_KEY_FILE";

/// The config file of this run. It is read once, because it may be a pipe.
static FILE: OnceLock<File> = OnceLock::new();

/// Environment and config file, as far as they say something.
pub(crate) struct Settings {
    environment: Environment,
    file: File,
}

/// A trust file, and the published measurements that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustPaths {
    pub(crate) trust: PathBuf,
    pub(crate) measurements: Option<PathBuf>,
}

/// The variables that count. No `Debug`: one of them is a secret.
#[derive(Default)]
struct Environment {
    url: Option<String>,
    trust: Option<PathBuf>,
    measurements: Option<PathBuf>,
    receipts: Option<PathBuf>,
    api_key: Option<Zeroizing<String>>,
    api_key_file: Option<PathBuf>,
}

/// Reads the config file: the one of `--config`, else that of the environment, else the usual one if it is there.
pub(crate) fn read_file(flag: Option<PathBuf>) -> Result<&'static File> {
    let named = flag.or_else(|| variable(CONFIG_VARIABLE).map(PathBuf::from));
    let file = match named.or_else(|| file::usual_path().filter(|path| path.exists())) {
        Some(path) => File::read(&path)?,
        None => File::default(),
    };
    Ok(FILE.get_or_init(|| file))
}

impl Settings {
    /// The environment as it is now, and the config file if it was read.
    pub(crate) fn load() -> Result<Self> {
        Ok(Self { environment: Environment::read()?, file: FILE.get().cloned().unwrap_or_default() })
    }

    /// Which host is asked.
    pub(crate) fn url(&self, flag: Option<&str>) -> Result<String> {
        let named = flag.or(self.environment.url.as_deref()).or(self.file.url.as_deref());
        named.map(str::to_owned).ok_or_else(|| missing("URL of a host", "--url", URL_VARIABLE, "url"))
    }

    /// What is demanded; nothing where no trust file is named anywhere.
    ///
    /// Measurements count only where they are named beside the trust file or closer to the command: those of the
    /// config file say nothing about a trust file that a flag names.
    pub(crate) fn trust(&self, trust: Option<&Path>, measurements: Option<&Path>) -> Option<TrustPaths> {
        let (environment, file) = (&self.environment, &self.file);
        let layers = [
            (trust, measurements),
            (environment.trust.as_deref(), environment.measurements.as_deref()),
            (file.trust.as_deref(), file.measurements.as_deref()),
        ];
        let at = layers.iter().position(|(trust, _)| trust.is_some())?;
        let measurements = layers.iter().take(at + 1).find_map(|(_, measurements)| *measurements);
        let trust = layers.get(at)?.0?;
        Some(TrustPaths { trust: trust.to_owned(), measurements: measurements.map(Path::to_owned) })
    }

    /// The same, where there has to be one.
    pub(crate) fn demanded_trust(
        &self,
        trust: Option<&Path>,
        measurements: Option<&Path>,
    ) -> Result<TrustPaths> {
        let missing = || missing("trust file", "--trust", TRUST_VARIABLE, "trust");
        self.trust(trust, measurements).ok_or_else(missing)
    }

    /// As who the host is asked.
    pub(crate) fn api_key(&self, flag: Option<&SecretFile>) -> Result<ApiKey> {
        let Environment { api_key, api_key_file, .. } = &self.environment;
        match (flag, api_key, api_key_file, &self.file.api_key_file) {
            (Some(file), ..) => secret::api_key(&file.read()?),
            (None, Some(_), Some(_), _) => {
                Err(CliError::usage(format!("both {API_KEY_VARIABLE} and {API_KEY_FILE_VARIABLE} are set")))
            }
            (None, Some(key), None, _) => secret::api_key(key),
            (None, None, Some(path), _) | (None, None, None, Some(path)) => {
                secret::api_key(&SecretFile::at(path.clone()).read()?)
            }
            (None, None, None, None) => {
                Err(missing("API key", "--api-key @FILE", API_KEY_VARIABLE, "api_key_file"))
            }
        }
    }

    /// The folder in which receipts are kept.
    pub(crate) fn receipts(&self, flag: Option<PathBuf>) -> Option<PathBuf> {
        flag.or_else(|| self.environment.receipts.clone()).or_else(|| self.file.receipts.clone())
    }
}

impl Environment {
    fn read() -> Result<Self> {
        let text = |name| {
            let text = variable(name).map(OsString::into_string).transpose();
            text.map_err(|_| CliError::usage(format!("{name} is not text")))
        };
        let path = |name| variable(name).map(PathBuf::from);
        let api_key_file = path(API_KEY_FILE_VARIABLE);
        if api_key_file.as_deref().is_some_and(file::is_a_key) {
            return Err(CliError::usage(format!("{API_KEY_FILE_VARIABLE} names a file, and is not a key")));
        }
        Ok(Self {
            url: text(URL_VARIABLE)?,
            trust: path(TRUST_VARIABLE),
            measurements: path(MEASUREMENTS_VARIABLE),
            receipts: path(RECEIPTS_VARIABLE),
            api_key: text(API_KEY_VARIABLE)?.map(Zeroizing::new),
            api_key_file,
        })
    }
}

/// A variable that says something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn missing(what: &str, flag: &str, variable: &str, field: &str) -> CliError {
    CliError::usage(format!("no {what}: give {flag}, set {variable}, or write {field} into the config file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(environment: [Option<&str>; 2], file: [Option<&str>; 2]) -> Settings {
        let path = |text: Option<&str>| text.map(PathBuf::from);
        let [trust, measurements] = environment.map(path);
        let environment = Environment { trust, measurements, ..Environment::default() };
        let [trust, measurements] = file.map(path);
        Settings { environment, file: File { trust, measurements, ..File::default() } }
    }

    #[test]
    fn measurements_never_come_from_farther_than_the_trust_file() {
        let both = settings([Some("e"), Some("em")], [Some("f"), Some("fm")]);
        let got = |settings: &Settings, trust: Option<&str>, measurements: Option<&str>| {
            let paths = settings.trust(trust.map(Path::new), measurements.map(Path::new))?;
            let text = |path: PathBuf| path.display().to_string();
            Some((text(paths.trust), paths.measurements.map(text)))
        };
        let pair = |trust: &str, measurements: Option<&str>| {
            Some((trust.to_owned(), measurements.map(str::to_owned)))
        };
        assert_eq!(got(&both, Some("t"), Some("m")), pair("t", Some("m")));
        assert_eq!(got(&both, Some("t"), None), pair("t", None));
        assert_eq!(got(&both, None, Some("m")), pair("e", Some("m")));
        assert_eq!(got(&both, None, None), pair("e", Some("em")));
        let file = settings([None, Some("em")], [Some("f"), Some("fm")]);
        assert_eq!(got(&file, None, None), pair("f", Some("em")));
        assert_eq!(got(&settings([None; 2], [None; 2]), None, Some("m")), None);
    }
}
