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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use strongroom_attestation::audit::AuditOpening;
    use strongroom_attestation::claims::BootId;
    use strongroom_attestation::evidence::{ControlsDemand, ModelDemand};
    use strongroom_client::Demands;
    use strongroom_seal::key::{Algorithm, SigningKey};

    use super::super::LogId;
    use super::*;
    use crate::nitro::{Pretended, Stated, image};

    #[test]
    fn an_opening_is_attested_by_a_demanded_enclave_of_the_charter() {
        let nsm = Pretended::new();
        let key = SigningKey::generate(Algorithm::Es256, &ring::rand::SystemRandom::new()).unwrap().0;
        let boot = BootId::new([1; 16]);
        let opening = AuditOpening {
            deployment: "d".parse().unwrap(),
            charter: CharterDigest::of(b"c"),
            boot,
            segment: 0,
            receipt_key: key.public().clone(),
            encapsulated: vec![],
            previous: None,
            time: UnixMillis::new(1),
        };
        let encoded = opening.encode().unwrap();
        let attest = |change: &dyn Fn(&mut Stated)| {
            let pcr16 = Pcr::ZERO.extend(opening.charter.as_bytes());
            let user_data = AuditOpening::digest(&encoded).as_bytes().to_vec();
            let mut stated = Stated { image: image(1), pcr16, user_data, nonce: None };
            change(&mut stated);
            LogRow { id: LogId::new(boot, 0), opening: encoded.clone(), document: nsm.document(stated) }
        };
        let trust = |charter: &[u8]| {
            let demands = Demands {
                root: nsm.root(),
                images: vec![image(1)],
                charter: CharterDemand::Exactly(CharterDigest::of(charter)),
                least_epoch: 0,
                models: ModelDemand::OwnerMayChange,
                controls: ControlsDemand::OwnerDecides,
                max_age: Duration::from_secs(300),
            };
            Trusted::new(&TrustFile::new(demands).unwrap(), None).unwrap()
        };
        let judge = |row: &LogRow| trust(b"c").judge(row, &opening).map_err(|refused| refused.class);
        assert_eq!(judge(&attest(&|_| ())), Ok("i-1-enc1".to_owned()));
        assert_eq!(judge(&attest(&|s| s.image = image(2))), Err(FailureClass::Pcr));
        assert_eq!(judge(&attest(&|s| s.pcr16 = Pcr::new([9; 48]))), Err(FailureClass::Pcr));
        assert_eq!(judge(&attest(&|s| s.user_data = vec![1])), Err(FailureClass::Binding));
        assert_eq!(
            judge(&attest(&|s| s.nonce = Some(vec![1]))),
            Err(FailureClass::Time),
            "made for a client"
        );
        let mut forged = attest(&|_| ());
        *forged.document.last_mut().unwrap() ^= 1;
        assert_eq!(judge(&forged), Err(FailureClass::ChainOrSignature));
        let other = trust(b"other").judge(&attest(&|_| ()), &opening);
        assert_eq!(other.map_err(|refused| refused.class), Err(FailureClass::Pcr));
    }
}
