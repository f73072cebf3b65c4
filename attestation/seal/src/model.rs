//! What an owner says of a model: its interface, what values may come in, and how large its answers may be.

mod answer;
mod interface;
mod schema;
mod values;

pub use answer::AnswerBound;
pub use interface::{Dim, DimRange, Interface, InterfaceError, TensorSpec};
pub use schema::{Schema, SchemaError, ValueRule};
