//! Enclave image files and the archives in them.

use strongroom_eif::archive::entries;
use strongroom_eif::{Draft, EifError, Image};

/// Where the checksum stands in the header.
const CHECKSUM: std::ops::Range<usize> = 544..548;

/// Reads `bytes` as an image, with the checksum put right first: it is no secret, and would hide everything else.
///
/// An image that is accepted has the same registers when its parts are put together again, and each of its
/// archives is read or refused.
pub fn image(bytes: &[u8]) -> bool {
    assert!(!matches!(Image::read(bytes), Err(EifError::Archive)), "archives are read apart");
    let mended = mend(bytes);
    let Ok(image) = Image::read(&mended) else { return false };
    let measured = image.measure();
    assert!(!measured.image.pcr0.is_zero());
    let ramdisks: Vec<Vec<u8>> = image.ramdisks().map(<[u8]>::to_vec).collect();
    for archive in &ramdisks {
        if let Ok(entries) = entries(archive) {
            let held: usize = entries.iter().map(|entry| entry.content.len()).sum();
            assert!(held <= archive.len(), "contents do not overlap");
        }
    }
    if let Some(metadata) = image.metadata() {
        let draft = Draft::new(image.kernel().to_vec(), image.command_line().to_owned(), &metadata, ramdisks);
        // Sections may come in another order than ours, and are measured in theirs; all but PCR2 then differ.
        let again = draft.ok().map(|draft| draft.measure(None).image.pcr2);
        assert_eq!(again, Some(measured.image.pcr2), "the same parts measure the same");
    }
    true
}

fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    if let (Some(before), Some(after)) = (bytes.get(..CHECKSUM.start), bytes.get(CHECKSUM.end..)) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(before);
        hasher.update(after);
        let checksum = hasher.finalize().to_be_bytes();
        mended.iter_mut().skip(CHECKSUM.start).zip(checksum).for_each(|(byte, right)| *byte = right);
    }
    mended
}
