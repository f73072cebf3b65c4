//! Quantiles of χ², by the regularised incomplete gamma function (Press et al., Numerical Recipes, section 6.2).

/// Terms of a series or fraction; both converge long before.
const MAX_TERMS: u32 = 1000;

/// Steps of bisection: an f64 has no more.
const STEPS: u32 = 80;

/// Ends of a series: a term this much smaller than the sum no longer counts.
const NEGLIGIBLE: f64 = 1e-15;

/// Value that χ² of `degrees` exceeds with chance `tail`.
#[must_use]
pub fn quantile(degrees: u32, tail: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while survival(degrees, high) > tail && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if survival(degrees, middle) > tail { low = middle } else { high = middle }
    }
    high
}

/// Chance that χ² of `degrees` exceeds `value`.
#[must_use]
pub fn survival(degrees: u32, value: f64) -> f64 {
    let (shape, x) = (f64::from(degrees.max(1)) / 2.0, value / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (shape * x.ln() - x - ln_gamma_half(degrees.max(1))).exp();
    if x < shape + 1.0 { 1.0 - scale * series(shape, x) } else { scale * fraction(shape, x) }
}

/// The lower incomplete gamma function without its scale.
fn series(shape: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / shape, 1.0 / shape);
    for step in 1..MAX_TERMS {
        term *= x / (shape + f64::from(step));
        sum += term;
        if term < sum * NEGLIGIBLE {
            break;
        }
    }
    sum
}

/// The upper one, by Lentz's method.
fn fraction(shape: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / f64::MIN_POSITIVE;
    let mut d = 1.0 / b;
    let mut result = d;
    for step in 1..MAX_TERMS {
        let i = f64::from(step);
        let a = -i * (i - shape);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        result *= d * c;
        if (d * c - 1.0).abs() < NEGLIGIBLE {
            break;
        }
    }
    result
}

/// ln Γ(degrees / 2), by Γ(a + 1) = a Γ(a) from Γ(1) = 1 and Γ(½) = √π.
fn ln_gamma_half(degrees: u32) -> f64 {
    let odd = degrees % 2 == 1;
    let first = if odd { std::f64::consts::PI.ln() / 2.0 } else { 0.0 };
    let start = if odd { 1 } else { 2 };
    (start..degrees).step_by(2).map(|twice| (f64::from(twice) / 2.0).ln()).sum::<f64>() + first
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Abramowitz and Stegun, table 26.8, and R's `qchisq`.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, tail, expected) in [
            (1, 0.05, 3.841_459),
            (1, 0.001, 10.827_566),
            (2, 0.01, 9.210_340),
            (4, 0.10, 7.779_440),
            (9, 0.05, 16.918_978),
            (9, 0.01, 21.665_994),
            (9, 0.001, 27.877_165),
            (10, 0.95, 3.940_299),
            (30, 0.005, 53.671_962),
            (100, 0.01, 135.806_723),
        ] {
            let found = quantile(degrees, tail);
            assert!((found - expected).abs() < 1e-5 * expected, "{degrees} {tail}: {found}");
        }
    }

    #[test]
    fn chances_fall_as_the_value_grows() {
        for degrees in [1, 2, 5, 9, 50] {
            let chances: Vec<f64> = (0..200).map(|step| survival(degrees, f64::from(step) / 2.0)).collect();
            assert!(chances.windows(2).all(|pair| pair[0] >= pair[1]), "{degrees}");
        }
    }
}
