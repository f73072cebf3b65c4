//! `schema.toml`: what values the inputs of a model may hold, as its owner writes it for `seal`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use strongroom_seal::model::{Dim, Interface, Schema, ValueRule};

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::secret::shown;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    max_bytes: Option<u64>,
    #[serde(default)]
    input: BTreeMap<String, FileRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    #[serde(default)]
    non_finite: bool,
    min: Option<Numbers>,
    max: Option<Numbers>,
    vocabulary: Option<u64>,
    max_string_bytes: Option<u64>,
    lengthscale: Option<Numbers>,
}

/// One number for all features, or one for each.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    All(f64),
    Each(Vec<f64>),
}

/// Reads a schema and checks it against the interface it is for.
pub(crate) fn read(path: &Path, interface: &Interface) -> Result<Schema> {
    let text = files::read_text(path, MAX_SMALL_FILE_BYTES)?;
    let wrong = |reason: String| CliError::usage(format!("{}: {reason}", shown(path)));
    let schema = parse(&text).map_err(wrong)?;
    schema.check(interface).map_err(|error| wrong(error.to_string()))?;
    fits(&schema, interface).map_err(wrong)?;
    Ok(schema)
}

fn parse(text: &str) -> std::result::Result<Schema, String> {
    let file: SchemaFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let inputs = file.input.into_iter().map(|(name, rule)| (name, rule.compile()));
    let schema = Schema { inputs: inputs.collect(), max_bytes: file.max_bytes };
    let numbers = schema.inputs.values().flat_map(|rule| [&rule.min, &rule.max, &rule.lengthscale]).flatten();
    if numbers.into_iter().any(|number| !number.is_finite()) {
        return Err("a bound or lengthscale that is not finite; leave an open end out".to_owned());
    }
    Ok(schema)
}

/// Whether lists for each feature are as long as the last dimension, where that is fixed.
pub(crate) fn fits(schema: &Schema, interface: &Interface) -> std::result::Result<(), String> {
    for (name, rule) in &schema.inputs {
        let input = interface.inputs.iter().find(|input| input.name == *name);
        let Some(Dim::Fixed(last)) = input.and_then(|input| input.shape.last()) else { continue };
        for (field, list) in [("min", &rule.min), ("max", &rule.max), ("lengthscale", &rule.lengthscale)] {
            if list.len() > 1 && list.len() as u64 != *last {
                let name = name.escape_debug();
                return Err(format!(
                    "{field} of input '{name}' has {} numbers for {last} features",
                    list.len()
                ));
            }
        }
    }
    Ok(())
}

impl FileRule {
    fn compile(self) -> ValueRule {
        let list = |numbers: Option<Numbers>| match numbers {
            None => Vec::new(),
            Some(Numbers::All(number)) => vec![number],
            Some(Numbers::Each(numbers)) => numbers,
        };
        ValueRule {
            non_finite: self.non_finite,
            min: list(self.min),
            max: list(self.max),
            vocabulary: self.vocabulary,
            max_string_bytes: self.max_string_bytes,
            lengthscale: list(self.lengthscale),
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_seal::model::TensorSpec;
    use strongroom_seal::tensor::DType;

    use super::*;

    fn interface() -> Interface {
        let spec = TensorSpec {
            name: "x".into(),
            dtype: DType::Fp32,
            shape: vec![Dim::Symbol("b".into()), Dim::Fixed(2)],
        };
        Interface { inputs: vec![spec.clone()], outputs: vec![spec], symbols: BTreeMap::new() }
    }

    fn judge(text: &str) -> std::result::Result<Schema, String> {
        let schema = parse(text)?;
        schema.check(&interface()).map_err(|error| error.to_string())?;
        fits(&schema, &interface())?;
        Ok(schema)
    }

    #[test]
    fn one_number_is_for_all_features_and_a_list_for_each() {
        let schema = judge("max_bytes = 64\n[input.x]\nmin = -1\nmax = [1.5, 2]\nlengthscale = 0.5").unwrap();
        assert_eq!(schema.max_bytes, Some(64));
        let rule = schema.inputs.get("x").unwrap();
        assert_eq!((&rule.min, &rule.max, &rule.lengthscale), (&vec![-1.0], &vec![1.5, 2.0], &vec![0.5]));
    }

    #[test]
    fn what_does_not_fit_the_model_is_refused() {
        for wrong in [
            "[input.y]\nmin = 0",
            "[input.x]\nmin = [0, 0, 0]",
            "[input.x]\nlengthscale = [1, 1, 1]",
            "[input.x]\nmin = 2\nmax = 1",
            "[input.x]\nmax = inf",
            "[input.x]\nvocabulary = 5",
            "[input.x]\nminimum = 5",
            "bytes = 5",
        ] {
            assert!(judge(wrong).is_err(), "{wrong}");
        }
    }
}
