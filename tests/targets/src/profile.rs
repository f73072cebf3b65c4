//! Profiles of models' data, which come inside the private part.

use std::borrow::Cow;

use strongroom_attestation::release::MAX_PROFILE_BYTES;
use strongroom_monitor::profile::Space;
use strongroom_monitor::{Profile, Rows};
use strongroom_seal::tensor::{DType, Tensor};

/// Rows of the request that is shown to a profile.
const ROWS: usize = 3;

/// Reads `bytes` as a profile, and looks at a request with it.
///
/// A profile survives being written. Rows are found where it says, as many as there are, each of its width.
pub fn profile(bytes: &[u8]) -> bool {
    let Ok(profile) = Profile::decode(bytes) else { return false };
    let written = profile.encode().ok().filter(|written| written.len() <= MAX_PROFILE_BYTES);
    assert!(written.is_none_or(|written| Profile::decode(&written).is_ok_and(|again| again == profile)));
    if profile.features <= 64 {
        looked(&profile);
    }
    true
}

fn looked(profile: &Profile) {
    let (Space::Input(name) | Space::Output(name)) = &profile.space;
    let features = ones(name, profile.features);
    let scores = profile.decision.as_ref().map(|decision| ones(&decision.scores, profile.classes.len()));
    let outputs: Vec<_> = scores.into_iter().chain([features.clone()]).collect();
    if let Some(rows) = Rows::find(profile, &[features], &outputs) {
        assert_eq!(rows.width(), profile.features);
        assert_eq!(rows.iter().count(), rows.len());
        assert!(rows.iter().all(|row| row.features.len() == profile.features));
        assert!(
            rows.classes().iter().all(|class| *class < profile.classes.len()),
            "a class that it does not have"
        );
    }
}

fn ones(name: &str, width: usize) -> Tensor<'static> {
    let data = 1.0_f32.to_le_bytes().repeat(ROWS * width);
    let shape = vec![ROWS as u64, width as u64];
    Tensor { name: Cow::Owned(name.to_owned()), dtype: DType::Fp32, shape, data: data.into() }
}
