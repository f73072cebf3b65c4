//! What was read must survive being written and read again.

use strongroom_proto::cbor::CborError;

/// Asserts that `value`, once written, reads back as itself.
///
/// The writer names every field where the input may have used a shorter form, so the second reading may
/// find the bytes over a bound; it must find nothing else.
pub(crate) fn reads_back<T: PartialEq>(
    value: &T,
    written: Result<Vec<u8>, CborError>,
    same: impl FnOnce(&[u8], &T) -> Result<bool, CborError>,
) {
    let Ok(written) = written else {
        assert!(written.is_ok(), "what was read can be written");
        return;
    };
    let bounded = [CborError::TooLong, CborError::TooManyItems];
    match same(&written, value) {
        Ok(same) => assert!(same, "what was written reads back as another value"),
        Err(error) => assert!(bounded.contains(&error), "what was written does not read back: {error}"),
    }
}
