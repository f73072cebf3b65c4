//! Signed requests over HTTP/1.1, each with its bounds of bytes, time and attempts.
//!
//! A signature stands in the URL, with the session token, so that no URL is ever logged.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{IF_MATCH, RANGE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::crypto::ring;

use super::S3Error;
use super::answer::{Head, Wanted};
use super::keys::Keys;
use crate::credentials::Source;
use crate::limits::{
    S3_ATTEMPT_TIMEOUT, S3_ATTEMPTS, S3_CONNECT_TIMEOUT, S3_DEADLINE, S3_IDLE, S3_MAX_BACKOFF,
    S3_MIN_BACKOFF, S3_URL_LIFETIME,
};
use crate::store::S3Place;

/// A client of one bucket.
pub(super) struct Client {
    bucket: Bucket,
    http: HttpClient<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    keys: Keys,
}

/// One request.
pub(super) struct Ask {
    pub(super) key: String,
    pub(super) wanted: Wanted,
    /// The state that the object must be in.
    pub(super) tag: Option<String>,
}

/// What came back. Of a look the bytes are empty and the length is the object's.
pub(super) struct Object {
    pub(super) tag: String,
    pub(super) length: u64,
    pub(super) bytes: Bytes,
}

impl Client {
    pub(super) fn new(place: &S3Place, source: Source) -> Result<Self, S3Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(S3_CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(ring::default_provider()))
            .map_err(|_| S3Error::Setup)?;
        // Endpoints without TLS are loopback addresses, see `S3Endpoint`.
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let http = HttpClient::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(S3_IDLE)
            .build(connector);
        Ok(Self { bucket: bucket(place)?, http, keys: Keys::new(source) })
    }

    /// Asks until there is an answer, the attempts are used up, or the time is.
    pub(super) async fn get(&self, ask: &Ask) -> Result<Object, S3Error> {
        timeout(S3_DEADLINE, self.attempts(ask)).await.unwrap_or(Err(S3Error::TimedOut))
    }

    async fn attempts(&self, ask: &Ask) -> Result<Object, S3Error> {
        let (mut left, mut pause) = (S3_ATTEMPTS, S3_MIN_BACKOFF);
        loop {
            left = left.saturating_sub(1);
            let tried = timeout(S3_ATTEMPT_TIMEOUT, self.once(ask)).await;
            match tried.unwrap_or(Err(S3Error::TimedOut)) {
                Err(error) if left > 0 && error.may_pass() => {
                    tracing::debug!(%error, left, "asking s3 again");
                }
                Err(error) if error.is_about_credentials() => {
                    self.keys.forget().await;
                    return Err(error);
                }
                outcome => return outcome,
            }
            sleep(pause).await;
            pause = (2 * pause).min(S3_MAX_BACKOFF);
        }
    }

    async fn once(&self, ask: &Ask) -> Result<Object, S3Error> {
        let request = ask.signed(&self.bucket, &self.keys.current().await?)?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| if error.is_connect() { S3Error::Unreachable } else { S3Error::Broken })?;
        let head = ask.wanted.judge(response.status(), response.headers())?;
        let Some(Head { tag, length }) = head else {
            return Ok(Object { tag: String::new(), length: 0, bytes: Bytes::new() });
        };
        let bytes = match ask.wanted {
            Wanted::Look => Bytes::new(),
            Wanted::Whole { .. } | Wanted::Range { .. } => exactly(response, length).await?,
        };
        Ok(Object { tag, length, bytes })
    }
}

impl Ask {
    /// The request, good for a short time. Range and condition are part of what is signed.
    fn signed(&self, bucket: &Bucket, keys: &Credentials) -> Result<Request<Empty<Bytes>>, S3Error> {
        let range = match self.wanted {
            Wanted::Range { first, last } => Some(format!("bytes={first}-{last}")),
            Wanted::Look | Wanted::Whole { .. } => None,
        };
        let (method, url) = if let Wanted::Look = self.wanted {
            (Method::HEAD, bucket.head_object(Some(keys), &self.key).sign(S3_URL_LIFETIME))
        } else {
            let mut action = bucket.get_object(Some(keys), &self.key);
            for (name, value) in [(IF_MATCH, &self.tag), (RANGE, &range)] {
                if let Some(value) = value {
                    action.headers_mut().insert(name.as_str().to_owned(), value.as_str());
                }
            }
            (Method::GET, action.sign(S3_URL_LIFETIME))
        };
        let mut request = Request::builder().method(method).uri(url.as_str());
        for (name, value) in [(IF_MATCH, &self.tag), (RANGE, &range)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(Empty::new()).map_err(|_| S3Error::Setup)
    }
}

/// The bucket in the host name at AWS's own endpoint. At a given endpoint, and where a dot in the
/// bucket's name would not fit AWS's certificate, in the path.
fn bucket(place: &S3Place) -> Result<Bucket, S3Error> {
    let (name, region) = (place.bucket.as_str(), place.region.as_str());
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let (url, style) = match &place.endpoint {
        Some(endpoint) => (endpoint.as_str().to_owned(), UrlStyle::Path),
        None if name.contains('.') => (format!("https://s3.{region}.amazonaws.com{suffix}"), UrlStyle::Path),
        None => (format!("https://s3.{region}.amazonaws.com{suffix}"), UrlStyle::VirtualHost),
    };
    let url = url.parse().map_err(|_| S3Error::Setup)?;
    Bucket::new(url, style, name.to_owned(), region.to_owned()).map_err(|_| S3Error::Setup)
}

/// The body, which must have the length that was announced.
async fn exactly(response: Response<Incoming>, length: u64) -> Result<Bytes, S3Error> {
    let max_bytes = usize::try_from(length).map_err(|_| S3Error::TooLong)?;
    let body = Limited::new(response.into_body(), max_bytes).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            S3Error::Unexpected("more bytes than announced")
        } else {
            S3Error::Broken
        }
    })?;
    let bytes = body.to_bytes();
    if bytes.len() == max_bytes { Ok(bytes) } else { Err(S3Error::Unexpected("fewer bytes than announced")) }
}

const _: () = assert!(S3_URL_LIFETIME.as_secs() > S3_DEADLINE.as_secs() && S3_DEADLINE.as_secs() < 30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Location, Place};

    fn place(store: &str, region: &str, endpoint: Option<&str>) -> S3Place {
        let Ok(Location::S3(bucket, prefix)) = store.parse() else { panic!("{store}") };
        let endpoint = endpoint.map(|endpoint| endpoint.parse().unwrap());
        S3Place { bucket, prefix, region: region.parse().unwrap(), endpoint }
    }

    #[test]
    fn buckets_are_addressed_as_their_endpoint_allows() {
        for (store, region, endpoint, expected) in [
            ("s3://models", "eu-central-1", None, "https://models.s3.eu-central-1.amazonaws.com/"),
            ("s3://my.models", "eu-central-1", None, "https://s3.eu-central-1.amazonaws.com/my.models/"),
            ("s3://models", "cn-north-1", None, "https://models.s3.cn-north-1.amazonaws.com.cn/"),
            ("s3://models", "eu-west-1", Some("http://127.0.0.1:9000"), "http://127.0.0.1:9000/models/"),
            (
                "s3://models",
                "eu-west-1",
                Some("https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com"),
                "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com/models/",
            ),
        ] {
            let bucket = bucket(&place(store, region, endpoint)).unwrap();
            assert_eq!(bucket.base_url().as_str(), expected);
        }
        let shown = Place::S3(place("s3://models/a/", "eu-west-1", None)).to_string();
        assert_eq!(shown, "s3://models/a/");
    }

    #[test]
    fn range_condition_and_token_are_signed() {
        let bucket = bucket(&place("s3://models", "eu-west-1", None)).unwrap();
        let keys = Credentials::new_with_token("A", "S", "T/+");
        let wanted = Wanted::Range { first: 3, last: 5 };
        let ask = Ask { key: "packages/fraud@1.sealed".into(), wanted, tag: Some("\"t\"".into()) };
        let request = ask.signed(&bucket, &keys).unwrap();
        let query = request.uri().query().unwrap();
        assert_eq!(request.uri().path(), "/packages/fraud%401.sealed");
        for part in [
            "X-Amz-SignedHeaders=host%3Bif-match%3Brange",
            "X-Amz-Security-Token=T%2F%2B",
            &format!("X-Amz-Expires={}", S3_URL_LIFETIME.as_secs()),
        ] {
            assert!(query.contains(part), "{query}");
        }
        assert_eq!(request.headers()[RANGE], "bytes=3-5");
        assert_eq!(request.headers()[IF_MATCH], "\"t\"");
        assert!(!query.contains("Secret") && request.method() == Method::GET);
        let look = Ask { key: "charter.cose".into(), wanted: Wanted::Look, tag: None };
        let look = look.signed(&bucket, &keys).unwrap();
        assert!(look.method() == Method::HEAD && look.headers().is_empty());
    }
}
