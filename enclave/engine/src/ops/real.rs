//! What the operators need of `f32` and `f64`, to compute as wide as their input is.

use tract_onnx::tract_hir::internal::*;

/// `f32` or `f64`.
pub(super) trait Real: Datum + Copy + PartialOrd + Default + std::ops::AddAssign {
    const LARGEST: Self;
    const HALF: Self;
    /// `None` when the number is not one of this type.
    fn exactly(number: f64) -> Option<Self>;
    fn before(self) -> Self;
    /// Rounded as if computed in this type.
    fn plus(self, other: f64) -> Self;
    /// Rounded as if computed in this type.
    fn over(self, divisor: f64) -> Self;
    fn narrow(self) -> f32;
}

macro_rules! real {
    ($real:ident) => {
        impl Real for $real {
            const LARGEST: Self = $real::INFINITY;
            const HALF: Self = 0.5;

            fn exactly(number: f64) -> Option<Self> {
                let same = number as $real;
                (f64::from(same) == number || number.is_nan()).then_some(same)
            }

            fn before(self) -> Self {
                self.next_down()
            }

            fn plus(self, other: f64) -> Self {
                (f64::from(self) + other) as $real
            }

            fn over(self, divisor: f64) -> Self {
                (f64::from(self) / divisor) as $real
            }

            fn narrow(self) -> f32 {
                self as f32
            }
        }
    };
}

real!(f32);
real!(f64);
