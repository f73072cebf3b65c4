//! What goes wrong again and again is logged when it begins, changes or ends, and not at every attempt.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

/// What is wrong at the moment with one thing, if anything is.
#[derive(Default)]
pub(crate) struct Trouble(Mutex<Option<String>>);

impl Trouble {
    /// Notes how an attempt ended. Says whether that is another trouble than before, or the end of one.
    pub(crate) fn is_news<T, E: Display>(&self, attempt: &Result<T, E>) -> bool {
        let now = attempt.as_ref().err().map(ToString::to_string);
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *before != now;
        *before = now;
        is_news
    }

    /// Does so for a listener.
    pub(crate) fn tell_accept<T, E: Display>(&self, what: &'static str, accepted: &Result<T, E>) {
        if self.is_news(accepted) {
            match accepted {
                Ok(_) => tracing::info!(what, "connections are accepted again"),
                Err(error) => tracing::warn!(what, %error, "cannot accept"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_a_change_and_an_end_are_news_and_nothing_else_is() {
        let trouble = Trouble::default();
        let attempts =
            [Ok(()), Err("full"), Err("full"), Err("gone"), Err("gone"), Ok(()), Ok(()), Err("gone")];
        let news = attempts.map(|attempt| trouble.is_news(&attempt));
        assert_eq!(news, [false, true, false, true, false, true, false, true]);
    }
}
