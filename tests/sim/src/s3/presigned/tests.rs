//! The published example of AWS, and one negative test per step.

use super::*;
use crate::kms::Caller;

/// "Example" of the page that the module names.
const URL: &str = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
    &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
    &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const SIGNED_AT: u64 = 1_369_353_600;

fn credential() -> SimCredential {
    SimCredential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
        expires: None,
        caller: Caller::user("111122223333", "host", &[]),
    }
}

fn head(url: &str) -> Parts {
    let request = http::Request::get(url).header("host", "examplebucket.s3.amazonaws.com").body(()).unwrap();
    request.into_parts().0
}

fn judge(head: &Parts, now: u64, credential: SimCredential) -> Result<(), S3ErrorKind> {
    let now = UNIX_EPOCH + Duration::from_secs(now);
    verify(head, Expected { region: "us-east-1", now, credentials: &[credential] })
}

fn judge_url(url: &str) -> Result<(), S3ErrorKind> {
    judge(&head(url), SIGNED_AT, credential())
}

#[test]
fn the_published_request_is_accepted() {
    assert_eq!(judge_url(URL), Ok(()));
    assert_eq!(judge_url(&URL.replace("%2F", "%2f")), Ok(()), "however it is encoded");
}

#[test]
fn step_1_parameters_missing_doubled_or_headers_unsigned() {
    let plain = "https://examplebucket.s3.amazonaws.com/test.txt";
    assert_eq!(judge_url(plain), Err(S3ErrorKind::AccessDenied));
    for bad in [
        URL.replace("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
        URL.replace("HMAC-SHA256", "HMAC-SHA1"),
        URL.replace("X-Amz-Expires=86400&", ""),
        format!("{URL}&X-Amz-Date=20130524T000000Z"),
        URL.replace("%2Faws4_request", "%2"),
    ] {
        assert_eq!(judge_url(&bad), Err(S3ErrorKind::AuthorizationQueryParametersError), "{bad}");
    }
    assert_eq!(
        judge_url(&URL.replace("SignedHeaders=host", "SignedHeaders=range")),
        Err(S3ErrorKind::AccessDenied)
    );
    let mut unsigned = head(URL);
    unsigned.headers.insert("x-amz-request-payer", http::HeaderValue::from_static("requester"));
    assert_eq!(judge(&unsigned, SIGNED_AT, credential()), Err(S3ErrorKind::AccessDenied));
}

#[test]
fn step_2_too_early_or_too_late() {
    for (now, verdict) in [
        (SIGNED_AT - 900, Ok(())),
        (SIGNED_AT - 901, Err(S3ErrorKind::RequestTimeTooSkewed)),
        (SIGNED_AT + 86_400, Ok(())),
        (SIGNED_AT + 86_401, Err(S3ErrorKind::AccessDenied)),
    ] {
        assert_eq!(judge(&head(URL), now, credential()), verdict, "{now}");
    }
    for life in ["0", "604801", "x"] {
        let url = URL.replace("Expires=86400", &format!("Expires={life}"));
        assert_eq!(judge_url(&url), Err(S3ErrorKind::AuthorizationQueryParametersError), "{life}");
    }
}

#[test]
fn step_3_another_scope() {
    for (from, to) in
        [("us-east-1", "eu-west-1"), ("%2Fs3%2F", "%2Fkms%2F"), ("EXAMPLE%2F20130524", "EXAMPLE%2F20130525")]
    {
        assert_eq!(
            judge_url(&URL.replace(from, to)),
            Err(S3ErrorKind::AuthorizationQueryParametersError),
            "{to}"
        );
    }
}

#[test]
fn step_4_unknown_key_or_token() {
    let other = SimCredential { access_key_id: "AKIAOTHER".into(), ..credential() };
    assert_eq!(judge(&head(URL), SIGNED_AT, other), Err(S3ErrorKind::InvalidAccessKeyId));
    let temporary = SimCredential { session_token: Some("t".into()), ..credential() };
    assert_eq!(judge(&head(URL), SIGNED_AT, temporary), Err(S3ErrorKind::InvalidToken));
}

#[test]
fn step_5_a_changed_request_or_secret() {
    for (from, to) in
        [("test.txt", "text.txt"), ("Expires=86400", "Expires=86399"), ("=aeee", "=beee"), ("=aeee", "=zz")]
    {
        assert_eq!(judge_url(&URL.replace(from, to)), Err(S3ErrorKind::SignatureDoesNotMatch), "{to}");
    }
    let mut other = head(URL);
    other.method = http::Method::HEAD;
    assert_eq!(judge(&other, SIGNED_AT, credential()), Err(S3ErrorKind::SignatureDoesNotMatch));
    let secret = SimCredential { secret_access_key: "x".into(), ..credential() };
    assert_eq!(judge(&head(URL), SIGNED_AT, secret), Err(S3ErrorKind::SignatureDoesNotMatch));
}

#[test]
fn step_6_expired_credentials() {
    let expires = Some(UNIX_EPOCH + Duration::from_secs(SIGNED_AT));
    let expired = SimCredential { expires, ..credential() };
    assert_eq!(judge(&head(URL), SIGNED_AT, expired), Err(S3ErrorKind::ExpiredToken));
}

#[test]
fn encoding_is_undone_and_redone() {
    let text = "packages/fraud@1.sealed +%~";
    assert_eq!(encode(text, true), "packages/fraud%401.sealed%20%2B%25~");
    assert_eq!(encode("a/b", false), "a%2Fb");
    assert_eq!(decode(&encode(text, false)).as_deref(), Some(text));
    for bad in ["%", "%4", "%zz", "%ff"] {
        assert_eq!(decode(bad), None, "{bad}");
    }
}
