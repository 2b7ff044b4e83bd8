//! Whether the outputs of products and attention are right, on the very buffers that are timed.

use stepwise_core::random::SplitMix64;
use stepwise_shaders::attention;
use stepwise_shaders::product::{reference, synthetic_column};
use stepwise_shaders::weights::{MatrixShape, Shard, Synthetic};

/// Rows whose outputs are computed on the CPU too, at most, beside those at the shards' edges.
const MAX_ROWS: usize = 24;
/// Columns, likewise, beside those at the tiles' edges.
const MAX_COLUMNS: usize = 16;

/// What is known of a matrix's outputs.
pub(super) struct Check {
    weights: Synthetic,
    /// Rows at the edges of shards and some others, with their weights.
    rows: Vec<(u32, Vec<f32>)>,
}

/// The inputs of one product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    pub(super) n_columns: u32,
    pub(super) seed: u32,
}

impl Check {
    /// Computes the weights of the rows that will be looked at.
    pub(super) fn new(weights: Synthetic, shards: &[Shard]) -> Self {
        let edges = shards.iter().flat_map(|shard| [shard.first_row, shard.first_row + shard.n_rows - 1]);
        Self::of_rows(weights, edges)
    }

    fn of_rows(weights: Synthetic, edges: impl IntoIterator<Item = u32>) -> Self {
        let rows = places(weights.shape.n_rows, edges, MAX_ROWS, weights.seed);
        Self { weights, rows: rows.into_iter().map(|row| (row, weights.row(row))).collect() }
    }

    /// What is wrong with the outputs, if anything: one that is no finite number anywhere, or one of the rows and columns
    /// looked at that f32 does not explain.
    pub(super) fn find_wrong(&self, inputs: Inputs, outputs: &[f32]) -> Option<String> {
        let MatrixShape { n_rows, .. } = self.weights.shape;
        if let Some(idx) = outputs.iter().position(|output| !output.is_finite()) {
            let (row, column) = (idx % n_rows as usize, idx / n_rows as usize);
            return Some(format!("row {row} of column {column} is {}", outputs[idx]));
        }
        let edges = [15, 16, 31, 32, 63, 64, inputs.n_columns - 1].into_iter().filter(|edge| *edge < inputs.n_columns);
        places(inputs.n_columns, edges.chain([0]), MAX_COLUMNS, inputs.seed).into_iter().find_map(|column| {
            let values = synthetic_column(self.weights.shape, inputs.seed, column);
            self.rows.iter().find_map(|(row, weights)| {
                let (expected, allowed) = reference(weights, &values);
                let found = outputs[column as usize * n_rows as usize + *row as usize];
                let off = (f64::from(found) - expected).abs();
                (off > allowed).then(|| format!("row {row} of column {column} is {found} and should be {expected:.6}"))
            })
        })
    }
}

/// Queries of an attention that are computed on the CPU too, beside the first and the last.
const MAX_QUERIES: usize = 8;

/// How far a number of an attention may be off; values are 1 at most, and exponentials are the least exact.
const ATTENTION_TOLERANCE: f64 = 2e-5;

/// What is wrong with an attention to synthetic inputs, if anything.
pub(super) fn find_wrong_attention(shape: attention::Shape, seed: u32, outputs: &[f32]) -> Option<String> {
    let head_dim = shape.head_dim as usize;
    if let Some(idx) = outputs.iter().position(|output| !output.is_finite()) {
        return Some(format!("number {} of query {} is {}", idx % head_dim, idx / head_dim, outputs[idx]));
    }
    let inputs = attention::synthetic(shape, seed);
    let n_queries = shape.n_samples * shape.n_heads;
    places(n_queries, [0, n_queries - 1], MAX_QUERIES, seed).into_iter().find_map(|query| {
        let expected = attention::reference_of(shape, &inputs, query / shape.n_heads, query % shape.n_heads);
        let found = &outputs[query as usize * head_dim..][..head_dim];
        let is_off = |(found, expected): &(&f32, &f64)| (f64::from(**found) - **expected).abs() > ATTENTION_TOLERANCE;
        let (found, expected) = found.iter().zip(&expected).find(is_off)?;
        Some(format!("a number of query {query} is {found} and should be {expected:.6}"))
    })
}

/// The edges, and random places until there are `most` of them, in order and none twice.
fn places(n: u32, edges: impl IntoIterator<Item = u32>, most: usize, seed: u32) -> Vec<u32> {
    let mut random = SplitMix64::new(seed.into());
    let mut places: std::collections::BTreeSet<u32> = edges.into_iter().collect();
    for _ in places.len()..most {
        places.insert(random.below(n as usize) as u32);
    }
    places.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use stepwise_shaders::weights::Format;

    use super::*;

    #[test]
    fn an_output_that_is_off_is_found_and_one_that_f32_explains_is_not() {
        let shape = MatrixShape { n_rows: 40, n_columns: 64 };
        let weights = Synthetic { format: Format::D4, shape, seed: 5 };
        let inputs = Inputs { n_columns: 3, seed: 7 };
        let exact = (0..3).flat_map(|column| {
            let values = synthetic_column(shape, inputs.seed, column);
            (0..shape.n_rows).map(move |row| reference(&weights.row(row), &values).0 as f32)
        });
        let exact: Vec<f32> = exact.collect();
        let check = Check::of_rows(weights, [0, 39]);
        assert_eq!(check.find_wrong(inputs, &exact), None);

        let mut found = exact.clone();
        // Row 39 of column 2, by less than a step of a weight's quant.
        found[119] += 5e-4;
        let wrong = check.find_wrong(inputs, &found).unwrap();
        assert!(wrong.starts_with("row 39 of column 2 is"), "{wrong}");

        // No row that is looked at, but no number either.
        let unseen = (0..40).find(|row| check.rows.iter().all(|(seen, _)| seen != row)).unwrap();
        let mut found = exact;
        found[unseen as usize] = f32::NAN;
        assert_eq!(check.find_wrong(inputs, &found), Some(format!("row {unseen} of column 0 is NaN")));
    }

    #[test]
    fn an_attention_that_is_off_is_found() {
        let shape = attention::Shape { n_samples: 2, n_heads: 4, n_kv_heads: 2, head_dim: 8, n_prefix: 5, n_own: 3 };
        let inputs = attention::synthetic(shape, 3);
        let exact = (0..8).flat_map(|query| attention::reference_of(shape, &inputs, query / 4, query % 4));
        let mut outputs: Vec<f32> = exact.map(|number| number as f32).collect();
        assert_eq!(find_wrong_attention(shape, 3, &outputs), None);
        outputs[63] += 1e-4;
        let wrong = find_wrong_attention(shape, 3, &outputs).unwrap();
        assert!(wrong.starts_with("a number of query 7 is "), "{wrong}");
        outputs[20] = f32::INFINITY;
        assert_eq!(find_wrong_attention(shape, 3, &outputs).as_deref(), Some("number 4 of query 2 is inf"));
    }

    #[test]
    fn edges_are_among_the_places_and_nothing_is_past_the_end() {
        let found = places(100, [0, 99], 10, 1);
        assert!(found.contains(&0) && found.contains(&99) && found.len() > 5, "{found:?}");
        assert!(found.iter().all(|place| *place < 100) && found.is_sorted(), "{found:?}");
        assert_eq!(places(1, [0], 16, 1), [0]);
    }
}
