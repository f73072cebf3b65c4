//! Which message numbers a session has accepted: each once, the last 1024 in any order.

/// Numbers below the highest accepted one that may still arrive.
pub const WINDOW: u64 = 1024;

const WORDS: usize = (WINDOW / 64) as usize;

/// The accepted numbers of one session. Number 0 is the opening and counts as accepted.
#[derive(Clone, Debug)]
pub struct Window {
    highest: u64,
    /// Bit `n % 1024` says whether number n of the window was accepted.
    seen: [u64; WORDS],
}

impl Default for Window {
    fn default() -> Self {
        let mut seen = [0; WORDS];
        if let Some(first) = seen.first_mut() {
            *first = 1;
        }
        Self { highest: 0, seen }
    }
}

impl Window {
    /// Whether `number` could still be accepted. Costs nothing, so it precedes decryption.
    #[must_use]
    pub fn is_open(&self, number: u64) -> bool {
        if number > self.highest {
            return true;
        }
        self.highest - number < WINDOW && self.word(number).is_some_and(|word| word & bit(number) == 0)
    }

    /// Accepts `number` if it still can be. Only for numbers of authentic records.
    pub fn accept(&mut self, number: u64) -> bool {
        if !self.is_open(number) {
            return false;
        }
        if number > self.highest {
            self.forget_between(self.highest, number);
            self.highest = number;
        }
        if let Some(word) = self.seen.get_mut(index(number)) {
            *word |= bit(number);
        }
        true
    }

    /// Clears the places that numbers after `from` up to `to` will take.
    fn forget_between(&mut self, from: u64, to: u64) {
        if to - from >= WINDOW {
            self.seen = [0; WORDS];
            return;
        }
        for number in from + 1..=to {
            if let Some(word) = self.seen.get_mut(index(number)) {
                *word &= !bit(number);
            }
        }
    }

    fn word(&self, number: u64) -> Option<u64> {
        self.seen.get(index(number)).copied()
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number % WINDOW / 64).unwrap_or_default()
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_come_once_in_any_order_within_the_window() {
        let mut window = Window::default();
        assert!(!window.accept(0), "the opening used 0");
        assert!(window.accept(5) && window.accept(3) && window.accept(4));
        assert!(!window.accept(5) && !window.accept(3));
        assert!(window.accept(5 + WINDOW - 1));
        assert!(!window.accept(4), "too old or seen");
        assert!(window.accept(6), "the oldest place");
        assert!(window.accept(u64::MAX) && !window.accept(u64::MAX));
        assert!(!window.accept(7));
    }

    proptest! {
        /// Against the plain definition: never twice, never older than the window.
        #[test]
        fn it_is_the_set_it_stands_for(numbers in proptest::collection::vec(0..5000_u64, 1..2000)) {
            let (mut window, mut seen, mut highest) = (Window::default(), HashSet::from([0]), 0);
            for number in numbers {
                let expected = !seen.contains(&number) && number + WINDOW > highest;
                prop_assert_eq!(window.accept(number), expected, "{}", number);
                if expected {
                    seen.insert(number);
                    highest = highest.max(number);
                }
            }
        }
    }
}
