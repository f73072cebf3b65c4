//! Several models for several risks: routes by role and declared field, ensembles and their disagreement.

use strongroom_attestation::release::{Coarseness, Treatment};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_seal::message::Refusal;
use strongroom_sim::world::{ModelSource, READY, bundled_model};

use super::{Caller, FRAUD, key_entry, payments};

/// The bundled model, and twice the same whose inputs are all cut to zero, so that both say something else.
async fn routed(rules: &str) -> Stage {
    let named = |id: &str| ModelSource { id: id.parse().unwrap(), ..bundled_model().unwrap() };
    let models = Some(vec![named("fraud@1"), named("blind@1"), named("blind-too@1")]);
    let blind = |name: &str| {
        FRAUD.replace("model.fraud", &format!("model.{name}"))
            + "transforms.X = [{ clip = { min = 0.0, max = 0.0 } }]\n"
    };
    let policy = FRAUD.to_owned()
        + &blind("blind")
        + &blind("blind-too")
        + "[role.client]\nmodels = { payments = \"exact\", fraud = \"exact\", blind = \"exact\" }\n"
        + "[role.staff]\nmodels = { payments = \"exact\" }\n"
        + &key_entry(1, "role = \"client\"")
        + &key_entry(2, "role = \"staff\"")
        + rules;
    let options = StageOptions { models, policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage
}

#[tokio::test]
async fn a_route_picks_by_role_and_declared_risk() {
    let stage = routed(
        "[[route.payments.rule]]\nroles = [\"staff\"]\nmodel = \"blind\"\n\
         [[route.payments.rule]]\nfield = \"amount\"\nat_least = 1000.0\nmodel = \"fraud\"\n\
         [[route.payments.rule]]\nmodel = \"blind\"\n",
    )
    .await;
    let (client, staff) = (Caller::new(&stage, 1).await, Caller::new(&stage, 2).await);
    let rows = payments(20);
    let (fraud, blind) = (client.infer("fraud", &rows).await, client.infer("blind", &rows).await);
    assert_ne!(fraud.probabilities(), blind.probabilities());
    for (caller, amount, expected) in
        [(&client, 5000.0, &fraud), (&client, 10.0, &blind), (&staff, 5000.0, &blind)]
    {
        let got = caller.infer_with("payments", &rows, &[("amount", amount)]).await;
        assert_eq!(got.probabilities(), expected.probabilities());
        assert_eq!(got.receipt.model, expected.receipt.model, "the receipt names the model that answered");
    }
    let undeclared = client.infer("payments", &rows).await;
    assert_eq!(*undeclared.refusal(), Refusal::Input("risk field 'amount' is missing".into()));
    let without_route = client.infer_with("fraud", &rows, &[("amount", 1.0)]).await;
    assert!(matches!(without_route.refusal(), Refusal::Input(_)));
    assert_eq!(
        *staff.infer("fraud", &rows).await.refusal(),
        Refusal::Model,
        "a route is no way to its models"
    );
}

/// Members that disagree do not vote: the first answers, more coarsely.
#[tokio::test]
async fn an_ensemble_that_disagrees_is_treated_more_strictly() {
    let rule = |disagreement: f64| {
        format!(
            "[[route.payments.rule]]\nensemble = [\"fraud\", \"blind\"]\ndisagreement = {disagreement:.2}\n"
        )
    };
    let rows = payments(40);
    let stage = routed(&rule(0.01)).await;
    let caller = Caller::new(&stage, 1).await;
    let fraud = caller.infer("fraud", &rows).await;
    let strict = caller.infer("payments", &rows).await;
    assert_eq!(strict.receipt.treatment.unwrap().coarseness(), Coarseness::LabelOnly);
    assert_eq!(strict.labels(), fraud.labels(), "the first member answers");
    assert!(strict.probabilities().iter().flatten().all(|p| *p == 0.0 || *p == 1.0));
    let agreed: Vec<Vec<f32>> =
        rows.iter().zip(fraud.labels()).filter(|(_, l)| *l == 0).map(|(r, _)| r.clone()).collect();
    let same_label = caller.infer("blind", &agreed).await.labels().iter().all(|label| *label == 0);
    assert!(same_label, "where the first says 0, the other does");
    let full = caller.infer("payments", &agreed).await;
    assert_eq!(full.receipt.treatment, Some(Treatment::EXACT), "without disagreement nothing changes");
    assert_eq!(strict.bytes, fraud.bytes);
}

#[tokio::test]
async fn members_vote_where_the_controls_say_so() {
    let rule = |vote: bool| {
        format!(
            "[route.payments]\nvotes = {vote}\n[[route.payments.rule]]\n\
             ensemble = [\"fraud\", \"blind\", \"blind-too\"]\ndisagreement = 1.0\nstricter = \"exact\"\nvote = {vote}\n"
        )
    };
    let rows = payments(40);
    let voting = routed(&rule(true)).await;
    let caller = Caller::new(&voting, 1).await;
    let (fraud, blind) = (caller.infer("fraud", &rows).await, caller.infer("blind", &rows).await);
    assert_ne!(fraud.labels(), blind.labels());
    let voted = caller.infer("payments", &rows).await;
    assert_eq!(voted.labels(), blind.labels(), "two against one");
    let silent = routed(&rule(false)).await;
    let caller = Caller::new(&silent, 1).await;
    assert_eq!(caller.infer("payments", &rows).await.labels(), fraud.labels(), "the first answers");
}
