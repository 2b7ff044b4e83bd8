// SwiGLU (arXiv 2002.05202): an output for two rows of weights, the gate's and that of what it multiplies, which lie half a
// shard apart.

// Of four rows that one invocation or workgroup has: two gates, and what they multiply.
const N_OUTPUTS: u32 = 2u;

// The shard's row that is line `idx` of `n_lines` for outputs from `first` on: gates are the first half of the lines. Past
// the end it is the last one again.
fn row_of(first: u32, idx: u32, n_lines: u32) -> u32 {
    let n_gates = n_lines / 2u;
    return min(first + idx % n_gates, shape.n_shard_rows - 1u) + idx / n_gates * shape.n_shard_rows;
}

fn output_of(four: vec4<f32>, idx: u32) -> f32 {
    let gate = four[idx];
    return gate / (1.0 + exp(min(-gate, 80.0))) * four[idx + 2u];
}
