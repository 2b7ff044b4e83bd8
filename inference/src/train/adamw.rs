//! AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) on arrays in the CPU's memory, and its learning rate over time.
//!
//! It is our own because a resumed training must go on bit for bit, so that its moments are saved under names that stay.

use std::f64::consts::PI;

/// An array that is trained, with its moments.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// In saved states.
    pub(super) name: String,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Norms and biases do not decay towards 0.
    pub(super) decays: bool,
    pub(super) data: Vec<f32>,
    /// The running mean of its gradient.
    pub(super) first_moment: Vec<f32>,
    /// The running mean of its gradient's square.
    pub(super) second_moment: Vec<f32>,
}

/// How parameters move in one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamW {
    pub(super) learning_rate: f64,
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    pub(super) epsilon: f64,
    pub(super) weight_decay: f64,
    /// Updates made, this one included: the moments' bias depends on it.
    pub(super) n_updates: u64,
}

impl Parameter {
    /// An array that has not moved yet.
    pub(super) fn new(name: String, [rows, cols]: [usize; 2], decays: bool, data: Vec<f32>) -> Self {
        let zeros = || vec![0.0; data.len()];
        Self { name, rows, cols, decays, first_moment: zeros(), second_moment: zeros(), data }
    }
}

impl AdamW {
    /// Moves a parameter along its gradient times `scale`.
    pub(super) fn update(&self, parameter: &mut Parameter, gradient: &[f32], scale: f32) {
        let correction = |beta: f64| 1.0 - beta.powf(self.n_updates as f64);
        let rate = (self.learning_rate / correction(self.beta1)) as f32;
        let inverse_root = correction(self.beta2).sqrt().recip() as f32;
        let keep = if parameter.decays { (1.0 - self.learning_rate * self.weight_decay) as f32 } else { 1.0 };
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        let moments = parameter.first_moment.iter_mut().zip(&mut parameter.second_moment);
        for ((value, (first, second)), gradient) in parameter.data.iter_mut().zip(moments).zip(gradient) {
            let gradient = gradient * scale;
            *first = beta1 * *first + (1.0 - beta1) * gradient;
            *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
            *value = keep * *value - rate * *first / (second.sqrt() * inverse_root + epsilon);
        }
    }
}

/// The learning rate of a step as a share of its peak: linear up over the first `n_warmup` of `n_steps`, then a cosine
/// down to `final_share` (Loshchilov and Hutter 2017, arXiv 1608.03983). Steps count from 0.
pub(super) fn rate_share(step: u64, n_steps: u64, n_warmup: u64, final_share: f64) -> f64 {
    if step < n_warmup {
        return (step + 1) as f64 / n_warmup as f64;
    }
    let progress = (step - n_warmup) as f64 / (n_steps - n_warmup).max(1) as f64;
    final_share + (1.0 - final_share) * 0.5 * (1.0 + (PI * progress.min(1.0)).cos())
}

/// The length of all gradients together.
pub(super) fn norm(gradients: &[Vec<f32>]) -> f64 {
    let squares = gradients.iter().flatten().map(|x| f64::from(*x) * f64::from(*x));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_are_those_of_the_paper() {
        let mut parameter = Parameter::new("x".to_owned(), [1, 1], true, vec![1.0]);
        let adamw = |n_updates| AdamW {
            learning_rate: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            weight_decay: 0.5,
            n_updates,
        };
        // The first step has the rate's length whatever the gradient; the decay is 0.1 * 0.5 of the value.
        adamw(1).update(&mut parameter, &[4.0], 0.5);
        assert!((parameter.data[0] - (0.95 - 0.1)).abs() < 1e-6, "{}", parameter.data[0]);
        adamw(2).update(&mut parameter, &[-1.0], 1.0);
        let first = (0.9 * 0.2 - 0.1) / (1.0 - 0.81);
        let second: f64 = (0.99 * 0.04 + 0.01) / (1.0 - 0.9801);
        let expected = 0.95 * 0.85 - 0.1 * first / second.sqrt();
        assert!((f64::from(parameter.data[0]) - expected).abs() < 1e-6, "{} {expected}", parameter.data[0]);
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let shares: Vec<f64> = (0..10).map(|step| rate_share(step, 10, 2, 0.1)).collect();
        assert_eq!(&shares[..3], &[0.5, 1.0, 1.0]);
        assert!(shares[2..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!((rate_share(6, 10, 2, 0.1) - 0.55).abs() < 1e-9);
        assert!((rate_share(10, 10, 2, 0.1) - 0.1).abs() < 1e-9);
    }
}
