use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use sha2::{Digest, Sha384};
use strongroom_attestation::Pcr;

use super::archive::{Archive, EntryKind, entries};
use super::*;

/// A key and the PEM of a certificate of its own.
struct Signer {
    key: EcdsaKeyPair,
    pem: String,
}

impl Signer {
    fn generate() -> Self {
        let (key, pem) = self_signed(&rcgen::PKCS_ECDSA_P384_SHA384);
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &key, &random).unwrap();
        Self { key, pem }
    }

    fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.pem.clone().into_bytes()).unwrap()
    }

    /// r ‖ s over what has to be signed for the register.
    fn sign(&self, pcr0: Pcr) -> [u8; SIGNATURE_BYTES] {
        let message = SignatureSection::to_be_signed(&pcr0).unwrap();
        self.key.sign(&SystemRandom::new(), &message).unwrap().as_ref().try_into().unwrap()
    }

    fn section(&self, pcr0: Pcr) -> SignatureSection {
        SignatureSection::new(self.certificate(), pcr0, self.sign(pcr0)).unwrap()
    }
}

/// PKCS#8 of a new key and its certificate in PEM.
fn self_signed(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, String) {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    (key.serialize_der(), certificate.pem())
}

fn metadata() -> Metadata {
    Metadata {
        image_name: "strongroom".to_owned(),
        image_version: "0.1.0".to_owned(),
        build_metadata: BuildMetadata {
            build_time: "1970-01-01T00:00:00Z".to_owned(),
            build_tool: "strongroom".to_owned(),
            build_tool_version: "0.1.0".to_owned(),
            operating_system: "Debian 12".to_owned(),
            kernel_version: "6.12".to_owned(),
        },
        docker_info: serde_json::Value::Null,
        custom_metadata: serde_json::json!({ "libc6-dev": "2.36" }),
    }
}

fn draft() -> Draft {
    let disks = vec![b"first".to_vec(), b"second".to_vec(), b"third".to_vec()];
    Draft::new(b"kernel".to_vec(), "console=ttyS0".to_owned(), &metadata(), disks).unwrap()
}

fn register(parts: &[&[u8]]) -> Pcr {
    let digest = Sha384::digest(parts.concat());
    let value = Sha384::digest([&[0; 48], digest.as_slice()].concat());
    Pcr::try_from(value.as_slice()).unwrap()
}

#[test]
fn registers_cover_what_their_names_say() {
    let measured = draft().measure(None);
    let (kernel, line) = (b"kernel".as_slice(), b"console=ttyS0".as_slice());
    assert_eq!(measured.image.pcr0, register(&[kernel, line, b"first", b"second", b"third"]));
    assert_eq!(measured.image.pcr1, register(&[kernel, line, b"first"]));
    assert_eq!(measured.image.pcr2, register(&[b"second", b"third"]));
    assert_eq!(measured.pcr8, None);
}

#[test]
fn metadata_are_not_measured_and_the_certificate_is_apart() {
    let other = Metadata { image_name: "other".to_owned(), ..metadata() };
    let disks = vec![b"first".to_vec(), b"second".to_vec(), b"third".to_vec()];
    let other = Draft::new(b"kernel".to_vec(), "console=ttyS0".to_owned(), &other, disks).unwrap();
    assert_eq!(other.measure(None), draft().measure(None));
    let certificate = Signer::generate().certificate();
    let signed = draft().measure(Some(&certificate));
    assert_eq!(signed.image, draft().measure(None).image);
    assert_eq!(signed.pcr8, Some(register(&[certificate.der()])));
}

#[test]
fn what_is_written_reads_back() {
    let bytes = draft().unsigned().unwrap();
    let image = Image::read(&bytes).unwrap();
    assert_eq!(image.measure(), draft().measure(None));
    assert_eq!((image.kernel(), image.command_line()), (b"kernel".as_slice(), "console=ttyS0"));
    assert_eq!(image.ramdisks().collect::<Vec<_>>(), [b"first".as_slice(), b"second", b"third"]);
    assert_eq!(image.metadata(), Some(metadata()));
    assert!(image.signature().is_none());
    assert_eq!(bytes, draft().unsigned().unwrap(), "the same parts give the same bytes");
}

/// An image with this signature section, whatever it holds.
fn image_with(sections: &[header::Section<'_>], signature: &[u8]) -> Vec<u8> {
    header::write(&[sections, &[(SectionKind::Signature, signature)]].concat()).unwrap()
}

const STRAY: [header::Section<'static>; 3] =
    [(SectionKind::Kernel, b"other"), (SectionKind::CommandLine, b"x"), (SectionKind::Ramdisk, b"y")];

/// What is measured of the draft.
const DRAFT: [header::Section<'static>; 5] = [
    (SectionKind::Kernel, b"kernel"),
    (SectionKind::CommandLine, b"console=ttyS0"),
    (SectionKind::Ramdisk, b"first"),
    (SectionKind::Ramdisk, b"second"),
    (SectionKind::Ramdisk, b"third"),
];

#[test]
fn a_signature_reads_back_and_belongs_to_one_image() {
    let (signer, pcr0) = (Signer::generate(), draft().measure(None).image.pcr0);
    let section = signer.section(pcr0);
    let bytes = draft().signed(&section).unwrap();
    let image = Image::read(&bytes).unwrap();
    assert_eq!(image.signature().unwrap(), &section);
    assert_eq!(image.measure(), draft().measure(Some(section.certificate())));
    assert_eq!(draft().signed(&signer.section(Pcr::ZERO)).err(), Some(EifError::OtherImage));
    let stray = image_with(&STRAY, &section.encode().unwrap());
    assert_eq!(Image::read(&stray).err(), Some(EifError::OtherImage));
}

#[test]
fn a_signature_is_by_the_key_of_its_certificate_and_over_its_register() {
    let (signer, other) = (Signer::generate(), Signer::generate());
    let (pcr0, certificate) = (draft().measure(None).image.pcr0, signer.certificate());
    let refused = |signature| SignatureSection::new(certificate.clone(), pcr0, signature).err();
    assert_eq!(refused(signer.sign(pcr0)), None);
    assert_eq!(refused(other.sign(pcr0)), Some(EifError::NotSigned));
    assert_eq!(refused(signer.sign(Pcr::ZERO)), Some(EifError::NotSigned));
    assert_eq!(refused([7; SIGNATURE_BYTES]), Some(EifError::NotSigned));
}

#[test]
fn a_forged_signature_in_an_image_is_refused() {
    let pcr0 = draft().measure(None).image.pcr0;
    let mut section = Signer::generate().section(pcr0).encode().unwrap();
    // The section ends with the signature, whose last byte is a number of its own: the flip leaves it one.
    *section.last_mut().unwrap() ^= 1;
    let image = image_with(&DRAFT, &section);
    assert_eq!(Image::read(&image).err(), Some(EifError::NotSigned));
    *section.last_mut().unwrap() ^= 1;
    let image = image_with(&DRAFT, &section);
    assert_eq!(Image::read(&image).unwrap().measure().image.pcr0, pcr0);
}

#[test]
fn certificates_are_one_and_in_pem() {
    let twice = Signer::generate().pem.repeat(2).into_bytes();
    for bad in [Vec::new(), b"not pem".to_vec(), twice] {
        assert_eq!(Certificate::from_pem(bad).err(), Some(EifError::Certificate));
    }
}

#[test]
fn certificates_are_of_a_key_over_p_384() {
    let signer = Signer::generate();
    assert_eq!(signer.certificate().public_key().unwrap().as_slice(), signer.key.public_key().as_ref());
    let (_, pem) = self_signed(&rcgen::PKCS_ECDSA_P256_SHA256);
    let certificate = Certificate::from_pem(pem.into_bytes()).unwrap();
    assert_eq!(certificate.public_key(), None);
    let signed = SignatureSection::new(certificate, Pcr::ZERO, signer.sign(Pcr::ZERO));
    assert_eq!(signed.err(), Some(EifError::CertificateKey));
}

#[test]
fn every_changed_byte_is_noticed() {
    let bytes = draft().unsigned().unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = Image::read(&changed);
        assert!(read.is_err(), "byte {at}");
    }
    for length in 0..bytes.len() {
        assert!(Image::read(&bytes[..length]).is_err(), "cut to {length}");
    }
    assert_eq!(Image::read(&[bytes, vec![0]].concat()).err(), Some(EifError::Checksum));
}

#[test]
fn bad_parts_are_named() {
    let draft = |kernel: &[u8], line: &str, disks: &[&[u8]]| {
        let disks = disks.iter().map(|disk| disk.to_vec()).collect();
        Draft::new(kernel.to_vec(), line.to_owned(), &metadata(), disks).err()
    };
    assert_eq!(draft(b"", "a", &[b"x"]), Some(EifError::Empty("the kernel")));
    assert_eq!(draft(b"k", "", &[b"x"]), Some(EifError::Empty("the command line")));
    assert_eq!(draft(b"k", "a\nb", &[b"x"]), Some(EifError::CommandLine));
    assert_eq!(draft(b"k", &"a".repeat(2049), &[b"x"]), Some(EifError::TooLong("the command line")));
    assert_eq!(draft(b"k", "a", &[]), Some(EifError::NoRamdisk));
    assert_eq!(draft(b"k", "a", &[b""]), Some(EifError::Empty("a RAM disk")));
    let kernel = (SectionKind::Kernel, b"k".as_slice());
    let rest = [(SectionKind::CommandLine, b"a".as_slice()), (SectionKind::Ramdisk, b"x")];
    let twice = header::write(&[&[kernel, kernel], rest.as_slice()].concat()).unwrap();
    assert_eq!(Image::read(&twice).err(), Some(EifError::Needs(SectionKind::Kernel)));
    assert_eq!(Image::read(b"ELF").err(), Some(EifError::NotAnImage));
}

#[test]
fn archives_are_sorted_owned_by_root_and_read_back() {
    let make = |reversed: bool| {
        let archive = Archive::new();
        let archive = if reversed {
            archive.file("init", 0o500, b"binary".to_vec()).and_then(|a| a.directory("dev", 0o755))
        } else {
            archive.directory("dev", 0o755).and_then(|a| a.file("init", 0o500, b"binary".to_vec()))
        };
        archive.unwrap().character_device("dev/console", 0o600, (5, 1)).unwrap().encode()
    };
    assert_eq!(make(false), make(true), "the order of adding does not matter");
    let bytes = make(false);
    assert_eq!(bytes.len() % 512, 0);
    let read = entries(&bytes).unwrap();
    let paths: Vec<_> = read.iter().map(|entry| (entry.path, entry.kind, entry.permissions)).collect();
    let expected = [
        ("dev", EntryKind::Directory, 0o755),
        ("dev/console", EntryKind::CharacterDevice, 0o600),
        ("init", EntryKind::File, 0o500),
    ];
    assert_eq!(paths, expected);
    assert_eq!(read[2].content, b"binary");
}

/// An archive of one file, with these bytes in place of others of the same number.
fn archive_with(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = Archive::new().file("init", 0o500, b"binary".to_vec()).unwrap().encode();
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn archives_that_linux_would_read_otherwise_are_refused() {
    assert_eq!(entries(&archive_with(b"init", b"init")).unwrap().len(), 1);
    let cases: [(&str, &[u8], &[u8]); 8] = [
        ("a plus in the size", b"00000006", b"+0000006"),
        ("no digit in the checksum", b"0000000500000000init", b"000000050000000xinit"),
        ("a zero byte inside a name", b"init", b"in\0t"),
        ("a control character", b"init", b"in\x1bt"),
        ("a space", b"init", b"in t"),
        ("a step up", b"init", b"../i"),
        ("a file of two links", b"0000000100000000000000060", b"0000000200000000000000060"),
        ("a directory with content", b"00008140", b"000041c0"),
    ];
    for (what, from, to) in cases {
        assert_eq!(entries(&archive_with(from, to)).err(), Some(EifError::Archive), "{what}");
    }
}

#[test]
fn archives_that_hold_a_path_twice_are_refused() {
    let archive = Archive::new().directory("a", 0o755).and_then(|a| a.directory("b", 0o755)).unwrap();
    let mut bytes = archive.encode();
    let at = bytes.windows(2).position(|window| window == b"b\0").unwrap();
    assert_eq!(entries(&bytes).unwrap().len(), 2);
    bytes[at] = b'a';
    assert_eq!(entries(&bytes).err(), Some(EifError::Archive));
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in ["", "/init", "a//b", "../a", "a/..", "./a", "a b", "TRAILER!!!", "a/"] {
        assert_eq!(Archive::new().directory(path, 0o755).err(), Some(EifError::Path), "{path}");
    }
    let once = Archive::new().directory("a", 0o755).unwrap();
    assert_eq!(once.directory("a", 0o755).err(), Some(EifError::Path), "twice");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = Image::read(&bytes);
        let _ = entries(&bytes);
        let _ = SignatureSection::decode(&bytes);
    }

    #[test]
    fn any_change_of_an_archive_is_refused_or_read_without_a_panic(at in 0_usize..1024, to in any::<u8>()) {
        let archive = Archive::new().directory("a", 0o755).unwrap().file("a/b", 0o400, vec![1; 100]).unwrap();
        let mut bytes = archive.encode();
        let length = bytes.len();
        bytes[at % length] = to;
        let _ = entries(&bytes);
    }
}
