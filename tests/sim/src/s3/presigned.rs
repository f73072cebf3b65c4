//! AWS Signature Version 4, the verifying side, query form (S3 API reference, "Authenticating requests: using
//! query parameters").
//!
//! 1. Every parameter is there once, and what must be signed is.
//! 2. The date is not ahead of the server's, and the URL's life is not over.
//! 3. The scope is this day, this region, this service.
//! 4. Access key and session token are known.
//! 5. The signature is that of the request as received.
//! 6. The credentials have not expired.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::request::Parts;
use ring::{digest, hmac};

use super::error::S3ErrorKind;
use super::limits::{MAX_EXPIRES_S, MAX_SKEW};
use crate::kms::{SimCredential, date};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "s3";

/// What the server knows when it judges a signature.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) region: &'a str,
    pub(super) now: SystemTime,
    pub(super) credentials: &'a [SimCredential],
}

/// The decoded query of a presigned URL.
struct Query(Vec<(String, String)>);

/// Authenticates a request.
pub(super) fn verify(head: &Parts, expected: Expected<'_>) -> Result<(), S3ErrorKind> {
    // 1
    let query = Query::read(head.uri.query().unwrap_or_default())?;
    let signed_headers = signed_headers(&query, head)?;
    // 2
    let date = query.one("X-Amz-Date")?;
    check_time(date, query.one("X-Amz-Expires")?, expected.now)?;
    // 3
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{SERVICE}/aws4_request", expected.region);
    let (access_key_id, stated) = query
        .one("X-Amz-Credential")?
        .split_once('/')
        .ok_or(S3ErrorKind::AuthorizationQueryParametersError)?;
    if stated != scope {
        return Err(S3ErrorKind::AuthorizationQueryParametersError);
    }
    // 4
    let credential = known(access_key_id, query.any("X-Amz-Security-Token"), expected.credentials)?;
    // 5
    let canonical = canonical_request(head, &query, &signed_headers)?;
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let signature = hex::decode(query.one("X-Amz-Signature")?).unwrap_or_default();
    hmac::verify(&signing_key(&credential.secret_access_key, &scope), to_sign.as_bytes(), &signature)
        .map_err(|_| S3ErrorKind::SignatureDoesNotMatch)?;
    // 6
    if credential.expires.is_some_and(|end| end <= expected.now) {
        return Err(S3ErrorKind::ExpiredToken);
    }
    Ok(())
}

impl Query {
    fn read(text: &str) -> Result<Self, S3ErrorKind> {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name)?, decode(value)?))
        };
        let pairs: Option<Vec<_>> = text.split('&').filter(|part| !part.is_empty()).map(pair).collect();
        let query = Self(pairs.ok_or(S3ErrorKind::AuthorizationQueryParametersError)?);
        if query.0.is_empty() {
            return Err(S3ErrorKind::AccessDenied);
        }
        let algorithm = query.one("X-Amz-Algorithm")? == ALGORITHM;
        if algorithm { Ok(query) } else { Err(S3ErrorKind::AuthorizationQueryParametersError) }
    }

    fn any(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn one(&self, name: &str) -> Result<&str, S3ErrorKind> {
        let times = self.0.iter().filter(|(known, _)| known == name).count();
        let only = if times == 1 { self.any(name) } else { None };
        only.ok_or(S3ErrorKind::AuthorizationQueryParametersError)
    }

    /// Encoded anew and sorted, without the signature.
    fn canonical(&self) -> String {
        let rest = self.0.iter().filter(|(name, _)| name != "X-Amz-Signature");
        let mut pairs: Vec<String> =
            rest.map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false))).collect();
        pairs.sort();
        pairs.join("&")
    }
}

/// Host and every `x-amz-` header must be signed, otherwise someone on the way could add or change one.
fn signed_headers(query: &Query, head: &Parts) -> Result<Vec<String>, S3ErrorKind> {
    let signed: Vec<String> = query.one("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect();
    let is_signed = |name: &str| signed.iter().any(|known| known == name);
    let names = head.headers.keys().map(http::HeaderName::as_str);
    let all = names.filter(|name| name.starts_with("x-amz-")).all(is_signed);
    let fits = all && is_signed("host") && signed.is_sorted();
    if fits { Ok(signed) } else { Err(S3ErrorKind::AccessDenied) }
}

fn check_time(date: &str, expires: &str, now: SystemTime) -> Result<(), S3ErrorKind> {
    let malformed = S3ErrorKind::AuthorizationQueryParametersError;
    let signed = UNIX_EPOCH + Duration::from_secs(date::from_amz(date).ok_or(malformed)?);
    let life_s = expires.parse().ok().filter(|s| (1..=MAX_EXPIRES_S).contains(s)).ok_or(malformed)?;
    if signed > now + MAX_SKEW {
        return Err(S3ErrorKind::RequestTimeTooSkewed);
    }
    if now > signed + Duration::from_secs(life_s) {
        return Err(S3ErrorKind::AccessDenied);
    }
    Ok(())
}

fn known<'a>(
    access_key_id: &str,
    token: Option<&str>,
    credentials: &'a [SimCredential],
) -> Result<&'a SimCredential, S3ErrorKind> {
    let mut same_key = credentials.iter().filter(|known| known.access_key_id == access_key_id).peekable();
    same_key.peek().ok_or(S3ErrorKind::InvalidAccessKeyId)?;
    same_key.find(|known| known.session_token.as_deref() == token).ok_or(S3ErrorKind::InvalidToken)
}

/// Method, path, query, signed headers, their names, and that the payload is not signed.
fn canonical_request(head: &Parts, query: &Query, signed: &[String]) -> Result<String, S3ErrorKind> {
    let path = decode(head.uri.path()).ok_or(S3ErrorKind::SignatureDoesNotMatch)?;
    let mut headers = String::new();
    for name in signed {
        let values = head.headers.get_all(name.as_str());
        let values: Vec<String> = values.iter().map(squeeze).collect();
        if values.is_empty() {
            return Err(S3ErrorKind::SignatureDoesNotMatch);
        }
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let (method, path, query) = (head.method.as_str(), encode(&path, true), query.canonical());
    Ok(format!("{method}\n{path}\n{query}\n{headers}\n{}\nUNSIGNED-PAYLOAD", signed.join(";")))
}

/// Trims a header value and folds runs of spaces into one.
fn squeeze(value: &http::HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Everything but unreserved characters as `%XX` (RFC 3986 section 2.3), a slash only if it is no separator.
fn encode(text: &str, keep_slash: bool) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep_slash && byte == b'/';
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// Undoes `%XX`. `None` for what is not that, or not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        bytes.extend(hex::decode(code).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// HMAC of day, region, service and `aws4_request`, each under the one before.
fn signing_key(secret: &str, scope: &str) -> hmac::Key {
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    scope.split('/').fold(first, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests;
