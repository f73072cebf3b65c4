//! The registers that the hypervisor will hold, computed from the image alone.
//!
//! Each is one extend of a register of zeros by a SHA-384: of everything that runs (PCR0), of kernel, command
//! line and first RAM disk (PCR1), of the other RAM disks (PCR2), of the signing certificate (PCR8).

use serde::Serialize;
use sha2::{Digest, Sha384};
use strongroom_attestation::{ImagePcrs, Pcr};

use crate::header::{Section, SectionKind};

/// What nitro-cli calls the measurements of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// PCR0, PCR1 and PCR2.
    pub image: ImagePcrs,
    /// PCR8, when the image is signed.
    pub pcr8: Option<Pcr>,
}

impl Measurements {
    pub(crate) fn of(sections: &[Section<'_>], certificate_der: Option<&[u8]>) -> Self {
        let (mut all, mut boot, mut application) = (Sha384::new(), Sha384::new(), Sha384::new());
        let mut ramdisks = 0_usize;
        for (kind, content) in sections {
            match kind {
                SectionKind::Kernel | SectionKind::CommandLine => boot.update(content),
                SectionKind::Ramdisk => {
                    let register = if ramdisks == 0 { &mut boot } else { &mut application };
                    register.update(content);
                    ramdisks += 1;
                }
                SectionKind::Signature | SectionKind::Metadata => continue,
            }
            all.update(content);
        }
        let image = ImagePcrs { pcr0: extended(all), pcr1: extended(boot), pcr2: extended(application) };
        let pcr8 = certificate_der.map(|der| extended(Sha384::new_with_prefix(der)));
        Self { image, pcr8 }
    }
}

fn extended(content: Sha384) -> Pcr {
    Pcr::ZERO.extend(&content.finalize())
}

/// The field of nitro-cli's output.
#[derive(Serialize)]
struct Fields {
    #[serde(rename = "HashAlgorithm")]
    algorithm: &'static str,
    #[serde(rename = "PCR0")]
    pcr0: String,
    #[serde(rename = "PCR1")]
    pcr1: String,
    #[serde(rename = "PCR2")]
    pcr2: String,
    #[serde(rename = "PCR8", skip_serializing_if = "Option::is_none")]
    pcr8: Option<String>,
}

impl Serialize for Measurements {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = Fields {
            algorithm: "Sha384 { ... }",
            pcr0: self.image.pcr0.to_string(),
            pcr1: self.image.pcr1.to_string(),
            pcr2: self.image.pcr2.to_string(),
            pcr8: self.pcr8.map(|pcr| pcr.to_string()),
        };
        fields.serialize(serializer)
    }
}
