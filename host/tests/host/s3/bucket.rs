//! A bucket that does what a test wants.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use hyper::body::{Frame, SizeHint};
use strongroom_host::store::{Location, Place, S3Place};
use tokio::net::TcpListener;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Misdeed {
    #[default]
    None,
    WholeForRange,
    ShortRange,
    LongRange,
    Chunked,
    NoTag,
    /// This status, to whatever is asked.
    Status(u16),
    /// This status to a GET, so many times.
    StatusOfGets(u16, usize),
    /// The connection ends inside the body, so many times.
    BreakOff(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) key: String,
    pub(crate) query: String,
}

#[derive(Default)]
struct Inside {
    objects: BTreeMap<String, (u64, Bytes)>,
    puts: u64,
    calls: Vec<Call>,
    misdeed: Misdeed,
}

type Shared = Arc<Mutex<Inside>>;

pub(crate) struct SomeBucket {
    address: SocketAddr,
    inside: Shared,
}

impl SomeBucket {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bucket = Self::at(listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&bucket.inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        bucket
    }

    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, inside: Shared::default() }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn place(&self, store: &str) -> Place {
        let Ok(Location::S3(bucket, prefix)) = store.parse() else { panic!("{store}") };
        let endpoint = Some(self.endpoint().parse().unwrap());
        Place::S3(S3Place { bucket, prefix, region: "eu-central-1".parse().unwrap(), endpoint })
    }

    pub(crate) fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let mut inside = self.inside.lock().unwrap();
        inside.puts += 1;
        let puts = inside.puts;
        inside.objects.insert(key.to_owned(), (puts, bytes.into()));
    }

    pub(crate) fn remove(&self, key: &str) {
        self.inside.lock().unwrap().objects.remove(key);
    }

    pub(crate) fn misbehave(&self, misdeed: Misdeed) {
        self.inside.lock().unwrap().misdeed = misdeed;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.inside.lock().unwrap().calls.clone()
    }

    pub(crate) fn gets(&self, key: &str) -> usize {
        self.calls().iter().filter(|call| call.method == Method::GET && call.key == key).count()
    }
}

async fn answer(State(inside): State<Shared>, request: Request) -> Response {
    let mut inside = inside.lock().unwrap();
    let path = request.uri().path().replace("%40", "@");
    let key = path.strip_prefix("/models/").unwrap_or_default().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    inside.calls.push(Call { method: request.method().clone(), key: key.clone(), query });
    let look = request.method() == Method::HEAD;
    match &mut inside.misdeed {
        Misdeed::Status(code) => return empty(*code),
        Misdeed::StatusOfGets(code, left @ 1..) if !look => {
            *left -= 1;
            return empty(*code);
        }
        // A look has no body to break off.
        Misdeed::BreakOff(left @ 1..) if !look => {
            *left -= 1;
            let pieces = Pieces([Ok(Bytes::from_static(b"x")), Err("broken off")].into());
            return with("bytes 0-99/5000", Some(1))
                .header("content-length", 100)
                .body(Body::new(pieces))
                .unwrap();
        }
        _ => {}
    }
    let Some((tag, bytes)) = inside.objects.get(&key).cloned() else { return empty(404) };
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    if header(IF_MATCH).is_some_and(|wanted| wanted != format!("\"{tag}\"")) {
        return empty(412);
    }
    let Some(range) = header(RANGE) else {
        let body =
            Response::builder().header(ETAG, format!("\"{tag}\"")).header("content-length", bytes.len());
        return body.body(if look { Body::empty() } else { Body::from(bytes) }).unwrap();
    };
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    if first >= bytes.len() {
        return empty(416);
    }
    ranged(inside.misdeed, first, last.min(bytes.len() - 1), tag, &bytes)
}

fn ranged(misdeed: Misdeed, first: usize, last: usize, tag: u64, bytes: &Bytes) -> Response {
    let last = match misdeed {
        Misdeed::ShortRange => last - 1,
        Misdeed::LongRange => last + 1,
        _ => last,
    };
    let part = bytes.slice(first..=last);
    let tag = if let Misdeed::NoTag = misdeed { None } else { Some(tag) };
    let head = with(&format!("bytes {first}-{last}/{}", bytes.len()), tag);
    match misdeed {
        Misdeed::WholeForRange => {
            Response::builder().header(ETAG, "\"1\"").body(Body::from(bytes.clone())).unwrap()
        }
        Misdeed::Chunked => head.body(Body::new(Pieces([Ok(part.clone()), Ok(part)].into()))).unwrap(),
        _ => head.body(Body::from(part)).unwrap(),
    }
}

fn with(range: &str, tag: Option<u64>) -> http::response::Builder {
    let head = Response::builder().status(206).header(CONTENT_RANGE, range);
    match tag {
        Some(tag) => head.header(ETAG, format!("\"{tag}\"")),
        None => head,
    }
}

fn empty(status: u16) -> Response {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

/// A body whose length is not known beforehand.
struct Pieces(VecDeque<Result<Bytes, &'static str>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
