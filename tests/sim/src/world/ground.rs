//! What stands in for AWS: the Nitro PKI, the KMS with its TLS, and the credentials it knows.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_attestation::TrustRoot;
use strongroom_kms::{Clock, Region};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Layout, WorldError};
use crate::kms::recipient::{ASSUMED_MAX_AGE, attested_by};
use crate::kms::{Caller, SimCredential, SimKms, SimKmsConfig, TlsIdentity, date, serve};
use crate::nitro::Resigner;
use crate::nsm::system_clock;
use crate::pki::{NitroPki, TlsCa};

/// The account of every simulation; AWS reserves it for examples.
pub const ACCOUNT: &str = "111122223333";
/// The region of every simulation.
pub const REGION: &str = "eu-central-1";

/// Time after which the host's credentials end. They are replaced at half of it.
const CREDENTIAL_LIFE: Duration = Duration::from_secs(60 * 60);

/// What comes of the documents that reach KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// They are judged as they are.
    AsTheyAre,
    /// They are signed first, because the emulated NSM signs nothing.
    Resigned,
}

/// PKI and KMS of a simulation.
pub struct Ground {
    /// Where its files are.
    pub layout: Layout,
    /// The simulated Nitro PKI.
    pub pki: Arc<NitroPki>,
    /// The simulated KMS, for its call log and misdeeds.
    pub kms: Arc<SimKms>,
    /// Where it listens.
    pub kms_address: SocketAddr,
    /// The owner's credentials.
    pub owner: SimCredential,
    tasks: [JoinHandle<()>; 2],
}

impl Ground {
    /// Loads or makes the PKI and starts the KMS on loopback.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn prepare(directory: &Path) -> Result<Self, WorldError> {
        Self::prepare_for(directory, Documents::AsTheyAre).await
    }

    /// As [`Ground::prepare`], for an NSM that signs or one that does not.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn prepare_for(directory: &Path, documents: Documents) -> Result<Self, WorldError> {
        Self::prepare_at(directory, documents, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// As [`Ground::prepare_for`], with a KMS at an address that is known beforehand, so that it can be ended and come back.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn prepare_at(
        directory: &Path,
        documents: Documents,
        listen: SocketAddr,
    ) -> Result<Self, WorldError> {
        let layout = Layout::create(directory)?;
        let now = system_clock()();
        let pki = match NitroPki::load(&layout.pki()) {
            Ok(pki) => pki,
            Err(_) => NitroPki::generate(now).and_then(|pki| pki.save(&layout.pki()).map(|()| pki))?,
        };
        let tls = match TlsCa::load(&layout.tls()) {
            Ok(tls) => tls,
            Err(_) => TlsCa::generate(now).and_then(|tls| tls.save(&layout.tls()).map(|()| tls))?,
        };
        write(&layout.kms_roots(), pem(tls.root_der()).as_bytes())?;
        let root = TrustRoot::from_der(pki.root_der())
            .map_err(|error| WorldError::NotReady(format!("simulated root: {error}")))?;
        let pki = Arc::new(pki);
        let verifier = attested_by(root, ASSUMED_MAX_AGE);
        let verifier = match documents {
            Documents::AsTheyAre => verifier,
            Documents::Resigned => Resigner::new(Arc::clone(&pki)).before(verifier),
        };
        let owner = credential("OWNER", None, Caller::user(ACCOUNT, "owner", &["kms:CreateKey"]));
        let kms = SimKms::open(SimKmsConfig {
            region: region()?,
            clock: Clock::new(SystemTime::now),
            credentials: vec![owner.clone()],
            verifier,
            state_dir: Some(layout.kms()),
        });
        let kms = Arc::new(kms.map_err(WorldError::io("simulated kms"))?);
        let server = tls.issue_server(&region()?.kms_host(), now)?;
        let identity = TlsIdentity { chain: vec![server.certificate_der], key: server.key_pkcs8 };
        let listener = TcpListener::bind(listen).await.map_err(WorldError::io("kms listener"))?;
        let kms_address = listener.local_addr().map_err(WorldError::io("kms listener"))?;
        hand_out(&kms, &layout)?;
        let tasks = [tokio::spawn(serving(Arc::clone(&kms), listener, identity)), {
            let (kms, layout) = (Arc::clone(&kms), layout.clone());
            tokio::spawn(renewing(kms, layout))
        }];
        Ok(Self { layout, pki, kms, kms_address, owner, tasks })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn serving(kms: Arc<SimKms>, listener: TcpListener, identity: TlsIdentity) {
    if let Err(error) = serve(kms, listener, identity).await {
        tracing::error!(%error, "simulated kms ended");
    }
}

/// Replaces the host's credentials in time, as the instance metadata service does.
async fn renewing(kms: Arc<SimKms>, layout: Layout) {
    loop {
        tokio::time::sleep(CREDENTIAL_LIFE / 2).await;
        if let Err(error) = hand_out(&kms, &layout) {
            tracing::error!(%error, "host credentials");
        }
    }
}

/// Gives the host's role new temporary credentials.
fn hand_out(kms: &SimKms, layout: &Layout) -> Result<(), WorldError> {
    let expires = SystemTime::now() + CREDENTIAL_LIFE;
    let role = Caller::role(ACCOUNT, "strongroom-host", "i-0123456789abcdef0", &[]);
    let credential = credential("HOST", Some(expires), role);
    let json = serde_json::json!({
        "Version": 1,
        "AccessKeyId": credential.access_key_id,
        "SecretAccessKey": credential.secret_access_key,
        "SessionToken": credential.session_token,
        "Expiration": rfc3339(expires),
    });
    // Replaced as a whole, because the host may read at any moment.
    let fresh = layout.host_credentials().with_extension("new");
    write(&fresh, json.to_string().as_bytes())?;
    std::fs::rename(&fresh, layout.host_credentials()).map_err(WorldError::io("host credentials"))?;
    kms.accept(credential);
    Ok(())
}

fn credential(name: &str, expires: Option<SystemTime>, caller: Caller) -> SimCredential {
    SimCredential {
        access_key_id: format!("ASIASIMULATED{name}"),
        secret_access_key: format!("simulated-secret-of-{}", name.to_lowercase()),
        session_token: expires.map(|_| format!("simulated-token-of-{}", name.to_lowercase())),
        expires,
        caller,
    }
}

fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let compact = date::to_amz(seconds);
    let part = |range: std::ops::Range<usize>| compact.get(range).unwrap_or_default();
    let (day, time) = ([part(0..4), part(4..6), part(6..8)], [part(9..11), part(11..13), part(13..15)]);
    format!("{}T{}Z", day.join("-"), time.join(":"))
}

pub(crate) fn region() -> Result<Region, WorldError> {
    REGION.parse().map_err(|_| WorldError::NotReady("region".into()))
}

/// Dials the KMS on loopback.
pub(crate) fn dial(
    address: SocketAddr,
) -> impl Fn() -> strongroom_kms::BoxFuture<std::io::Result<strongroom_kms::BoxStream>> {
    move || {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            Ok(Box::new(stream) as strongroom_kms::BoxStream)
        })
    }
}

/// A certificate in PEM (RFC 7468).
pub(super) fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), WorldError> {
    std::fs::write(path, bytes).map_err(WorldError::io(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_does() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        assert_eq!(rfc3339(time), "2015-08-30T12:36:00Z");
    }
}
