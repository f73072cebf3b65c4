//! Tails of distributions in log space: a p-value of 10⁻⁴⁰⁰ is still a number.
//!
//! Both tails are regularised incomplete beta functions, by Lentz's continued fraction (Press et al., Numerical
//! Recipes, 3rd edition, section 6.4).

/// Natural logarithm of the chance of `hits` or more among `trials`, each with the chance `chance`.
pub(crate) fn binomial_tail(trials: u64, hits: u64, chance: f64) -> f64 {
    if hits == 0 || chance >= 1.0 {
        return 0.0;
    }
    if hits > trials || chance <= 0.0 {
        return f64::NEG_INFINITY;
    }
    beta(chance, count(hits), count(trials - hits + 1))
}

/// Natural logarithm of the chance that a number of Student's distribution is `t` or more.
pub(crate) fn student_tail(t: f64, freedom: f64) -> f64 {
    let outside = beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) - std::f64::consts::LN_2;
    if t >= 0.0 { outside } else { (-outside.exp()).ln_1p() }
}

/// A probability as people read it, however small.
pub(crate) fn written(ln_p: f64) -> String {
    if ln_p == f64::NEG_INFINITY {
        return "0".to_owned();
    }
    let log10 = ln_p.min(0.0) / std::f64::consts::LN_10;
    if log10 > -3.0 {
        return format!("{:.3}", ln_p.min(0.0).exp());
    }
    let exponent = log10.floor();
    format!("{:.1}e{exponent}", 10_f64.powf(log10 - exponent))
}

/// Mean and standard deviation of a sample, of two numbers or more.
pub(crate) fn moments(sample: &[f64]) -> (f64, f64) {
    let n = count(sample.len() as u64);
    let mean = sample.iter().sum::<f64>() / n;
    let squares: f64 = sample.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

/// A number of things.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows and keys fit 53 bits")]
pub(crate) const fn count(number: u64) -> f64 {
    number as f64
}

/// Logarithm of the regularised incomplete beta function.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    if x < (a + 1.0) / (a + b + 2.0) {
        return front + (fraction(x, a, b) / a).ln();
    }
    let other = (front + (fraction(1.0 - x, b, a) / b).ln()).exp();
    (-other.min(1.0)).ln_1p()
}

/// The continued fraction, by modified Lentz.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut product = d;
    for step in 1..10_000_u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        product *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        product *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    product
}

/// Logarithm of the gamma function of a positive number: Stirling's series (Abramowitz, Stegun, 6.1.41) from 15 on,
/// and the recurrence below.
fn ln_gamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 15.0 {
        below += x.ln();
        x += 1.0;
    }
    let (inverse, square) = (1.0 / x, 1.0 / (x * x));
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(ln_p: f64, expected: f64) {
        assert!((ln_p.exp() / expected - 1.0).abs() < 1e-9, "{} for {expected}", ln_p.exp());
    }

    #[test]
    fn binomial_tails_are_those_of_a_sum() {
        near(binomial_tail(10, 10, 0.5), 0.5_f64.powi(10));
        near(binomial_tail(10, 1, 0.1), 1.0 - 0.9_f64.powi(10));
        near(binomial_tail(3, 2, 0.25), 3.0 * 0.25 * 0.25 * 0.75 + 0.25_f64.powi(3));
        near(binomial_tail(5, 0, 0.25), 1.0);
        assert!((binomial_tail(500, 500, 1e-3) - 500.0 * 1e-3_f64.ln()).abs() < 1e-6);
        assert_eq!(binomial_tail(2, 3, 0.5), f64::NEG_INFINITY);
    }

    /// One degree of freedom is Cauchy's distribution, two have a closed form.
    #[test]
    fn student_tails_are_those_of_the_closed_forms() {
        near(student_tail(1.0, 1.0), 0.25);
        near(student_tail(2.0, 2.0), 0.5 - 1.0 / 6.0_f64.sqrt());
        near(student_tail(-1.0, 1.0), 0.75);
        near(student_tail(0.0, 199.0), 0.5);
    }

    #[test]
    fn any_probability_can_be_written() {
        assert_eq!(written(0.05_f64.ln()), "0.050");
        assert_eq!(written(-12.0 * std::f64::consts::LN_10 + 2.5_f64.ln()), "2.5e-12");
        assert_eq!(written(-1000.0 * std::f64::consts::LN_10 + 2.5_f64.ln()), "2.5e-1000");
        assert_eq!(written(f64::NEG_INFINITY), "0");
    }
}
