//! The examples that `--help` and the manual show, one command after another. A test parses each.
//!
//! A command may also bring its own, as its `after_help`.

/// Words that lead to a command, and its examples.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "keygen",
        "strongroom keygen --out owner.pem
strongroom keygen --audit --out audit.key",
    ),
    ("api-key", "strongroom api-key --out client.key --json"),
    (
        "charter",
        "strongroom charter --deployment fraud-eu --key owner.pem \\
  --kms-key $KMS_KEY --out charter.cose",
    ),
    (
        "kms-policy",
        "strongroom kms-policy --charter charter.cose --image image.json \\
  --admin arn:aws:iam::111122223333:role/kms-admin \\
  --sealer arn:aws:iam::111122223333:role/owner \\
  --enclave-role arn:aws:iam::111122223333:role/strongroom-host > policy.json",
    ),
    (
        "kms-policy lint",
        "strongroom kms-policy lint policy.json --charter charter.cose
strongroom kms-policy lint --key $KMS_KEY",
    ),
    (
        "image",
        "strongroom image --init strongroom-enclave --kernel bzImage \\
  --nsm-module nsm.ko --output strongroom.eif > image.json",
    ),
    (
        "measure",
        "strongroom measure strongroom.eif > image.json
strongroom measure old.eif new.eif --sign owner.pem --charter charter.cose \\
  --output measurements.cose",
    ),
    (
        "seal",
        "strongroom seal --model fraud.onnx --name fraud --version 1 \\
  --charter charter.cose --key owner.pem --kms-key $KMS_KEY \\
  --dim batch=1..64 --check samples.npz --out fraud@1.sealed",
    ),
    (
        "release",
        "strongroom release --charter charter.cose --key owner.pem --kms-key $KMS_KEY \\
  --history history --image image.json --model fraud@1.sealed \\
  --policy policy.toml --out release.bundle
strongroom release --charter charter.cose --key owner.pem --kms-key $KMS_KEY \\
  --epoch 1 --image image.json --model fraud@1.sealed \\
  --api-key-sha256 $KEY_SHA256:fraud --out release.bundle",
    ),
    (
        "profile",
        "strongroom profile --model fraud.onnx --data train.npy --labels labels.txt \\
  --out fraud.profile",
    ),
    ("policy check", "strongroom policy check --policy policy.toml --model fraud@1.sealed"),
    (
        "incident block",
        "strongroom incident block --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history \\
  --store /srv/strongroom --key-sha256 $KEY_SHA256",
    ),
    (
        "incident label-only",
        "strongroom incident label-only --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history --out release.bundle \\
  --model fraud",
    ),
    (
        "incident freeze",
        "strongroom incident freeze --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history --store /srv/strongroom \\
  --organisation acme --for 2h",
    ),
    (
        "incident rollback",
        "strongroom incident rollback --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history --store /srv/strongroom \\
  --to 3",
    ),
    (
        "incident lockdown",
        "strongroom incident lockdown --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history --store /srv/strongroom \\
  --url https://host.example --trust owner-trust.toml",
    ),
    (
        "incident lift",
        "strongroom incident lift --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history --store /srv/strongroom \\
  --lockdown",
    ),
    (
        "incident deliver",
        "strongroom incident deliver --charter charter.cose --key owner.pem \\
  --kms-key $KMS_KEY --history history --store /srv/strongroom",
    ),
    (
        "trust",
        "strongroom trust --charter charter.cose --image image.json \\
  --release release.bundle --out trust.toml
strongroom trust --charter charter.cose --measurements measurements.cose \\
  --by-publisher --owner-may-change-models \\
  --require-outputs label_only,rounded --require-audit --out trust.toml",
    ),
    (
        "inspect",
        "strongroom inspect release.bundle
strongroom inspect receipts/last.receipt --json",
    ),
    (
        "verify",
        "strongroom verify --url https://host.example --trust trust.toml
strongroom verify --document doc.bin --at-ms 1668034320696 \\
  --measurements measurements.cose --charter charter.cose",
    ),
    (
        "redteam",
        "strongroom redteam --model fraud.onnx --data train.npy --labels labels.txt \\
  --policy policy.toml --gate gate.toml --out report",
    ),
    (
        "infer",
        "strongroom infer --url https://host.example --trust trust.toml \\
  --api-key @client.key --model fraud --input request.json \\
  --keep-receipts receipts
strongroom infer --model fraud --lines < requests.jsonl > answers.jsonl",
    ),
    (
        "proxy",
        "strongroom proxy --listen 127.0.0.1:8080 --url https://host.example \\
  --trust trust.toml --api-key @client.key",
    ),
    (
        "status",
        "strongroom status --url https://host.example --trust trust.toml \\
  --api-key @operator.key",
    ),
    (
        "receipt verify",
        "strongroom receipt verify receipts/last.receipt \\
  --evidence receipts/last.evidence --trust trust.toml",
    ),
    (
        "audit verify",
        "strongroom audit verify --log audit.db --trust trust.toml --key audit.key \\
  --receipt receipts/last.receipt --head heads/monday.cose",
    ),
    ("audit show", "strongroom audit show --log audit.db --key audit.key --since 2026-01-31 --json"),
    (
        "audit export",
        "strongroom audit export --log audit.db --key audit.key --format csv \\
  --out audit.csv",
    ),
    (
        "audit head",
        "strongroom audit head --url https://host.example --trust trust.toml \\
  --api-key @auditor.key --out heads/monday.cose",
    ),
    (
        "audit boots",
        "strongroom audit boots --log audit.db --trust trust.toml \\
  --cloudtrail trail/monday.json trail/tuesday.json",
    ),
    (
        "watermark verify",
        "strongroom watermark verify --suspect http://127.0.0.1:9000/v2/models/m \\
  --model fraud.onnx --tracing-key fraud.tracing --profile fraud.profile \\
  --queries asked.csv --gate 0.001",
    ),
    (
        "monitor show",
        "strongroom monitor show --db audit.db --key audit.key --model fraud \\
  --plot fraud.svg",
    ),
    (
        "completions",
        "strongroom completions bash \\
  > ~/.local/share/bash-completion/completions/strongroom",
    ),
    (
        "man",
        "strongroom man | man -l -
strongroom man --out ~/.local/share/man/man1",
    ),
];

/// The definition, each command with its examples at the end of its help.
pub(crate) fn shown_in(root: clap::Command) -> clap::Command {
    EXAMPLES.iter().fold(root, |root, (path, text)| {
        let words: Vec<&str> = path.split(' ').collect();
        with(root, &words, text)
    })
}

fn with(command: clap::Command, path: &[&str], text: &str) -> clap::Command {
    match path {
        [] => {
            let indented: String = text.lines().map(|line| format!("\n  {line}")).collect();
            command.after_help(format!("Examples:{indented}"))
        }
        [next, rest @ ..] => command.mut_subcommand(next, |below| with(below, rest, text)),
    }
}

/// The commands of a help's examples, word by word as a shell would hand them over.
#[cfg(test)]
pub(crate) fn lines(help: &str) -> Vec<Vec<String>> {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef";
    let joined = help.replace("\\\n", " ").replace("$KMS_KEY", key).replace("$KEY_SHA256", &"0f".repeat(32));
    let commands = joined.lines().map(str::trim).filter(|line| line.starts_with("strongroom "));
    let words = |line: &str| {
        let ours = line.split_whitespace().take_while(|word| !["|", ">", "<"].contains(word));
        ours.map(str::to_owned).collect()
    };
    commands.map(words).collect()
}
