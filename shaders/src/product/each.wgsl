// An output for each row of weights.

// Of four rows that one invocation or workgroup has.
const N_OUTPUTS: u32 = 4u;

// The shard's row that is line `idx` of `n_lines` for outputs from `first` on; past the end it is the last one again.
fn row_of(first: u32, idx: u32, n_lines: u32) -> u32 {
    return min(first + idx, shape.n_shard_rows - 1u);
}

fn output_of(four: vec4<f32>, idx: u32) -> f32 {
    return four[idx];
}
