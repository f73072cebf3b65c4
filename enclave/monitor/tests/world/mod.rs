//! Worlds to test detectors in: data of several shapes, a model of it, and profiles. Deterministic.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test data stops at a fault")]

use strongroom_monitor::fit::{Training, fit};
use strongroom_monitor::profile::{Decision, Space};
use strongroom_monitor::{Profile, Rows};

/// SplitMix64.
#[derive(Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// Above 0, below 1.
    pub(crate) fn uniform(&mut self) -> f32 {
        ((self.next() >> 41) as f32 + 0.5) / (1_u32 << 23) as f32
    }

    pub(crate) fn below(&mut self, number: usize) -> usize {
        (self.next() % number as u64) as usize
    }

    pub(crate) fn normal(&mut self) -> f32 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f32::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn normals(&mut self, number: usize) -> Vec<f32> {
        (0..number).map(|_| self.normal()).collect()
    }
}

/// What becomes of a normal value.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Plain,
    /// Money, say: heavy to one side.
    Exponential,
    /// A count.
    Rounded,
    /// A flag.
    Flag,
    /// Always the same.
    Constant,
}

/// How a world is made.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) features: usize,
    /// Share of each class.
    pub(crate) shares: Vec<f32>,
    /// Distance between class means, in deviations.
    pub(crate) apart: f32,
    /// Factors that features have in common.
    pub(crate) factors: usize,
    /// Kinds, by turns.
    pub(crate) kinds: Vec<Kind>,
}

/// A distribution and a model of it.
pub(crate) struct World {
    pub(crate) shape: Shape,
    means: Vec<Vec<f32>>,
    loadings: Vec<Vec<f32>>,
}

/// A row and what the model says of it.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) features: Vec<f32>,
    pub(crate) class: usize,
    pub(crate) margin: f32,
}

impl World {
    pub(crate) fn new(seed: u64, shape: Shape) -> Self {
        let mut dice = Dice(seed);
        let size = shape.apart / (2.0 * shape.features as f32).sqrt();
        let mean = |dice: &mut Dice| dice.normals(shape.features).iter().map(|value| value * size).collect();
        let means = shape.shares.iter().map(|_| mean(&mut dice)).collect();
        let loadings = (0..shape.features).map(|_| dice.normals(shape.factors)).collect();
        Self { shape, means, loadings }
    }

    /// A row of the data and its true class.
    pub(crate) fn row(&self, dice: &mut Dice) -> (Vec<f32>, usize) {
        let mut left = dice.uniform();
        let class = self.shape.shares.iter().position(|share| {
            left -= share;
            left <= 0.0
        });
        let class = class.unwrap_or(0);
        let factors = dice.normals(self.shape.factors);
        let spread = 0.7 / (self.shape.factors.max(1) as f32).sqrt();
        let value = |feature: usize, dice: &mut Dice| {
            let common: f32 = self.loadings[feature].iter().zip(&factors).map(|(a, b)| a * b).sum();
            self.means[class][feature] + spread * common + 0.7 * dice.normal()
        };
        let latent: Vec<f32> = (0..self.shape.features).map(|feature| value(feature, dice)).collect();
        (latent.iter().enumerate().map(|(at, value)| self.shown(at, *value)).collect(), class)
    }

    fn kind(&self, feature: usize) -> Kind {
        self.shape.kinds[feature % self.shape.kinds.len()]
    }

    fn shown(&self, feature: usize, value: f32) -> f32 {
        match self.kind(feature) {
            Kind::Plain => value,
            Kind::Exponential => 50.0 * value.exp(),
            Kind::Rounded => (2.0 * value).round(),
            Kind::Flag => f32::from(u8::from(value > 1.0)),
            Kind::Constant => 3.0,
        }
    }

    fn read(&self, feature: usize, value: f32) -> f32 {
        match self.kind(feature) {
            Kind::Plain => value,
            Kind::Exponential => (value.max(1e-3) / 50.0).ln(),
            Kind::Rounded => value / 2.0,
            Kind::Flag => value,
            Kind::Constant => 0.0,
        }
    }

    /// What the model answers.
    pub(crate) fn ask(&self, features: Vec<f32>) -> Answer {
        let values: Vec<f32> = features.iter().enumerate().map(|(at, value)| self.read(at, *value)).collect();
        let logit = |mean: &Vec<f32>| -> f32 {
            mean.iter().zip(&values).map(|(mean, value)| 1.5 * mean * (value - mean / 2.0)).sum()
        };
        let logits: Vec<f32> = self.means.iter().map(logit).collect();
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let total: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
        let mut scores: Vec<(f32, usize)> =
            logits.iter().enumerate().map(|(at, logit)| ((logit - most).exp() / total, at)).collect();
        scores.sort_by(|one, other| other.0.total_cmp(&one.0));
        Answer { features, class: scores[0].1, margin: scores[0].0 - scores[1].0 }
    }

    /// A row of the data, answered.
    pub(crate) fn honest(&self, dice: &mut Dice) -> Answer {
        self.ask(self.row(dice).0)
    }

    /// A profile of so many rows.
    pub(crate) fn profile(&self, rows: usize, dice: &mut Dice) -> Profile {
        let (answers, labels): (Vec<_>, Vec<_>) = (0..rows)
            .map(|_| {
                let (features, class) = self.row(dice);
                (self.ask(features), class)
            })
            .unzip();
        let classes = self.shape.shares.len();
        let decision = Some(Decision { scores: "scores".into(), label: None });
        let rows = batch(&answers);
        let training =
            Training { rows, space: Space::Input("x".into()), decision, classes, labels: Some(labels) };
        fit(training).unwrap().0
    }
}

/// The rows of one request.
pub(crate) fn batch(answers: &[Answer]) -> Rows {
    let width = answers[0].features.len();
    let features = answers.iter().flat_map(|answer| answer.features.clone()).collect();
    let classes = answers.iter().map(|answer| answer.class).collect();
    Rows::new(width, features, classes, answers.iter().map(|answer| answer.margin).collect()).unwrap()
}

/// Worlds that have little in common.
pub(crate) fn shapes() -> Vec<Shape> {
    use Kind::{Constant, Exponential, Flag, Plain, Rounded};
    vec![
        Shape { features: 30, shares: vec![0.5, 0.5], apart: 3.0, factors: 4, kinds: vec![Plain] },
        Shape {
            features: 30,
            shares: vec![0.95, 0.05],
            apart: 4.0,
            factors: 6,
            kinds: vec![Plain, Exponential, Plain, Rounded, Plain],
        },
        Shape {
            features: 24,
            shares: vec![0.4, 0.3, 0.2, 0.1],
            apart: 4.0,
            factors: 3,
            kinds: vec![Rounded, Plain, Flag, Constant],
        },
        Shape {
            features: 10,
            shares: vec![0.3, 0.3, 0.4],
            apart: 2.5,
            factors: 2,
            kinds: vec![Plain, Exponential],
        },
    ]
}
