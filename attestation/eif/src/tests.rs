use proptest::prelude::*;
use sha2::{Digest, Sha384};
use strongroom_attestation::Pcr;

use super::archive::{Archive, EntryKind, entries};
use super::*;

/// A self-signed certificate over P-384, made for these tests alone.
const CERTIFICATE: &str = include_str!("../tests/certificate.pem");

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

fn signature(pcr0: Pcr) -> SignatureSection {
    SignatureSection::new(Certificate::from_pem(CERTIFICATE.into()).unwrap(), pcr0, [7; SIGNATURE_BYTES])
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
    let certificate = Certificate::from_pem(CERTIFICATE.into()).unwrap();
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

#[test]
fn a_signature_reads_back_and_belongs_to_one_image() {
    let pcr0 = draft().measure(None).image.pcr0;
    let bytes = draft().signed(&signature(pcr0)).unwrap();
    let image = Image::read(&bytes).unwrap();
    assert_eq!(image.signature().unwrap(), &signature(pcr0));
    assert_eq!(image.measure(), draft().measure(Some(signature(pcr0).certificate())));
    assert_eq!(draft().signed(&signature(Pcr::ZERO)).err(), Some(EifError::OtherImage));
    let stray = [
        (SectionKind::Kernel, b"other".as_slice()),
        (SectionKind::CommandLine, b"x"),
        (SectionKind::Ramdisk, b"y"),
    ];
    let encoded = signature(pcr0).encode().unwrap();
    let stray = [stray.as_slice(), &[(SectionKind::Signature, &encoded)]].concat();
    assert_eq!(Image::read(&header::write(&stray).unwrap()).err(), Some(EifError::OtherImage));
}

#[test]
fn certificates_are_one_and_in_pem() {
    let twice = CERTIFICATE.repeat(2).into_bytes();
    for bad in [Vec::new(), b"not pem".to_vec(), twice] {
        assert_eq!(Certificate::from_pem(bad).err(), Some(EifError::Certificate));
    }
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
