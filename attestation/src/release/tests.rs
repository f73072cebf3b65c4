use ring::rand::SystemRandom;
use strongroom_seal::key::Algorithm;

use super::*;
use crate::Pcr;
use crate::charter::Charter;

struct Owner {
    key: SigningKey,
    charter: SignedCharter,
}

const NOW: UnixMillis = UnixMillis::new(1_000_000);

fn image(byte: u8) -> ImagePcrs {
    let pcr = Pcr::new([byte; 48]);
    ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr }
}

fn owner() -> Owner {
    let random = SystemRandom::new();
    let (key, _) = SigningKey::generate(Algorithm::Es384, &random).unwrap();
    let charter = Charter {
        deployment: "d".parse().unwrap(),
        keys: vec![key.public().clone()],
        region: "eu-west-1".parse().unwrap(),
        kms_keys: vec!["arn:aws:kms:eu-west-1:111122223333:key/1".into()],
        least_epoch: 5,
    };
    let charter = SignedCharter::open(&charter.sign(&key, &random).unwrap()).unwrap();
    Owner { key, charter }
}

fn controls() -> Vec<u8> {
    encode_controls(&Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1024,
        outputs: OutputPolicy::Exact,
    })
    .unwrap()
}

fn release() -> Release {
    let model = ReleasedModel { id: "m@1".parse().unwrap(), digest: ModelDigest::of(b"m") };
    Release {
        deployment: "d".parse().unwrap(),
        epoch: 5,
        not_before: UnixMillis::new(999_999),
        not_after: UnixMillis::new(1_000_001),
        images: vec![image(1), image(2)],
        models: vec![model],
        controls: ControlsDigest::of(&controls()),
        private: PrivateDigest::of(b"p"),
    }
}

fn judge(owner: &Owner, release: &Release) -> Result<AcceptedRelease, ReleaseError> {
    let document = release.sign(&owner.key, &SystemRandom::new())?;
    let bytes = ReleaseBytes { release: &document, controls: &controls() };
    AcceptedRelease::judge(bytes, ReleaseContext { charter: &owner.charter, image: &image(2), now: NOW })
}

#[test]
fn a_good_release_is_accepted() {
    let accepted = judge(&owner(), &release()).unwrap();
    assert_eq!(accepted.release(), &release());
    assert_eq!(accepted.controls().max_request_bytes, 1024);
}

#[test]
fn step_1_signer_of_another_charter() {
    let (owner, other) = (owner(), owner());
    let document = release().sign(&other.key, &SystemRandom::new()).unwrap();
    let bytes = ReleaseBytes { release: &document, controls: &controls() };
    let context = ReleaseContext { charter: &owner.charter, image: &image(1), now: NOW };
    let refused = AcceptedRelease::judge(bytes, context).unwrap_err();
    assert_eq!(refused, ReleaseError::Signature(SignedError::Signer));
}

#[test]
fn step_2_another_deployment() {
    let release = Release { deployment: "e".parse().unwrap(), ..release() };
    assert_eq!(judge(&owner(), &release).unwrap_err(), ReleaseError::Deployment);
}

#[test]
fn step_3_contradictions() {
    let model = release().models[0].clone();
    for wrong in [
        Release { images: vec![], ..release() },
        Release { images: vec![image(0)], ..release() },
        Release { models: vec![], ..release() },
        Release { models: vec![model.clone(), model], ..release() },
        Release { epoch: 0, ..release() },
        Release { not_after: release().not_before, ..release() },
    ] {
        assert!(matches!(judge(&owner(), &wrong), Err(ReleaseError::Sense(_))));
    }
}

#[test]
fn step_4_epoch_below_the_floor() {
    let refused = judge(&owner(), &Release { epoch: 4, ..release() }).unwrap_err();
    assert_eq!(refused, ReleaseError::Epoch { epoch: 4, least: 5 });
}

#[test]
fn step_5_not_in_force() {
    let early = Release {
        not_before: UnixMillis::new(1_000_001),
        not_after: UnixMillis::new(2_000_000),
        ..release()
    };
    assert_eq!(judge(&owner(), &early).unwrap_err(), ReleaseError::NotYet);
    let late = Release { not_before: UnixMillis::new(1), not_after: NOW, ..release() };
    assert_eq!(judge(&owner(), &late).unwrap_err(), ReleaseError::Expired);
}

#[test]
fn step_6_image_not_listed() {
    let release = Release { images: vec![image(1)], ..release() };
    assert_eq!(judge(&owner(), &release).unwrap_err(), ReleaseError::Image { epoch: release.epoch });
}

#[test]
fn step_7_other_controls() {
    let release = Release { controls: ControlsDigest::of(b"other"), ..release() };
    assert_eq!(judge(&owner(), &release).unwrap_err(), ReleaseError::Controls);
}
