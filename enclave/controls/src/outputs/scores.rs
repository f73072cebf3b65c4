//! One row of scores.

use strongroom_attestation::release::{Clamp, Detail, OutputKind, Treatment};

/// How rows of scores are released.
pub(super) struct Scores {
    kind: OutputKind,
    detail: Detail,
    clamp: Option<Clamp>,
    temperature: Option<f64>,
    decimals: Option<i32>,
    /// The smallest difference that shows, where nothing is rounded, as a share of the value.
    epsilon: f64,
}

/// The class with the highest score; of equals the first.
pub(super) fn winner(row: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (class, score) in row.iter().enumerate() {
        if *score > best.1 {
            best = (class, *score);
        }
    }
    best.0
}

impl Scores {
    pub(super) fn new(kind: OutputKind, treatment: &Treatment, epsilon: f64) -> Self {
        Self {
            kind,
            detail: treatment.detail,
            clamp: treatment.clamp.filter(|_| kind == OutputKind::Logits),
            temperature: treatment.temperature,
            decimals: treatment.decimals.map(i32::from),
            epsilon,
        }
    }

    /// Clamp and temperature: what comes before noise.
    pub(super) fn scale(&self, row: &mut [f64]) {
        if let Some(Clamp { min, max }) = self.clamp {
            row.iter_mut().for_each(|score| *score = score.clamp(min, max));
        }
        let Some(temperature) = self.temperature else { return };
        match self.kind {
            OutputKind::Probabilities => {
                row.iter_mut().for_each(|p| *p = p.max(0.0).powf(1.0 / temperature));
                let sum: f64 = row.iter().sum();
                if sum > 0.0 && sum.is_finite() {
                    row.iter_mut().for_each(|p| *p /= sum);
                }
            }
            _ => row.iter_mut().for_each(|score| *score /= temperature),
        }
    }

    /// Rounding, top-k or the label alone: what comes after noise.
    pub(super) fn release(&self, row: &mut [f64], winner: usize) {
        if self.detail == Detail::LabelOnly {
            for (class, score) in row.iter_mut().enumerate() {
                *score = if class == winner { 1.0 } else { 0.0 };
            }
            return;
        }
        if self.kind == OutputKind::Probabilities {
            row.iter_mut().for_each(|p| *p = p.clamp(0.0, 1.0));
        }
        if let Some(decimals) = self.decimals {
            let unit = 10_f64.powi(decimals);
            row.iter_mut().for_each(|score| *score = (*score * unit).round_ties_even() / unit);
        }
        self.keep_winner(row, winner);
        if let Detail::TopK(k) = self.detail {
            self.cut(row, k as usize);
        }
    }

    /// Makes the winner's score the highest, strictly: the others go below it.
    fn keep_winner(&self, row: &mut [f64], winner: usize) {
        let Some(best) = row.get(winner).copied() else { return };
        let contested = row.iter().enumerate().any(|(class, score)| class != winner && *score >= best);
        if !contested || best.is_nan() {
            return;
        }
        let step = self.step(best);
        // A probability has nothing below 0 to go to: then the winner rises.
        let floor = if self.kind == OutputKind::Probabilities { step } else { f64::NEG_INFINITY };
        let best = best.max(floor);
        let below = self.rounded(best - step);
        for (class, score) in row.iter_mut().enumerate() {
            if class == winner {
                *score = best;
            } else if *score >= best {
                *score = below;
            }
        }
    }

    /// A difference that shows at this value.
    fn step(&self, value: f64) -> f64 {
        match self.decimals {
            Some(decimals) => 10_f64.powi(-decimals),
            None => (value.abs() * 2.0 * self.epsilon).max(self.epsilon * 1e-3),
        }
    }

    fn rounded(&self, value: f64) -> f64 {
        self.decimals.map_or(value, |decimals| {
            let unit = 10_f64.powi(decimals);
            (value * unit).round_ties_even() / unit
        })
    }

    /// Leaves the highest scores; the others are as low as can be.
    fn cut(&self, row: &mut [f64], k: usize) {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|a, b| row.get(*b).unwrap_or(&0.0).total_cmp(row.get(*a).unwrap_or(&0.0)));
        let lowest = match (self.kind, self.clamp) {
            (OutputKind::Probabilities, _) => 0.0,
            (_, Some(clamp)) => clamp.min,
            // Without bounds: just below the lowest that is released.
            _ => {
                let last = order.get(k.saturating_sub(1)).and_then(|at| row.get(*at)).copied().unwrap_or(0.0);
                self.rounded(last - self.step(last))
            }
        };
        for at in order.iter().skip(k) {
            if let Some(score) = row.get_mut(*at) {
                *score = lowest;
            }
        }
    }
}
