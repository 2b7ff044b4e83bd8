//! The exponential function, written so that the compiler computes several at once; libm's is called one by one.

/// `e^x` to within 2e-7 of its value for `x` from -86 to 88, and the nearest end's value beyond; NaN of NaN.
///
/// `x` is cut into `n ln 2 + r` with `r` at most `ln 2 / 2`; the polynomial for `e^r` is that of Cephes' `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Added to a small number, it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-86.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let terms = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5];
    let p = terms.into_iter().fold(1.987_569_1e-4, |p, term| p * r + term);
    // Adding n to the exponent's bits multiplies by 2^n.
    f32::from_bits((p * r * r + r + 1.0).to_bits().wrapping_add(rounded.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn it_is_the_exponential_function() {
        let greatest = (-8_600_000..8_800_000_i32)
            .step_by(7)
            .map(|x| {
                let x = x as f32 * 1e-5;
                let truth = f64::from(x).exp();
                ((f64::from(exp(x)) - truth) / truth).abs()
            })
            .fold(0.0, f64::max);
        assert!(greatest < 2e-7, "relative error {greatest:.1e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
    }
}
