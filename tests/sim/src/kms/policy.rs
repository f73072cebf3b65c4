//! Key policies, evaluated as AWS does it: a pure function of policy, grants and request.
//!
//! An explicit Deny wins over everything; then any Allow or grant suffices; nothing at all means no.
//! What the parser does not know (an operator, `NotPrincipal`, a policy variable) makes a policy malformed: it is
//! never skipped, because a skipped condition would allow more than was written.

mod condition;
mod document;
mod evaluate;
#[cfg(test)]
mod tests;

pub use document::Policy;
pub use evaluate::{ConditionKeys, Decision, Grant, Request, evaluate};

/// Whether `text` fits a pattern with `*` (any run) and `?` (any one character).
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which prefixes of `text` the pattern read so far fits.
    let mut fitting = vec![false; text.len() + 1];
    if let Some(empty) = fitting.first_mut() {
        *empty = true;
    }
    for wanted in pattern {
        let mut next = Vec::with_capacity(fitting.len());
        let mut before = false;
        for (at, &here) in fitting.iter().enumerate() {
            let previous = at.checked_sub(1).and_then(|p| text.get(p));
            let value = match wanted {
                '*' => here || next.last().copied().unwrap_or(false),
                '?' => before && previous.is_some(),
                c => before && previous == Some(&c),
            };
            next.push(value);
            before = here;
        }
        fitting = next;
    }
    fitting.last().copied().unwrap_or(false)
}
