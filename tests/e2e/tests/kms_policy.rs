//! `strongroom kms-policy lint`, as shipped, on files and on a key of the simulated KMS.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom_kms::PolicyText;
use strongroom_kms::policy::shut_policy;
use strongroom_sim::kms::policy::Grant;
use strongroom_sim::world::{ACCOUNT, Binaries, Ground, Output, Owner};

/// PKI, KMS and owner, without enclave and host.
struct Desk {
    ground: Ground,
    owner: Owner,
    binaries: Binaries,
    directory: tempfile::TempDir,
}

impl Desk {
    async fn set() -> Self {
        let binaries = Binaries::beside_this_one().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground::prepare(directory.path()).await.unwrap();
        let owner = Owner::establish(&ground, &binaries).await.unwrap();
        Self { ground, owner, binaries, directory }
    }

    async fn lint(&self, arguments: &[String]) -> Output {
        let arguments = [["kms-policy".to_owned(), "lint".to_owned()].as_slice(), arguments].concat();
        let environment = [
            ("AWS_ACCESS_KEY_ID", self.ground.owner.access_key_id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.ground.owner.secret_access_key.as_str()),
        ];
        self.binaries.strongroom(arguments, &environment).await.unwrap()
    }

    /// Judges the key itself, with what is demanded.
    async fn lint_key(&self, demands: &[String]) -> Output {
        let ground = [
            format!("--key={}", self.owner.key().as_str()),
            format!("--kms-connect={}", self.ground.kms_address),
            format!("--kms-roots={}", self.ground.layout.kms_roots().display()),
        ];
        self.lint(&[ground.as_slice(), demands].concat()).await
    }

    async fn lint_file(&self, policy: &Value) -> Output {
        let path = self.file("policy.json");
        std::fs::write(&path, policy.to_string()).unwrap();
        self.lint(&[path.display().to_string(), "--json".to_owned()]).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn policy(&self) -> Value {
        let policy = self.owner.admin().get_key_policy(self.owner.key()).await.unwrap();
        serde_json::from_str(policy.as_str()).unwrap()
    }

    fn charter(&self) -> PathBuf {
        self.ground.layout.store().join("charter.cose")
    }

    fn image(&self) -> PathBuf {
        self.ground.layout.owner("image-0.json")
    }
}

fn demand(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn ids(output: &Output) -> Vec<String> {
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_running_deployments_key_is_clean_and_its_people_are_named() {
    let desk = Desk::set().await;
    let demands = [demand("charter", &desk.charter()), demand("image", &desk.image())];
    let judged = desk.lint_key(&demands).await;
    assert_eq!(judged.code, 0, "{}{}", judged.stdout, judged.stderr);
    assert!(
        judged.stdout.contains(&format!(
            "notice SR801: who can replace the policy: arn:aws:iam::{ACCOUNT}:user/owner"
        )),
        "{}",
        judged.stdout
    );
    assert!(judged.stdout.ends_with("0 errors, 0 warnings, 2 notices\n"), "{}", judged.stdout);
    let other = desk.lint_key(&[format!("--pcr0={}", "ab".repeat(48)), "--json".to_owned()]).await;
    assert_eq!((other.code, ids(&other)[0].as_str()), (15, "SR701"));
}

#[tokio::test]
async fn grants_and_keys_that_are_not_kmss_own_are_errors() {
    let desk = Desk::set().await;
    let key = desk.owner.key().clone();
    let grant = |number: u8| Grant {
        id: format!("{number:02x}").repeat(32),
        grantee: format!("arn:aws:iam::{ACCOUNT}:role/stranger"),
        operations: vec!["Decrypt".into(), "GenerateDataKey".into()],
        context_subset: None,
        context_equals: None,
    };
    // More than two pages of them.
    desk.ground.kms.alter(key.as_str(), |key| key.grants.extend((0..120).map(grant))).unwrap();
    assert_eq!(desk.owner.admin().list_grants(&key).await.unwrap().len(), 120);
    let judged = desk.lint_key(&["--json".to_owned()]).await;
    let found = ids(&judged);
    assert_eq!((judged.code, found.iter().filter(|id| *id == "SR601").count()), (15, 120));
    desk.ground.kms.alter(key.as_str(), |key| key.grants.clear()).unwrap();
    assert_eq!(desk.lint_key(&[]).await.code, 0);
    for (origin, multi_region, id) in
        [("EXTERNAL", false, "SR602"), ("EXTERNAL_KEY_STORE", false, "SR602"), ("AWS_KMS", true, "SR603")]
    {
        let change = |key: &mut strongroom_sim::kms::state::Key| {
            key.origin = origin.to_owned();
            key.multi_region = multi_region;
        };
        desk.ground.kms.alter(key.as_str(), change).unwrap();
        let judged = desk.lint_key(&["--json".to_owned()]).await;
        assert_eq!((judged.code, ids(&judged)[0].as_str()), (15, id));
    }
}

#[tokio::test]
async fn a_weakened_policy_is_an_error_in_a_file_and_on_the_key() {
    let desk = Desk::set().await;
    let mut policy = desk.policy().await;
    let mut decrypts = policy["Statement"].as_array().unwrap().last().unwrap().clone();
    decrypts.as_object_mut().unwrap().remove("Condition");
    policy["Statement"].as_array_mut().unwrap().push(decrypts);
    let judged = desk.lint_file(&policy).await;
    assert_eq!((judged.code, ids(&judged)[0].as_str()), (15, "SR301"), "{}", judged.stdout);
    assert!(judged.stderr.contains("errors"), "{}", judged.stderr);
    let text = PolicyText::new(policy.to_string()).unwrap();
    desk.owner.admin().put_key_policy(desk.owner.key(), &text).await.unwrap();
    let judged = desk.lint_key(&["--json".to_owned()]).await;
    assert_eq!((judged.code, ids(&judged)[0].as_str()), (15, "SR301"));
}

#[tokio::test]
async fn exit_codes_follow_the_worst_finding() {
    let desk = Desk::set().await;
    let policy = desk.policy().await;
    assert_eq!(desk.lint_file(&policy).await.code, 0);
    let mut rooted = policy.clone();
    rooted["Statement"][0]["Principal"] = json!({"AWS": ACCOUNT});
    let judged = desk.lint_file(&rooted).await;
    assert_eq!((judged.code, ids(&judged)[0].as_str()), (16, "SR804"));
    assert_eq!(desk.lint_file(&json!("not a policy")).await.code, 15);
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:{name}").parse().unwrap();
    let principals = strongroom_kms::policy::Principals {
        admin: arn("role/kms-admin"),
        sealer: arn("role/owner"),
        enclave: arn("role/strongroom-host"),
    };
    let shut: Value = serde_json::from_str(shut_policy(&principals).unwrap().as_str()).unwrap();
    let judged = desk.lint_file(&shut).await;
    assert!(judged.code == 0 && ids(&judged).contains(&"SR504".to_owned()), "{}", judged.stdout);
    // Nothing is judged that was not given, and nothing is given that would not be used.
    let path = desk.file("policy.json").display().to_string();
    let two = [path.clone(), "--pcr0".to_owned(), "ab".repeat(48), "cd".repeat(48)];
    assert_eq!(desk.lint(&two).await.code, 15, "two images behind one option, and the policy pins neither");
    for wrong in [vec![], vec![path, "--kms-connect=127.0.0.1:1".to_owned()]] {
        assert_eq!(desk.lint(&wrong).await.code, 2);
    }
    assert_eq!(desk.lint(&[desk.file("absent.json").display().to_string()]).await.code, 1);
}
