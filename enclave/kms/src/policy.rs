//! The key policy that ties a KMS key to enclaves, written out statement by statement.
//!
//! `docs/kms-policy.md` has the forms. Each pinned register has a Deny of its own with a *negated* operator. Such a
//! condition also holds when the register is absent, so the Deny also stops a call without an attestation
//! document, any grant and any other Allow. Two registers never share a Deny: conditions of one statement are
//! ANDed, and one right register would then excuse a wrong one. One Allow per pair keeps the image of one
//! deployment from being used with the charter of another.
//!
//! The generator never writes a register of zeros, which every debug-mode enclave has.
//!
//! # Security
//! Whoever may call `PutKeyPolicy` (the administrator named here) can replace all of this.

use std::fmt::Write;

use crate::arn::PrincipalArn;
use crate::error::KmsError;
use crate::limits::{MAX_POLICY_BYTES, MAX_POLICY_PAIRS};

#[cfg(test)]
mod tests;

/// Bytes of a register: a SHA-384.
const PCR_BYTES: usize = 48;

/// A key policy as KMS takes it: JSON, at most [`MAX_POLICY_BYTES`] long. Generated here, or the owner's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText(String);

impl PolicyText {
    /// Takes the text of a policy. Only its length is checked; KMS judges the rest.
    ///
    /// # Errors
    /// [`KmsError::Request`] when empty or too long.
    pub fn new(text: String) -> Result<Self, KmsError> {
        if text.is_empty() || text.len() > MAX_POLICY_BYTES {
            return Err(KmsError::Request("key policy is empty or too long"));
        }
        Ok(Self(text))
    }

    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of one platform configuration register that a policy may pin: 48 bytes that are not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedPcr([u8; PCR_BYTES]);

impl PinnedPcr {
    /// Takes the register's value.
    ///
    /// # Errors
    /// [`KmsError::Request`] when it is all zero: debug-mode enclaves have that, so pinning it pins nothing.
    pub fn new(value: [u8; PCR_BYTES]) -> Result<Self, KmsError> {
        if value == [0; PCR_BYTES] {
            return Err(KmsError::Request("a register of zeros cannot be pinned"));
        }
        Ok(Self(value))
    }

    /// Lower-case hex, as KMS writes the values of its condition keys.
    fn hex(self) -> String {
        self.0.iter().fold(String::with_capacity(2 * PCR_BYTES), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// One enclave that may open the key: this image under this charter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// PCR0, the image.
    pub image: PinnedPcr,
    /// PCR16, the charter.
    pub charter: PinnedPcr,
}

/// Who a policy speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    /// Manages the key and its policy; cannot decrypt with it.
    pub admin: PrincipalArn,
    /// Makes data keys to seal packages with; often the same as `admin`.
    pub sealer: PrincipalArn,
    /// The role of the enclaves' hosts; decrypts only with an attestation document.
    pub enclave: PrincipalArn,
}

/// The policy under which exactly the pinned enclaves can decrypt.
///
/// # Errors
/// [`KmsError::Request`] when `pins` is empty or holds more than [`MAX_POLICY_PAIRS`], or when the hosts' role is the
/// administrator, who could replace the policy.
pub fn key_policy(principals: &Principals, pins: &[Pin]) -> Result<PolicyText, KmsError> {
    if pins.is_empty() || pins.len() > MAX_POLICY_PAIRS {
        return Err(KmsError::Request("a key policy pins at least one enclave and a bounded number"));
    }
    if principals.admin == principals.enclave {
        return Err(KmsError::Request("the role of the hosts cannot administer the key as well"));
    }
    let mut statements = owner_statements(principals);
    statements.push(deny_other("DenyOtherImages", "PCR0", pins.iter().map(|p| p.image)));
    statements.push(deny_other("DenyOtherCharters", "PCR16", pins.iter().map(|p| p.charter)));
    statements.extend(pins.iter().enumerate().map(|(n, pin)| allow_pin(n, &principals.enclave, *pin)));
    document(&statements)
}

/// The policy of a key that no one can decrypt with yet: a charter names its key, so the key exists before any
/// charter can be pinned.
///
/// # Errors
/// [`KmsError::Request`] when the text would exceed [`MAX_POLICY_BYTES`].
pub fn shut_policy(principals: &Principals) -> Result<PolicyText, KmsError> {
    let mut statements = owner_statements(principals);
    statements.push(statement("DenyAllDecryption", "Deny", "\"*\"", &["kms:Decrypt"], None));
    document(&statements)
}

/// What the administrator may do: everything about the key except using it on ciphertext.
const ADMIN_ACTIONS: [&str; 16] = [
    "kms:CancelKeyDeletion",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
];

/// The statements that every policy starts with.
fn owner_statements(principals: &Principals) -> Vec<String> {
    vec![
        statement("OwnerAdministers", "Allow", &aws(&principals.admin), &ADMIN_ACTIONS, None),
        statement("OwnerSeals", "Allow", &aws(&principals.sealer), &["kms:GenerateDataKey"], None),
        // Both lead around the conditions below: a grant decrypts elsewhere, a re-encryption moves to another key.
        statement("DenyDetours", "Deny", "\"*\"", &["kms:ReEncrypt*", "kms:CreateGrant"], None),
    ]
}

fn deny_other(sid: &str, register: &str, values: impl Iterator<Item = PinnedPcr>) -> String {
    let mut values: Vec<PinnedPcr> = values.collect();
    values.sort_unstable();
    values.dedup();
    let list: Vec<String> = values.into_iter().map(|v| format!("\"{}\"", v.hex())).collect();
    let condition = format!(
        "{{\"StringNotEqualsIgnoreCase\": {{\"kms:RecipientAttestation:{register}\": [{}]}}}}",
        list.join(", ")
    );
    statement(sid, "Deny", "\"*\"", &["kms:Decrypt"], Some(&condition))
}

fn allow_pin(number: usize, enclave: &PrincipalArn, pin: Pin) -> String {
    let condition = format!(
        "{{\"StringEqualsIgnoreCase\": {{\"kms:RecipientAttestation:PCR0\": \"{}\", \
         \"kms:RecipientAttestation:PCR16\": \"{}\"}}}}",
        pin.image.hex(),
        pin.charter.hex()
    );
    let sid = format!("EnclaveDecrypts{number}");
    statement(&sid, "Allow", &aws(enclave), &["kms:Decrypt"], Some(&condition))
}

fn aws(principal: &PrincipalArn) -> String {
    format!("{{\"AWS\": \"{principal}\"}}")
}

/// One statement. Nothing in it needs escaping: principals and registers are read strictly, the rest is ours.
fn statement(sid: &str, effect: &str, principal: &str, actions: &[&str], condition: Option<&str>) -> String {
    let condition = condition.map_or(String::new(), |c| format!(",\n      \"Condition\": {c}"));
    format!(
        "    {{\n      \"Sid\": \"{sid}\",\n      \"Effect\": \"{effect}\",\n      \"Principal\": {principal},\n      \
         \"Action\": [\"{}\"],\n      \"Resource\": \"*\"{condition}\n    }}",
        actions.join("\", \"")
    )
}

fn document(statements: &[String]) -> Result<PolicyText, KmsError> {
    PolicyText::new(format!(
        "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n",
        statements.join(",\n")
    ))
}
