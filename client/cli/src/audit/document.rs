//! The attestation document of a log's opening: which enclave, of which owner, says that it keeps this log.

use strongroom_attestation::audit::AuditOpening;
use strongroom_attestation::evidence::CharterDemand;
use strongroom_attestation::{
    DebugImages, Demand, Expectations, FailureClass, Freshness, ImagePcrs, Pcr, PcrDemand, PcrIndex, PcrSet,
    Statement, TrustRoot, UnixMillis, verify,
};
use strongroom_client::TrustFile;
use strongroom_seal::digest::CharterDigest;

use super::source::LogRow;

/// Whose logs are accepted.
pub(crate) struct Trusted {
    root: TrustRoot,
    images: Vec<ImagePcrs>,
    charter: CharterDigest,
}

/// Why an opening was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(super) class: FailureClass,
    pub(super) reason: String,
}

impl Trusted {
    /// Takes the demands of a trust file; [`None`] when it fixes no charter and none is given beside it.
    pub(crate) fn new(trust: &TrustFile, charter: Option<CharterDigest>) -> Option<Self> {
        let demands = trust.demands();
        let charter = match &demands.charter {
            CharterDemand::Exactly(digest) => *digest,
            CharterDemand::SignedBy(_) => charter?,
        };
        Some(Self { root: demands.root.clone(), images: demands.images.clone(), charter })
    }

    /// PCR0 of each image that may have kept a log.
    pub(crate) fn image_digests(&self) -> Vec<Pcr> {
        self.images.iter().map(|image| image.pcr0).collect()
    }

    /// Judges the document of an opening at its own time, and returns the module that made it.
    pub(crate) fn judge(&self, row: &LogRow, opening: &AuditOpening) -> Result<String, Refused> {
        if opening.charter != self.charter {
            let reason = "the log is of another charter than the one demanded".to_owned();
            return Err(Refused { class: FailureClass::Pcr, reason });
        }
        let expectations = Expectations {
            debug_images: DebugImages::Refused,
            pcrs: self.registers()?,
            freshness: Freshness::DangerouslyAnyAge,
            nonce: Demand::Absent,
            user_data: Demand::Exactly(AuditOpening::digest(&row.opening).as_bytes().to_vec()),
            public_key: Demand::Absent,
        };
        // What cannot be read fails the first steps, whatever the time.
        let own = Statement::peek_unverified(&row.document).map(|statement| statement.timestamp());
        let (_, judged) = verify(&row.document, &self.root, own.unwrap_or(UnixMillis::new(0)), &expectations);
        let attested = judged.map_err(|error| Refused { class: error.class(), reason: error.to_string() })?;
        Ok(attested.module_id().to_owned())
    }

    fn registers(&self) -> Result<PcrDemand, Refused> {
        let pcr16 = Pcr::ZERO.extend(self.charter.as_bytes());
        let one = |image| PcrSet::image(image)?.and(PcrIndex::CHARTER, pcr16);
        let sets = self.images.iter().map(one).collect::<Result<_, _>>().and_then(PcrDemand::one_of);
        sets.map_err(|error| Refused { class: FailureClass::Pcr, reason: error.to_string() })
    }
}
