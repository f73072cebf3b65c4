//! Whether the controls of a release fit the models that it loads.
//!
//! What they name must be there, and what they promise must be possible, or nothing is served: no control is
//! ever left out because it could not be applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_attestation::release::{
    ClaimKind, Controls, Ensemble, ModelControls, OutputKind, Private, Provenance, Target, Treatment,
};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::model::{Claim, Dim, Interface, TensorSpec};

use crate::load::ServedModel;

type Models = BTreeMap<PackageId, Arc<ServedModel>>;

/// Checks controls against models.
pub(super) fn check(controls: &Controls, private: &Private, models: &Models) -> Result<(), &'static str> {
    let named = |name: &Name| models.values().filter(|model| model.id.name == *name).collect::<Vec<_>>();
    for (name, own) in &controls.models {
        let loaded = named(name);
        if loaded.is_empty() {
            return Err("a model is named that the release does not load");
        }
        loaded.iter().try_for_each(|model| fits(own, model))?;
        loaded.iter().try_for_each(|model| holds(&model.provenance, &own.provenance))?;
        let interfaces = loaded.iter().map(|model| (&model.id.version, &model.interface));
        same_interfaces(&own.interfaces, &interfaces.collect())?;
    }
    for (asked, treatment) in controls.treatments() {
        let leads_to = controls.routes.get(asked).map(|route| route.models.iter().collect());
        for name in leads_to.unwrap_or_else(|| vec![asked]) {
            possible(treatment, &named(name))?;
        }
    }
    private.routes.values().flatten().try_for_each(|rule| match &rule.target {
        Target::Model(name) => only(&named(name)).map(drop),
        Target::Ensemble(ensemble) => {
            let members: Vec<_> = ensemble.members.iter().map(&named).collect();
            members.iter().try_for_each(|member| only(member).map(drop))?;
            members.iter().try_for_each(|member| possible(&ensemble.stricter, member))?;
            let members: Vec<_> = members.into_iter().flatten().collect();
            together(controls, ensemble, &members)
        }
    })
}

/// Whether the members of an ensemble can look at one request, and be put together where they vote.
fn together(
    controls: &Controls,
    ensemble: &Ensemble,
    members: &[&Arc<ServedModel>],
) -> Result<(), &'static str> {
    let Some((first, others)) = members.split_first() else { return Ok(()) };
    let inputs = |model: &ServedModel| model.interface.inputs.clone();
    if others.iter().any(|other| inputs(other) != inputs(first)) {
        return Err("members of an ensemble take other inputs");
    }
    if ensemble.vote && others.iter().any(|other| kinds(controls, other) != kinds(controls, first)) {
        return Err("members that vote give other outputs");
    }
    let alters =
        controls.model(&first.id.name).and_then(|model| model.watch).is_some_and(|watch| watch.alters());
    if ensemble.vote && alters {
        return Err("a vote cannot be answered with other classes on purpose");
    }
    Ok(())
}

/// The outputs of a model with what each is.
fn kinds<'a>(controls: &Controls, model: &'a ServedModel) -> Vec<(&'a TensorSpec, OutputKind)> {
    let kind = |name: &str| controls.model(&model.id.name).map(|own| own.output(name)).unwrap_or_default();
    model.interface.outputs.iter().map(|output| (output, kind(&output.name))).collect()
}

/// The one version there is: routes name models without one.
fn only<'a>(named: &[&'a Arc<ServedModel>]) -> Result<&'a Arc<ServedModel>, &'static str> {
    match named {
        [one] => Ok(one),
        [] => Err("a route leads to a model that the release does not load"),
        _ => Err("a route leads to a model of several versions"),
    }
}

/// Whether what is said of a model's inputs and outputs is so.
fn fits(controls: &ModelControls, model: &ServedModel) -> Result<(), &'static str> {
    let interface = &model.interface;
    for (name, kind) in &controls.outputs {
        let output = interface.outputs.iter().find(|output| output.name == *name);
        let output = output.ok_or("an output is named that the model does not have")?;
        match kind {
            OutputKind::Probabilities | OutputKind::Logits => {
                let single = matches!(output.shape.last(), None | Some(Dim::Fixed(0 | 1)));
                if !output.dtype.is_float() || single {
                    return Err(
                        "an output of scores does not hold numbers with fractions, of two classes or more",
                    );
                }
            }
            // What leaves as it is must not hold scores.
            OutputKind::Label if output.dtype.is_float() => {
                return Err("an output of labels holds numbers with fractions");
            }
            OutputKind::Label | OutputKind::Values => {}
        }
    }
    for name in controls.transforms.keys() {
        let input = interface.inputs.iter().find(|input| input.name == *name);
        let input = input.ok_or("an input is named that the model does not have")?;
        if !input.dtype.is_float() {
            return Err("an input is transformed that does not hold numbers with fractions");
        }
    }
    Ok(())
}

/// Whether what clients are told of a model's versions is what these take and give.
fn same_interfaces(
    stated: &BTreeMap<Name, Interface>,
    loaded: &BTreeMap<&Name, &Interface>,
) -> Result<(), &'static str> {
    stated.iter().try_for_each(|(version, interface)| match loaded.get(version) {
        Some(own) if *own == interface => Ok(()),
        Some(_) => Err("an interface is stated that is not the model's"),
        None => Err("an interface is stated for a version that the release does not load"),
    })
}

/// Whether a model's manifest holds every claim that is stated as more than the owner's word.
fn holds(claims: &[Claim], stated: &[Provenance]) -> Result<(), &'static str> {
    let held = |stated: &Provenance| {
        claims.iter().any(|claim| {
            claim.name() == stated.claim.as_str()
                && claim.kind() == stated.kind
                && claim.digest().is_ok_and(|digest| digest == stated.sha256)
        })
    };
    if stated.iter().all(|one| one.kind == ClaimKind::Declared || held(one)) {
        Ok(())
    } else {
        Err("a claim is stated as recomputed or measured that the model's manifest does not hold")
    }
}

/// Whether a treatment can be given to every one of these models.
fn possible(treatment: &Treatment, models: &[&Arc<ServedModel>]) -> Result<(), &'static str> {
    if models.is_empty() {
        return Err("a role may ask a model that the release does not load");
    }
    if treatment.noise.is_some() && models.iter().any(|model| model.field.is_none()) {
        return Err("noise is stated for a model whose schema has no lengthscale");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use strongroom_seal::model::FileDigest;
    use strongroom_seal::tensor::DType;

    use super::*;

    #[test]
    fn a_claim_that_the_manifest_does_not_hold_is_refused() {
        let claims = [Claim::BiasReport(FileDigest([1; 32]))];
        let sha256 = claims[0].digest().unwrap();
        let stated = |claim: &str, kind, sha256| {
            holds(&claims, &[Provenance { claim: claim.parse().unwrap(), kind, sha256 }])
        };
        assert_eq!(stated("bias-report", ClaimKind::Measured, sha256), Ok(()));
        assert_eq!(stated("anything", ClaimKind::Declared, [0; 32]), Ok(()), "the owner's word alone");
        assert!(stated("bias-report", ClaimKind::Measured, [0; 32]).is_err(), "another digest");
        assert!(stated("bias-report", ClaimKind::Recomputed, sha256).is_err(), "another kind");
        assert!(stated("robustness-curve", ClaimKind::Measured, sha256).is_err(), "another claim");
    }

    #[test]
    fn an_interface_that_is_not_the_models_is_refused() {
        let interface = |dtype| {
            let spec = |name: &str| TensorSpec { name: name.into(), dtype, shape: vec![Dim::Fixed(2)] };
            Interface { inputs: vec![spec("x")], outputs: vec![spec("y")], symbols: BTreeMap::new() }
        };
        let (one, two): (Name, Name) = ("1".parse().unwrap(), "2".parse().unwrap());
        let own = interface(DType::Fp32);
        let loaded = BTreeMap::from([(&one, &own)]);
        let judge = |stated| same_interfaces(&BTreeMap::from([stated]), &loaded);
        assert_eq!(judge((one.clone(), own.clone())), Ok(()));
        assert!(judge((one.clone(), interface(DType::Fp64))).is_err(), "another type");
        assert!(judge((two, own.clone())).is_err(), "another version");
        assert_eq!(same_interfaces(&BTreeMap::new(), &loaded), Ok(()), "nothing is stated");
    }
}
