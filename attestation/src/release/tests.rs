use std::collections::{BTreeMap, BTreeSet};

use ring::rand::SystemRandom;
use strongroom_seal::key::Algorithm;
use strongroom_seal::model::{Dim, DimRange, Interface, TensorSpec};
use strongroom_seal::secret::{ApiKeyDigest, StateKey};
use strongroom_seal::tensor::DType;

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
    encode_controls(&open_controls()).unwrap()
}

fn open_controls() -> Controls {
    let all = RoleControls {
        operations: Operation::ALL.into(),
        models: BTreeMap::from([("m".parse().unwrap(), Treatment::EXACT)]),
        limits: Limits::NONE,
        priority: Priority::Normal,
    };
    Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1024,
        payloads: Payloads::NotRecorded,
        audit: false,
        counting: Counting::PerBoot,
        rate: None,
        telemetry: None,
        answer_quantum_ms: None,
        roles: BTreeMap::from([("client".parse().unwrap(), all)]),
        models: BTreeMap::new(),
        routes: BTreeMap::new(),
    }
}

#[test]
fn controls_that_cannot_be_kept_are_refused() {
    let mut nothing = open_controls();
    nothing.rate = Some(Rate { rows: 0, per_ms: 1, burst: 1 });
    let mut nowhere = open_controls();
    let empty = RouteControls { models: BTreeSet::new(), fields: BTreeSet::new(), votes: false };
    nowhere.routes.insert("r".parse().unwrap(), empty);
    let mut crossed = open_controls();
    for role in crossed.roles.values_mut() {
        for treatment in role.models.values_mut() {
            treatment.clamp = Some(Clamp { min: 1.0, max: 1.0 });
        }
    }
    let mut even = open_controls();
    let smooth = vec![Transform::Smooth { window: 2, axis: 0 }];
    let transforms = BTreeMap::from([("x".to_owned(), smooth)]);
    even.models.insert("m".parse().unwrap(), ModelControls { transforms, ..ModelControls::default() });
    let on_a_grid = |quantum| Controls { answer_quantum_ms: Some(quantum), ..open_controls() };
    assert!(encode_controls(&on_a_grid(5)).is_ok() && encode_controls(&on_a_grid(10_000)).is_ok());
    for wrong in [nothing, nowhere, crossed, even, on_a_grid(4), on_a_grid(10_001)] {
        assert!(matches!(encode_controls(&wrong), Err(ReleaseError::ControlsSense(_))));
    }
}

#[test]
fn controls_that_state_interfaces_read_back() {
    let spec = TensorSpec {
        name: "x".into(),
        dtype: DType::Fp32,
        shape: vec![Dim::Symbol("n".into()), Dim::Fixed(4)],
    };
    let symbols = BTreeMap::from([("n".to_owned(), DimRange { min: 1, max: 9 })]);
    let interface = Interface { inputs: vec![spec.clone()], outputs: vec![spec], symbols };
    let interfaces = BTreeMap::from([("1".parse().unwrap(), interface)]);
    let mut stated = open_controls();
    stated.models.insert("m".parse().unwrap(), ModelControls { interfaces, ..ModelControls::default() });
    assert_eq!(decode_controls(&encode_controls(&stated).unwrap()), Ok(stated));
}

fn private() -> Private {
    let entry = KeyEntry {
        key: ApiKeyDigest::new([1; 32]),
        role: "client".parse().unwrap(),
        organisation: None,
        models: None,
        not_after: None,
        frozen_until: None,
        limits: None,
    };
    Private {
        state_key: StateKey::take(&mut [7; 32]),
        audit_key: None,
        organisations: BTreeMap::new(),
        keys: vec![entry],
        monitors: BTreeMap::new(),
        routes: BTreeMap::new(),
    }
}

#[test]
fn a_private_part_reads_back_and_fits_its_controls() {
    let bytes = private().encode().unwrap();
    let read = Private::decode(&bytes).unwrap();
    assert!(read.keys == private().keys);
    assert_eq!(read.state_key.expose_secret(), &[7; 32]);
    assert_eq!(read.check(&open_controls()), Ok(()));
}

#[test]
fn a_private_part_of_other_controls_is_refused() {
    let mut stranger = private();
    stranger.keys[0].role = "nobody".parse().unwrap();
    let mut homeless = private();
    homeless.keys[0].organisation = Some("acme".parse().unwrap());
    let mut routed = private();
    routed.routes.insert("r".parse().unwrap(), vec![]);
    for wrong in [stranger, homeless, routed] {
        assert!(matches!(wrong.check(&open_controls()), Err(ReleaseError::Private(_))));
    }
    let mut audited = open_controls();
    audited.audit = true;
    assert!(matches!(private().check(&audited), Err(ReleaseError::Private(_))));
}

#[test]
fn a_route_needs_a_last_rule_for_everybody_and_stated_models() {
    let model = |name: &str| Target::Model(name.parse().unwrap());
    let rule = |target| RouteRule { roles: BTreeSet::new(), when: None, target };
    let mut controls = open_controls();
    let models = BTreeSet::from(["m".parse().unwrap()]);
    let public = RouteControls { models, fields: BTreeSet::new(), votes: false };
    controls.routes.insert("r".parse().unwrap(), public);
    let check = |rules: Vec<RouteRule>| {
        let mut private = private();
        private.routes.insert("r".parse().unwrap(), rules);
        private.check(&controls)
    };
    assert_eq!(check(vec![rule(model("m"))]), Ok(()));
    assert!(check(vec![]).is_err() && check(vec![rule(model("other"))]).is_err());
    let when = Condition { field: "amount".parse().unwrap(), at_least: Some(1.0), below: None };
    let conditional = RouteRule { when: Some(when), ..rule(model("m")) };
    assert!(check(vec![conditional]).is_err(), "neither the last for everybody nor by a stated field");
    let two = Ensemble {
        members: vec!["m".parse().unwrap(); 2],
        disagreement: 0.5,
        stricter: Treatment::LABEL_ONLY,
        vote: false,
    };
    assert!(check(vec![rule(Target::Ensemble(two))]).is_err(), "one model twice");
    let vote = Ensemble {
        members: vec!["m".parse().unwrap(), "n".parse().unwrap()],
        disagreement: 0.5,
        stricter: Treatment::LABEL_ONLY,
        vote: true,
    };
    assert!(check(vec![rule(Target::Ensemble(vote))]).is_err(), "votes where the controls say it does not");
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

#[test]
fn the_stricter_treatment_is_no_finer_than_what_roles_get() {
    let rounded = |decimals| Treatment { decimals: Some(decimals), ..Treatment::EXACT };
    let noisy = Treatment { noise: Some(0.1), ..Treatment::EXACT };
    let top = |k| Treatment { detail: Detail::TopK(k), ..Treatment::EXACT };
    let clamped = |most: f64| Treatment { clamp: Some(Clamp { min: -most, max: most }), ..Treatment::EXACT };
    let warm = |temperature| Treatment { temperature: Some(temperature), ..rounded(1) };
    assert!(
        !warm(2.0).is_no_finer_than(&warm(3.0)) && !warm(3.0).is_no_finer_than(&warm(2.0)),
        "other digits show"
    );
    assert!(warm(1.0).is_no_finer_than(&rounded(1)));
    for (strict, fine) in [
        (rounded(1), rounded(2)),
        (rounded(2), Treatment::EXACT),
        (noisy, Treatment::EXACT),
        (top(1), top(2)),
        (Treatment::LABEL_ONLY, rounded(0)),
        (Treatment::LABEL_ONLY, noisy),
        (clamped(2.0), clamped(5.0)),
        (clamped(5.0), Treatment::EXACT),
    ] {
        assert!(strict.is_no_finer_than(&fine) && !fine.is_no_finer_than(&strict), "{strict:?} {fine:?}");
        assert!(strict.is_no_finer_than(&strict));
    }
    let models: BTreeSet<Name> = BTreeSet::from(["m".parse().unwrap(), "n".parse().unwrap()]);
    let mut controls = open_controls();
    let public = RouteControls { models: models.clone(), fields: BTreeSet::new(), votes: false };
    controls.routes.insert("r".parse().unwrap(), public);
    for role in controls.roles.values_mut() {
        role.models.insert("r".parse().unwrap(), rounded(2));
    }
    let check = |stricter| {
        let members = models.iter().cloned().collect();
        let ensemble = Ensemble { members, disagreement: 0.5, stricter, vote: false };
        let rule = RouteRule { roles: BTreeSet::new(), when: None, target: Target::Ensemble(ensemble) };
        let mut private = private();
        private.routes.insert("r".parse().unwrap(), vec![rule]);
        private.check(&controls)
    };
    assert_eq!(check(rounded(1)), Ok(()));
    assert!(check(rounded(3)).is_err() && check(Treatment::EXACT).is_err());
    assert!(check(Treatment { decimals: Some(1), temperature: Some(0.0), ..Treatment::EXACT }).is_err());
}

#[test]
fn a_key_is_allowed_no_more_than_its_role() {
    let rate = |rows, burst| Some(Rate { rows, per_ms: 1000, burst });
    let mut controls = open_controls();
    for role in controls.roles.values_mut() {
        role.limits = Limits { rate: rate(10, 20), rows: Some(100), ..Limits::NONE };
    }
    let check = |limits| {
        let mut private = private();
        private.keys[0].limits = Some(limits);
        private.check(&controls)
    };
    let tighter = Limits { rate: rate(5, 20), rows: Some(100), bits: Some(7), ..Limits::NONE };
    assert_eq!(check(tighter), Ok(()));
    for looser in [
        Limits { rows: Some(101), ..Limits::NONE },
        Limits { rate: rate(11, 20), ..Limits::NONE },
        Limits { rate: rate(10, 21), ..Limits::NONE },
    ] {
        assert!(matches!(check(looser), Err(ReleaseError::Private(_))), "{looser:?}");
    }
}
