//! AWS Signature Version 4, the verifying side (AWS "Signature Version 4 signing process", header form).
//!
//! 1. All parts of `Authorization` are there, and what must be signed is.
//! 2. The date is the server's, five minutes either way.
//! 3. The scope is this day, this region, this service.
//! 4. Access key and session token are known.
//! 5. The signature is that of the request as received.
//! 6. The credentials have not expired.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use ring::{digest, hmac};

use super::caller::SimCredential;
use super::date::from_amz;
use super::error::{ApiError, ErrorKind};
use super::limits::MAX_SKEW;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path, already in canonical form.
    pub path: &'a str,
    /// The query, already in canonical form.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// What the server knows when it judges a signature.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its region.
    pub region: &'a str,
    /// Its service name.
    pub service: &'a str,
    /// Its time.
    pub now: SystemTime,
    /// The credentials it accepts.
    pub credentials: &'a [SimCredential],
}

/// The parsed `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    scope: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Authenticates a request.
///
/// # Errors
/// The names that AWS uses: missing or incomplete authentication, an invalid or expired signature, an unknown client,
/// an expired token.
pub fn verify<'a>(request: SignedRequest<'_>, expected: Expected<'a>) -> Result<&'a SimCredential, ApiError> {
    // 1
    let authorization = Authorization::read(request.headers)?;
    // 2
    let date = header(request.headers, "x-amz-date").unwrap_or_default();
    check_date(date, expected.now)?;
    // 3
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", expected.region, expected.service);
    if authorization.scope != scope {
        let message = format!("Credential should be scoped to '{scope}'.");
        return Err(ApiError::new(ErrorKind::InvalidSignature, message));
    }
    // 4
    let credential = known(&authorization, request.headers, expected.credentials)?;
    // 5
    let canonical = canonical_request(request, &authorization.signed_headers)?;
    let string_to_sign = string_to_sign(date, &scope, &canonical);
    let key = signing_key(&credential.secret_access_key, &scope);
    let signature = hex::decode(authorization.signature).unwrap_or_default();
    hmac::verify(&key, string_to_sign.as_bytes(), &signature).map_err(|_| {
        let message = "The request signature we calculated does not match the signature you provided. Check your \
                       AWS Secret Access Key and signing method.";
        ApiError::new(ErrorKind::InvalidSignature, message)
    })?;
    // 6
    if credential.expires.is_some_and(|e| e <= expected.now) {
        let message = "The security token included in the request is expired";
        return Err(ApiError::new(ErrorKind::ExpiredToken, message));
    }
    Ok(credential)
}

impl<'a> Authorization<'a> {
    fn read(headers: &'a HeaderMap) -> Result<Self, ApiError> {
        let text = header(headers, "authorization")
            .ok_or_else(|| ApiError::new(ErrorKind::MissingAuthentication, "Missing Authentication Token"))?;
        Self::parse(text).filter(|a| a.covers(headers)).ok_or_else(|| {
            let message = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters, \
                           and the signature must cover the host and all x-amz headers.";
            ApiError::new(ErrorKind::IncompleteSignature, message)
        })
    }

    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = rest.split(',').map(str::trim);
        let credential = parts.next()?.strip_prefix("Credential=")?;
        let signed = parts.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        let (access_key_id, scope) = credential.split_once('/')?;
        let signed_headers = signed.split(';').collect();
        parts.next().is_none().then_some(Self { access_key_id, scope, signed_headers, signature })
    }

    /// Host and every `x-amz-` header must be signed, otherwise someone on the way could add or change one.
    fn covers(&self, headers: &HeaderMap) -> bool {
        let is_signed = |name: &str| self.signed_headers.contains(&name);
        let is_sorted = self.signed_headers.is_sorted();
        let all =
            headers.keys().map(http::HeaderName::as_str).filter(|n| n.starts_with("x-amz-")).all(is_signed);
        all && is_sorted && is_signed("host") && is_signed("x-amz-date")
    }
}

fn check_date(date: &str, now: SystemTime) -> Result<(), ApiError> {
    let invalid = |message: &str| ApiError::new(ErrorKind::InvalidSignature, message.to_owned());
    let at = from_amz(date).ok_or_else(|| invalid("Date must be in ISO-8601 'basic format'."))?;
    let at = UNIX_EPOCH + Duration::from_secs(at);
    if now > at + MAX_SKEW {
        return Err(invalid("Signature expired: the request's date is more than 5 min. in the past."));
    }
    if at > now + MAX_SKEW {
        return Err(invalid(
            "Signature not yet current: the request's date is more than 5 min. in the future.",
        ));
    }
    Ok(())
}

fn known<'a>(
    authorization: &Authorization<'_>,
    headers: &HeaderMap,
    credentials: &'a [SimCredential],
) -> Result<&'a SimCredential, ApiError> {
    let token = header(headers, "x-amz-security-token");
    let mut candidates = credentials.iter().filter(|c| c.access_key_id == authorization.access_key_id);
    candidates.find(|c| c.session_token.as_deref() == token).ok_or_else(|| {
        let message = "The security token included in the request is invalid.";
        ApiError::new(ErrorKind::UnrecognizedClient, message)
    })
}

/// The canonical request: method, path, query, signed headers, their names, the body's hash.
fn canonical_request(request: SignedRequest<'_>, signed_headers: &[&str]) -> Result<String, ApiError> {
    let mut headers = String::new();
    for name in signed_headers {
        let values: Vec<String> = request.headers.get_all(*name).iter().map(squeeze).collect();
        if values.is_empty() {
            let message = format!("'{name}' is named as a signed header but is not in the request.");
            return Err(ApiError::new(ErrorKind::InvalidSignature, message));
        }
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let SignedRequest { method, path, query, .. } = request;
    let (names, payload) = (signed_headers.join(";"), sha256_hex(request.body));
    Ok(format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{payload}"))
}

/// Trims a header value and folds runs of spaces into one.
fn squeeze(value: &http::HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn string_to_sign(date: &str, scope: &str, canonical: &str) -> String {
    format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256_hex(canonical.as_bytes()))
}

/// HMAC of day, region, service and `aws4_request`, each under the one before.
fn signing_key(secret: &str, scope: &str) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in scope.split('/') {
        let tag = hmac::sign(&key, part.as_bytes());
        key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
    }
    key
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

#[cfg(test)]
mod tests;
