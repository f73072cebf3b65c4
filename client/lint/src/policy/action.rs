//! Actions. Their names have no case (IAM user guide, "IAM JSON policy elements: Action").

/// The names of actions, in the lower case in which they are compared.
pub(crate) mod actions {
    pub(crate) const CREATE_GRANT: &str = "kms:creategrant";
    pub(crate) const DECRYPT: &str = "kms:decrypt";
    pub(crate) const DISABLE_KEY: &str = "kms:disablekey";
    pub(crate) const GENERATE_DATA_KEY: &str = "kms:generatedatakey";
    pub(crate) const PUT_KEY_POLICY: &str = "kms:putkeypolicy";
    pub(crate) const RE_ENCRYPT_FROM: &str = "kms:reencryptfrom";
    pub(crate) const RE_ENCRYPT_TO: &str = "kms:reencryptto";
    pub(crate) const SCHEDULE_KEY_DELETION: &str = "kms:schedulekeydeletion";

    /// The one pattern that a Deny may list: both directions, and those to come.
    pub(crate) const RE_ENCRYPT_ANY: &str = "kms:reencrypt*";

    /// What administers a key and neither uses its material nor lets anybody else use it.
    pub(crate) const ADMINISTER: [&str; 23] = [
        "kms:cancelkeydeletion",
        "kms:createalias",
        "kms:deletealias",
        "kms:describekey",
        DISABLE_KEY,
        "kms:disablekeyrotation",
        "kms:enablekey",
        "kms:enablekeyrotation",
        "kms:getkeypolicy",
        "kms:getkeyrotationstatus",
        "kms:listgrants",
        "kms:listkeypolicies",
        "kms:listkeyrotations",
        "kms:listresourcetags",
        PUT_KEY_POLICY,
        "kms:retiregrant",
        "kms:revokegrant",
        "kms:rotatekeyondemand",
        SCHEDULE_KEY_DELETION,
        "kms:tagresource",
        "kms:untagresource",
        "kms:updatealias",
        "kms:updatekeydescription",
    ];

    /// What uses or moves a plaintext or key material, or hands that right on, with the names that reports use.
    /// Decrypt and `GenerateDataKey` have forms of their own.
    pub(crate) const DANGEROUS: [(&str, &str); 12] = [
        (CREATE_GRANT, "kms:CreateGrant"),
        ("kms:derivesharedsecret", "kms:DeriveSharedSecret"),
        ("kms:generatedatakeypair", "kms:GenerateDataKeyPair"),
        ("kms:generatedatakeypairwithoutplaintext", "kms:GenerateDataKeyPairWithoutPlaintext"),
        ("kms:generatedatakeywithoutplaintext", "kms:GenerateDataKeyWithoutPlaintext"),
        ("kms:getparametersforimport", "kms:GetParametersForImport"),
        ("kms:importkeymaterial", "kms:ImportKeyMaterial"),
        (RE_ENCRYPT_FROM, "kms:ReEncryptFrom"),
        (RE_ENCRYPT_TO, "kms:ReEncryptTo"),
        ("kms:replicatekey", "kms:ReplicateKey"),
        ("kms:synchronizemultiregionkey", "kms:SynchronizeMultiRegionKey"),
        ("kms:updateprimaryregion", "kms:UpdatePrimaryRegion"),
    ];
}

/// An action as a policy lists it, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Action(String);

impl Action {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// Whether it is exactly this one.
    pub(crate) fn is(&self, action: &str) -> bool {
        self.0 == action
    }

    /// Whether it may stand for several actions.
    pub(crate) fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?'])
    }

    /// Whether it is this one, or a pattern that fits it.
    pub(crate) fn covers(&self, action: &str) -> bool {
        fits(self.0.as_bytes(), action.as_bytes())
    }
}

/// Whether a text fits a pattern with `*` (any run) and `?` (any one character). Goes back to the last `*` only,
/// so it takes at most the product of both lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == c => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((star, from)) = last_star else { return false };
                last_star = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("kms:*", "kms:decrypt", true),
            ("kms:re*", "kms:decrypt", false),
            ("kms:reencrypt*", "kms:reencryptfrom", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xxaxxb", true),
            ("*a*b", "xxaxxbx", false),
            ("*ab", "aab", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(
            Action::new("KMS:De*").covers(actions::DECRYPT)
                && Action::new("kms:DECRYPT").is(actions::DECRYPT)
        );
    }

    #[test]
    fn names_are_in_lower_case_and_no_action_is_both_harmless_and_dangerous() {
        let dangerous = actions::DANGEROUS.map(|(name, _)| name);
        for name in actions::ADMINISTER {
            assert_eq!(name, name.to_lowercase());
            assert!(
                !dangerous.contains(&name) && name != actions::DECRYPT && name != actions::GENERATE_DATA_KEY
            );
        }
        for (name, shown) in actions::DANGEROUS {
            assert_eq!(name, shown.to_lowercase());
        }
    }
}
