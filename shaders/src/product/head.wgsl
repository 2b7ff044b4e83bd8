// What both products of a matrix take; a format's `Quad`, `load` and `part` stand before this, and behind it what is done
// with inputs before and with sums after.

struct Shape {
    // Of the shard's outputs among all.
    first_row: u32,
    // Outputs of the shard.
    n_shard_rows: u32,
    // All outputs.
    n_rows: u32,
    n_blocks: u32,
    n_columns: u32,
    // The column of inputs that is the first.
    first_input: u32,
    // Of the norm before, if there is one.
    epsilon: f32,
}

// Columns one after the other.
@group(0) @binding(2) var<storage, read> inputs: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;
