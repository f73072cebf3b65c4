//! Who may ask: roles, models, expiry, revocation.

use strongroom_seal::message::{Ask, Refusal};
use strongroom_sim::world::bundled_model;

use super::{Caller, FRAUD, key_entry, payments, request, stage};

/// The matrix role × operation, over the wire.
#[tokio::test]
async fn each_role_may_do_its_own_operations_and_no_other() {
    let roles = ["infer", "audit", "status"];
    let mut policy = "audit_key = \"AUDIT\"\n".to_owned() + FRAUD;
    for (number, role) in roles.iter().enumerate() {
        policy += &format!("[role.{role}]\noperations = [\"{role}\"]\n");
        policy += &key_entry(u8::try_from(number).unwrap() + 1, &format!("role = \"{role}\""));
    }
    policy += "[role.all]\noperations = [\"infer\", \"audit\", \"status\"]\n";
    policy += &key_entry(9, "role = \"all\"");
    let stage = stage(policy).await;
    for (number, role) in [(1, "infer"), (2, "audit"), (3, "status"), (9, "all")] {
        let caller = Caller::new(&stage, number).await;
        let asks = [
            ("infer", Ask::Infer(request("fraud", &payments(1)))),
            ("audit", Ask::Audit),
            ("status", Ask::Status),
        ];
        let mut sizes = Vec::new();
        for (operation, ask) in asks {
            let got = caller.ask(&ask).await;
            let allowed = role == "all" || role == operation;
            assert_eq!(got.outcome.is_ok(), allowed, "{role} and {operation}");
            if !allowed {
                assert_eq!(*got.refusal(), Refusal::Operation);
            }
            sizes.push(got.bytes);
        }
        assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]), "the host sees no difference: {sizes:?}");
    }
}

#[tokio::test]
async fn a_key_asks_the_models_of_its_role_and_of_its_own_list() {
    let policy = FRAUD.to_owned()
        + "[role.analyst]\nmodels = { fraud = \"exact\" }\n[role.nothing]\nmodels = {}\n"
        + &key_entry(1, "role = \"analyst\"")
        + &key_entry(2, "role = \"nothing\"");
    let stage = stage(policy).await;
    let (one, two) = (Caller::new(&stage, 1).await, Caller::new(&stage, 2).await);
    assert!(one.infer("fraud", &payments(1)).await.outcome.is_ok());
    assert_eq!(*one.infer("other", &payments(1)).await.refusal(), Refusal::Model);
    let refused = two.infer("fraud", &payments(1)).await;
    assert_eq!(*refused.refusal(), Refusal::Model);
    assert_eq!(
        (refused.receipt.index, refused.receipt.treatment),
        (Some(2), None),
        "a refusal has its receipt"
    );
}

#[tokio::test]
async fn an_expired_key_is_none() {
    let policy = FRAUD.to_owned()
        + &key_entry(1, "not_after = 2020-01-01T00:00:00Z")
        + &key_entry(2, "not_after = 2099-01-01T00:00:00Z");
    let stage = stage(policy).await;
    let (expired, valid) = (Caller::new(&stage, 1).await, Caller::new(&stage, 2).await);
    let refused = expired.infer("fraud", &payments(1)).await;
    assert_eq!(*refused.refusal(), Refusal::Key);
    let answered = valid.infer("fraud", &payments(1)).await;
    assert_eq!((answered.outcome.is_ok(), answered.bytes), (true, refused.bytes));
}

/// A key that the next release does not list is gone with it, in open sessions as well.
#[tokio::test]
async fn a_revoked_key_ends_with_the_next_release() {
    let with =
        |numbers: &[u8]| FRAUD.to_owned() + &numbers.iter().map(|n| key_entry(*n, "")).collect::<String>();
    let stage = stage(with(&[1, 2])).await;
    let revoked = Caller::new(&stage, 1).await;
    assert!(revoked.infer("fraud", &payments(1)).await.outcome.is_ok());
    stage.swap(2, &with(&[2]), vec![bundled_model().unwrap()]).await.unwrap();
    let (message, _) = revoked.session.seal(&Ask::Status.encode().unwrap()).unwrap();
    assert_eq!(revoked.client.send(&message).await.status, 421, "its session ended");
    let again = Caller::new(&stage, 1).await;
    assert_eq!(*again.infer("fraud", &payments(1)).await.refusal(), Refusal::Key);
    assert!(Caller::new(&stage, 2).await.infer("fraud", &payments(1)).await.outcome.is_ok());
}
