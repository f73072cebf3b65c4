//! What an owner says of a model: its interface, what values may come in, how large its answers may be, and how it
//! was made.

mod answer;
mod interface;
mod provenance;
mod schema;
mod values;

pub use answer::AnswerBound;
pub use interface::{Dim, DimRange, Interface, InterfaceError, TensorSpec};
pub use provenance::{Claim, ClaimError, ClaimKind, DpSgd, FileDigest, check_claims};
pub use schema::{Schema, SchemaError, ValueRule};
