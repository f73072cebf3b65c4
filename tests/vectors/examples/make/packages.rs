//! Sealed packages.

use serde_json::Value;
use strongroom_seal::label::{self, Label};
use strongroom_seal::limits::MIN_CHUNK_BYTES;
use strongroom_seal::model::{
    AnswerBound, Claim, Dim, DimRange, FileDigest, Interface, Schema, TensorSpec, ValueRule,
};
use strongroom_seal::package::{
    Manifest, ModelManifest, PrivateManifest, SignedManifest, WrappedKey, measure,
};
use strongroom_seal::secret::DataKey;
use strongroom_seal::tensor::DType;

use crate::Counts;
use crate::book::Book;
use crate::cbor::{Item, head};
use crate::owner::{payload, sign};
use crate::world::{DEPLOYMENT, KEY_ARN, Keys, World, name, private_part};

const DATA_KEY: [u8; 32] = [0xda; 32];

/// The packages of one release.
pub(crate) struct Packages {
    pub(crate) model: Vec<u8>,
    pub(crate) model_digest: [u8; 48],
    pub(crate) private: Vec<u8>,
    pub(crate) private_digest: [u8; 48],
}

impl Packages {
    pub(crate) fn seal(keys: &Keys) -> Self {
        // Stands for an ONNX file: two chunks, the second shorter.
        let onnx: Vec<u8> = (0..=250_u8).cycle().take(MIN_CHUNK_BYTES as usize + 100).collect();
        let content = measure(&mut onnx.as_slice(), MIN_CHUNK_BYTES).unwrap();
        let (model, model_digest) = sealed(model_manifest(content), &onnx, keys);
        let part = private_part().encode().unwrap();
        let content = measure(&mut part.as_slice(), MIN_CHUNK_BYTES).unwrap();
        let manifest = PrivateManifest { deployment: name(DEPLOYMENT), epoch: 7, content };
        let (private, private_digest) = sealed(manifest, &part, keys);
        Self { model, model_digest, private, private_digest }
    }

    pub(crate) fn write(&self, world: &World, counts: &mut Counts) {
        let mut book = book("model-package", world, &self.model_digest);
        let format = Whole::of(&self.model);
        book.good("model", &self.model);
        faults(&mut book, world, &format, label::MODEL_MANIFEST);
        let whole = payload(&format.manifest());
        for (name, reason, changed) in [
            (
                "no-outputs",
                "an interface without outputs",
                whole.with("interface.outputs", Item::Array(vec![])),
            ),
            ("dtype", "a type that there is not", whole.with("interface.inputs.0.dtype", Item::text("FP8"))),
            (
                "input-twice",
                "an input twice",
                whole.with("interface.inputs.1.name", whole.get("interface.inputs.0.name")),
            ),
            (
                "free-symbol",
                "an input symbol without a range",
                whole.with("interface.symbols", Item::Map(vec![])),
            ),
            (
                "empty-range",
                "a symbol with an empty range",
                whole.with("interface.symbols.batch.min", Item::Uint(65)),
            ),
            (
                "rule-of-no-input",
                "a rule for an input that there is not",
                whole.with("schema.inputs.z", whole.get("schema.inputs.x")),
            ),
            (
                "crossed-range",
                "a smallest value above the largest",
                whole.with("schema.inputs.x.min", Item::Array(vec![Item::float(9.0)])),
            ),
            (
                "claim-twice",
                "a claim twice",
                whole.with("provenance", Item::Array(vec![whole.get("provenance.0"); 2])),
            ),
            (
                "operators-unsorted",
                "further operators out of order",
                whole.with("operators", Item::Array(vec![Item::text("Scan"), Item::text("Mod")])),
            ),
            (
                "operator-without-a-name",
                "a further operator without a name",
                whole.with("operators", Item::Array(vec![Item::text("")])),
            ),
            (
                "short-commit",
                "a commit of 39 digits",
                whole.with("provenance.0.code_commit.commit", Item::text(&"a".repeat(39))),
            ),
        ] {
            let (bytes, digest) = format.restated(world, label::MODEL_MANIFEST, &changed.encode());
            book.bad(name, reason, &bytes).given("manifest_digest", hex::encode(digest));
        }
        book.write(counts);
        let mut book = self::book("private-package", world, &self.private_digest);
        book.good("private-part", &self.private);
        faults(&mut book, world, &Whole::of(&self.private), label::PRIVATE_MANIFEST);
        book.write(counts);
    }
}

fn book(format: &str, world: &World, digest: &[u8; 48]) -> Book {
    Book::new(format)
        .given("keys", Value::from(vec![world.owner_hex()]))
        .given("deployment", DEPLOYMENT)
        .given("manifest_digest", hex::encode(digest))
        .given("data_key", hex::encode(DATA_KEY))
}

fn sealed<M: Manifest>(manifest: M, content: &[u8], keys: &Keys) -> (Vec<u8>, [u8; 48]) {
    let signed = SignedManifest::sign(manifest, &keys.owner, &ring::rand::SystemRandom::new()).unwrap();
    let wrapped = WrappedKey { key_arn: KEY_ARN.to_owned(), blob: vec![0xb1; 32] };
    let mut package = Vec::new();
    signed.seal(&DataKey::take(&mut DATA_KEY.clone()), wrapped, &mut &*content, &mut package).unwrap();
    (package, signed.digest())
}

/// What the model takes and gives.
pub(crate) fn interface() -> Interface {
    let spec = |name: &str, dtype, shape| TensorSpec { name: name.to_owned(), dtype, shape };
    let batch = || Dim::Symbol("batch".to_owned());
    Interface {
        inputs: vec![
            spec("x", DType::Fp32, vec![batch(), Dim::Fixed(2)]),
            spec("note", DType::Bytes, vec![batch()]),
        ],
        outputs: vec![
            spec("label", DType::Int64, vec![batch()]),
            spec("scores", DType::Fp32, vec![batch(), Dim::Fixed(2)]),
        ],
        symbols: [("batch".to_owned(), DimRange { min: 1, max: 64 })].into(),
    }
}

fn model_manifest(content: strongroom_seal::package::Content) -> ModelManifest {
    let rule =
        ValueRule { min: vec![-4.0], max: vec![4.0, 8.0], lengthscale: vec![0.5], ..ValueRule::default() };
    let text = ValueRule { max_string_bytes: Some(100), ..ValueRule::default() };
    ModelManifest {
        deployment: name(DEPLOYMENT),
        model: "fraud@1".parse().unwrap(),
        interface: interface(),
        schema: Schema {
            inputs: [("x".to_owned(), rule), ("note".to_owned(), text)].into(),
            max_bytes: Some(65_536),
        },
        answer: AnswerBound { names_bytes: 40, bytes_per_request_kib: 2048, max_bytes: 4096 },
        content,
        provenance: vec![
            Claim::CodeCommit { commit: "ab".repeat(20), repository: None },
            Claim::TrainingData(vec![FileDigest([7; 32])]),
        ],
        operators: vec!["Mod".to_owned(), "com.microsoft::BiasGelu".to_owned()],
    }
}

/// A package in its parts.
struct Whole {
    header: Item,
    chunks: Vec<Vec<u8>>,
}

impl Whole {
    fn of(package: &[u8]) -> Self {
        let length = u32::from_be_bytes(package[8..12].try_into().unwrap()) as usize;
        let chunks =
            package[12 + length..].chunks(MIN_CHUNK_BYTES as usize + 16).map(<[u8]>::to_vec).collect();
        Self { header: Item::parse(&package[12..12 + length]), chunks }
    }

    fn manifest(&self) -> Vec<u8> {
        let Item::Bytes(manifest) = self.header.get("manifest") else { panic!("a manifest") };
        manifest
    }

    fn with_header(&self, header: &[u8]) -> Vec<u8> {
        let length = (header.len() as u32).to_be_bytes();
        [b"SRSEAL\x00\x01".as_slice(), &length, header, &self.chunks.concat()].concat()
    }

    fn with_manifest(&self, manifest: &[u8]) -> Vec<u8> {
        self.with_header(&self.header.with("manifest", Item::Bytes(manifest.to_vec())).encode())
    }

    /// Another manifest, signed well, and its digest.
    fn restated(&self, world: &World, label: Label, payload: &[u8]) -> (Vec<u8>, [u8; 48]) {
        let document = sign(world, label, payload, &world.keys.owner);
        (self.with_manifest(&document), strongroom_seal::digest::labelled(label, payload))
    }
}

fn faults(book: &mut Book, world: &World, whole: &Whole, label: Label) {
    let good = whole.with_header(&whole.header.encode());
    let chunks_at = good.len() - whole.chunks.concat().len();
    let mut changed = |name: &str, reason: &str, at: usize, to: u8| {
        let mut bytes = good.clone();
        assert_ne!(bytes[at], to);
        bytes[at] = to;
        book.bad(name, reason, &bytes);
    };
    changed("magic", "another magic", 0, b's');
    changed("format-version", "another version of the format", 7, 2);
    changed("header-length", "a header that is longer than the package", 8, 0x7f);
    changed("first-byte-of-content", "a changed chunk", chunks_at, good[chunks_at] ^ 1);
    changed("last-byte-of-tag", "a changed tag", good.len() - 1, good[good.len() - 1] ^ 1);
    book.bad("cut-in-a-chunk", "ends inside the last chunk", &good[..good.len() - 1]);
    book.bad("surplus-byte", "a byte follows the last chunk", &[good.as_slice(), &[0]].concat());
    book.bad("no-chunks", "no chunk at all", &good[..chunks_at]);
    if whole.chunks.len() > 1 {
        let body = |order: &[usize]| {
            [good[..chunks_at].to_vec(), order.iter().flat_map(|at| whole.chunks[*at].clone()).collect()]
                .concat()
        };
        book.bad("chunk-dropped", "the last chunk is missing", &body(&[0]));
        book.bad("chunk-doubled", "the first chunk twice", &body(&[0, 0, 1]));
        book.bad("chunks-swapped", "chunks in another order", &body(&[1, 0]));
    }
    book.bad("other-deployment", "sealed for another deployment", &good).given("deployment", "vectors-us");
    book.bad("other-manifest", "not the manifest that is expected", &good)
        .given("manifest_digest", "00".repeat(48));
    book.bad("other-data-key", "sealed with another key", &good).given("data_key", "00".repeat(32));
    let other = vec![hex::encode(world.keys.other_owner.public().as_bytes())];
    book.bad("other-owner", "signed by somebody else", &good).given("keys", Value::from(other));
    envelopes_in_header(book, world, whole, label);
    let header = whole.header.clone();
    book.bad(
        "header-unknown-field",
        "a field that is not listed",
        &whole.with_header(&header.with("more", Item::Uint(1)).encode()),
    );
    book.bad("header-no-arn", "no KMS key", &whole.with_header(&header.without("key_arn").encode()));
    let long = Item::Raw([head(2, 6145), vec![0; 6145]].concat());
    book.bad(
        "long-wrapped-key",
        "a wrapped key of 6145 bytes",
        &whole.with_header(&header.with("wrapped_key", long).encode()),
    );
    let statement = payload(&whole.manifest());
    for (name, reason, changed) in [
        ("content-length-0", "an empty content", statement.with("content.length", Item::Uint(0))),
        (
            "content-length",
            "a content that is one byte longer",
            statement.with(
                "content.length",
                match statement.get("content.length") {
                    Item::Uint(length) => Item::Uint(length + 1),
                    _ => panic!("a length"),
                },
            ),
        ),
        ("small-chunks", "chunks below 4 KiB", statement.with("content.chunk_bytes", Item::Uint(4095))),
        (
            "large-chunks",
            "chunks above 2 MiB",
            statement.with("content.chunk_bytes", Item::Uint(2 * 1024 * 1024 + 1)),
        ),
        ("too-large", "a content above 16 GiB", statement.with("content.length", Item::Uint((16 << 30) + 1))),
        ("manifest-unknown-field", "a field that is not listed", statement.with("unlisted", Item::Uint(1))),
    ] {
        let (bytes, digest) = whole.restated(world, label, &changed.encode());
        book.bad(name, reason, &bytes).given("manifest_digest", hex::encode(digest));
    }
}

/// Two of the faults of signed documents: `charter.json` has them all.
fn envelopes_in_header(book: &mut Book, world: &World, whole: &Whole, label: Label) {
    let statement = payload(&whole.manifest()).encode();
    let other = if label == label::MODEL_MANIFEST { label::PRIVATE_MANIFEST } else { label::MODEL_MANIFEST };
    let document = sign(world, other, &statement, &world.keys.owner);
    book.bad("other-kind", "a manifest of the other kind", &whole.with_manifest(&document));
    let mut document = whole.manifest();
    *document.last_mut().unwrap() ^= 1;
    book.bad("bad-signature", "the manifest's signature does not verify", &whole.with_manifest(&document));
}
