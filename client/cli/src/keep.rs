//! Receipts that are kept: each beside the evidence that it is verified with, for their owner's eyes alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use strongroom_client::{Keep, Kept};

use crate::error::{CliError, Result};
use crate::limits::MAX_EVIDENCE_BYTES;
use crate::settings::Settings;
use crate::{files, output, words};

/// Characters of a request's digest in the name of its receipt.
const DIGEST_CHARS: usize = 16;

/// Where receipts go.
#[derive(Default, clap::Args)]
pub(crate) struct KeepArgs {
    /// Write the receipt of the answer, or of the refusal (COSE)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Write the evidence that the receipt is verified with
    #[arg(long, value_name = "FILE", requires = "receipt")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    folder: KeepFolder,
}

/// The folder of all receipts.
#[derive(Default, clap::Args)]
pub(crate) struct KeepFolder {
    /// Keep every receipt as BOOT-INDEX.receipt, and its evidence as DIGEST.evidence, in this folder; else
    /// STRONGROOM_RECEIPTS, else `receipts` of the config file
    #[arg(long, value_name = "DIR")]
    keep_receipts: Option<PathBuf>,
}

impl KeepArgs {
    /// With the folder of environment or config file where no argument names one.
    pub(crate) fn or_settings(self, settings: &Settings) -> Self {
        Self { folder: self.folder.or_settings(settings), ..self }
    }
}

impl KeepFolder {
    /// With that of environment or config file where no argument names one.
    pub(crate) fn or_settings(self, settings: &Settings) -> Self {
        Self { keep_receipts: settings.receipts(self.keep_receipts) }
    }

    /// Makes the folder, so that a wrong one is said before the first receipt. Whether there is one.
    pub(crate) fn made(&self) -> Result<bool> {
        self.keep_receipts.as_deref().map_or(Ok(false), |folder| files::private_folder(folder).map(|()| true))
    }
}

/// Writes what it is handed, and remembers the first failure.
pub(crate) struct Keeper {
    to: KeepArgs,
    runs_on: bool,
    failed: Mutex<Option<CliError>>,
}

impl Keeper {
    pub(crate) fn new(to: KeepArgs) -> Arc<Self> {
        Arc::new(Self { to, runs_on: false, failed: Mutex::new(None) })
    }

    /// One for a command that runs on for long: the first failure is said on stderr at once.
    pub(crate) fn running_on(folder: KeepFolder) -> Arc<Self> {
        let to = KeepArgs { folder, ..KeepArgs::default() };
        Arc::new(Self { to, runs_on: true, failed: Mutex::new(None) })
    }

    /// For the client's options.
    pub(crate) fn keep(self: &Arc<Self>) -> Arc<Keep> {
        let keeper = Arc::clone(self);
        Arc::new(move |kept: &Kept| {
            if let Err(error) = keeper.write(kept) {
                keeper.fail(error);
            }
        })
    }

    /// Whether everything was kept.
    pub(crate) fn finish(&self) -> Result<()> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// The result, and after it what was not kept. Where both failed, the result is the error and the other is told.
    pub(crate) fn finish_after(&self, result: Result<()>) -> Result<()> {
        match (result, self.finish()) {
            (Err(error), Err(lost)) => {
                output::warn(&not_kept(&lost));
                Err(error)
            }
            (result, kept) => result.and(kept),
        }
    }

    fn fail(&self, error: CliError) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.runs_on && failed.is_none() {
            output::warn(&not_kept(&error));
        }
        failed.get_or_insert(error);
    }

    fn write(&self, kept: &Kept) -> Result<()> {
        if let Some(path) = &self.to.receipt {
            files::write(path, &kept.document)?;
        }
        if let Some(path) = &self.to.evidence {
            files::write(path, &kept.evidence)?;
        }
        self.to.folder.keep_receipts.as_deref().map_or(Ok(()), |folder| keep_in(folder, kept))
    }
}

fn not_kept(error: &CliError) -> String {
    format!("a receipt is not kept: {error}")
}

fn keep_in(folder: &Path, kept: &Kept) -> Result<()> {
    files::private_folder(folder)?;
    once(&folder.join(format!("{}.evidence", kept.evidence_digest)), &kept.evidence)?;
    let boot = words::boot_words(kept.receipt.boot);
    let index = kept.receipt.index.map_or("refused".to_owned(), |index| index.to_string());
    let request: String = kept.receipt.request.to_string().chars().take(DIGEST_CHARS).collect();
    let document = hex::encode(digest(&SHA256, &kept.document));
    // Another key's receipt of this boot may have this number: the request tells them apart. Openings all have the same
    // request, which is none; what tells those apart is the receipt itself.
    let names = ["", &format!("-{request}"), &format!("-{request}-{document}")];
    let mut written = Ok(());
    for name in names {
        written = once(&folder.join(format!("{boot}-{index}{name}.receipt")), &kept.document);
        if !matches!(written, Err(CliError::Exists(_))) {
            break;
        }
    }
    written
}

/// Writes a new file, or finds that it holds these bytes already.
fn once(path: &Path, bytes: &[u8]) -> Result<()> {
    match files::write_private(path, bytes) {
        Err(CliError::Exists(_))
            if files::read(path, MAX_EVIDENCE_BYTES).is_ok_and(|held| *held == bytes) =>
        {
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use strongroom_attestation::UnixMillis;
    use strongroom_attestation::claims::BootId;
    use strongroom_attestation::receipt::{Budget, Receipt};
    use strongroom_seal::digest::{
        ControlsDigest, EvidenceDigest, OutcomeDigest, ReleaseDigest, RequestDigest,
    };

    use super::*;

    fn kept(index: Option<u64>, document: &[u8]) -> Kept {
        let receipt = Receipt {
            request: RequestDigest::of(document),
            outcome: OutcomeDigest::of(b"a"),
            model: None,
            release: ReleaseDigest::of(b"r"),
            epoch: 1,
            controls: ControlsDigest::of(b"c"),
            treatment: None,
            voted: false,
            budget: Budget::default(),
            boot: BootId::new([0xab; 16]),
            index,
            audit: None,
            time: UnixMillis::new(2),
            anchor: UnixMillis::new(1),
        };
        let evidence_digest = EvidenceDigest::of(b"e");
        Kept { document: document.to_vec(), receipt, evidence: b"evidence".to_vec().into(), evidence_digest }
    }

    #[test]
    fn each_receipt_is_kept_once_and_none_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let keep_receipts = Some(folder.path().join("kept"));
        let last = folder.path().join("last");
        let folder_of_all = KeepFolder { keep_receipts };
        assert!(folder_of_all.made().unwrap() && !KeepFolder::default().made().unwrap());
        let receipt = Some(last.clone());
        let keeper = Keeper::new(KeepArgs { receipt, evidence: None, folder: folder_of_all });
        let keep = keeper.keep();
        for kept in [kept(Some(1), b"one"), kept(Some(1), b"one"), kept(Some(1), b"other"), kept(None, b"no")]
        {
            keep(&kept);
        }
        assert!(keeper.finish().is_ok());
        assert_eq!(std::fs::read(last).unwrap(), b"no");
        let mut names: Vec<_> = std::fs::read_dir(folder.path().join("kept"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let (boot, request) = ("ab".repeat(16), RequestDigest::of(b"other").to_string());
        let expected = [
            format!("{}.evidence", EvidenceDigest::of(b"e")),
            format!("{boot}-1-{}.receipt", &request[..16]),
            format!("{boot}-1.receipt"),
            format!("{boot}-refused.receipt"),
        ];
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(names, expected);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("kept")), 0o700);
        assert_eq!(mode(&folder.path().join("kept").join(&names[0])), 0o600);
    }

    #[test]
    fn openings_of_one_boot_are_all_kept_though_they_have_no_request() {
        let folder = tempfile::tempdir().unwrap();
        let opening = |document: &[u8]| {
            let kept = kept(Some(7), document);
            Kept { receipt: Receipt { request: RequestDigest::of(b""), ..kept.receipt }, ..kept }
        };
        let documents: [&[u8]; 5] = [b"one", b"two", b"three", b"four", b"three"];
        for document in documents {
            keep_in(folder.path(), &opening(document)).unwrap();
        }
        let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let receipts = entries.filter(|path| path.extension().is_some_and(|ending| ending == "receipt"));
        let mut held: Vec<_> = receipts.map(|path| std::fs::read(path).unwrap()).collect();
        held.sort();
        assert_eq!(held, [b"four".as_slice(), b"one", b"three", b"two"]);
    }

    #[test]
    fn a_receipt_that_is_lost_does_not_hide_a_refusal_nor_the_refusal_it() {
        let receipt = || Some(PathBuf::from("/proc/none/receipt"));
        let lost = || {
            let keeper = Keeper::new(KeepArgs { receipt: receipt(), ..KeepArgs::default() });
            keeper.keep()(&kept(None, b"refused"));
            keeper
        };
        assert!(matches!(lost().finish_after(Err(CliError::Random)), Err(CliError::Random)));
        assert!(matches!(lost().finish_after(Ok(())), Err(CliError::File { .. })));
        let whole = Keeper::new(KeepArgs::default());
        assert!(whole.finish_after(Ok(())).is_ok());
        assert!(whole.finish_after(Err(CliError::Random)).is_err());
    }

    #[test]
    fn what_cannot_be_kept_is_an_error_after_the_answer() {
        let receipt = Some(PathBuf::from("/proc/none/receipt"));
        let keeper = Keeper::new(KeepArgs { receipt, ..KeepArgs::default() });
        keeper.keep()(&kept(Some(1), b"one"));
        assert!(matches!(keeper.finish(), Err(CliError::File { .. })));
        let keep_receipts = Some(PathBuf::from("/proc/none/receipts"));
        assert!(KeepFolder { keep_receipts }.made().is_err());
    }
}
