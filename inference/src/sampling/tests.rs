//! Frequencies against the softmax, cuts, and seeds.

use super::*;

const LOGITS: [f32; 8] = [2.0, -1.0, 0.5, 0.0, 3.0, -4.0, 1.0, 2.5];

fn draw(temperature: f64, top_k: Option<usize>, top_p: f64) -> Draw {
    Draw { temperature, top_k, top_p }
}

/// Draws 40,000 tokens and returns Pearson's chi-square statistic against these probabilities.
fn chi_square(draw: &Draw, expected: &[f64]) -> f64 {
    let n = 40_000;
    let mut counts = [0_u32; LOGITS.len()];
    let mut rng = rng(7, 0);
    for _ in 0..n {
        counts[pick(&LOGITS, draw, &mut rng).unwrap().token as usize] += 1;
    }
    let total: f64 = expected.iter().sum();
    let mut statistic = 0.0;
    for (count, expected) in counts.iter().zip(expected) {
        let expected = expected / total * f64::from(n);
        if expected == 0.0 {
            assert_eq!(*count, 0, "a token was drawn that was cut off");
        } else {
            statistic += (f64::from(*count) - expected).powi(2) / expected;
        }
    }
    statistic
}

fn softmax(temperature: f64) -> Vec<f64> {
    LOGITS.iter().map(|logit| (f64::from(*logit) / temperature).exp()).collect()
}

/// 0.1% of fair samplers exceed these quantiles of the chi-square distribution; the seed is fixed, so the test is too.
const QUANTILE_7: f64 = 24.32;
const QUANTILE_2: f64 = 13.82;

#[test]
fn frequencies_are_those_of_the_softmax() {
    for temperature in [0.7, 1.0, 2.0] {
        let statistic = chi_square(&draw(temperature, None, 1.0), &softmax(temperature));
        assert!(statistic < QUANTILE_7, "chi-square {statistic} at temperature {temperature}");
    }
    // The test can fail: another temperature is told apart.
    assert!(chi_square(&draw(0.7, None, 1.0), &softmax(0.8)) > QUANTILE_7);
}

#[test]
fn top_k_and_top_p_cut_the_improbable_tokens() {
    let keep = |tokens: &[usize]| -> Vec<f64> {
        softmax(1.0).iter().enumerate().map(|(idx, p)| if tokens.contains(&idx) { *p } else { 0.0 }).collect()
    };
    let statistic = chi_square(&draw(1.0, Some(3), 1.0), &keep(&[4, 7, 0]));
    assert!(statistic < QUANTILE_2, "chi-square {statistic} with top-k");
    // The three most probable tokens have 0.44, 0.27 and 0.16 of the whole.
    let statistic = chi_square(&draw(1.0, None, 0.8), &keep(&[4, 7, 0]));
    assert!(statistic < QUANTILE_2, "chi-square {statistic} with top-p");
    let mut rng = rng(1, 0);
    for cut in [draw(1.0, Some(1), 1.0), draw(1.0, None, 0.0), draw(1e-6, None, 1.0)] {
        assert_eq!(pick(&LOGITS, &cut, &mut rng).unwrap().token, 4);
    }
}

#[test]
fn log_probabilities_are_the_models_own() {
    let total: f64 = softmax(1.0).iter().sum();
    let mut rng = rng(3, 0);
    for sampling in [draw(0.3, None, 1.0), draw(1.5, Some(2), 1.0), draw(0.9, None, 0.5)] {
        let Pick { token, logprob } = pick(&LOGITS, &sampling, &mut rng).unwrap();
        let expected = f64::from(LOGITS[token as usize]) - total.ln();
        assert!((f64::from(logprob) - expected).abs() < 1e-5, "{logprob} instead of {expected}");
    }
    let sum: f64 = LOGITS.iter().map(|logit| f64::from(logit - log_sum_exp(&LOGITS).unwrap()).exp()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "the probabilities add up to {sum}");
}

#[test]
fn a_sample_depends_on_its_seed_and_its_index_only() {
    let draws = |seed, idx| -> Vec<u32> {
        let mut rng = rng(seed, idx);
        (0..32).map(|_| pick(&LOGITS, &draw(1.0, None, 1.0), &mut rng).unwrap().token).collect()
    };
    assert_eq!(draws(5, 1), draws(5, 1));
    assert_ne!(draws(5, 1), draws(5, 2));
    assert_ne!(draws(5, 1), draws(6, 1));
}

#[test]
fn what_is_not_finite_is_refused() {
    let mut rng = rng(0, 0);
    for logits in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::NEG_INFINITY; 2]] {
        assert_eq!(pick(&logits, &draw(1.0, None, 1.0), &mut rng), None);
    }
    assert_eq!(pick(&[f32::NEG_INFINITY, 1.0], &draw(1.0, None, 1.0), &mut rng).unwrap().token, 1);
}
