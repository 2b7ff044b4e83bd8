//! Rotary positions (arXiv 2104.09864): the angles per position, and the turn of queries and keys by them.

use std::f64::consts::PI;

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::{ModelConfig, RopeScaling};

/// Sines and cosines of some tokens' positions, each `[n_tiles, 1, head_dim / 2, tile]`.
#[derive(Clone, Debug)]
pub(super) struct Angles {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

/// How heads are turned.
#[derive(Clone, Debug)]
pub(super) struct Frequencies {
    /// Radians per position for each pair of a head's dimensions.
    radians: Vec<f64>,
    /// What queries and keys grow by.
    growth: f64,
}

/// How heads are turned in a text of `n_tokens`. Dimension `i` makes a pair with `i + head_dim / 2`, as in Hugging Face's
/// models.
pub(super) fn frequencies(config: &ModelConfig, n_tokens: usize) -> Frequencies {
    let growth = match config.rope.scaling {
        RopeScaling::Yarn { attention_factor, .. } => attention_factor,
        _ => 1.0,
    };
    Frequencies { radians: radians(config, n_tokens), growth }
}

fn radians(config: &ModelConfig, n_tokens: usize) -> Vec<f64> {
    let dim = config.head_dim as f64;
    let theta = match config.rope.scaling {
        RopeScaling::Dynamic { factor } if n_tokens > config.max_positions => {
            let stretch = factor * n_tokens as f64 / config.max_positions as f64 - (factor - 1.0);
            config.rope.theta * stretch.powf(dim / (dim - 2.0))
        }
        _ => config.rope.theta,
    };
    let plain = (0..config.head_dim / 2).map(|i| theta.powf(-2.0 * i as f64 / dim));
    match config.rope.scaling {
        RopeScaling::None | RopeScaling::Dynamic { .. } => plain.collect(),
        RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_positions } => {
            let original = original_max_positions as f64;
            let stretch = |f: f64| {
                let share = (original * f / (2.0 * PI) - low_freq_factor) / (high_freq_factor - low_freq_factor);
                let share = share.clamp(0.0, 1.0);
                (1.0 - share) * f / factor + share * f
            };
            plain.map(stretch).collect()
        }
        RopeScaling::Yarn { factor, original_max_positions, beta_fast, beta_slow, .. } => {
            let original = original_max_positions as f64;
            // The pair that turns so often in the original length, as a number between pairs.
            let pair = |turns: f64| dim * (original / (turns * 2.0 * PI)).ln() / (2.0 * theta.ln());
            let (first, last) = (pair(beta_fast).floor().max(0.0), pair(beta_slow).ceil().min(dim - 1.0));
            let width = if first == last { 0.001 } else { last - first };
            let stretch = |(i, f): (usize, f64)| {
                let stretched = ((i as f64 - first) / width).clamp(0.0, 1.0);
                f / factor * stretched + f * (1.0 - stretched)
            };
            plain.enumerate().map(stretch).collect()
        }
    }
}

/// Whether the keys of a text's beginning are the same in a text of `n_tokens`, so that they can be kept.
pub(crate) fn is_stable(config: &ModelConfig, n_tokens: usize) -> bool {
    !matches!(config.rope.scaling, RopeScaling::Dynamic { .. }) || n_tokens <= config.max_positions
}

/// Cosines and sines of the angles at `positions` in a text of `n_tokens`, each `[head_dim / 2, n_positions]`.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn rotary_tables(config: &ModelConfig, n_tokens: usize, positions: &[usize]) -> [Vec<f32>; 2] {
    let frequencies = frequencies(config, n_tokens);
    [f64::cos, f64::sin].map(|f| table(&frequencies, positions, positions.len().max(1), f))
}

/// Cosine and sine of each pair's angle at each of the positions, `[n_positions, head_dim / 2, 2]`; `n_tokens` says of a
/// position how long the text is that it is read in.
pub(crate) fn angles(
    config: &ModelConfig,
    positions: std::ops::Range<usize>,
    n_tokens: impl Fn(usize) -> usize,
) -> Vec<f32> {
    let mut angles = Vec::with_capacity(positions.len() * config.head_dim);
    let mut last: Option<(usize, Frequencies)> = None;
    for position in positions {
        // Frequencies are those of the training as long as the text is no longer.
        let n = n_tokens(position).max(config.max_positions);
        if last.as_ref().is_none_or(|(of, _)| *of != n) {
            last = Some((n, frequencies(config, n)));
        }
        for (radians, growth) in last.iter().flat_map(|(_, f)| f.radians.iter().map(|radians| (radians, f.growth))) {
            let angle = position as f64 * radians;
            angles.extend([angle.cos(), angle.sin()].map(|x| (growth * x) as f32));
        }
    }
    angles
}

/// `f` of each position's angles, grown, `[n_tiles, n_frequencies, tile]`.
fn table(
    Frequencies { radians, growth }: &Frequencies,
    positions: &[usize],
    tile: usize,
    f: fn(f64) -> f64,
) -> Vec<f32> {
    let mut table = Vec::with_capacity(positions.len() * radians.len());
    for columns in positions.chunks(tile) {
        for radians in radians {
            table.extend(columns.iter().map(|position| (growth * f(*position as f64 * radians)) as f32));
        }
    }
    table
}

impl Angles {
    /// The angles of columns at `positions`, `n_tiles x tile` of them.
    pub(super) fn new(frequencies: &Frequencies, positions: &[usize], n_tiles: usize, device: &Device) -> Self {
        let tile = positions.len() / n_tiles;
        let table = |f: fn(f64) -> f64| {
            let table = table(frequencies, positions, tile, f);
            Tensor::from_data(TensorData::new(table, [n_tiles, 1, frequencies.radians.len(), tile]), device)
        };
        Self { cos: table(f64::cos), sin: table(f64::sin) }
    }

    /// Turns heads, `[n_tiles, n_heads, head_dim, tile]`.
    pub(super) fn turn(&self, heads: Tensor<4>) -> Tensor<4> {
        let half = heads.dims()[2] / 2;
        let (a, b) = (heads.clone().narrow(2, 0, half), heads.narrow(2, half, half));
        let (cos, sin) = (&self.cos, &self.sin);
        let turned_a = a.clone() * cos.clone() - b.clone() * sin.clone();
        let turned_b = b * cos.clone() + a * sin.clone();
        Tensor::cat(vec![turned_a, turned_b], 2)
    }
}
