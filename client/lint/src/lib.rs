//! Judges KMS key policies: whether they tie a key to enclaves.
