use std::collections::BTreeSet;

use ring::rand::SystemRandom;
use strongroom_attestation::Pcr;
use strongroom_attestation::published::{PublishedImage, PublishedMeasurements};
use strongroom_attestation::release::{ClaimKind, Coarseness, ReleasedModel};
use strongroom_seal::digest::{CharterDigest, ControlsDigest, ModelDigest};
use strongroom_seal::key::{Algorithm, SigningKey};

use super::*;

fn simulated_root() -> TrustRoot {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let mut root = rcgen::CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    root.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    TrustRoot::from_der(root.self_signed(&key).unwrap().der()).unwrap()
}

fn image(byte: u8) -> ImagePcrs {
    let pcr = Pcr::new([byte; 48]);
    ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr }
}

fn demands() -> Demands {
    let id = "fraud@1".parse().unwrap();
    Demands {
        root: TrustRoot::aws_nitro_g1(),
        images: vec![image(1), image(2)],
        charter: CharterDemand::Exactly(CharterDigest::of(b"c")),
        least_epoch: 3,
        models: ModelDemand::Exactly(vec![ReleasedModel { id, digest: ModelDigest::of(b"m") }]),
        controls: ControlsDemand::Exactly(ControlsDigest::of(b"p")),
        max_age: Duration::from_secs(60),
    }
}

fn text() -> String {
    TrustFile::new(demands()).unwrap().to_toml()
}

fn parse(text: &str) -> Result<TrustFile, TrustFileError> {
    TrustFile::parse(text.as_bytes())
}

#[test]
fn what_is_written_reads_back() {
    let key = SigningKey::generate(Algorithm::Es384, &SystemRandom::new()).unwrap().0;
    let waived = Demands {
        root: simulated_root(),
        charter: CharterDemand::SignedBy(vec![key.public().clone()]),
        models: ModelDemand::OwnerMayChange,
        controls: ControlsDemand::OwnerDecides,
        ..demands()
    };
    let meeting = Demands {
        controls: ControlsDemand::Meeting(vec![
            Requirement::Outputs(BTreeSet::from([Coarseness::LabelOnly, Coarseness::Rounded])),
            Requirement::InputsNotRecorded,
            Requirement::Audited,
            Requirement::Limited,
            Requirement::Provenance(BTreeSet::from([ClaimKind::Measured])),
        ]),
        ..demands()
    };
    for demands in [demands(), waived, meeting] {
        let file = TrustFile::new(demands.clone()).unwrap();
        let read = parse(&file.to_toml()).unwrap();
        assert_eq!(format!("{:?}", read.demands()), format!("{demands:?}"));
        assert_eq!(read.is_simulation(), demands.root.kind() == RootKind::Simulated);
    }
}

#[test]
fn a_demand_on_controls_is_a_digest_or_says_what_it_wants() {
    let digest = ControlsDigest::of(b"p");
    let with = |table: &str| parse(&text().replace(&format!("digest = \"{digest}\""), table));
    let read = with("outputs = [\"rounded\", \"label_only\"]\naudit = true").unwrap();
    let sorts = BTreeSet::from([Coarseness::LabelOnly, Coarseness::Rounded]);
    let demanded = ControlsDemand::Meeting(vec![Requirement::Outputs(sorts), Requirement::Audited]);
    assert_eq!(read.demands().controls, demanded);
    for (what, table) in [
        ("nothing", String::new()),
        ("no sort", "outputs = []".to_owned()),
        ("every sort", "outputs = [\"exact\", \"rounded\", \"label_only\"]".to_owned()),
        ("an unknown sort", "outputs = [\"blurred\"]".to_owned()),
        ("recorded inputs", "inputs = \"recorded\"".to_owned()),
        ("no log", "audit = false".to_owned()),
        ("no limits", "limits = false\naudit = true".to_owned()),
        ("no kind", "provenance = []".to_owned()),
        ("both", format!("digest = \"{digest}\"\naudit = true")),
    ] {
        assert!(with(&table).is_err(), "{what}");
    }
    assert!(matches!(with(""), Err(TrustFileError::Empty(_))));
}

#[test]
fn a_model_that_is_not_pinned_may_not_be_asked() {
    let file = parse(&text()).unwrap();
    let name = |text: &str| text.parse().unwrap();
    let pinned = file.pinned_version(&name("fraud")).unwrap();
    assert!(file.allows_model(&name("fraud"), None) && file.allows_model(&name("fraud"), Some(pinned)));
    assert!(!file.allows_model(&name("fraud"), Some(&name("another-version"))));
    assert!(!file.allows_model(&name("other"), None));
}

#[test]
fn roots_and_simulation_exclude_each_other() {
    let simulated = TrustFile::new(Demands { root: simulated_root(), ..demands() }).unwrap().to_toml();
    let choice = |text: &str| matches!(parse(text), Err(TrustFileError::Choice(_)));
    assert!(choice(&simulated.replace("simulation = true", "simulation = false")));
    assert!(choice(&simulated.replace("simulation = true\n", "")));
    assert!(choice(&format!("simulation = true\n{}", text())));
    let aws = pem::write(TrustRoot::aws_nitro_g1().der());
    assert!(choice(&format!("simulation = true\nroot = \"\"\"\n{aws}\"\"\"\n{}", text())));
    let two = pem::write(simulated_root().der()).repeat(2);
    let two = parse(&format!("simulation = true\nroot = \"\"\"\n{two}\"\"\"\n{}", text()));
    assert!(matches!(two, Err(TrustFileError::Value { field: "root", .. })));
}

#[test]
fn no_demand_is_empty_or_doubled() {
    let digest = CharterDigest::of(b"c").to_string();
    for (what, replaced, by) in [
        ("no age", "max_age_seconds = 60".to_owned(), "max_age_seconds = 0"),
        ("an unknown field", "least_epoch".to_owned(), "least_epok"),
        ("models twice", "least_epoch = 3".to_owned(), "owner_may_change_models = true"),
        ("controls twice", "least_epoch = 3".to_owned(), "owner_decides_controls = true"),
        ("no charter", format!("digest = \"{digest}\""), ""),
        ("no owner key", format!("digest = \"{digest}\""), "signed_by = []"),
        ("a short owner key", format!("digest = \"{digest}\""), "signed_by = [\"04\"]"),
        ("a short digest", digest.clone(), "ab"),
        ("a zero register", "01".repeat(48), &"00".repeat(48)),
        ("a path as name", "\"fraud\"".to_owned(), "\"../fraud\""),
    ] {
        assert!(text().contains(&replaced), "{what}");
        assert!(parse(&text().replace(&replaced, by)).is_err(), "{what}");
    }
    let no_image: String = text()
        .lines()
        .filter(|l| !l.contains("pcr") && !l.contains("image"))
        .map(|l| format!("{l}\n"))
        .collect();
    assert!(matches!(parse(&no_image), Err(TrustFileError::Empty(_))));
    let no_model = text().split("\n[[model]]").next().unwrap().to_owned()
        + "\n[controls]\ndigest = \""
        + &digest
        + "\"\n";
    assert!(matches!(parse(&no_model), Err(TrustFileError::Choice(_))));
}

#[test]
fn published_measurements_stand_in_for_images_when_their_signer_is_named() {
    let random = SystemRandom::new();
    let key = SigningKey::generate(Algorithm::Es384, &random).unwrap().0;
    let released = |image| PublishedImage { version: "1".parse().unwrap(), image };
    let images = vec![released(image(1)), released(image(2))];
    let published = PublishedMeasurements { deployment: "fraud-eu".parse().unwrap(), images };
    let document = published.sign(&key, &random).unwrap();
    let without: String = text()
        .lines()
        .filter(|l| !l.contains("pcr") && !l.contains("[[image]]"))
        .map(|l| format!("{l}\n"))
        .collect();
    let named = |signer: &SigningKey, deployment: &str| {
        let signer = hex::encode(signer.public().as_bytes());
        format!("{without}\n[measurements]\nsigned_by = [\"{signer}\"]\ndeployment = \"{deployment}\"\n")
    };
    let parse_with = |text: &str| TrustFile::parse_with_measurements(text.as_bytes(), &document);
    let file = parse_with(&named(&key, "fraud-eu")).unwrap();
    assert_eq!(file.demands().images, demands().images);
    assert_eq!(file.to_toml(), text(), "what is written pins the images themselves");
    let again = file.to_toml_by_publisher(&[key.public().clone()], &"fraud-eu".parse().unwrap());
    assert!(!again.contains("[[image]]"));
    assert_eq!(parse_with(&again).unwrap().demands().images, demands().images);

    let other = SigningKey::generate(Algorithm::Es384, &random).unwrap().0;
    for bad in [named(&other, "fraud-eu"), named(&key, "fraud-us")] {
        assert!(matches!(parse_with(&bad), Err(TrustFileError::Published(_))));
    }
    for (what, tried) in [
        ("nobody is named", parse_with(&text())),
        ("both", parse_with(&(text() + &named(&key, "fraud-eu").split_off(without.len())))),
        ("no document", parse(&named(&key, "fraud-eu"))),
    ] {
        assert!(matches!(tried, Err(TrustFileError::Choice(_))), "{what}");
    }
}

#[test]
fn a_syntax_error_names_its_line() {
    let torn = text().replace("least_epoch = 3", "least_epoch = three");
    assert!(matches!(parse(&torn), Err(TrustFileError::Syntax { line: 2, .. })));
    assert!(matches!(TrustFile::parse(&[0xff]), Err(TrustFileError::Text)));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,200}") {
        let _ = parse(&text).is_ok();
    }
}
