//! `verify --document`: chain and signature, debug, PCRs, time, nonce, user data, in this order.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use strongroom_attestation::limits::MAX_PUBLISHED_BYTES;
use strongroom_attestation::published::PublishedMeasurements;
use strongroom_attestation::{
    CheckLine, DebugImages, Demand, Expectations, Freshness, ImagePcrs, Pcr, PcrDemand, PcrIndex, PcrSet,
    Status, TrustRoot, UnixMillis, VerifyError, verify,
};

use super::{Args, Hex, print};
use crate::error::{CliError, Result};
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::secret::shown;
use crate::{files, owner};

pub(super) fn run(path: &Path, args: &Args) -> Result<()> {
    let document = files::read(path, MAX_SMALL_FILE_BYTES)?;
    let now = UnixMillis::new(args.at_ms.ok_or_else(|| CliError::usage("--document needs --at-ms"))?);
    let (registers, zero) = registers(&args.pcr)?;
    let expectations = Expectations {
        debug_images: DebugImages::Refused,
        pcrs: demand(registers, published(args)?)?,
        freshness: Freshness::MaxAge(Duration::from_secs(args.max_age_seconds)),
        nonce: given(args.nonce.as_ref()),
        user_data: given(args.user_data.as_ref()),
        public_key: Demand::DangerouslyAny,
    };
    let (transcript, judged) = verify(&document, &TrustRoot::aws_nitro_g1(), now, &expectations);
    let mut lines = transcript.lines().to_vec();
    let mut outcome = judged.map(drop);
    if let Some(index) = zero
        && passed_to_pcrs(&lines)
    {
        outcome = Err(refuse_zero(&mut lines, index));
    }
    print(args.json, &lines, outcome.as_ref().err().map(ToString::to_string))?;
    Ok(outcome?)
}

/// The demanded registers, and an image register that is demanded to be zero, which no image that passes the
/// check before meets.
fn registers(given: &[(PcrIndex, Pcr)]) -> Result<(BTreeMap<PcrIndex, Pcr>, Option<PcrIndex>)> {
    let (mut registers, mut zero) = (BTreeMap::new(), None);
    for (index, value) in given {
        let image = [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION].contains(index);
        if image && value.is_zero() {
            zero = zero.or(Some(*index));
        } else if registers.insert(*index, *value).is_some_and(|earlier| earlier != *value) {
            return Err(CliError::usage(format!("{index} is demanded twice, with two values")));
        }
    }
    Ok((registers, zero))
}

/// The images that the owner has published, each with the charter's register.
fn published(args: &Args) -> Result<Vec<PcrSet>> {
    let (measurements, charter) = match (args.trust.measurements(), &args.charter) {
        (None, _) => return Ok(Vec::new()),
        (Some(_), None) => return Err(CliError::usage("--measurements needs --charter")),
        (Some(measurements), Some(charter)) => (measurements, charter),
    };
    let signed = owner::charter(charter)?;
    let charter = signed.charter();
    let document = files::read(measurements, MAX_PUBLISHED_BYTES as u64)?;
    let published = PublishedMeasurements::open(&document, &charter.keys, &charter.deployment);
    let published =
        published.map_err(|error| CliError::usage(format!("{}: {error}", shown(measurements))))?;
    let set = |image: &ImagePcrs| PcrSet::image(image)?.and(PcrIndex::CHARTER, signed.pcr16());
    let sets = published.images.iter().map(|published| set(&published.image));
    sets.collect::<std::result::Result<_, _>>().map_err(|error| CliError::usage(error.to_string()))
}

/// Every published image with the registers that are demanded beside it, or these alone.
fn demand(registers: BTreeMap<PcrIndex, Pcr>, published: Vec<PcrSet>) -> Result<PcrDemand> {
    let unusable = |error: strongroom_attestation::DemandError| CliError::usage(error.to_string());
    if !published.is_empty() {
        let stated = [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION, PcrIndex::CHARTER];
        if stated.iter().any(|index| registers.contains_key(index)) {
            return Err(CliError::usage("--measurements and --charter state PCR0 to PCR2 and PCR16 already"));
        }
        let with =
            |set: PcrSet| registers.iter().try_fold(set, |set, (index, value)| set.and(*index, *value));
        let sets = published.into_iter().map(with).collect::<std::result::Result<_, _>>();
        return sets.and_then(PcrDemand::one_of).map_err(unusable);
    }
    if registers.is_empty() {
        // Only zero registers are demanded: `refuse_zero` answers for them.
        return Ok(PcrDemand::dangerously_any());
    }
    PcrSet::new(registers).and_then(|set| PcrDemand::one_of(vec![set])).map_err(unusable)
}

fn given(bytes: Option<&Hex>) -> Demand {
    bytes.map_or(Demand::DangerouslyAny, |hex| Demand::Exactly(hex.0.clone()))
}

fn passed_to_pcrs(lines: &[CheckLine]) -> bool {
    let before = lines.iter().take_while(|line| line.id != PCRS);
    before.into_iter().all(|line| line.status == Status::Pass)
}

/// Puts the refusal of a zero demand where the comparison stands, and takes back what came after it.
fn refuse_zero(lines: &mut [CheckLine], index: PcrIndex) -> VerifyError {
    let mut reached = false;
    for line in lines {
        if line.id == PCRS {
            reached = true;
            line.status = Status::Fail;
            line.detail = format!("{index} is demanded to be zero, which only a debug image is");
        } else if reached {
            line.status = Status::Skip;
            line.detail = format!("not judged, because {PCRS} failed");
        }
    }
    VerifyError::Pcr(index)
}

/// Id of the comparison of registers.
const PCRS: &str = "pcrs";
