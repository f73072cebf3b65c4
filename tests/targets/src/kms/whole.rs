//! The whole way: an answer through TLS and HTTP to a client of KMS.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use strongroom_kms::{
    AwsCredentials, BoxFuture, BoxStream, Clock, EncryptionContext, HostCredentials, KeyArn, Kms, KmsConfig,
    KmsError, TlsRoots,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::{KEY, Operation};

/// Turns that an operation gets once its answer is on its way. One that needs more waits before it tries again.
const TURNS: usize = 64;

/// A client of KMS, and the answer that it will get.
struct Stage {
    runtime: Runtime,
    kms: Kms,
    key: KeyArn,
    context: EncryptionContext,
    next: Arc<Mutex<Next>>,
}

/// One answer, and whether it is on its way.
#[derive(Clone, Default)]
struct Next {
    status: u16,
    json: Vec<u8>,
    written: Arc<Notify>,
}

thread_local! {
    /// One a thread: a test beside this one must not change the answer that this one waits for.
    static STAGE: Option<Stage> = stage();
}

/// Whether the client accepts `json`, which came with `status`, as the answer to an operation of its own.
pub(super) fn accepts(operation: Operation, status: u16, json: &[u8]) -> bool {
    let run = |stage: &Stage| stage.runtime.block_on(stage.answered(operation, status, json));
    let accepted = STAGE.with(|stage| stage.as_ref().map(run));
    assert!(accepted.is_some(), "a runtime, a certificate and a client");
    accepted.unwrap_or_default()
}

impl Stage {
    /// Whether the operation accepts the answer. One that is going to be tried again has not.
    async fn answered(&self, operation: Operation, status: u16, json: &[u8]) -> bool {
        let next = Next { status, json: json.to_vec(), written: Arc::default() };
        let written = Arc::clone(&next.written);
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
        let patience = async {
            written.notified().await;
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            accepted = self.ask(operation) => accepted.unwrap_or(false),
            () = patience => false,
        }
    }

    async fn ask(&self, operation: Operation) -> Result<bool, KmsError> {
        let Self { kms, key, context, .. } = self;
        match operation {
            Operation::GenerateDataKey => drop(kms.generate_data_key(key, context).await?),
            Operation::DescribeKey => drop(kms.describe_key(key).await?),
            Operation::GetKeyPolicy => drop(kms.get_key_policy(key).await?),
            Operation::ListGrants => drop(kms.list_grants(key).await?),
            Operation::Sign => kms.sign_es384(key, b"message").await.map(|_| ())?,
            // A recipient's key is made for each, which takes longer than everything else together.
            Operation::Decrypt => return Ok(false),
        }
        Ok(true)
    }
}

fn stage() -> Option<Stage> {
    let key: KeyArn = KEY.parse().ok()?;
    let made = rcgen::generate_simple_self_signed([key.region().kms_host()]).ok()?;
    let certificate = made.cert.der().clone();
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let roots = TlsRoots::from_der([certificate.to_vec()]).ok()?;
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let server = server.with_safe_default_protocol_versions().ok()?.with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(server.with_single_cert(vec![certificate], secret).ok()?));
    let next = Arc::new(Mutex::new(Next::default()));
    let told = Arc::clone(&next);
    let dial = move || -> BoxFuture<io::Result<BoxStream>> {
        let (near, far) = duplex(1 << 20);
        let next = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(answers(acceptor.clone(), far, next));
        Box::pin(async { Ok(Box::new(near) as BoxStream) })
    };
    let clock = Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let credentials = HostCredentials::new(clock.clone());
    credentials
        .set(AwsCredentials::long_lived("AKIAEXAMPLE".to_owned(), Zeroizing::new("secret".to_owned())));
    let region = key.region().clone();
    let kms = Kms::new(KmsConfig { region, dial: Arc::new(dial), roots, clock, credentials }).ok()?;
    let context = EncryptionContext::new([("purpose", "seeds")]).ok()?;
    let runtime = Builder::new_current_thread().enable_time().build().ok()?;
    Some(Stage { runtime, kms, key, context, next })
}

/// Takes one request and gives the answer, whatever was asked.
async fn answers(acceptor: TlsAcceptor, far: DuplexStream, next: Next) {
    let Ok(mut stream) = acceptor.accept(far).await else { return };
    let mut asked = [0; 16 * 1024];
    if stream.read(&mut asked).await.is_err() {
        return;
    }
    let head = format!(
        "HTTP/1.1 {} Answer\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
        next.status,
        next.json.len()
    );
    // A client that has gone has seen enough.
    let _ = stream.write_all(&[head.as_bytes(), &next.json].concat()).await;
    let _ = stream.shutdown().await;
    next.written.notify_one();
}
