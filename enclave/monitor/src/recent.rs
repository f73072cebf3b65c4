//! A table that forgets who was idle longest, in constant time and bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: what is used moves to the young one; when that is full it becomes the old one, and what was
/// left in the old one is forgotten. So the last `half` users are always there, and never more than twice as many.
#[derive(Clone)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Clone + Eq + Hash, V: Default> Recent<K, V> {
    /// A table of at most this many.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (most / 2).max(1) }
    }

    /// What is known of a user, without its becoming more recent.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// What is known of a user, who is the most recent now.
    pub(crate) fn of(&mut self, key: &K) -> &mut V {
        if !self.young.contains_key(key) {
            let known = self.old.remove(key).unwrap_or_default();
            if self.young.len() >= self.half {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key.clone(), known);
        }
        self.young.entry(key.clone()).or_default()
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_users_stay_and_the_table_is_bounded() {
        let mut table: Recent<u32, u32> = Recent::new(100);
        for number in 0..1000 {
            *table.of(&number) += 1;
            *table.of(&0) += 1;
            assert!(table.len() <= 100);
        }
        assert!((960..1000).all(|number| table.get(&number) == Some(&1)));
        assert_eq!(table.get(&0), Some(&1001), "who keeps asking is not forgotten");
        assert_eq!(table.get(&500), None);
    }
}
