//! Reads and writes the TOML. Every field is named once, here or in `controls`.

mod controls;

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand};
use strongroom_attestation::published::PublishedMeasurements;
use strongroom_attestation::release::ReleasedModel;
use strongroom_attestation::{ImagePcrs, Pcr, RootKind, TrustRoot};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::key::{Algorithm, VerifyingKey};

use super::{Demands, TrustFileError, pem};
use crate::limits::{DEFAULT_MAX_AGE, MAX_TRUST_FILE_BYTES};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    simulation: bool,
    root: Option<String>,
    max_age_seconds: Option<u64>,
    #[serde(default)]
    least_epoch: u64,
    #[serde(default)]
    owner_may_change_models: bool,
    #[serde(default)]
    owner_decides_controls: bool,
    #[serde(default)]
    image: Vec<Image>,
    measurements: Option<Measurements>,
    charter: Charter,
    #[serde(default)]
    model: Vec<Model>,
    controls: Option<controls::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    pcr0: String,
    pcr1: String,
    pcr2: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measurements {
    signed_by: Vec<String>,
    deployment: Name,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Charter {
    digest: Option<String>,
    signed_by: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    version: String,
    digest: String,
}

pub(super) fn read(bytes: &[u8], published: Option<&[u8]>) -> Result<Demands, TrustFileError> {
    if bytes.len() > MAX_TRUST_FILE_BYTES {
        return Err(TrustFileError::Text);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| TrustFileError::Text)?;
    let file: File = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    Ok(Demands {
        root: root(file.simulation, file.root.as_deref())?,
        images: images(&file, published)?,
        charter: charter(&file.charter)?,
        least_epoch: file.least_epoch,
        models: models(&file.model, file.owner_may_change_models)?,
        controls: controls::demand(file.controls, file.owner_decides_controls)?,
        max_age: file.max_age_seconds.map_or(DEFAULT_MAX_AGE, Duration::from_secs),
    })
}

fn syntax(text: &str, error: &toml::de::Error) -> TrustFileError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    TrustFileError::Syntax { line, reason: error.message().to_owned() }
}

fn root(simulation: bool, inline: Option<&str>) -> Result<TrustRoot, TrustFileError> {
    match (simulation, inline) {
        (false, None) => Ok(TrustRoot::aws_nitro_g1()),
        (false, Some(_)) => Err(TrustFileError::Choice("a root may be given only with simulation = true")),
        (true, None) => Err(TrustFileError::Choice("simulation = true asks for a root")),
        (true, Some(text)) => {
            let expected = "exactly one certificate in PEM";
            let der = pem::read(text).ok_or(TrustFileError::Value { field: "root", expected })?;
            let root = TrustRoot::from_der(&der)?;
            match root.kind() {
                RootKind::Simulated => Ok(root),
                RootKind::AwsNitroG1 => {
                    Err(TrustFileError::Choice("simulation = true excludes the root of AWS"))
                }
            }
        }
    }
}

fn images(file: &File, published: Option<&[u8]>) -> Result<Vec<ImagePcrs>, TrustFileError> {
    match (&file.measurements, published) {
        (None, None) => file.image.iter().map(image).collect(),
        (Some(_), _) if !file.image.is_empty() => {
            Err(TrustFileError::Choice("name either [[image]] or [measurements]"))
        }
        (Some(by), Some(document)) => {
            let keys = keys("measurements.signed_by", &by.signed_by)?;
            let published = PublishedMeasurements::open(document, &keys, &by.deployment)?;
            Ok(published.images.into_iter().map(|published| published.image).collect())
        }
        (Some(_), None) => Err(TrustFileError::Choice("[measurements] asks for the published measurements")),
        (None, Some(_)) => {
            Err(TrustFileError::Choice("no [measurements] says whose published measurements are accepted"))
        }
    }
}

fn image(image: &Image) -> Result<ImagePcrs, TrustFileError> {
    let pcr = |field, text: &String| parse::<Pcr>(field, "a PCR: 96 hexadecimal digits", text);
    Ok(ImagePcrs {
        pcr0: pcr("image.pcr0", &image.pcr0)?,
        pcr1: pcr("image.pcr1", &image.pcr1)?,
        pcr2: pcr("image.pcr2", &image.pcr2)?,
    })
}

fn charter(charter: &Charter) -> Result<CharterDemand, TrustFileError> {
    match (&charter.digest, &charter.signed_by) {
        (Some(digest), None) => Ok(CharterDemand::Exactly(parse("charter.digest", DIGEST, digest)?)),
        (None, Some(signers)) => Ok(CharterDemand::SignedBy(keys("charter.signed_by", signers)?)),
        _ => Err(TrustFileError::Choice("[charter] names either a digest or signed_by")),
    }
}

fn keys(field: &'static str, texts: &[String]) -> Result<Vec<VerifyingKey>, TrustFileError> {
    texts.iter().map(|text| owner_key(field, text)).collect()
}

fn owner_key(field: &'static str, text: &str) -> Result<VerifyingKey, TrustFileError> {
    let wrong = TrustFileError::Value { field, expected: "P-384 public keys in hexadecimal" };
    let point = hex::decode(text).map_err(|_| wrong.clone())?;
    let key = VerifyingKey::new(&point).map_err(|_| wrong.clone())?;
    if key.algorithm() == Algorithm::Es384 { Ok(key) } else { Err(wrong) }
}

fn models(models: &[Model], owner_may_change: bool) -> Result<ModelDemand, TrustFileError> {
    if owner_may_change != models.is_empty() {
        return Err(TrustFileError::Choice("name either [[model]] or owner_may_change_models = true"));
    }
    if owner_may_change {
        return Ok(ModelDemand::OwnerMayChange);
    }
    let one = |model: &Model| {
        let name = |field, text: &String| parse(field, "a name", text);
        let id = PackageId {
            name: name("model.name", &model.name)?,
            version: name("model.version", &model.version)?,
        };
        Ok(ReleasedModel { id, digest: parse("model.digest", DIGEST, &model.digest)? })
    };
    models.iter().map(one).collect::<Result<_, _>>().map(ModelDemand::Exactly)
}

const DIGEST: &str = "a digest: 96 hexadecimal digits";

fn parse<T: FromStr>(field: &'static str, expected: &'static str, text: &str) -> Result<T, TrustFileError> {
    text.parse().map_err(|_| TrustFileError::Value { field, expected })
}

/// Nothing that is written needs escaping: hexadecimal, PEM and names alone.
pub(super) fn write(demands: &Demands, publisher: Option<(&[VerifyingKey], &Name)>) -> String {
    let mut text = String::new();
    if demands.root.kind() == RootKind::Simulated {
        text += "# SIMULATION: this root vouches for nothing.\nsimulation = true\n";
        let _ = write!(text, "root = \"\"\"\n{}\"\"\"\n", pem::write(demands.root.der()));
    }
    let _ = writeln!(text, "max_age_seconds = {}", demands.max_age.as_secs());
    let _ = writeln!(text, "least_epoch = {}", demands.least_epoch);
    if demands.models == ModelDemand::OwnerMayChange {
        text += "owner_may_change_models = true\n";
    }
    if demands.controls == ControlsDemand::OwnerDecides {
        text += "owner_decides_controls = true\n";
    }
    match publisher {
        Some((keys, deployment)) => {
            let keys = key_list(keys);
            let _ = write!(text, "\n[measurements]\nsigned_by = [{keys}]\ndeployment = \"{deployment}\"\n");
        }
        None => {
            for ImagePcrs { pcr0, pcr1, pcr2 } in &demands.images {
                let _ =
                    write!(text, "\n[[image]]\npcr0 = \"{pcr0}\"\npcr1 = \"{pcr1}\"\npcr2 = \"{pcr2}\"\n");
            }
        }
    }
    write_charter(&mut text, &demands.charter);
    if let ModelDemand::Exactly(models) = &demands.models {
        for ReleasedModel { id: PackageId { name, version }, digest } in models {
            let _ = write!(
                text,
                "\n[[model]]\nname = \"{name}\"\nversion = \"{version}\"\ndigest = \"{digest}\"\n"
            );
        }
    }
    controls::write(&mut text, &demands.controls);
    text
}

fn write_charter(text: &mut String, charter: &CharterDemand) {
    let _ = match charter {
        CharterDemand::Exactly(digest) => write!(text, "\n[charter]\ndigest = \"{digest}\"\n"),
        CharterDemand::SignedBy(keys) => {
            write!(text, "\n[charter]\nsigned_by = [{}]\n", key_list(keys))
        }
    };
}

fn key_list(keys: &[VerifyingKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{}\"", hex::encode(key.as_bytes()))).collect();
    keys.join(", ")
}
