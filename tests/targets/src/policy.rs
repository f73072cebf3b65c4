//! Key policies.

use std::sync::OnceLock;

use strongroom_lint::{Demands, KeyFacts, Severity, lint};

/// Judges `bytes` as a key policy; true when nothing in it is an error.
///
/// The same bytes are judged the same, and white space around them changes nothing. Whatever passes names both
/// registers, or lets nobody decrypt.
pub fn policy(bytes: &[u8]) -> bool {
    static NOTHING: OnceLock<(KeyFacts, Demands)> = OnceLock::new();
    let (key, demands) = NOTHING.get_or_init(Default::default);
    let judged = lint(bytes, key, demands);
    let clean = judged.count(Severity::Error) == 0;
    let spaced = [b" \n".as_slice(), bytes, b"\n"].concat();
    let again = lint(&spaced, key, demands);
    if spaced.len() <= MAX_POLICY_BYTES {
        assert_eq!(again.count(Severity::Error) == 0, clean, "white space changes nothing");
    }
    if clean {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        // JSON may write any letter as an escape.
        let named = ["pcr0", "pcr16", "\\u"].iter().any(|word| text.contains(word));
        assert!(named || text.contains("deny"), "nothing gates decryption");
    }
    clean
}

/// Bytes of a policy, at most (AWS KMS, "Resource quotas").
const MAX_POLICY_BYTES: usize = 32 * 1024;
