//! What KMS, or somebody in its place, answers: through the SDK's reader of JSON and our judgement, and the whole way.

mod whole;

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::decrypt::{Decrypt, DecryptError};
use aws_sdk_kms::operation::describe_key::{DescribeKey, DescribeKeyError};
use aws_sdk_kms::operation::generate_data_key::{GenerateDataKey, GenerateDataKeyError};
use aws_sdk_kms::operation::get_key_policy::{GetKeyPolicy, GetKeyPolicyError};
use aws_sdk_kms::operation::list_grants::{ListGrants, ListGrantsError};
use aws_sdk_kms::operation::sign::{Sign, SignError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse as _, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use strongroom_kms::limits::DATA_KEY_BYTES;
use strongroom_kms::{BadAnswer, KeyArn, KmsError, RecipientKey, answer};

use crate::seldom::seldom;

/// The key that is asked for.
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555";

/// What KMS answers with: that it did what was asked, that it did not, and that it could not.
const STATUSES: [u16; 3] = [200, 400, 500];

/// What was asked of KMS, by the number that stands for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    GenerateDataKey,
    DescribeKey,
    GetKeyPolicy,
    ListGrants,
    Decrypt,
    Sign,
}

/// Takes `bytes` as the answer of KMS: the first says to what (its lower four bits, 0 to 5) and with which status (its upper
/// four, 0 to 2), the rest is the JSON.
///
/// What is accepted came with status 200, is about the key that was asked for, which then stands in the answer, and holds what
/// was asked for. What the client accepts behind TLS, HTTP and its retries is accepted here too. An answer to `Decrypt` that
/// only lacks the recipient's own key counts as accepted; none is opened.
pub fn kms(bytes: &[u8]) -> bool {
    let Some((head, json)) = bytes.split_first() else { return false };
    let Some(operation) = operation(head & 0x0f) else { return false };
    let Some(&status) = STATUSES.get(usize::from(head >> 4)) else { return false };
    let judged = judge(operation, status, json);
    let accepted = judged == Ok(()) || judged == Err(KmsError::BadAnswer(BadAnswer::Unopenable));
    assert!(!accepted || status == 200, "a refusal is taken as an answer");
    if accepted && operation.names_key() && !json.contains(&b'\\') {
        assert!(json.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "about another key");
    }
    if seldom(bytes) {
        assert!(accepted || !whole::accepts(operation, status, json), "accepted behind TLS alone");
    }
    accepted
}

impl Operation {
    /// Whether an answer must name the key. A list of grants may be empty.
    fn names_key(self) -> bool {
        !matches!(self, Self::GetKeyPolicy | Self::ListGrants)
    }
}

fn operation(number: u8) -> Option<Operation> {
    Some(match number {
        0 => Operation::GenerateDataKey,
        1 => Operation::DescribeKey,
        2 => Operation::GetKeyPolicy,
        3 => Operation::ListGrants,
        4 => Operation::Decrypt,
        5 => Operation::Sign,
        _ => return None,
    })
}

/// Reads the answer as the SDK does, and judges it as the client does.
fn judge(operation: Operation, status: u16, json: &[u8]) -> Result<(), KmsError> {
    static OURS: OnceLock<Option<(KeyArn, RecipientKey)>> = OnceLock::new();
    let ours = OURS.get_or_init(|| Some((KEY.parse().ok()?, RecipientKey::generate().ok()?))).as_ref();
    assert!(ours.is_some(), "a key's name and a recipient");
    let Some((key, recipient)) = ours else { return Err(KmsError::RecipientKey) };
    match operation {
        Operation::GenerateDataKey => {
            let read = read::<_, GenerateDataKeyError>(&GenerateDataKey::new(), status, json)?;
            let made = answer::data_key(read, key)?;
            assert_eq!(made.plaintext.len(), DATA_KEY_BYTES);
            assert!(!made.wrapped.as_bytes().is_empty());
        }
        Operation::DescribeKey => {
            let read = read::<_, DescribeKeyError>(&DescribeKey::new(), status, json)?;
            assert_eq!(answer::description(read, key)?.arn, *key);
        }
        Operation::GetKeyPolicy => {
            drop(answer::policy(read::<_, GetKeyPolicyError>(&GetKeyPolicy::new(), status, json)?)?);
        }
        Operation::ListGrants => {
            drop(answer::grants(read::<_, ListGrantsError>(&ListGrants::new(), status, json)?, key)?);
        }
        Operation::Decrypt => {
            let read = read::<_, DecryptError>(&Decrypt::new(), status, json)?;
            let opened = answer::opened(read, key, recipient).map(drop);
            assert!(opened.is_err(), "sealed to a key that nobody knows");
            opened?;
        }
        Operation::Sign => {
            let read = read::<_, SignError>(&Sign::new(), status, json)?;
            answer::signature(read, key).map(|_| ())?;
        }
    }
    Ok(())
}

/// Reads an answer with the reader that the SDK keeps for the operation.
fn read<O, E>(operation: &dyn RuntimePlugin, status: u16, json: &[u8]) -> Result<O, KmsError>
where
    O: fmt::Debug + Send + Sync + 'static,
    E: Error + ProvideErrorMetadata + fmt::Debug + Send + Sync + 'static,
{
    let unread = KmsError::BadAnswer(BadAnswer::Malformed);
    let layer = operation.config().ok_or(unread)?;
    let reader = layer.load::<SharedResponseDeserializer>().ok_or(unread)?;
    let status = status.try_into().map_err(|_| unread)?;
    let response = HttpResponse::new(status, SdkBody::from(json));
    match reader.deserialize_nonstreaming_with_config(&response, &ConfigBag::base()) {
        Ok(output) => output.downcast().map_err(|_| unread),
        Err(error) => {
            let error = error.as_operation_error().and_then(|error| error.downcast_ref::<E>());
            Err(error.map_or(unread, |error| SdkError::service_error(error.meta().clone(), ()).into()))
        }
    }
}
