//! A client of one deployment. Each method blocks where its callback is `None`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use strongroom_attestation::Transcript;
use strongroom_attestation::evidence::Verified;
use strongroom_client::{Client as Connected, InferRequest, Options, Prepared, TrustFile, api_key, describe};
use strongroom_proto::name::Name;
use strongroom_seal::secret::{ApiKey, SECRET_BYTES};
use strongroom_seal::tensor::{DType, Tensor};

use crate::answer;
use crate::failure::Failure;
use crate::running::{Given, run};

/// A client of one deployment. No `__repr__` but its type's: it holds the API key.
#[pyclass(frozen, module = "strongroom._native")]
pub(crate) struct Client {
    connected: Arc<Connected>,
    keyed: bool,
}

/// An inference that was written down, to be sent once.
#[pyclass(frozen, module = "strongroom._native")]
pub(crate) struct Question(Arc<Prepared>);

/// A tensor as Python hands it over: name, datatype, shape, elements as little-endian bytes.
type Handed<'py> = (String, String, Vec<u64>, Bound<'py, PyBytes>);

#[pymethods]
impl Client {
    #[new]
    fn new(
        py: Python<'_>,
        url: &str,
        demands: (Vec<u8>, Option<Vec<u8>>),
        key: Option<&str>,
        times: (f64, f64),
        epochs: BTreeMap<String, u64>,
    ) -> PyResult<Self> {
        let (deadline_seconds, session_seconds) = times;
        let made = || {
            let trust = match &demands {
                (trust, None) => TrustFile::parse(trust)?,
                (trust, Some(measurements)) => TrustFile::parse_with_measurements(trust, measurements)?,
            };
            let keyed = key.is_some();
            // Without a key nothing but hellos is sent, which show none to anyone.
            let key = match key {
                Some(text) => {
                    api_key::parse(text).map_err(|error| Failure::usage(format!("api_key: {error}")))?
                }
                None => ApiKey::take(&mut [0; SECRET_BYTES]),
            };
            let epochs = epochs.iter().map(|(name, epoch)| Ok((parsed("epochs", name)?, *epoch)));
            let options = Options {
                known_epochs: epochs.collect::<Result<_, Failure>>()?,
                deadline: seconds("deadline_seconds", deadline_seconds)?,
                session_age: seconds("session_seconds", session_seconds)?,
                ..Options::default()
            };
            Ok(Self { connected: Arc::new(Connected::connect(url, trust, key, options)?), keyed })
        };
        made().map_err(|failure: Failure| failure.raised(py))
    }

    /// `(enclave, checks)` as JSON.
    fn verify(&self, py: Python<'_>, callback: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let connected = Arc::clone(&self.connected);
        run(py, callback, async move {
            let judged = connected.verify().await?;
            match judged.verified {
                Ok(verified) => Ok(report(&verified, &judged.transcript)),
                Err(error) => {
                    let failure = Failure::from(strongroom_client::ClientError::Evidence(error));
                    Err(failure.with(&judged.transcript))
                }
            }
        })
    }

    /// `(enclave, checks)` of the session, as JSON.
    fn session(&self, py: Python<'_>, callback: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let connected = self.with_key(py)?;
        run(py, callback, async move {
            let held = connected.session().await?;
            Ok(report(held.verified(), held.transcript()))
        })
    }

    /// Everything that may be asked, as JSON.
    fn models(&self, py: Python<'_>, callback: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let connected = self.with_key(py)?;
        run(py, callback, async move {
            let models = connected.session().await?.models(connected.trust());
            Ok(answer::text(answer::models(&models)))
        })
    }

    /// One model or route as JSON, or `None` where there is none of that name and version.
    fn model(
        &self,
        py: Python<'_>,
        model: &str,
        version: Option<&str>,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let connected = self.with_key(py)?;
        let (model, version) = named(model, version).map_err(|failure| failure.raised(py))?;
        run(py, callback, async move {
            let held = connected.session().await?;
            let found = held.model(connected.trust(), &model, version.as_ref());
            Ok(found.map_or_else(answer::none, |model| answer::text(answer::model(&model))))
        })
    }

    /// How the enclave does, as JSON.
    fn status(&self, py: Python<'_>, callback: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let connected = self.with_key(py)?;
        run(py, callback, async move {
            let status = connected.status().await?;
            Ok(answer::text(serde_json::json!(status)))
        })
    }

    /// Copies an inference into a message, so that Python may let go of the inputs before it is sent.
    fn prepare(
        &self,
        py: Python<'_>,
        asked: (String, Option<String>),
        inputs: Vec<Handed<'_>>,
        outputs: Vec<String>,
        risk: BTreeMap<String, f64>,
    ) -> PyResult<Question> {
        let connected = self.with_key(py)?;
        let prepared = || {
            let (model, version) = named(&asked.0, asked.1.as_deref())?;
            let inputs = inputs.iter().map(tensor).collect::<Result<_, _>>()?;
            let risk = risk.into_iter().map(|(name, value)| Ok((parsed("risk", &name)?, value)));
            let risk = risk.collect::<Result<_, Failure>>()?;
            Ok(connected.prepare(InferRequest { model, version, inputs, outputs, risk })?)
        };
        prepared().map(|prepared| Question(Arc::new(prepared))).map_err(|failure: Failure| failure.raised(py))
    }

    /// `(model, version, outputs, receipt, document, evidence)`.
    fn infer(&self, py: Python<'_>, question: &Question, callback: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (connected, prepared) = (self.with_key(py)?, Arc::clone(&question.0));
        run(py, callback, async move {
            let answer = connected.send(&prepared).await?;
            Ok(Box::new(|py: Python<'_>| answer::answer(py, answer)) as Given)
        })
    }

    /// The highest epoch of each deployment that passed.
    fn epochs(&self) -> BTreeMap<String, u64> {
        self.connected.epochs().into_iter().map(|(name, epoch)| (name.to_string(), epoch)).collect()
    }
}

impl Client {
    fn with_key(&self, py: Python<'_>) -> PyResult<Arc<Connected>> {
        if self.keyed {
            return Ok(Arc::clone(&self.connected));
        }
        Err(Failure::usage("api_key: an API key is needed for all but verify()").raised(py))
    }
}

fn report(verified: &Verified, transcript: &Transcript) -> Given {
    let enclave = describe::verified(verified).to_string();
    let checks = serde_json::json!(transcript.lines()).to_string();
    Box::new(move |py| Ok((enclave, checks).into_pyobject(py)?.into_any().unbind()))
}

fn tensor<'a>((name, datatype, shape, bytes): &'a Handed<'_>) -> Result<Tensor<'a>, Failure> {
    let dtype = DType::from_name(datatype).ok_or_else(|| Failure::usage("inputs: no such datatype"))?;
    Ok(Tensor { name: name.into(), dtype, shape: shape.clone(), data: bytes.as_bytes().into() })
}

fn named(model: &str, version: Option<&str>) -> Result<(Name, Option<Name>), Failure> {
    Ok((parsed("model", model)?, version.map(|version| parsed("version", version)).transpose()?))
}

fn parsed(argument: &str, text: &str) -> Result<Name, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("{argument}: {error}")))
}

fn seconds(argument: &str, seconds: f64) -> Result<Duration, Failure> {
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
    duration
        .ok_or_else(|| Failure::usage(format!("{argument}: a finite number of seconds above 0 is needed")))
}
