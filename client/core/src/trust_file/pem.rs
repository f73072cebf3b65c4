//! One certificate as inline PEM (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Characters in a line of PEM (RFC 7468 section 2).
const LINE_CHARS: usize = 64;

/// The certificate's DER; `None` unless there is exactly one and nothing that is not PEM is taken for it.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    let mut found = CertificateDer::pem_slice_iter(text.as_bytes());
    let first = found.next()?.ok()?;
    found.next().is_none().then(|| first.as_ref().to_vec())
}

pub(super) fn write(der: &[u8]) -> String {
    let coded = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in coded.as_bytes().chunks(LINE_CHARS) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
