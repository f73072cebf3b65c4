//! All detectors of one key or organisation but its ring, and the ladder that their alarms climb.
//!
//! Only rows too far from the data may block at once. Margins and typical rows degrade: honest keys that ask about
//! one kind of row alarm on them. Near-duplicates degrade first and block when they go on.

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::Rules;

use crate::arrivals::{Arrivals, Faults};
use crate::bets::{Bets, Stream, Surprise};
use crate::level::Level;
use crate::ring::Met;

/// State of one key or organisation.
#[derive(Clone, Copy, Default)]
pub(crate) struct Detectors {
    bets: Bets,
    arrivals: Arrivals,
    faults: Faults,
    reaction: Reaction,
    rows: u32,
}

/// Until when each step of the ladder lasts, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Default)]
struct Reaction {
    rounded: u64,
    label_only: u64,
    /// Until when another alarm of near-duplicates blocks.
    duplicates: u64,
    suspended: u64,
}

impl Detectors {
    /// Whether so few rows have come that they count for the organisation as well.
    pub(crate) fn is_young(&self, rules: &Rules) -> bool {
        self.rows < rules.young_rows
    }

    /// The step that the alarms so far have led to.
    pub(crate) fn level(&self, now: UnixMillis) -> Level {
        let (reaction, now) = (&self.reaction, now.as_millis());
        if now < reaction.suspended {
            return Level::Suspended(UnixMillis::new(reaction.suspended));
        }
        if now < reaction.label_only {
            return Level::LabelOnly;
        }
        if now < reaction.rounded { Level::Rounded } else { Level::Full }
    }

    /// Takes in a request that was answered.
    pub(crate) fn request(&mut self, rows: usize, rules: &Rules, now: UnixMillis) {
        self.faults.answered();
        if self.arrivals.count(rows, now) {
            self.reaction.rounded = after(now, rules.reaction_ms);
        }
    }

    /// Takes in a request that was refused for its content.
    pub(crate) fn fault(&mut self, rules: &Rules, now: UnixMillis) {
        if self.faults.refused(logarithm(rules.alarm)) {
            self.reaction.rounded = after(now, rules.reaction_ms);
        }
    }

    /// Takes in one row. A row that was asked before to the bit is no news, so no bet is made on it: a client that
    /// asks about the same row every minute steals nothing. Nor does it make a key older: its organisation's detectors look on.
    pub(crate) fn row(&mut self, surprise: &Surprise, met: Met, rules: &Rules, now: UnixMillis) {
        match met {
            Met::Before => return,
            Met::New => {}
            Met::Alarm => self.reaction.near_duplicates(rules, now),
        }
        self.rows = self.rows.saturating_add(1);
        for stream in self.bets.stake(surprise, logarithm(rules.alarm)) {
            match stream {
                Stream::TooFar => self.reaction.suspended = after(now, rules.suspension_ms),
                Stream::TooTypical | Stream::LowMargin | Stream::HighMargin => {
                    self.reaction.label_only = after(now, rules.reaction_ms);
                }
            }
        }
    }
}

impl Reaction {
    fn near_duplicates(&mut self, rules: &Rules, now: UnixMillis) {
        if now.as_millis() < self.duplicates {
            self.suspended = after(now, rules.suspension_ms);
        }
        self.duplicates = after(now, rules.reaction_ms);
        self.label_only = self.duplicates;
    }
}

fn after(now: UnixMillis, millis: u64) -> u64 {
    now.as_millis().saturating_add(millis)
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a finite number")]
fn logarithm(alarm: f64) -> f32 {
    alarm.ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_DETECTOR_BYTES;

    const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
    const NOTHING: Surprise = [0.0; Stream::ALL.len()];

    /// The level after a hundred rows of one surprise.
    fn after_rows(stream: usize) -> Detectors {
        let mut surprise = NOTHING;
        surprise[stream] = -5.0;
        let mut detectors = Detectors::default();
        (0..100).for_each(|_| detectors.row(&surprise, Met::New, &Rules::default(), NOW));
        detectors
    }

    #[test]
    fn the_state_of_a_key_is_small() {
        assert!(size_of::<Detectors>() <= MAX_DETECTOR_BYTES, "{}", size_of::<Detectors>());
    }

    #[test]
    fn only_rows_too_far_block() {
        let rules = Rules::default();
        let until = UnixMillis::new(NOW.as_millis() + rules.suspension_ms);
        assert_eq!(after_rows(0).level(NOW), Level::Suspended(until));
        assert_eq!(after_rows(0).level(until), Level::Full, "a suspension ends");
        for stream in 1..Stream::ALL.len() {
            let detectors = after_rows(stream);
            assert_eq!(detectors.level(NOW), Level::LabelOnly, "{stream}");
            let later = UnixMillis::new(NOW.as_millis() + rules.reaction_ms);
            assert_eq!(detectors.level(later), Level::Full, "{stream}");
        }
    }

    #[test]
    fn near_duplicates_degrade_and_block_when_they_go_on() {
        let (rules, mut detectors) = (Rules::default(), Detectors::default());
        detectors.row(&NOTHING, Met::Alarm, &rules, NOW);
        assert_eq!(detectors.level(NOW), Level::LabelOnly);
        let mut late = detectors;
        detectors.row(&NOTHING, Met::Alarm, &rules, NOW);
        assert!(matches!(detectors.level(NOW), Level::Suspended(_)));
        let next_day = UnixMillis::new(NOW.as_millis() + rules.reaction_ms);
        late.row(&NOTHING, Met::Alarm, &rules, next_day);
        assert_eq!(late.level(next_day), Level::LabelOnly, "the first was over");
    }

    #[test]
    fn a_second_alarm_blocks_only_after_one_of_the_same_kind() {
        let mut detectors = after_rows(2);
        assert_eq!(detectors.level(NOW), Level::LabelOnly);
        detectors.row(&NOTHING, Met::Alarm, &Rules::default(), NOW);
        assert_eq!(detectors.level(NOW), Level::LabelOnly);
    }

    #[test]
    fn the_same_row_again_is_no_bet() {
        let mut detectors = Detectors::default();
        (0..1000).for_each(|_| detectors.row(&[-5.0; 4], Met::Before, &Rules::default(), NOW));
        assert_eq!(detectors.level(NOW), Level::Full);
        assert!(detectors.is_young(&Rules::default()), "no key grows up on one row");
        let rows = Rules::default().young_rows;
        (0..rows).for_each(|_| detectors.row(&[0.0; 4], Met::New, &Rules::default(), NOW));
        assert!(!detectors.is_young(&Rules::default()));
    }

    #[test]
    fn faults_round() {
        let (rules, mut detectors) = (Rules::default(), Detectors::default());
        (0..20).for_each(|_| detectors.fault(&rules, NOW));
        assert_eq!(detectors.level(NOW), Level::Rounded);
    }
}
