//! What a trust file may demand of controls in place of one digest.

use strongroom_attestation::evidence::Requirement;
use strongroom_attestation::release::{ClaimKind, Coarseness};

/// Demands on controls. Together they stand in place of the digest of the release's controls.
#[derive(clap::Args)]
#[group(id = "requirements", multiple = true, conflicts_with = "owner_decides_controls")]
pub(super) struct RequireArgs {
    /// Demand that every answer is of one of these sorts: label_only, rounded, exact
    #[arg(long, value_name = "SORT,…", value_delimiter = ',', value_parser = sort)]
    require_outputs: Vec<Coarseness>,
    /// Demand that inputs and outputs are not recorded
    #[arg(long)]
    require_inputs_not_recorded: bool,
    /// Demand that an audit log is kept
    #[arg(long)]
    require_audit: bool,
    /// Demand that every role that may infer has a rate, a quota or a budget
    #[arg(long)]
    require_limits: bool,
    /// Demand a statement of how every model was made of each of these kinds: declared, recomputed, measured
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kind)]
    require_provenance: Vec<ClaimKind>,
}

impl RequireArgs {
    /// What is demanded, if anything is.
    pub(super) fn requirements(&self) -> Option<Vec<Requirement>> {
        let (outputs, provenance) = (&self.require_outputs, &self.require_provenance);
        let all = [
            (!outputs.is_empty()).then(|| Requirement::Outputs(outputs.iter().copied().collect())),
            self.require_inputs_not_recorded.then_some(Requirement::InputsNotRecorded),
            self.require_audit.then_some(Requirement::Audited),
            self.require_limits.then_some(Requirement::Limited),
            (!provenance.is_empty()).then(|| Requirement::Provenance(provenance.iter().copied().collect())),
        ];
        let all: Vec<_> = all.into_iter().flatten().collect();
        (!all.is_empty()).then_some(all)
    }
}

fn sort(text: &str) -> Result<Coarseness, String> {
    let all = [Coarseness::Exact, Coarseness::Rounded, Coarseness::LabelOnly];
    named(&all, text).ok_or_else(|| "one of label_only, rounded, exact".to_owned())
}

fn kind(text: &str) -> Result<ClaimKind, String> {
    let all = [ClaimKind::Declared, ClaimKind::Recomputed, ClaimKind::Measured];
    named(&all, text).ok_or_else(|| "one of declared, recomputed, measured".to_owned())
}

fn named<T: Copy + ToString>(all: &[T], text: &str) -> Option<T> {
    all.iter().copied().find(|one| one.to_string() == text)
}
