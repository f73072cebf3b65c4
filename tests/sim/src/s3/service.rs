//! The service: authenticates a request, finds its object, logs the call.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};

use super::bucket::{Found, Objects};
use super::error::S3ErrorKind;
use super::limits::MAX_CALLS;
use super::presigned::{self, Expected, decode};
use crate::kms::SimCredential;

/// What a simulated S3 is made of.
#[derive(Clone, Debug)]
pub struct SimS3Config {
    /// The region it pretends to be in.
    pub region: String,
    /// Its one bucket.
    pub bucket: String,
    /// The credentials it accepts; more can be added later.
    pub credentials: Vec<SimCredential>,
}

/// One request, answered or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Call {
    /// `GET`, `HEAD` or something that is refused.
    pub method: Method,
    /// The object's key, if the path names one of the bucket.
    pub key: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// Whether it had an `If-Match` header.
    pub conditional: bool,
    /// How it ended.
    pub outcome: Result<(), S3ErrorKind>,
}

/// A simulated S3, without its network.
pub struct SimS3 {
    region: String,
    bucket: String,
    state: Mutex<State>,
}

struct State {
    objects: Objects,
    credentials: Vec<SimCredential>,
    calls: VecDeque<S3Call>,
    failing: Option<(S3ErrorKind, u32)>,
}

impl SimS3 {
    /// An empty bucket.
    #[must_use]
    pub fn new(config: SimS3Config) -> Self {
        let SimS3Config { region, bucket, credentials } = config;
        let (objects, calls) = (Objects::default(), VecDeque::new());
        let state = Mutex::new(State { objects, credentials, calls, failing: None });
        Self { region, bucket, state }
    }

    /// Puts an object in place of any other with its key.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.state().objects.put(key, bytes.into());
    }

    /// Puts every file of a directory and of the directories in it, below a prefix that ends with a slash or is
    /// empty. Directories come first, so that a release appears after the packages that it names.
    ///
    /// # Errors
    /// When one cannot be read or has a name that no key can have.
    pub fn put_directory(&self, prefix: &str, directory: &Path) -> io::Result<()> {
        let entries: io::Result<Vec<_>> = std::fs::read_dir(directory)?.collect();
        let mut paths: Vec<_> = entries?.iter().map(std::fs::DirEntry::path).collect();
        paths.sort_by_key(|path| (path.is_file(), path.clone()));
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str());
            let key = format!("{prefix}{}", name.ok_or(io::ErrorKind::InvalidInput)?);
            if path.is_dir() {
                self.put_directory(&format!("{key}/"), &path)?;
            } else {
                self.put(&key, std::fs::read(path)?);
            }
        }
        Ok(())
    }

    /// Removes an object.
    pub fn remove(&self, key: &str) {
        self.state().objects.remove(key);
    }

    /// Accepts one more set of credentials; one with the same access key is replaced.
    pub fn accept(&self, credential: SimCredential) {
        let mut state = self.state();
        state.credentials.retain(|known| known.access_key_id != credential.access_key_id);
        state.credentials.push(credential);
    }

    /// Fails so many requests from now on, whatever they are, then behaves.
    pub fn fail(&self, kind: S3ErrorKind, times: u32) {
        self.state().failing = Some((kind, times));
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<S3Call> {
        self.state().calls.iter().cloned().collect()
    }

    /// Answers one request.
    pub(super) fn answer(&self, head: &Parts, now: SystemTime) -> Response<Bytes> {
        let text =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = self.key(head);
        let mut state = self.state();
        let found = self.find(&mut state, head, key.as_deref(), now);
        let outcome = found.as_ref().map(|_| ()).map_err(|kind| *kind);
        tracing::info!(method = %head.method, ?key, ?outcome, "s3 call");
        let (range, conditional) = (text("range"), head.headers.contains_key("if-match"));
        state.calls.push_back(S3Call { method: head.method.clone(), key, range, conditional, outcome });
        if state.calls.len() > MAX_CALLS {
            state.calls.pop_front();
        }
        respond(found, head.method == Method::HEAD)
    }

    fn find(
        &self,
        state: &mut State,
        head: &Parts,
        key: Option<&str>,
        now: SystemTime,
    ) -> Result<Found, S3ErrorKind> {
        if let Some((kind, left @ 1..)) = &mut state.failing {
            *left -= 1;
            return Err(*kind);
        }
        let expected = Expected { region: &self.region, now, credentials: &state.credentials };
        presigned::verify(head, expected)?;
        if head.method != Method::GET && head.method != Method::HEAD {
            return Err(S3ErrorKind::MethodNotAllowed);
        }
        state.objects.find(key.ok_or(S3ErrorKind::NoSuchBucket)?, &head.headers)
    }

    /// The key in a path-style URL of the bucket.
    fn key(&self, head: &Parts) -> Option<String> {
        let path = decode(head.uri.path())?;
        let key = path.strip_prefix('/')?.strip_prefix(&self.bucket)?.strip_prefix('/')?;
        Some(key.to_owned())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn respond(found: Result<Found, S3ErrorKind>, head_only: bool) -> Response<Bytes> {
    let mut answer = Response::builder();
    let body = match found {
        Ok(Found { tag, bytes, range }) => {
            answer = answer
                .header("etag", tag)
                .header("accept-ranges", "bytes")
                .header("content-length", bytes.len());
            if let Some((first, last, total)) = range {
                answer = answer.status(206).header("content-range", format!("bytes {first}-{last}/{total}"));
            }
            bytes
        }
        Err(kind) => {
            answer = answer.status(kind.status()).header("content-type", "application/xml");
            Bytes::from(kind.body())
        }
    };
    answer.body(if head_only { Bytes::new() } else { body }).unwrap_or_default()
}
