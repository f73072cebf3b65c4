//! What KMS answers, judged once the SDK has read it: pure functions, apart from how the answer came.
//!
//! An answer about another key than the one that was asked for is refused, and so is one that lacks what was asked for.
//! [`Kms`](crate::Kms) hands them what came through TLS.

use aws_sdk_kms::operation::decrypt::DecryptOutput;
use aws_sdk_kms::operation::describe_key::DescribeKeyOutput;
use aws_sdk_kms::operation::generate_data_key::GenerateDataKeyOutput;
use aws_sdk_kms::operation::get_key_policy::GetKeyPolicyOutput;
use aws_sdk_kms::operation::list_grants::ListGrantsOutput;
use aws_sdk_kms::operation::sign::SignOutput;
use aws_sdk_kms::types::{GrantListEntry, KeyMetadata, KeySpec, KeyUsageType, OriginType};
use zeroize::Zeroizing;

use crate::admin::{Grant, KeyDescription, KeyOrigin, KeyState};
use crate::arn::KeyArn;
use crate::client::{DataKey, WrappedKey};
use crate::cms::RecipientKey;
use crate::error::{BadAnswer, KmsError};
use crate::limits::DATA_KEY_BYTES;
use crate::policy::PolicyText;
use crate::sign::{self, SIGNATURE_BYTES};

const MALFORMED: KmsError = KmsError::BadAnswer(BadAnswer::Malformed);

/// One page of grants, and the marker that asks for the next one.
pub type GrantPage = (Vec<Grant>, Option<String>);

/// Opens what was decrypted to a recipient: without a plaintext beside it, of the key that was asked for, sealed to `recipient`.
///
/// # Errors
/// [`KmsError::BadAnswer`], saying which of the three does not hold.
pub fn opened(
    answer: DecryptOutput,
    asked: &KeyArn,
    recipient: &RecipientKey,
) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let plaintext = answer.plaintext.map(|p| Zeroizing::new(p.into_inner()));
    if plaintext.is_some_and(|p| !p.is_empty()) {
        return Err(KmsError::BadAnswer(BadAnswer::Plaintext));
    }
    same_key(answer.key_id.as_deref(), asked)?;
    let sealed = answer.ciphertext_for_recipient.ok_or(KmsError::BadAnswer(BadAnswer::NotForRecipient))?;
    recipient.open(sealed.as_ref()).map_err(|_| KmsError::BadAnswer(BadAnswer::Unopenable))
}

/// Takes a fresh data key: of 32 bytes, with its wrapped form.
///
/// # Errors
/// [`KmsError::BadAnswer`].
pub fn data_key(answer: GenerateDataKeyOutput, asked: &KeyArn) -> Result<DataKey, KmsError> {
    same_key(answer.key_id.as_deref(), asked)?;
    let answered = Zeroizing::new(answer.plaintext.ok_or(MALFORMED)?.into_inner());
    let mut plaintext = Zeroizing::new([0; DATA_KEY_BYTES]);
    if answered.len() != DATA_KEY_BYTES {
        return Err(MALFORMED);
    }
    plaintext.copy_from_slice(&answered);
    let wrapped = WrappedKey::new(answer.ciphertext_blob.ok_or(MALFORMED)?.into_inner());
    Ok(DataKey { plaintext, wrapped: wrapped.map_err(|_| MALFORMED)? })
}

/// Takes the description of a key.
///
/// # Errors
/// [`KmsError::BadAnswer`].
pub fn description(answer: DescribeKeyOutput, asked: &KeyArn) -> Result<KeyDescription, KmsError> {
    let description = described(answer.key_metadata)?;
    same_key(Some(description.arn.as_str()), asked)?;
    Ok(description)
}

/// Takes the policy of a key.
///
/// # Errors
/// [`KmsError::BadAnswer`].
pub fn policy(answer: GetKeyPolicyOutput) -> Result<PolicyText, KmsError> {
    PolicyText::new(answer.policy.ok_or(MALFORMED)?).map_err(|_| MALFORMED)
}

/// Takes one page of the grants on a key. Where more are said to follow, the marker that asks for them is there.
///
/// # Errors
/// [`KmsError::BadAnswer`], also for a grant on another key.
pub fn grants(answer: ListGrantsOutput, asked: &KeyArn) -> Result<GrantPage, KmsError> {
    let grants = answer.grants().iter().map(|entry| grant(entry, asked)).collect::<Result<_, _>>()?;
    let next = if answer.truncated() { Some(answer.next_marker.ok_or(MALFORMED)?) } else { None };
    Ok((grants, next))
}

/// Takes a signature with ES384: r ‖ s.
///
/// # Errors
/// [`KmsError::BadAnswer`].
pub fn signature(answer: SignOutput, asked: &KeyArn) -> Result<[u8; SIGNATURE_BYTES], KmsError> {
    same_key(answer.key_id(), asked)?;
    sign::raw(answer.signature.ok_or(MALFORMED)?.as_ref()).ok_or(MALFORMED)
}

/// What KMS says about a key, whichever it is.
pub(crate) fn described(metadata: Option<KeyMetadata>) -> Result<KeyDescription, KmsError> {
    let metadata = metadata.ok_or(MALFORMED)?;
    let arn = metadata.arn().and_then(|a| a.parse().ok()).ok_or(MALFORMED)?;
    let state = match metadata.key_state() {
        Some(aws_sdk_kms::types::KeyState::Enabled) => KeyState::Enabled,
        Some(aws_sdk_kms::types::KeyState::Disabled) => KeyState::Disabled,
        _ => KeyState::Unusable,
    };
    let is_symmetric_encryption = metadata.key_spec() == Some(&KeySpec::SymmetricDefault)
        && metadata.key_usage() == Some(&KeyUsageType::EncryptDecrypt);
    let origin = match metadata.origin() {
        Some(OriginType::AwsKms) => KeyOrigin::Kms,
        Some(OriginType::External) => KeyOrigin::Imported,
        Some(OriginType::AwsCloudhsm | OriginType::ExternalKeyStore) => KeyOrigin::CustomKeyStore,
        _ => KeyOrigin::Unknown,
    };
    let multi_region = metadata.multi_region() != Some(false);
    Ok(KeyDescription { arn, state, is_symmetric_encryption, origin, multi_region })
}

pub(crate) fn same_key(answered: Option<&str>, asked: &KeyArn) -> Result<(), KmsError> {
    if answered == Some(asked.as_str()) { Ok(()) } else { Err(KmsError::BadAnswer(BadAnswer::OtherKey)) }
}

fn grant(entry: &GrantListEntry, asked: &KeyArn) -> Result<Grant, KmsError> {
    same_key(entry.key_id(), asked)?;
    let id = entry.grant_id().ok_or(MALFORMED)?.to_owned();
    let operations = entry.operations().iter().map(|operation| operation.as_str().to_owned()).collect();
    Ok(Grant { id, operations })
}
