//! What an owner says of a model: its interface and how large its answers may be.

mod answer;
mod interface;

pub use answer::AnswerBound;
pub use interface::{Dim, DimRange, Interface, InterfaceError, TensorSpec};
