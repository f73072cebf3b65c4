//! The `parameters` of a request, an input or an output.
//!
//! Three kinds. Those of the binary tensor extension are obeyed, and so is `risk.NAME`, a number that is declared of
//! the request where a route chooses by it. Those that ask for another answer than the one that would come, such as
//! `classification`, shared memory or a sequence, are refused by name. All others (`priority`, `timeout`, what an
//! application adds for itself) cannot change what a model answers here, and are ignored.

use std::collections::BTreeMap;

use strongroom_proto::name::Name;
use strongroom_seal::limits::MAX_RISK_FIELDS;

use super::json::Json;
use super::{Fault, OipError};

/// Begins the name of a parameter that declares a risk.
const RISK: &str = "risk.";

/// Ask for another answer, or for input from elsewhere.
const REFUSED: [&str; 4] =
    ["classification", "shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"];

/// Ask for state between requests, unless they hold the value that means none.
const SEQUENCE: [&str; 3] = ["sequence_id", "sequence_start", "sequence_end"];

/// Whose parameters they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Request,
    Input,
    Output,
}

/// What they say.
#[derive(Default)]
pub(super) struct Parameters {
    /// Bytes behind the JSON that are an input's elements.
    pub(super) binary_data_size: Option<usize>,
    /// Whether an output, or each output of a request, is wanted behind the JSON.
    pub(super) binary: Option<bool>,
    /// What is declared of a request.
    pub(super) risk: BTreeMap<Name, f64>,
}

/// Takes the parameters out of an object whose path is `at`, which is empty for the request itself.
pub(super) fn take(
    object: &mut BTreeMap<String, Json<'_>>,
    at: &str,
    of: Of,
) -> Result<Parameters, OipError> {
    let at = if at.is_empty() { "parameters".to_owned() } else { format!("{at}.parameters") };
    let mut parameters = Parameters::default();
    let map = match object.remove("parameters") {
        None | Some(Json::Null) => return Ok(parameters),
        Some(Json::Object(map)) => map,
        Some(_) => return Err(Fault::Type("an object").at(at)),
    };
    for (name, value) in map {
        parameters.add(&name, &value, (&at, of))?;
    }
    Ok(parameters)
}

impl Parameters {
    fn add(&mut self, name: &str, value: &Json<'_>, (at, of): (&str, Of)) -> Result<(), OipError> {
        if let Some(name) = name.strip_prefix(RISK) {
            return self.declare(name, value, of).map_err(|fault| fault.at(at));
        }
        match (name, of) {
            ("binary_data_size", Of::Input) => {
                self.binary_data_size = Some(size(value).map_err(|fault| fault.at(path(at, name)))?);
            }
            ("binary_data", Of::Output) | ("binary_data_output", Of::Request) => {
                let Json::Bool(binary) = value else {
                    return Err(Fault::Type("a boolean").at(path(at, name)));
                };
                self.binary = Some(*binary);
            }
            // Each is known by name, so that the error repeats nothing of the caller's.
            ("binary_data_size" | "binary_data" | "binary_data_output", _) => {
                return Err(Fault::Parameter.at(path(at, name)));
            }
            _ if REFUSED.contains(&name) => return Err(Fault::Parameter.at(path(at, name))),
            _ if SEQUENCE.contains(&name) && !is_none(value) => {
                return Err(Fault::Parameter.at(path(at, name)));
            }
            _ => {}
        }
        Ok(())
    }

    fn declare(&mut self, name: &str, value: &Json<'_>, of: Of) -> Result<(), Fault> {
        let number = match value {
            Json::Number(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        let name = name.parse().ok().filter(|_| of == Of::Request);
        let (Some(name), Some(number)) = (name, number) else { return Err(Fault::Risk) };
        self.risk.insert(name, number);
        if self.risk.len() > MAX_RISK_FIELDS { Err(Fault::TooLong) } else { Ok(()) }
    }
}

fn path(at: &str, name: &str) -> String {
    format!("{at}.{name}")
}

fn size(value: &Json<'_>) -> Result<usize, Fault> {
    let size = match value {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    };
    size.ok_or(Fault::Type("a number of bytes"))
}

/// The values with which a client says that there is no sequence.
fn is_none(value: &Json<'_>) -> bool {
    match value {
        Json::Null | Json::Bool(false) | Json::Number("0") => true,
        Json::Text(text) => text.is_empty(),
        _ => false,
    }
}
