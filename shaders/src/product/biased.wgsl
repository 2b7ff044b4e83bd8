// Sums with a bias for each row.

@group(0) @binding(6) var<storage, read> biases: array<f32>;

fn biased(sum: f32, row: u32) -> f32 {
    return sum + biases[row];
}
