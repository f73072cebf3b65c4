//! Public controls in sentences.
