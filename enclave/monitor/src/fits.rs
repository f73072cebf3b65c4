//! Whether a profile is one of a given model.

use strongroom_attestation::release::Watch;
use strongroom_seal::model::{Dim, Interface, TensorSpec};
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
        if spec.dtype == DType::Bytes || width(spec) != Some(self.features) {
            return Err("the profile has another number of features than the model");
        }
        match &self.decision {
            Some(decision) => self.decides(decision, interface),
            None if watch.flips.is_some() => Err("a profile without classes is watermarked"),
            None => Ok(()),
        }
    }

    fn decides(&self, decision: &Decision, interface: &Interface) -> Result<(), &'static str> {
        let scores = find(&interface.outputs, &decision.scores);
        let scores = scores.ok_or("the profile names scores that the model does not have")?;
        let classes = self.classes.len();
        let single = classes == 2 && width(scores) == Some(1);
        if !scores.dtype.is_float() || !(single || width(scores) == Some(classes)) {
            return Err("the profile has another number of classes than the model");
        }
        let Some(labels) = &decision.label else { return Ok(()) };
        let spec = find(&interface.outputs, &labels.output);
        let spec = spec.ok_or("the profile names labels that the model does not have")?;
        let fits = |value: &[u8]| spec.dtype.element_bytes().is_none_or(|bytes| value.len() == bytes);
        if width(spec) != Some(1) || !labels.values.iter().all(|value| fits(value)) {
            return Err("the profile has other labels than the model");
        }
        Ok(())
    }
}

fn find<'a>(specs: &'a [TensorSpec], name: &str) -> Option<&'a TensorSpec> {
    specs.iter().find(|spec| spec.name == name)
}

/// Elements of one row, where the first dimension counts rows.
fn width(spec: &TensorSpec) -> Option<usize> {
    let rest = spec.shape.get(1..)?;
    let fixed = |dim: &Dim| match dim {
        Dim::Fixed(fixed) => usize::try_from(*fixed).ok(),
        Dim::Symbol(_) => None,
    };
    rest.iter().map(fixed).try_fold(1_usize, |product, dim| product.checked_mul(dim?))
}
