// What both products of a matrix take; a format's `Quad`, `load` and `part` stand before this.

struct Shape {
    // Of the shard in the whole matrix.
    first_row: u32,
    n_shard_rows: u32,
    n_rows: u32,
    n_blocks: u32,
    n_columns: u32,
}

// Columns one after the other.
@group(0) @binding(2) var<storage, read> inputs: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;
