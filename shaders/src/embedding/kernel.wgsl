// Rows of a matrix by their numbers: the embeddings of tokens, one workgroup for each token. It is the first kernel of a
// step, and counts it.
//
// In front of this stand a format's `Quad`, `load` and `part`. Reference: `Packed::row`.
// Run: cargo test -p stepwise-shaders embedding

struct Shape {
    // Of the shard in the whole matrix.
    first_row: u32,
    n_shard_rows: u32,
    n_blocks: u32,
    // 1 for the shard that counts the step.
    counts: u32,
}

struct State {
    // Own tokens of each sample, with the one that is being read.
    n_own: u32,
}

@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> outputs: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> state: State;
@group(0) @binding(5) var<uniform> shape: Shape;

override WIDTH: u32 = 64u;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let column = group.x;
    if shape.counts == 1u && column == 0u && lane == 0u {
        state.n_own += 1u;
    }
    // A row before the shard's first wraps around, and is past its last.
    let row = tokens[column] - shape.first_row;
    if row >= shape.n_shard_rows {
        return;
    }
    let n_quads = shape.n_blocks * (8u / N_PARTS);
    for (var at = lane; at < n_quads; at += WIDTH) {
        let quad = load(row * n_quads + at);
        for (var idx = 0u; idx < N_PARTS; idx++) {
            outputs[(column * n_quads + at) * N_PARTS + idx] = part(quad, idx);
        }
    }
}
