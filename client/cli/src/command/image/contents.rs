//! What is in an image. This is all of it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_eif::archive::Archive;
use strongroom_kms::TlsRoots;

use crate::error::Result;
use crate::files;
use crate::limits::{MAX_IMAGE_PART_BYTES, MAX_SMALL_FILE_BYTES};

/// The command line of AWS's own images, without a root file system, which ours do not have.
pub(super) const COMMAND_LINE: &str = "reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd \
     random.trust_cpu=on";

/// Names that the authorities behind AWS's endpoints have in their certificates.
const AWS_AUTHORITIES: [&[u8]; 2] =
    [b"Amazon Root CA ", b"Starfield Services Root Certificate Authority - G2"];

/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE_CHARS: usize = 64;

/// Device numbers of the console and of the null device (Linux, `admin-guide/devices.txt`).
const CONSOLE: (u32, u32) = (5, 1);
const NULL: (u32, u32) = (1, 3);

/// What the kernel needs before there is a process: places to mount on, its console, and its driver.
pub(super) fn boot(nsm_module: Option<&Path>) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    for folder in ["dev", "proc", "sys", "tmp"] {
        archive = archive.directory(folder, 0o755)?;
    }
    archive = archive.character_device("dev/console", 0o600, CONSOLE)?;
    archive = archive.character_device("dev/null", 0o666, NULL)?;
    if let Some(path) = nsm_module {
        archive = archive.file("nsm.ko", 0o400, files::read(path, MAX_IMAGE_PART_BYTES)?.to_vec())?;
    }
    Ok(archive.encode())
}

/// The binary and its settings.
pub(super) fn application(init: &Path, parent_cid: u32, kms_roots: Option<&Path>) -> Result<Vec<u8>> {
    let roots = match kms_roots {
        Some(path) => files::read(path, MAX_SMALL_FILE_BYTES)?.to_vec(),
        None => aws_roots(),
    };
    // An enclave that could not read them would never start.
    TlsRoots::from_pem(&roots)?;
    let init = files::read(init, MAX_IMAGE_PART_BYTES)?.to_vec();
    let archive = Archive::new()
        .directory("etc", 0o755)?
        .directory("etc/strongroom", 0o755)?
        .file("etc/strongroom/kms-roots.pem", 0o444, roots)?
        .file("etc/strongroom/parent-cid", 0o444, format!("{parent_cid}\n").into_bytes())?
        .file("init", 0o555, init)?;
    Ok(archive.encode())
}

/// The authorities of Amazon Trust Services, out of Mozilla's.
fn aws_roots() -> Vec<u8> {
    let names_amazon =
        |der: &[u8]| AWS_AUTHORITIES.iter().any(|name| der.windows(name.len()).any(|part| part == *name));
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter(|der| names_amazon(der));
    roots.flat_map(|der| pem(der).into_bytes()).collect()
}

fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (at, character) in encoded.chars().enumerate() {
        text.push(character);
        if (at + 1) % PEM_LINE_CHARS == 0 || at + 1 == encoded.len() {
            text.push('\n');
        }
    }
    text + "-----END CERTIFICATE-----\n"
}

/// The version that a bzImage states (Linux, `arch/x86/boot.rst`, `kernel_version`).
pub(super) fn kernel_version(kernel: &[u8]) -> Option<String> {
    const MAGIC_AT: usize = 0x202;
    const POINTER_AT: usize = 0x20e;
    const SETUP_AT: usize = 0x200;
    const MAX_VERSION_BYTES: usize = 256;
    kernel.get(MAGIC_AT..MAGIC_AT + 4).filter(|magic| *magic == b"HdrS")?;
    let pointer = kernel.get(POINTER_AT..POINTER_AT + 2)?.try_into().ok().map(u16::from_le_bytes)?;
    let text = kernel.get(SETUP_AT + usize::from(pointer)..)?;
    let end = text.iter().take(MAX_VERSION_BYTES).position(|byte| *byte == 0)?;
    let version = std::str::from_utf8(text.get(..end)?).ok()?.split(' ').next()?;
    (!version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use strongroom_eif::archive::entries;

    use super::*;

    #[test]
    fn the_default_roots_are_amazons_alone() {
        let roots = aws_roots();
        assert!(TlsRoots::from_pem(&roots).is_ok());
        assert_eq!(String::from_utf8(roots).unwrap().matches("BEGIN").count(), 5);
    }

    #[test]
    fn an_image_holds_the_binary_its_settings_and_places_to_mount_on() {
        let folder = tempfile::tempdir().unwrap();
        let init = folder.path().join("init");
        std::fs::write(&init, b"binary").unwrap();
        let (boot, application) = (boot(None).unwrap(), application(&init, 3, None).unwrap());
        let paths = |archive: &[u8]| {
            entries(archive).unwrap().iter().map(|entry| entry.path.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&boot), ["dev", "dev/console", "dev/null", "proc", "sys", "tmp"]);
        let settings = ["etc", "etc/strongroom", "etc/strongroom/kms-roots.pem", "etc/strongroom/parent-cid"];
        assert_eq!(paths(&application), [settings.as_slice(), &["init"]].concat());
    }

    #[test]
    fn roots_that_no_enclave_could_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"no certificate").unwrap();
        assert!(application(&file, 3, Some(&file)).is_err());
    }

    #[test]
    fn a_kernel_tells_its_version() {
        let mut kernel = vec![0; 0x400];
        kernel[0x202..0x206].copy_from_slice(b"HdrS");
        kernel[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        kernel[0x300..0x30d].copy_from_slice(b"6.12.1 (x@y)\0");
        assert_eq!(kernel_version(&kernel).as_deref(), Some("6.12.1"));
        assert_eq!(kernel_version(b"no kernel"), None);
    }
}
