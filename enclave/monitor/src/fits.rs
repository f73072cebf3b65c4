//! Whether a profile is one of a given model.

use strongroom_attestation::release::Watch;
use strongroom_seal::model::{Interface, TensorSpec};
use strongroom_seal::tensor::DType;

use crate::profile::{Decision, Profile, Space};

impl Profile {
    /// Checks that what the profile names is there, of the shape that it speaks of, and enough for this watch.
    ///
    /// # Errors
    /// What does not fit, without any name.
    pub fn fits(&self, interface: &Interface, watch: &Watch) -> Result<(), &'static str> {
        let (tensors, name) = match &self.space {
            Space::Input(name) => (&interface.inputs, name),
            Space::Output(name) => (&interface.outputs, name),
        };
        let spec =
            find(tensors, name).ok_or("the profile is of an input or output that the model does not have")?;
        if spec.dtype == DType::Bytes || spec.row_width() != Some(self.features) {
            return Err("the profile has another number of features than the model");
        }
        match &self.decision {
            Some(decision) => {
                self.decides(decision, interface)?;
                if watch.alters() { decision.tells_all(interface) } else { Ok(()) }
            }
            None if watch.alters() => {
                Err("a profile without classes, where other classes are to be answered")
            }
            None => Ok(()),
        }
    }

    fn decides(&self, decision: &Decision, interface: &Interface) -> Result<(), &'static str> {
        let scores = find(&interface.outputs, &decision.scores);
        let scores = scores.ok_or("the profile names scores that the model does not have")?;
        let classes = self.classes.len();
        let single = classes == 2 && scores.row_width() == Some(1);
        if !scores.dtype.is_float() || !(single || scores.row_width() == Some(classes)) {
            return Err("the profile has another number of classes than the model");
        }
        let Some(labels) = &decision.label else { return Ok(()) };
        let spec = find(&interface.outputs, &labels.output);
        let spec = spec.ok_or("the profile names labels that the model does not have")?;
        let fits = |value: &[u8]| spec.dtype.element_bytes().is_none_or(|bytes| value.len() == bytes);
        if spec.row_width() != Some(1) || !labels.values.iter().all(|value| fits(value)) {
            return Err("the profile has other labels than the model");
        }
        Ok(())
    }
}

impl Decision {
    /// Whether no output beside those that are altered could tell the model's own class.
    fn tells_all(&self, interface: &Interface) -> Result<(), &'static str> {
        let altered = |name: &str| {
            name == self.scores || self.label.as_ref().is_some_and(|labels| labels.output == name)
        };
        if interface.outputs.iter().all(|output| altered(&output.name)) {
            return Ok(());
        }
        Err("an output beside scores and label would tell where other classes are answered")
    }
}

fn find<'a>(specs: &'a [TensorSpec], name: &str) -> Option<&'a TensorSpec> {
    specs.iter().find(|spec| spec.name == name)
}
