//! Every rule, broken and kept.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{ClaimKind, Provenance};
use strongroom_monitor::Profile;
use strongroom_monitor::profile::{Class, Decision, Labels, Space};
use strongroom_seal::model::{Dim, DimRange, Interface, Schema, TensorSpec, ValueRule};
use strongroom_seal::tensor::DType;

use crate::policy::{Circumstances, Finding, Level, ModelFacts, Policy};

const KEY: &str = "abababababababababababababababababababababababababababababababab";

/// A policy without a finding but `audit-off`, to which the cases add.
const PLAIN: &str = r#"
[role.analyst]
models = { fraud = "label_only" }
rate = { rows = 100 }
[[key]]
sha256 = "abababababababababababababababababababababababababababababababab"
role = "analyst"
[model.fraud]
label = ["label"]
probabilities = ["probabilities"]
"#;

fn spec(name: &str, dtype: DType, shape: &[Dim]) -> TensorSpec {
    TensorSpec { name: name.into(), dtype, shape: shape.to_vec() }
}

/// What the manifest of `fraud` claims.
fn claim() -> Provenance {
    Provenance { claim: "dp-sgd".parse().unwrap(), kind: ClaimKind::Recomputed, sha256: [7; 32] }
}

fn model(name: &str, outputs: &[(&str, DType)], lengthscale: Vec<f64>) -> ModelFacts {
    let rows = Dim::Symbol("rows".into());
    let outputs = outputs.iter().map(|(name, dtype)| {
        let shape = if dtype.is_float() { vec![rows.clone(), Dim::Fixed(2)] } else { vec![rows.clone()] };
        spec(name, *dtype, &shape)
    });
    let rule = ValueRule { lengthscale, ..ValueRule::default() };
    ModelFacts {
        name: name.parse().unwrap(),
        version: "1".parse().unwrap(),
        interface: Interface {
            inputs: vec![
                spec("X", DType::Fp32, &[rows.clone(), Dim::Fixed(3)]),
                spec("text", DType::Bytes, std::slice::from_ref(&rows)),
            ],
            outputs: outputs.collect(),
            symbols: BTreeMap::from([("rows".into(), DimRange { min: 1, max: 64 })]),
        },
        schema: Schema { inputs: BTreeMap::from([("X".into(), rule)]), max_bytes: None },
        provenance: if name == "fraud" { vec![claim()] } else { Vec::new() },
    }
}

/// A classifier, one with logits and a lengthscale, and one that embeds.
fn models() -> Vec<ModelFacts> {
    vec![
        model("fraud", &[("label", DType::Int64), ("probabilities", DType::Fp32)], vec![]),
        model("scorer", &[("logits", DType::Fp32)], vec![1.0]),
        model("embed", &[("vector", DType::Fp32)], vec![]),
    ]
}

fn findings_of(text: &str, models: &[ModelFacts]) -> Vec<Finding> {
    let policy = Policy::parse(text, None).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let given = Circumstances { grants: &[], models: Some(models), now: UnixMillis::new(1_800_000_000_000) };
    policy.draft(policy.incident(), given).findings.into_vec()
}

fn rules(text: &str) -> Vec<&'static str> {
    findings_of(text, &models())
        .into_iter()
        .map(|finding| finding.rule)
        .filter(|rule| *rule != "audit-off")
        .collect()
}

/// A policy with one role that is treated so by one model.
fn treated(model: &str, declared: &str, treatment: &str) -> String {
    format!(
        "[role.analyst]\nmodels = {{ {model} = \"t\" }}\nrate = {{ rows = 100 }}\nbits = 9\n[treatment.t]\n{treatment}\n\
         [model.{model}]\n{declared}\n[[key]]\nsha256 = \"{KEY}\"\nrole = \"analyst\"\n"
    )
}

/// A key with allowances of its own.
fn keyed(allowances: &str) -> String {
    PLAIN
        .replace("rate =", "rows_per_day = 50\nbits = 7\nrate =")
        .replace("[model.fraud]", &format!("{allowances}\n[model.fraud]"))
}

/// A route whose role and whose ensemble get these treatments.
fn ensemble(role: &str, stricter: &str, treatment: &str, members: &str) -> String {
    let rule =
        format!("[[route.r.rule]]\nensemble = {members}\ndisagreement = 0.2\nstricter = \"{stricter}\"\n");
    routed(&format!("{rule}[[route.r.rule]]\nmodel = \"fraud\"\n[treatment.t]\n{treatment}\n"))
        .replace("r = \"label_only\"", &format!("r = \"{role}\""))
}

fn routed(rules: &str) -> String {
    format!("{PLAIN}[route.r]\n{rules}").replace("fraud = \"label_only\"", "r = \"label_only\"")
        + "[model.scorer]\nlogits = [\"logits\"]\n"
}

#[test]
fn a_plain_policy_has_no_findings() {
    assert_eq!(rules(PLAIN), Vec::<&str>::new());
    let kept = findings_of(PLAIN, &models());
    assert!(kept.iter().all(|finding| finding.level == Level::Warning && finding.rule == "audit-off"));
}

#[test]
fn each_rule_is_broken_and_kept() {
    const BOTH: &str = "[\"fraud\", \"scorer\"]";
    const CATCH: &str = "[[route.r.rule]]\nmodel = \"fraud\"\n";
    let plain = |from: &str, to: &str| PLAIN.replace(from, to);
    let cases: Vec<(&str, String, String)> = vec![
        ("bounds", format!("max_request_bytes = 1\n{PLAIN}"), format!("max_request_bytes = 4096\n{PLAIN}")),
        ("bounds", format!("answer_quantum_ms = 4\n{PLAIN}"), format!("answer_quantum_ms = 50\n{PLAIN}")),
        ("name-unknown", plain("fraud = ", "frau = "), PLAIN.into()),
        (
            "name-unknown",
            plain("\"label_only\"", "\"coarse\""),
            plain("\"label_only\"", "\"coarse\"") + "[treatment.coarse]\ntop_k = 1\n",
        ),
        ("name-unknown", plain("role = \"analyst\"", "role = \"other\""), PLAIN.into()),
        (
            "name-unknown",
            plain("role = \"analyst\"", "role = \"analyst\"\norganisation = \"acme\""),
            plain("role = \"analyst\"", "role = \"analyst\"\norganisation = \"acme\"")
                + "[organisation.acme]\n",
        ),
        ("name-unknown", format!("{PLAIN}[model.none]\n"), PLAIN.into()),
        (
            "name-unknown",
            routed("fields = []\n[[route.r.rule]]\nfield = \"a\"\nmodel = \"scorer\"\n") + CATCH,
            routed("fields = [\"a\"]\n[[route.r.rule]]\nfield = \"a\"\nmodel = \"scorer\"\n") + CATCH,
        ),
        (
            "name-unknown",
            routed("[[route.r.rule]]\nroles = [\"other\"]\nmodel = \"scorer\"\n") + CATCH,
            routed("[[route.r.rule]]\nroles = [\"analyst\"]\nmodel = \"scorer\"\n") + CATCH,
        ),
        ("name-unknown", routed("[[route.r.rule]]\nmodel = \"none\"\n"), routed(CATCH)),
        ("name-twice", format!("{PLAIN}[treatment.exact]\n"), format!("{PLAIN}[treatment.exactly]\n")),
        ("name-twice", plain("label = [\"label\"]", "label = [\"label\", \"probabilities\"]"), PLAIN.into()),
        ("name-twice", format!("{PLAIN}[[route.fraud.rule]]\nmodel = \"fraud\"\n"), PLAIN.into()),
        (
            "detail",
            treated(
                "scorer",
                "logits = [\"logits\"]",
                "detail = \"full\"\ntop_k = 1\nclamp = { min = 0, max = 1 }",
            ),
            treated("scorer", "logits = [\"logits\"]", "top_k = 1\nclamp = { min = 0, max = 1 }"),
        ),
        ("digest", plain("abab", "zz"), PLAIN.into()),
        (
            "digest",
            format!("{PLAIN}provenance = [{{ claim = \"a\", kind = \"declared\", sha256 = \"00\" }}]\n"),
            format!("{PLAIN}provenance = [{{ claim = \"a\", kind = \"declared\", sha256 = \"{KEY}\" }}]\n"),
        ),
        (
            "provenance-kind",
            format!("{PLAIN}provenance = [{{ claim = \"a\", kind = \"measured\", sha256 = \"{KEY}\" }}]\n"),
            format!("{PLAIN}provenance = [{{ claim = \"a\", kind = \"declared\", sha256 = \"{KEY}\" }}]\n"),
        ),
        (
            "provenance-twice",
            format!(
                "{PLAIN}provenance = [{{ claim = \"dp-sgd\", kind = \"declared\", sha256 = \"{KEY}\" }}]\n"
            ),
            PLAIN.into(),
        ),
        ("key-twice", format!("{PLAIN}[[key]]\nsha256 = \"{KEY}\"\nrole = \"analyst\"\n"), PLAIN.into()),
        (
            "key-model",
            plain("role = \"analyst\"", "role = \"analyst\"\nmodels = [\"scorer\"]"),
            plain("role = \"analyst\"", "role = \"analyst\"\nmodels = [\"fraud\"]"),
        ),
        ("nobody", "max_request_bytes = 4096".into(), PLAIN.into()),
        (
            "time",
            plain("role = \"analyst\"", "role = \"analyst\"\nnot_after = 2100-01-01"),
            plain("role = \"analyst\"", "role = \"analyst\"\nnot_after = 2100-01-01T00:00:00Z"),
        ),
        (
            "route-rules",
            routed("[[route.r.rule]]\nroles = [\"analyst\"]\nmodel = \"fraud\"\n"),
            routed(CATCH),
        ),
        (
            "route-rules",
            routed("[[route.r.rule]]\nbelow = 1\nmodel = \"scorer\"\n") + CATCH,
            routed("[[route.r.rule]]\nfield = \"a\"\nbelow = 1\nmodel = \"scorer\"\n") + CATCH,
        ),
        (
            "route-rules",
            routed("[[route.r.rule]]\nfield = \"a\"\nat_least = 1\nbelow = 1\nmodel = \"scorer\"\n") + CATCH,
            routed("[[route.r.rule]]\nfield = \"a\"\nat_least = 1\nbelow = 2\nmodel = \"scorer\"\n") + CATCH,
        ),
        ("route-rules", routed("[[route.r.rule]]\nmodel = \"scorer\"\nvote = true\n"), routed(CATCH)),
        (
            "route-rules",
            routed("[[route.r.rule]]\nensemble = [\"fraud\", \"scorer\"]\n"),
            routed("[[route.r.rule]]\nensemble = [\"fraud\", \"scorer\"]\ndisagreement = 0.2\n"),
        ),
        ("release", plain("rows = 100", "rows = 0"), PLAIN.into()),
        (
            "release",
            routed("[[route.r.rule]]\nensemble = [\"fraud\"]\ndisagreement = 0.2\n"),
            routed("[[route.r.rule]]\nensemble = [\"fraud\", \"scorer\"]\ndisagreement = 0.2\n"),
        ),
        (
            "release",
            routed("[[route.r.rule]]\nensemble = [\"fraud\", \"scorer\"]\ndisagreement = 0.2\nvote = true\n"),
            routed(
                "votes = true\n[[route.r.rule]]\nensemble = [\"fraud\", \"scorer\"]\ndisagreement = 0.2\nvote = true\n",
            ),
        ),
        (
            "treatment-output",
            treated("embed", "", "detail = \"label_only\""),
            treated("scorer", "logits = [\"logits\"]", "detail = \"label_only\""),
        ),
        (
            "treatment-output",
            treated("fraud", "label = [\"label\"]", "top_k = 1"),
            treated("fraud", "probabilities = [\"probabilities\"]", "top_k = 1"),
        ),
        (
            "treatment-output",
            treated("embed", "", "temperature = 2.0"),
            treated("scorer", "logits = [\"logits\"]", "temperature = 2.0"),
        ),
        (
            "treatment-output",
            treated("embed", "label = [\"vector\"]", "decimals = 2"),
            treated("embed", "", "decimals = 2"),
        ),
        (
            "clamp-logits",
            treated("fraud", "probabilities = [\"probabilities\"]", "clamp = { min = 0, max = 1 }"),
            treated("scorer", "logits = [\"logits\"]", "clamp = { min = 0, max = 1 }"),
        ),
        (
            "top-k-clamp",
            treated("scorer", "logits = [\"logits\"]", "top_k = 1"),
            treated("scorer", "logits = [\"logits\"]", "top_k = 1\nclamp = { min = -9, max = 9 }"),
        ),
        (
            "noise-lengthscale",
            treated("embed", "", "noise = 0.1"),
            treated("scorer", "logits = [\"logits\"]", "noise = 0.1"),
        ),
        (
            "noise-label-only",
            treated("scorer", "logits = [\"logits\"]", "noise = 0.1\ndetail = \"label_only\""),
            treated("scorer", "logits = [\"logits\"]", "detail = \"label_only\""),
        ),
        ("tensor-unknown", plain("[\"label\"]", "[\"lable\"]"), PLAIN.into()),
        (
            "label-type",
            treated("fraud", "label = [\"probabilities\"]", "detail = \"label_only\""),
            treated("fraud", "label = [\"label\"]", "detail = \"label_only\""),
        ),
        (
            "tensor-unknown",
            format!("{PLAIN}transforms.x = [{{ clip = {{ min = 0, max = 1 }} }}]\n"),
            format!("{PLAIN}transforms.X = [{{ clip = {{ min = 0, max = 1 }} }}]\n"),
        ),
        (
            "transform-input",
            format!("{PLAIN}transforms.text = [{{ quantize = {{ step = 1 }} }}]\n"),
            format!("{PLAIN}transforms.X = [{{ quantize = {{ step = 1 }} }}]\n"),
        ),
        (
            "transform-input",
            format!("{PLAIN}transforms.X = [{{ smooth = {{ window = 3, axis = 2 }} }}]\n"),
            format!("{PLAIN}transforms.X = [{{ smooth = {{ window = 3, axis = 1 }} }}]\n"),
        ),
        (
            "scores-type",
            treated("fraud", "logits = [\"label\"]", "detail = \"label_only\""),
            treated("fraud", "logits = [\"probabilities\"]", "detail = \"label_only\""),
        ),
        (
            "ensemble-twice",
            ensemble("label_only", "t", "", "[\"fraud\", \"scorer\", \"fraud\"]"),
            ensemble("label_only", "t", "", "[\"fraud\", \"scorer\"]"),
        ),
        (
            "stricter-finer",
            ensemble("t", "exact", "decimals = 2", BOTH),
            ensemble("t", "t", "decimals = 2", BOTH),
        ),
        (
            "stricter-finer",
            ensemble("t", "exact", "top_k = 1\nclamp = { min = 0, max = 1 }", BOTH),
            ensemble("t", "label_only", "top_k = 1\nclamp = { min = 0, max = 1 }", BOTH),
        ),
        (
            "stricter-finer",
            ensemble("t", "exact", "noise = 0.1", BOTH),
            ensemble("exact", "t", "noise = 0.1", BOTH),
        ),
        ("key-loosens", keyed("rate = { rows = 101 }"), keyed("rate = { rows = 100 }")),
        ("key-loosens", keyed("rate = { rows = 9, burst = 101 }"), keyed("rate = { rows = 9, burst = 100 }")),
        (
            "key-loosens",
            keyed("rate = { rows = 201, seconds = 2, burst = 9 }"),
            keyed("rate = { rows = 200, seconds = 2, burst = 9 }"),
        ),
        ("key-loosens", keyed("rows_per_day = 51"), keyed("rows_per_day = 50")),
        ("key-loosens", keyed("rows = 500\nbits = 8"), keyed("rows = 500\nbits = 7")),
        // What the role does not state, a key may.
        ("key-loosens", keyed("bits = 8"), keyed("bits_per_day = 8\nrows = 9000")),
        ("role-unlimited", plain("rate = { rows = 100 }\n", ""), PLAIN.into()),
        (
            "exact-bits",
            plain("\"label_only\"", "\"exact\""),
            plain("\"label_only\"", "\"exact\"").replace("rate =", "bits = 9\nrate ="),
        ),
        (
            "quota-rate",
            plain("rate =", "rows_per_day = 8640101\nrate ="),
            plain("rate =", "rows_per_day = 8640100\nrate ="),
        ),
        (
            "burst-batch",
            plain("rows = 100", "rows = 100, burst = 63"),
            plain("rows = 100", "rows = 100, burst = 64"),
        ),
        (
            "burst-batch",
            format!("{PLAIN}rate = {{ rows = 9, burst = 10 }}\n"),
            format!("{PLAIN}rate = {{ rows = 9, burst = 100 }}\n"),
        ),
        (
            "key-expired",
            plain("role = \"analyst\"", "role = \"analyst\"\nnot_after = 2020-01-01T00:00:00Z"),
            PLAIN.into(),
        ),
        ("organisation-empty", format!("{PLAIN}[organisation.acme]\n"), PLAIN.into()),
        ("role-unused", format!("{PLAIN}[role.idle]\noperations = [\"status\"]\n"), PLAIN.into()),
        (
            "rule-unreachable",
            routed(CATCH) + CATCH,
            routed("[[route.r.rule]]\nroles = [\"analyst\"]\nmodel = \"scorer\"\n") + CATCH,
        ),
        (
            "incident",
            format!("{PLAIN}[incident]\nblocked_keys = [\"00\"]\n"),
            format!("{PLAIN}[incident]\nblocked_keys = [\"{KEY}\"]\n"),
        ),
        (
            "incident-unlisted",
            format!("{PLAIN}[incident]\nblocked_keys = [\"{}\"]\n", "cd".repeat(32)),
            format!("{PLAIN}[incident]\nblocked_keys = [\"{KEY}\"]\n"),
        ),
        (
            "incident",
            format!("{PLAIN}[incident]\nlabel_only = [\"none\"]\n"),
            format!("{PLAIN}[incident]\nlabel_only = [\"*\"]\n"),
        ),
    ];
    for (rule, broken, kept) in cases {
        assert!(
            rules(&broken).contains(&rule),
            "{rule} was not found, but {:?}, in\n{broken}",
            rules(&broken)
        );
        assert!(!rules(&kept).contains(&rule), "{:?} in\n{kept}", findings_of(&kept, &models()));
    }
}

#[test]
fn scores_have_two_columns_at_least() {
    let narrow = |shape: &[Dim]| {
        let mut models = models();
        models.first_mut().unwrap().interface.outputs.last_mut().unwrap().shape = shape.to_vec();
        models
    };
    let rows = Dim::Symbol("rows".into());
    let found = |text: &str, shape: &[Dim]| {
        findings_of(text, &narrow(shape)).iter().any(|finding| finding.rule == "scores-width")
    };
    let single = [rows.clone(), Dim::Fixed(1)];
    let logits = PLAIN.replace("probabilities =", "logits =");
    assert!(found(PLAIN, &single) && found(&logits, &single) && found(PLAIN, &[]));
    assert!(!found(PLAIN, &[rows.clone(), Dim::Fixed(2)]) && !found(PLAIN, &[Dim::Fixed(1), rows]));
    let values = PLAIN.replace("probabilities = [\"probabilities\"]\n", "");
    assert!(!found(&values, &single), "values may have any shape");
}

#[test]
fn a_key_that_loosens_its_role_is_named_by_its_first_digits() {
    let found = findings_of(&keyed("rows_per_day = 51\nbits = 8"), &models());
    let found: Vec<_> = found.iter().filter(|finding| finding.rule == "key-loosens").collect();
    assert_eq!(found.len(), 2, "one for each allowance");
    let first = &found.first().unwrap().what;
    assert_eq!(first, "key abababababababab: its rows_per_day is larger than that of its role analyst");
}

#[test]
fn lists_for_each_feature_are_as_long_as_the_last_dimension() {
    let with = |scales: Vec<f64>| {
        vec![model("fraud", &[("label", DType::Int64), ("probabilities", DType::Fp32)], scales)]
    };
    let found = |models: &[ModelFacts]| {
        findings_of(PLAIN, models).iter().any(|finding| finding.rule == "schema-list")
    };
    assert!(found(&with(vec![1.0, 2.0])) && !found(&with(vec![1.0, 2.0, 3.0])) && !found(&with(vec![1.0])));
}

#[test]
fn without_sealed_models_only_the_file_is_judged() {
    let policy = Policy::parse(&treated("embed", "", "noise = 0.1"), None).unwrap();
    let given = Circumstances { grants: &[], models: None, now: UnixMillis::new(1) };
    let findings = policy.draft(policy.incident(), given).findings.into_vec();
    assert!(findings.iter().all(|finding| finding.level == Level::Warning), "{findings:?}");
}

/// A profile of the classifier's three features and two classes.
fn profile(features: usize) -> Profile {
    let class =
        Class { share: 0.5, mean: vec![0.0; features], distances: vec![], margins: vec![], threshold: None };
    Profile {
        rows: 2,
        space: Space::Input("X".into()),
        features,
        decision: Some(Decision {
            scores: "probabilities".into(),
            label: Some(Labels {
                output: "label".into(),
                values: [0_i64, 1].map(|class| ByteBuf::from(class.to_le_bytes().to_vec())).into(),
            }),
        }),
        classes: vec![class.clone(), class],
        centre: vec![0.0; features],
        scale: vec![1.0; features],
        whitening: vec![1.0; features * (features + 1) / 2],
        bounds: vec![(-1.0, 1.0); features],
        edges: vec![vec![0.0; 9]; features],
        shares: vec![vec![0.1; 10]; features],
        neighbour: 1.0,
        near: 0.1,
    }
}

#[test]
fn a_watched_model_has_a_profile_that_fits_and_something_comes_of_it() {
    let found = |text: &str, profile: &Profile| {
        let profiles = BTreeMap::from([("fraud".parse().unwrap(), profile.encode().unwrap())]);
        let policy = Policy::parse(text, None).unwrap().with_profiles(profiles);
        let given = Circumstances { grants: &[], models: Some(&models()), now: UnixMillis::new(1) };
        let findings = policy.draft(policy.incident(), given).findings.into_vec();
        let rules = findings.into_iter().map(|finding| finding.rule).filter(|rule| *rule != "audit-off");
        rules.collect::<Vec<_>>()
    };
    let watched = |watch: &str| format!("{PLAIN}watch = {{ profile = \"p\"{watch} }}\n");
    let none = Vec::<&str>::new();
    assert_eq!(found(&watched(", unlike = \"refused\", reacts = true, flips = 0.005"), &profile(3)), none);
    assert_eq!(found(&watched(", reacts = true"), &profile(4)), ["profile"], "other features");
    let one_class = Profile { decision: None, classes: profile(3).classes[..1].to_vec(), ..profile(3) };
    assert_eq!(found(&watched(", reacts = true"), &one_class), none);
    assert_eq!(found(&watched(", flips = 0.005"), &one_class), ["profile"], "nothing to flip");
    let lies = ", unlike = \"misinformed\"";
    assert_eq!(found(&watched(lies), &one_class), ["profile"], "nothing to lie about");
    assert_eq!(found(&watched(lies), &profile(3)), none);
    let decision = Some(Decision { scores: "probabilities".into(), label: None });
    let unlabelled = Profile { decision, ..profile(3) };
    assert_eq!(found(&watched(lies), &unlabelled), ["profile"], "the label would tell the truth");
    assert_eq!(found(&watched(", reacts = true"), &unlabelled), none, "nothing is answered wrong");
    assert_eq!(found(&watched(", unlike = \"answered\""), &profile(3)), ["watch-idle"]);
    assert_eq!(
        found(&watched(""), &profile(3)),
        none,
        "rows unlike the data are refused unless it says otherwise"
    );
    let reports = format!("[telemetry]\n{PLAIN}").replace("[model.fraud]", "[model.fraud]");
    assert_eq!(found(&reports, &profile(3)), ["reports-unread"]);
    assert_eq!(found(&watched(", alarm = 0.5, reacts = true"), &profile(3)), ["release"]);
    assert_eq!(found(&watched(", flips = 0.5"), &profile(3)), ["release"]);
    let undeclared =
        watched(", reacts = true").replace("label = [\"label\"]\nprobabilities = [\"probabilities\"]\n", "");
    let undeclared = undeclared.replace("fraud = \"label_only\"", "fraud = \"exact\"");
    assert!(found(&undeclared, &profile(3)).contains(&"watch-values"));
}

#[test]
fn a_watched_model_without_a_readable_profile_is_not_released() {
    let text = format!("{PLAIN}watch = {{ profile = \"p\", reacts = true }}\n");
    assert!(rules(&text).contains(&"profile"));
}

#[test]
fn an_audit_key_is_what_the_log_is_sealed_to() {
    let key = crate::policy::audit_key_hex(&"ab".repeat(1216)).unwrap();
    let policy = Policy::parse(PLAIN, Some(key)).unwrap();
    let given = Circumstances { grants: &[], models: Some(&models()), now: UnixMillis::new(1) };
    let draft = policy.draft(policy.incident(), given);
    assert!(draft.controls.audit && draft.findings.into_vec().is_empty());
}

#[test]
fn claims_of_the_manifest_are_copied_into_the_controls() {
    let policy = Policy::parse("", None).unwrap();
    let models = models();
    let given = Circumstances { grants: &[], models: Some(&models), now: UnixMillis::new(1) };
    let draft = policy.draft(policy.incident(), given);
    let stated =
        |name: &str| draft.controls.models.get(&name.parse().unwrap()).map(|own| own.provenance.clone());
    assert_eq!((stated("fraud"), stated("embed")), (Some(vec![claim()]), Some(Vec::new())));
    let told = |model: &ModelFacts| draft.controls.model(&model.name).map(|own| own.interfaces.clone());
    for model in &models {
        let own = BTreeMap::from([(model.version.clone(), model.interface.clone())]);
        assert_eq!(told(model), Some(own), "the interface is copied, too");
    }
}

#[test]
fn of_two_versions_only_what_both_claim_is_copied() {
    let policy = Policy::parse("", None).unwrap();
    let mut models = vec![models().remove(0), models().remove(0)];
    models[1].provenance.clear();
    let given = Circumstances { grants: &[], models: Some(&models), now: UnixMillis::new(1) };
    let draft = policy.draft(policy.incident(), given);
    assert!(draft.controls.models.values().all(|own| own.provenance.is_empty()));
}
