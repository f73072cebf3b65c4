//! How near a row lies to each support vector.

use tract_onnx::tract_hir::internal::*;

use super::super::attributes::Attributes;

#[derive(Clone, Copy, Debug)]
enum Kernel {
    Linear,
    Poly { gamma: f32, zero: f32, degree: f32 },
    Rbf { gamma: f32 },
    Sigmoid { gamma: f32, zero: f32 },
}

/// The support vectors, one after the other, and the kernel.
#[derive(Debug)]
pub(super) struct Machine {
    kernel: Kernel,
    cells: Vec<f32>,
    features: usize,
}

impl Machine {
    pub(super) fn read(attributes: &Attributes<'_>) -> TractResult<Self> {
        let cells = attributes.floats("support_vectors");
        let vectors = match attributes.ints("vectors_per_class") {
            [] => attributes.int("n_supports"),
            counts => counts.iter().try_fold(0_i64, |sum, count| sum.checked_add(*count)),
        };
        let vectors = vectors.and_then(|vectors| usize::try_from(vectors).ok()).unwrap_or(0);
        ensure!(
            vectors > 0 && !cells.is_empty() && cells.len().is_multiple_of(vectors),
            "support vectors are none, or not equally long"
        );
        let kernel = Kernel::read(attributes)?;
        Ok(Self { kernel, cells: cells.to_vec(), features: cells.len() / vectors })
    }

    pub(super) fn features(&self) -> usize {
        self.features
    }

    pub(super) fn vectors(&self) -> usize {
        self.cells.len() / self.features.max(1)
    }

    /// The kernel of a row with each support vector, in place of what `values` holds.
    pub(super) fn values(&self, row: &[f32], values: &mut Vec<f32>) {
        values.clear();
        values
            .extend(self.cells.chunks_exact(self.features.max(1)).map(|vector| self.kernel.of(row, vector)));
    }
}

impl Kernel {
    fn read(attributes: &Attributes<'_>) -> TractResult<Self> {
        let parameters = match attributes.floats("kernel_params") {
            [] => [0.0; 3],
            &[gamma, zero, degree] => [gamma, zero, degree],
            _ => bail!("a kernel has three parameters"),
        };
        let [gamma, zero, degree] = parameters;
        Ok(match attributes.text("kernel_type", "LINEAR")? {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Poly { gamma, zero, degree },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, zero },
            _ => bail!("unknown kernel_type"),
        })
    }

    fn of(self, row: &[f32], vector: &[f32]) -> f32 {
        match self {
            Self::Linear => dot(row, vector),
            Self::Poly { gamma, zero, degree } => (gamma * dot(row, vector) + zero).powf(degree),
            Self::Rbf { gamma } => {
                let squares = row.iter().zip(vector).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2));
                (-f64::from(gamma) * squares.sum::<f64>()).exp() as f32
            }
            Self::Sigmoid { gamma, zero } => (gamma * dot(row, vector) + zero).tanh(),
        }
    }
}

/// In doubles: coefficients of both signs nearly cancel out.
pub(super) fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() as f32
}
