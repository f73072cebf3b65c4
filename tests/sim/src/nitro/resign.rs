//! Signs documents of an emulated NSM under the simulated PKI, with what they state unchanged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_attestation::{DocumentRequest, NsmError, PcrIndex, Statement, UnixMillis};
use strongroom_proto::hello::Evidence;

use crate::kms::recipient::{BadDocument, RecipientVerifier};
use crate::nsm::{self, Draft};
use crate::pki::NitroPki;

/// Signs in place of the emulated NSM.
#[derive(Clone)]
pub struct Resigner(Arc<NitroPki>);

impl Resigner {
    /// Signs under this PKI.
    #[must_use]
    pub fn new(pki: Arc<NitroPki>) -> Self {
        Self(pki)
    }

    /// The document, signed. `None` when it states nothing that a module could.
    #[must_use]
    pub fn document(&self, emulated: &[u8]) -> Option<Vec<u8>> {
        let stated = Statement::peek_unverified(emulated).ok()?;
        let leaf = self.0.issue_leaf(now()).ok()?;
        let pcrs = stated.pcrs().keys().filter_map(|index| Some((*index, stated.pcr(*index)?)));
        let statement = nsm::Statement {
            module_id: stated.module_id(),
            timestamp: stated.timestamp(),
            pcrs: pcrs.collect::<BTreeMap<PcrIndex, _>>(),
            certificate: leaf.certificate(),
            cabundle: self.0.cabundle(),
            request: &request(&stated).ok()?,
        };
        Draft::genuine(&statement).sign(&leaf).ok()
    }

    /// Evidence with its document signed; anything else is left as it is.
    #[must_use]
    pub fn evidence(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut evidence = Evidence::decode(bytes).ok()?;
        evidence.document = self.document(&evidence.document)?;
        evidence.encode().ok()
    }

    /// KMS's judgement of documents that were signed here first.
    #[must_use]
    pub fn before(self, verifier: RecipientVerifier) -> RecipientVerifier {
        Arc::new(move |document, at| verifier(&self.document(document).ok_or(BadDocument)?, at))
    }
}

fn request(stated: &Statement) -> Result<DocumentRequest, NsmError> {
    let mut request = DocumentRequest::new();
    if let Some(bytes) = stated.user_data() {
        request = request.with_user_data(bytes.to_vec())?;
    }
    if let Some(bytes) = stated.nonce() {
        request = request.with_nonce(bytes.to_vec())?;
    }
    if let Some(bytes) = stated.public_key() {
        request = request.with_public_key(bytes.to_vec())?;
    }
    Ok(request)
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
