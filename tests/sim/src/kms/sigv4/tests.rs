//! The published examples of AWS, and one negative test per step.

use http::{HeaderName, HeaderValue};

use super::super::caller::Caller;
use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const AT: u64 = 1_440_938_160;

fn credential() -> SimCredential {
    SimCredential {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: SECRET.into(),
        session_token: None,
        expires: None,
        caller: Caller::user("111122223333", "owner", &[]),
    }
}

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let pair = |(n, v): &(&str, &str)| (n.parse::<HeaderName>().unwrap(), HeaderValue::from_str(v).unwrap());
    list.iter().map(pair).collect()
}

/// "post-vanilla" of the published test suite.
fn vanilla(authorization: &str) -> HeaderMap {
    headers(&[
        ("host", "example.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", authorization),
    ])
}

const VANILLA: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                       SignedHeaders=host;x-amz-date, \
                       Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";

fn judge(headers: &HeaderMap, body: &[u8], now: u64, credentials: &[SimCredential]) -> Result<(), ErrorKind> {
    let request = SignedRequest { method: "POST", path: "/", query: "", headers, body };
    let now = UNIX_EPOCH + Duration::from_secs(now);
    let expected = Expected { region: "us-east-1", service: "service", now, credentials };
    verify(request, expected).map(|_| ()).map_err(|e| e.kind)
}

#[test]
fn the_published_signing_key() {
    let key = signing_key(SECRET, "20150830/us-east-1/iam/aws4_request");
    // The derived key itself is not readable; what it signs is compared instead, with the documentation's example.
    let list = headers(&[
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
    ]);
    let query = "Action=ListUsers&Version=2010-05-08";
    let request = SignedRequest { method: "GET", path: "/", query, headers: &list, body: b"" };
    let canonical = canonical_request(request, &["content-type", "host", "x-amz-date"]).unwrap();
    let hash = "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
    assert_eq!(sha256_hex(canonical.as_bytes()), hash);
    let text = string_to_sign("20150830T123600Z", "20150830/us-east-1/iam/aws4_request", &canonical);
    let signature = hex::encode(hmac::sign(&key, text.as_bytes()));
    assert_eq!(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

#[test]
fn the_published_request_is_accepted() {
    assert_eq!(judge(&vanilla(VANILLA), b"", AT, &[credential()]), Ok(()));
}

#[test]
fn step_1_missing_or_incomplete_authorization() {
    let mut none = vanilla(VANILLA);
    none.remove("authorization");
    assert_eq!(judge(&none, b"", AT, &[credential()]), Err(ErrorKind::MissingAuthentication));
    for bad in ["Basic eDp5", &VANILLA.replace("Signature=", "S="), &VANILLA.replace("host;", "")] {
        let verdict = judge(&vanilla(bad), b"", AT, &[credential()]);
        assert_eq!(verdict, Err(ErrorKind::IncompleteSignature), "{bad}");
    }
    let mut unsigned = vanilla(VANILLA);
    unsigned.insert("x-amz-target", HeaderValue::from_static("TrentService.Decrypt"));
    assert_eq!(judge(&unsigned, b"", AT, &[credential()]), Err(ErrorKind::IncompleteSignature));
}

#[test]
fn step_2_dates_more_than_five_minutes_off() {
    for (now, verdict) in [
        (AT - 300, Ok(())),
        (AT + 300, Ok(())),
        (AT - 301, Err(ErrorKind::InvalidSignature)),
        (AT + 301, Err(ErrorKind::InvalidSignature)),
    ] {
        assert_eq!(judge(&vanilla(VANILLA), b"", now, &[credential()]), verdict, "{now}");
    }
}

#[test]
fn step_3_another_scope() {
    let other = VANILLA.replace("us-east-1", "eu-west-1");
    assert_eq!(judge(&vanilla(&other), b"", AT, &[credential()]), Err(ErrorKind::InvalidSignature));
}

#[test]
fn step_4_unknown_key_or_token() {
    assert_eq!(judge(&vanilla(VANILLA), b"", AT, &[]), Err(ErrorKind::UnrecognizedClient));
    let temporary = SimCredential { session_token: Some("t".into()), ..credential() };
    assert_eq!(judge(&vanilla(VANILLA), b"", AT, &[temporary]), Err(ErrorKind::UnrecognizedClient));
}

#[test]
fn step_5_a_changed_request_or_secret() {
    assert_eq!(judge(&vanilla(VANILLA), b"x", AT, &[credential()]), Err(ErrorKind::InvalidSignature));
    let mut other_host = vanilla(VANILLA);
    other_host.insert("host", HeaderValue::from_static("evil.example"));
    assert_eq!(judge(&other_host, b"", AT, &[credential()]), Err(ErrorKind::InvalidSignature));
    let other_secret = SimCredential { secret_access_key: "x".into(), ..credential() };
    assert_eq!(judge(&vanilla(VANILLA), b"", AT, &[other_secret]), Err(ErrorKind::InvalidSignature));
}

#[test]
fn step_6_expired_credentials() {
    let expires = Some(UNIX_EPOCH + Duration::from_secs(AT));
    let expired = SimCredential { expires, ..credential() };
    assert_eq!(judge(&vanilla(VANILLA), b"", AT, &[expired]), Err(ErrorKind::ExpiredToken));
}
