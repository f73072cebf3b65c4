use super::testing::plain;
use super::*;

/// What the check says of a plain profile of two features after a change.
fn after(change: impl FnOnce(&mut Profile)) -> Result<(), ProfileError> {
    let mut profile = plain(2);
    change(&mut profile);
    profile.check()
}

fn refused(what: &'static str, change: impl FnOnce(&mut Profile)) {
    assert_eq!(after(change), Err(ProfileError::Sense(what)));
}

fn labelled(labels: usize) -> Option<Decision> {
    let values = vec![ByteBuf::from([0; 8]); labels];
    Some(Decision { scores: "scores".into(), label: Some(Labels { output: "label".into(), values }) })
}

#[test]
fn a_profile_that_makes_sense_reads_back() {
    assert_eq!(after(|_| ()), Ok(()));
    let mut profile = plain(2);
    profile.decision = labelled(1);
    assert!(Profile::decode(&profile.encode().unwrap()).unwrap() == profile);
}

#[test]
fn bytes_that_are_no_profile_are_refused() {
    let bytes = plain(2).encode().unwrap();
    for wrong in [&b""[..], b"\xa0", &bytes[..bytes.len() - 1], &[&bytes[..], b"\0"].concat()] {
        assert!(matches!(Profile::decode(wrong), Err(ProfileError::Cbor(_))));
    }
}

#[test]
fn a_decoded_profile_is_checked() {
    let bytes = Profile { near: -1.0, ..plain(2) }.encode().unwrap();
    assert!(matches!(Profile::decode(&bytes), Err(ProfileError::Sense(_))));
}

#[test]
fn no_features_or_classes_or_too_many_are_refused() {
    let what = "no features or classes, or too many";
    refused(what, |profile| profile.features = 0);
    refused(what, |profile| profile.features = MAX_FEATURES + 1);
    refused(what, |profile| profile.classes.clear());
    refused(what, |profile| profile.classes = vec![plain(2).classes.remove(0); MAX_CLASSES + 1]);
}

#[test]
fn classes_and_labels_have_to_be_told_apart() {
    refused("several classes and no output that tells them apart", |profile| {
        profile.classes = vec![plain(2).classes.remove(0); 2];
    });
    refused("another number of labels than of classes", |profile| profile.decision = labelled(2));
}

#[test]
fn lists_of_another_length_are_refused() {
    let what = "lists of another length than there are features";
    refused(what, |profile| profile.centre.clear());
    refused(what, |profile| profile.scale.clear());
    refused(what, |profile| profile.whitening.clear());
    refused(what, |profile| profile.bounds.clear());
    refused(what, |profile| profile.edges.clear());
    refused(what, |profile| profile.shares.clear());
    refused("a mean of other features", |profile| profile.classes[0].mean.clear());
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let what = "a number that is not finite";
    for number in [f32::NAN, f32::INFINITY] {
        refused(what, |profile| profile.centre[0] = number);
        refused(what, |profile| profile.scale[0] = number);
        refused(what, |profile| profile.whitening[0] = number);
        refused("a mean of other features", |profile| profile.classes[0].mean[0] = number);
    }
}

#[test]
fn scales_and_distances_are_positive() {
    let what = "a scale or distance that is not positive";
    refused(what, |profile| profile.scale[1] = 0.0);
    for number in [-1.0, f32::NAN, f32::INFINITY] {
        refused(what, |profile| profile.near = number);
        refused(what, |profile| profile.neighbour = number);
    }
}

#[test]
fn bounds_and_edges_rise_and_shares_are_shares() {
    refused("bounds that cross", |profile| profile.bounds[0] = (1.0, 0.0));
    refused("bounds that cross", |profile| profile.bounds[0] = (f32::NAN, 0.0));
    let edges = "edges of a histogram that do not rise";
    refused(edges, |profile| profile.edges[0][0] = 1.0);
    refused(edges, |profile| profile.edges[0][0] = f32::NAN);
    refused(edges, |profile| profile.edges[0].clear());
    let shares = "shares of a histogram that are none";
    refused(shares, |profile| profile.shares[0][0] = 1.5);
    refused(shares, |profile| profile.shares[0][0] = f32::NAN);
    refused(shares, |profile| profile.shares[0].clear());
}

#[test]
fn calibration_scores_rise_and_are_few() {
    let what = "calibration scores that do not rise, or too many";
    refused(what, |profile| profile.classes[0].distances = vec![1.0, 0.0]);
    refused(what, |profile| profile.classes[0].margins = vec![f32::NAN]);
    refused(what, |profile| profile.classes[0].distances = vec![0.0; MAX_SCORES + 1]);
    let share = "a share or threshold that is none";
    refused(share, |profile| profile.classes[0].share = -0.1);
    refused(share, |profile| profile.classes[0].threshold = Some(f32::NAN));
}
