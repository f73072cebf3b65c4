//! Measurements of an enclave image, computed from the executable that stands for it.

use ring::digest::{Context, SHA384};
use strongroom_attestation::{ImagePcrs, Pcr};

/// Keep the kernel's and the application's measurement apart from the image's, as in a real image.
const KERNEL_LABEL: &[u8] = b"strongroom simulation: kernel\0";
const APPLICATION_LABEL: &[u8] = b"strongroom simulation: application\0";

/// PCR0 to PCR2 that a pretended module reports for this executable outside debug mode.
#[must_use]
pub fn measure(executable: &[u8]) -> ImagePcrs {
    let register = |label: &[u8]| {
        let mut context = Context::new(&SHA384);
        context.update(label);
        context.update(executable);
        Pcr::ZERO.extend(context.finish().as_ref())
    };
    ImagePcrs { pcr0: register(b""), pcr1: register(KERNEL_LABEL), pcr2: register(APPLICATION_LABEL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_changes_all_three() {
        let (before, after) = (measure(b"enclave"), measure(b"enclavf"));
        assert_eq!(before, measure(b"enclave"));
        assert!(before.pcr0 != after.pcr0 && before.pcr1 != after.pcr1 && before.pcr2 != after.pcr2);
        assert!(before.pcr0 != before.pcr1 && before.pcr1 != before.pcr2);
    }
}
