//! The value that stands for a document that passed every check.

use std::collections::BTreeMap;

use crate::chain::Signed;
use crate::document::{Document, PcrValue, Statement};
use crate::pcr::{ImagePcrs, Pcr, PcrIndex};
use crate::root::RootKind;
use crate::time::UnixMillis;

/// A document that [`crate::verify()`] accepted: the only way to get one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    document: Document,
    root: RootKind,
}

impl Attested {
    pub(super) fn new(signed: Signed, root: RootKind) -> Self {
        Self { document: signed.into_document(), root }
    }

    /// Which root vouches for it. A simulated one vouches for nothing.
    #[must_use]
    pub const fn root(&self) -> RootKind {
        self.root
    }

    /// What the document states.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.document
    }

    /// Id of the NSM that issued the document.
    #[must_use]
    pub fn module_id(&self) -> &str {
        self.document.module_id()
    }

    /// When the NSM made the document.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        self.document.timestamp()
    }

    /// The locked registers.
    #[must_use]
    pub fn pcrs(&self) -> &BTreeMap<PcrIndex, PcrValue> {
        self.document.pcrs()
    }

    /// One register, if it was locked and is of SHA-384.
    #[must_use]
    pub fn pcr(&self, index: PcrIndex) -> Option<Pcr> {
        self.document.pcr(index)
    }

    /// The measurements of the image; `None` when one is not listed.
    #[must_use]
    pub fn image(&self) -> Option<ImagePcrs> {
        Some(ImagePcrs {
            pcr0: self.pcr(PcrIndex::IMAGE)?,
            pcr1: self.pcr(PcrIndex::KERNEL)?,
            pcr2: self.pcr(PcrIndex::APPLICATION)?,
        })
    }

    /// The public key, if one was asked for.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8]> {
        self.document.public_key()
    }

    /// The user data, if any was asked for.
    #[must_use]
    pub fn user_data(&self) -> Option<&[u8]> {
        self.document.user_data()
    }

    /// The nonce, if any was asked for.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.document.nonce()
    }
}
