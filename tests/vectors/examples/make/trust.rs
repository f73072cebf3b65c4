//! Trust files.

use serde_json::Value;
use strongroom_attestation::TrustRoot;
use strongroom_attestation::published::{PublishedImage, PublishedMeasurements};
use strongroom_seal::digest::{CharterDigest, ControlsDigest};

use crate::Counts;
use crate::book::Book;
use crate::world::{DEPLOYMENT, World, name};

/// A trust file in its parts.
pub(crate) struct Trust {
    head: String,
    image: String,
    charter: String,
    signed_by: String,
    model: String,
    controls: String,
}

pub(crate) fn file(world: &World) -> Trust {
    let image = &world.image;
    let model = &world.models[0];
    Trust {
        head: format!(
            "simulation = true\nroot = \"\"\"\n{}\"\"\"\nmax_age_seconds = 300\nleast_epoch = 7\n",
            pem(&world.pki.root.der)
        ),
        image: format!(
            "[[image]]\npcr0 = \"{}\"\npcr1 = \"{}\"\npcr2 = \"{}\"\n",
            image.pcr0, image.pcr1, image.pcr2
        ),
        charter: format!("[charter]\ndigest = \"{}\"\n", CharterDigest::of(&world.charter)),
        signed_by: format!("[charter]\nsigned_by = [\"{}\"]\n", world.owner_hex()),
        model: format!("[[model]]\nname = \"fraud\"\nversion = \"1\"\ndigest = \"{}\"\n", model.digest),
        controls: format!("[controls]\ndigest = \"{}\"\n", ControlsDigest::of(&world.controls)),
    }
}

impl Trust {
    pub(crate) fn text(&self) -> String {
        [&*self.head, &self.image, &self.charter, &self.model, &self.controls].concat()
    }

    pub(crate) fn by_signer(&self) -> String {
        self.text().replace(&self.charter, &self.signed_by)
    }

    fn controls(&self, table: &str) -> String {
        self.text().replace(&self.controls, &format!("[controls]\n{table}\n"))
    }

    /// Files that the same evidence meets.
    pub(crate) fn waived(&self) -> Vec<(&'static str, String)> {
        let other =
            "[[image]]\npcr0 = \"aa\"\npcr1 = \"aa\"\npcr2 = \"aa\"\n".replace("aa", &"aa".repeat(48));
        vec![
            ("signed-by", self.by_signer()),
            ("owner-may-change-models", format!("owner_may_change_models = true\n{}", self.text().replace(&self.model, ""))),
            ("owner-decides-controls", format!("owner_decides_controls = true\n{}", self.text().replace(&self.controls, ""))),
            ("second-image", self.text().replace(&self.image, &(other + &self.image))),
            ("controls-demands", self.controls("outputs = [\"rounded\", \"label_only\"]\ninputs = \"not_recorded\"\naudit = true\nlimits = true")),
        ]
    }

    /// Files that it does not meet, with the step that fails.
    pub(crate) fn missed(&self) -> Vec<(&'static str, &'static str, String)> {
        let text = self.text();
        let other = format!("[charter]\ndigest = \"{}\"\n", CharterDigest::of(b"other"));
        let digits = text.split("pcr0 = \"").nth(1).unwrap()[..96].to_owned();
        let version = text.replace("version = \"1\"", "version = \"2\"");
        vec![
            ("step-2-demanded-charter", "not the demanded charter", text.replace(&self.charter, &other)),
            ("step-3-image", "not a demanded image", text.replace(&digits, &"aa".repeat(48))),
            (
                "step-7-epoch",
                "an epoch below the demanded one",
                text.replace("least_epoch = 7", "least_epoch = 8"),
            ),
            ("step-8-model", "a demanded model is not loaded", version),
            (
                "step-9-controls",
                "not the demanded controls",
                self.controls(&format!("digest = \"{}\"", ControlsDigest::of(b"other"))),
            ),
            (
                "step-9-outputs",
                "answers are finer than demanded",
                self.controls("outputs = [\"label_only\"]"),
            ),
            (
                "step-9-provenance",
                "nothing about a model is measured",
                self.controls("provenance = [\"measured\"]"),
            ),
        ]
    }
}

fn pem(der: &[u8]) -> String {
    let coded = base64(der);
    let lines: Vec<&str> =
        coded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let value = (0..3).fold(0_u32, |value, at| value << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let digit = ALPHABET[(value >> (18 - 6 * at)) as usize & 63] as char;
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

pub(crate) fn write(world: &World, counts: &mut Counts) {
    let trust = file(world);
    let text = trust.text();
    let mut book = Book::new("trust-file");
    book.good("simulation", text.as_bytes());
    let production = text.split_once("max_age").map(|(_, rest)| format!("max_age{rest}")).unwrap();
    book.good("production", production.as_bytes());
    let defaults = production.replace("max_age_seconds = 300\nleast_epoch = 7\n", "");
    book.good("defaults", defaults.as_bytes());
    for (name, file) in trust.waived() {
        book.good(name, file.as_bytes());
    }
    let every = "outputs = [\"label_only\"]\ninputs = \"not_recorded\"\naudit = true\nlimits = true\nprovenance = [\"declared\", \"measured\"]";
    book.good("every-demand-on-controls", trust.controls(every).as_bytes());
    let commented = format!("# comments may stand anywhere\n{text}");
    book.good("comment", commented.as_bytes()).other_spelling();
    measurements(&mut book, world, &text, &trust);
    let mut bad = |name: &str, reason: &str, wrong: String| {
        assert_ne!(wrong, text, "{name}");
        book.bad(name, reason, wrong.as_bytes());
    };
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    bad("not-toml", "not TOML", replaced("least_epoch = 7", "least_epoch = seven"));
    bad("unknown-field", "a field that is not listed", replaced("least_epoch = 7", "least_epok = 7"));
    bad("unknown-in-table", "a field that is not listed", replaced("[charter]", "[charter]\nname = \"x\""));
    bad("negative-epoch", "a negative epoch", replaced("least_epoch = 7", "least_epoch = -1"));
    bad("no-age", "an age of 0", replaced("max_age_seconds = 300", "max_age_seconds = 0"));
    bad("no-image", "no image", replaced(&trust.image, ""));
    bad("17-images", "more than 16 images", replaced(&trust.image, &trust.image.repeat(17)));
    bad("zero-register", "a register is zero", replaced(&"01".repeat(48), &"00".repeat(48)));
    bad("short-register", "a register of 94 digits", replaced(&"01".repeat(48), &"01".repeat(47)));
    bad("not-hexadecimal", "a register with another sign", replaced(&"01".repeat(48), &"0g".repeat(48)));
    bad("no-charter", "no charter", replaced(&trust.charter, ""));
    bad("empty-charter", "neither digest nor signer", replaced(&trust.charter, "[charter]\n"));
    bad(
        "both-charters",
        "digest and signer",
        replaced(&trust.charter, &format!("{}{}", trust.charter, trust.signed_by.replace("[charter]\n", ""))),
    );
    bad("no-signer", "an empty list of signers", replaced(&trust.charter, "[charter]\nsigned_by = []\n"));
    let p256 = hex::encode(world.keys.receipt.public().as_bytes());
    bad(
        "p-256-signer",
        "a signer on another curve",
        replaced(&trust.charter, &format!("[charter]\nsigned_by = [\"{p256}\"]\n")),
    );
    bad("no-model", "no model and no waiver", replaced(&trust.model, ""));
    bad("model-and-waiver", "a model and a waiver", format!("owner_may_change_models = true\n{text}"));
    bad("model-name", "a path in place of a name", replaced("name = \"fraud\"", "name = \"../fraud\""));
    bad("no-controls", "neither controls nor a waiver", replaced(&trust.controls, ""));
    bad("controls-and-waiver", "controls and a waiver", format!("owner_decides_controls = true\n{text}"));
    bad("empty-controls", "an empty demand", trust.controls(""));
    bad(
        "every-sort",
        "every sort of answers, which demands nothing",
        trust.controls("outputs = [\"exact\", \"rounded\", \"label_only\"]"),
    );
    bad("unknown-sort", "not a sort of answers", trust.controls("outputs = [\"blurred\"]"));
    bad("audit-false", "a demand for nothing", trust.controls("audit = false"));
    bad("digest-and-audit", "a digest and another demand", format!("{text}audit = true\n"));
    bad("no-provenance", "an empty list of kinds", trust.controls("provenance = []"));
    bad(
        "root-in-production",
        "a root without simulation",
        replaced("simulation = true", "simulation = false"),
    );
    bad("no-root", "simulation without a root", format!("simulation = true\n{production}"));
    let aws = format!(
        "simulation = true\nroot = \"\"\"\n{}\"\"\"\n{production}",
        pem(TrustRoot::aws_nitro_g1().der())
    );
    bad("aws-in-simulation", "simulation with the root of AWS", aws);
    let root = pem(&world.pki.root.der);
    bad("two-roots", "two certificates", replaced(&root, &root.repeat(2)));
    bad("no-certificate", "no certificate", replaced(&root, "root\n"));
    bad("leaf-as-root", "a certificate of no authority", replaced(&root, &pem(&world.pki.leaf.der)));
    bad("key-twice", "a key is given twice", replaced("least_epoch = 7", "least_epoch = 7\nleast_epoch = 7"));
    book.bad("not-utf-8", "not text", &[0xff]);
    book.bad("too-long", "longer than 256 KiB", format!("{text}#").as_bytes()).then(b'x', 256 * 1024);
    book.write(counts);
}

/// Files that name who publishes measurements in place of images.
fn measurements(book: &mut Book, world: &World, text: &str, trust: &Trust) {
    let image = PublishedImage { version: name("1.0"), image: world.image };
    let published = PublishedMeasurements { deployment: name(DEPLOYMENT), images: vec![image] };
    let document = hex::encode(published.sign(&world.keys.owner, &world.random).unwrap());
    let table =
        format!("[measurements]\nsigned_by = [\"{}\"]\ndeployment = \"{DEPLOYMENT}\"\n", world.owner_hex());
    let by = text.replace(&trust.image, &table);
    book.good("published", by.as_bytes()).given("published", document.as_str());
    let us = by.replace(&format!("deployment = \"{DEPLOYMENT}\""), "deployment = \"vectors-us\"");
    book.bad("published-elsewhere", "measurements of another deployment", us.as_bytes())
        .given("published", document.as_str());
    let other = by.replace(&world.owner_hex(), &hex::encode(world.keys.other_owner.public().as_bytes()));
    book.bad("published-by-others", "measurements of another signer", other.as_bytes())
        .given("published", document.as_str());
    book.bad("published-and-unnamed", "nobody is named for the measurements", text.as_bytes())
        .given("published", document.as_str());
    book.bad("named-and-unpublished", "measurements are named and not given", by.as_bytes());
    let both = format!("{text}{table}");
    book.bad("images-and-published", "images and measurements", both.as_bytes())
        .given("published", Value::from(document));
}
