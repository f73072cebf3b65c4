//! What a policy compiles to.

use std::collections::BTreeMap;
use std::time::Instant;

use strongroom_attestation::release::{Detail, Operation, Target, Treatment};
use strongroom_seal::model::{Dim, Interface, TensorSpec};
use strongroom_seal::tensor::DType;

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn facts(names: &[&str]) -> Vec<ModelFacts> {
    let tensor =
        |name: &str| TensorSpec { name: name.into(), dtype: DType::Fp32, shape: vec![Dim::Fixed(1)] };
    let interface =
        || Interface { inputs: vec![tensor("x")], outputs: vec![tensor("y")], symbols: BTreeMap::new() };
    let schema = strongroom_seal::model::Schema::default;
    names
        .iter()
        .map(|text| ModelFacts {
            name: name(text),
            version: name("1"),
            interface: interface(),
            schema: schema(),
            provenance: Vec::new(),
        })
        .collect()
}

fn grants(texts: &[String]) -> Vec<KeyGrant> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The parts for the models fraud and minilm.
fn parts(text: &str, granted: &[String]) -> Result<(Controls, Private)> {
    let policy = Policy::parse(text, None)?;
    let (models, grants) = (facts(&["fraud", "minilm"]), grants(granted));
    let given = Circumstances { grants: &grants, models: Some(&models), now: UnixMillis::new(1) };
    policy.parts(policy.incident(), given, StateKey::take(&mut [1; 32]))
}

#[test]
fn keys_of_both_sources_are_joined() {
    let key = "ab".repeat(32);
    let text = format!("max_request_bytes = 4096\n[[key]]\nsha256 = \"{key}\"\n");
    let (controls, private) =
        parts(&text, &[format!("{key}:fraud"), format!("{}:minilm", "cd".repeat(32))]).unwrap();
    assert_eq!((controls.max_request_bytes, controls.audit), (4096, false));
    assert_eq!(private.keys.len(), 2);
    assert!(private.keys.iter().any(|key| key.models.is_none()), "one of the two does not restrict");
    assert!(private.keys.iter().any(|key| key.models == Some([name("minilm")].into())));
    let role = controls.roles.get(&name("client")).unwrap();
    assert_eq!(role.operations, [Operation::Infer].into());
    assert_eq!(role.models, [(name("fraud"), Treatment::EXACT), (name("minilm"), Treatment::EXACT)].into());
    let (_, private) = parts("", &[format!("{key}:fraud"), format!("{key}:minilm")]).unwrap();
    assert_eq!(private.keys.first().unwrap().models.as_ref().map(BTreeSet::len), Some(2));
}

#[test]
fn nobody_unknown_models_and_wrong_bounds_are_refused() {
    let key = "ab".repeat(32);
    assert!(parts("", &[]).is_err());
    assert!(parts("", &[format!("{key}:other")]).is_err());
    assert!("abc".parse::<KeyGrant>().is_err() && format!("{key}:../a").parse::<KeyGrant>().is_err());
    assert!(parts("max_request_bytes = 1", std::slice::from_ref(&key)).is_err());
    let role = format!("[role.analyst]\n[[key]]\nsha256 = \"{key}\"\nrole = \"analyst\"\n");
    assert!(parts(&role, &[]).is_ok() && parts(&role, &[key]).is_err(), "two roles for one key");
}

#[test]
fn a_role_called_client_is_that_of_granted_keys() {
    let text =
        "[role.client]\noperations = [\"infer\", \"audit\"]\nmodels = { fraud = \"exact\" }\nrows = 5\n";
    let (controls, private) = parts(text, &["ab".repeat(32)]).unwrap();
    let role = controls.roles.get(&name("client")).unwrap();
    assert_eq!((role.models.len(), role.limits.rows, role.operations.len()), (1, Some(5), 2));
    assert_eq!(private.keys.len(), 1);
}

#[test]
fn what_is_wrong_is_named_by_its_line_and_not_quoted() {
    for (text, line) in
        [("\nmax_bytes = 1", 2), ("[role.a]\nrole = 1", 2), ("[[key]]\nsha256 = 5", 2), ("x", 1)]
    {
        let error = Policy::parse(text, None).err().unwrap().to_string();
        assert!(error.contains(&format!("line {line}:")), "{error}");
    }
    let secret = "sr_secret-key-by-mistake";
    let wrong = parts(&format!("[[key]]\nsha256 = \"{secret}\"\n"), &[]).err().unwrap().to_string();
    assert!(!wrong.contains(secret) && wrong.contains("key 1"), "{wrong}");
}

#[test]
fn every_field_finds_its_place() {
    let key = "ab".repeat(32);
    let text = format!(
        r#"
        rate = {{ rows = 1000, seconds = 2, burst = 2000 }}
        [model.fraud]
        rate = {{ rows = 7 }}
        probabilities = ["p"]
        transforms.X = [ {{ clip = {{ min = -10, max = 10.0 }} }}, {{ smooth = {{ window = 3, axis = 1 }} }} ]
        frozen_until = 2026-12-01T00:00:00Z
        provenance = [ {{ claim = "training-data", kind = "declared", sha256 = "{key}" }} ]
        [treatment.coarse]
        top_k = 3
        decimals = 2
        temperature = 2.0
        [role.analyst]
        models = {{ fraud = "coarse", payments = "label_only" }}
        bits_per_day = 99
        [organisation.acme]
        rows_per_day = 10
        [[key]]
        sha256 = "{key}"
        role = "analyst"
        organisation = "acme"
        models = ["payments"]
        not_after = 2027-01-01T00:00:00+01:00
        rows = 3
        [[route.payments.rule]]
        field = "amount"
        at_least = 10000
        ensemble = ["fraud", "minilm"]
        disagreement = 0.2
        [[route.payments.rule]]
        model = "fraud"
        "#
    );
    let policy = Policy::parse(&text, None).unwrap();
    let given = Circumstances { grants: &[], models: None, now: UnixMillis::new(1) };
    let draft = policy.draft(policy.incident(), given);
    let rate = draft.controls.rate.unwrap();
    assert_eq!((rate.rows, rate.per_ms, rate.burst), (1000, 2000, 2000));
    let fraud = draft.controls.models.get(&name("fraud")).unwrap();
    assert_eq!(fraud.limits.rate.map(|rate| (rate.per_ms, rate.burst)), Some((1000, 7)));
    assert_eq!((fraud.transforms.get("X").unwrap().len(), fraud.provenance.len()), (2, 1));
    assert_eq!(fraud.frozen_until, Some(UnixMillis::new(1_796_083_200_000)));
    let role = draft.controls.roles.get(&name("analyst")).unwrap();
    let coarse = role.models.get(&name("fraud")).unwrap();
    assert_eq!(
        (coarse.detail, coarse.decimals, role.limits.bits_per_day),
        (Detail::TopK(3), Some(2), Some(99))
    );
    let route = draft.controls.routes.get(&name("payments")).unwrap();
    assert_eq!((route.fields.len(), route.models.len(), route.votes), (1, 2, false));
    let rules = draft.routes.get(&name("payments")).unwrap();
    assert!(
        matches!(&rules.first().unwrap().target, Target::Ensemble(e) if e.stricter == Treatment::LABEL_ONLY)
    );
    let key = draft.keys.first().unwrap();
    assert_eq!(key.limits.unwrap().rows, Some(3));
    assert_eq!(key.not_after, Some(UnixMillis::new(1_798_758_000_000)));
}

#[test]
fn measures_only_take_away() {
    let (key, other) = ("ab".repeat(32), "cd".repeat(32));
    let text = format!(
        r#"
        [role.analyst]
        operations = ["infer", "status"]
        models = {{ fraud = "exact", minilm = "exact", r = "exact" }}
        [organisation.acme]
        frozen_until = 2030-01-01T00:00:00Z
        [[key]]
        sha256 = "{key}"
        role = "analyst"
        organisation = "acme"
        [[key]]
        sha256 = "{other}"
        role = "analyst"
        [[route.r.rule]]
        ensemble = ["minilm", "fraud"]
        disagreement = 0.5
        stricter = "exact"
        [[route.r.rule]]
        model = "minilm"
        [incident]
        blocked_keys = ["{key}"]
        label_only = ["fraud"]
        lockdown = true
        frozen_models = {{ minilm = 2029-01-01T00:00:00Z }}
        frozen_organisations = {{ acme = "2029-01-01T00:00:00Z" }}
        frozen_keys = {{ {other} = 2029-01-01T00:00:00Z }}
        "#
    );
    let (controls, private) = parts(&text, &[]).unwrap();
    let role = controls.roles.get(&name("analyst")).unwrap();
    assert_eq!(role.operations, [Operation::Status].into());
    let treatment = |model| *role.models.get(&name(model)).unwrap();
    assert_eq!(
        (treatment("fraud"), treatment("r"), treatment("minilm")),
        (Treatment::LABEL_ONLY, Treatment::LABEL_ONLY, Treatment::EXACT)
    );
    let target = &private.routes.get(&name("r")).unwrap().first().unwrap().target;
    assert!(matches!(target, Target::Ensemble(e) if e.stricter == Treatment::LABEL_ONLY));
    assert_eq!(private.keys.len(), 1, "the other key is blocked");
    let until = Some(time::argument("2029-01-01T00:00:00Z").unwrap());
    assert_eq!(private.keys.first().unwrap().frozen_until, until);
    assert_eq!(controls.models.get(&name("minilm")).unwrap().frozen_until, until);
    let longer = time::argument("2030-01-01T00:00:00Z").unwrap();
    assert_eq!(
        private.organisations.get(&name("acme")).unwrap().frozen_until,
        Some(longer),
        "the longer freeze"
    );
}

#[test]
fn labels_alone_reach_every_rule_of_a_route_that_leads_to_the_model() {
    let key = "ab".repeat(32);
    let policy = |incident: &str| {
        let text = format!(
            r#"
            [role.analyst]
            models = {{ r = "exact" }}
            [[key]]
            sha256 = "{key}"
            role = "analyst"
            [[route.r.rule]]
            field = "amount"
            ensemble = ["minilm", "other"]
            disagreement = 0.5
            stricter = "exact"
            [[route.r.rule]]
            model = "fraud"
            {incident}
            "#
        );
        let policy = Policy::parse(&text, None).unwrap();
        let models = facts(&["fraud", "minilm", "other"]);
        let given = Circumstances { grants: &[], models: Some(&models), now: UnixMillis::new(1) };
        policy.parts(policy.incident(), given, StateKey::take(&mut [1; 32]))
    };
    assert!(policy("").is_ok());
    let (_, private) = policy("[incident]\nlabel_only = [\"fraud\"]").unwrap();
    let target = &private.routes.get(&name("r")).unwrap().first().unwrap().target;
    assert!(matches!(target, Target::Ensemble(e) if e.stricter == Treatment::LABEL_ONLY));
}

#[test]
fn a_hundred_thousand_keys_compile_quickly() {
    let mut text = String::from("[role.analyst]\n[organisation.acme]\n");
    for at in 0..100_000 {
        text += &format!("[[key]]\nsha256 = \"{at:064x}\"\nrole = \"analyst\"\norganisation = \"acme\"\n");
    }
    let since = Instant::now();
    let (controls, private) = parts(&text, &[]).unwrap();
    assert_eq!((private.keys.len(), controls.roles.len()), (100_000, 1));
    assert!(since.elapsed().as_secs() < 30, "{:?}", since.elapsed());
}
