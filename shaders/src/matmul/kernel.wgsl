// A matrix of weights times many columns of inputs: a workgroup makes a tile of 64 rows and TILE_COLUMNS columns of
// outputs, an invocation four by four of them, from tiles that the workgroup has read once for all.
//
// In front of this stand a format's `Quad`, `load` and `part`, and product.wgsl. Reference: `product::reference`.
// Run: cargo test -p stepwise-shaders matmul

// 16, 32 or 64. With 64 the tiles fill the 16 KiB that a workgroup has by default.
override TILE_COLUMNS: u32 = 64u;
const TILE_ROWS: u32 = 64u;
// A tile is one block deep: eight vectors of four.
const DEPTH: u32 = 8u;
const QUADS: u32 = DEPTH / N_PARTS;

var<workgroup> weights: array<vec4<f32>, TILE_ROWS * DEPTH>;
var<workgroup> columns: array<vec4<f32>, TILE_COLUMNS * DEPTH>;

// Where a line's vector lies in a tile: turned by the line, so that invocations that read the same depth of neighbouring
// lines read different banks.
fn place(line: u32, depth: u32) -> u32 {
    return line * DEPTH + (depth ^ (line & 7u));
}

fn write(column: u32, row: u32, sums: vec4<f32>) {
    if column >= shape.n_columns {
        return;
    }
    for (var idx = 0u; idx < 4u; idx++) {
        let own = row + 16u * idx;
        if own < shape.n_shard_rows {
            outputs[column * shape.n_rows + shape.first_row + own] = sums[idx];
        }
    }
}

@compute @workgroup_size(4u * TILE_COLUMNS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n_lanes = 4u * TILE_COLUMNS;
    let apart = TILE_COLUMNS / 4u;
    let first_row = group.x * TILE_ROWS;
    let first_column = group.y * TILE_COLUMNS;
    let row = lane % 16u;
    let column = lane / 16u;
    // The outputs of four rows, 16 apart, for each of four columns.
    var sums_a = vec4<f32>();
    var sums_b = vec4<f32>();
    var sums_c = vec4<f32>();
    var sums_d = vec4<f32>();
    for (var block = 0u; block < shape.n_blocks; block++) {
        // Lines past the end are the last one again; what they come to is not written.
        for (var at = lane; at < TILE_ROWS * QUADS; at += n_lanes) {
            let line = at / QUADS;
            let own = min(first_row + line, shape.n_shard_rows - 1u);
            let quad = load((own * shape.n_blocks + block) * QUADS + at % QUADS);
            for (var idx = 0u; idx < N_PARTS; idx++) {
                weights[place(line, at % QUADS * N_PARTS + idx)] = part(quad, idx);
            }
        }
        for (var at = lane; at < TILE_COLUMNS * DEPTH; at += n_lanes) {
            let line = at / DEPTH;
            let own = min(first_column + line, shape.n_columns - 1u);
            columns[place(line, at % DEPTH)] = inputs[(own * shape.n_blocks + block) * DEPTH + at % DEPTH];
        }
        workgroupBarrier();
        for (var depth = 0u; depth < DEPTH; depth++) {
            let four = mat4x4<f32>(
                weights[place(row, depth)],
                weights[place(row + 16u, depth)],
                weights[place(row + 32u, depth)],
                weights[place(row + 48u, depth)],
            );
            sums_a += columns[place(column, depth)] * four;
            sums_b += columns[place(column + apart, depth)] * four;
            sums_c += columns[place(column + 2u * apart, depth)] * four;
            sums_d += columns[place(column + 3u * apart, depth)] * four;
        }
        workgroupBarrier();
    }
    write(first_column + column, first_row + row, sums_a);
    write(first_column + column + apart, first_row + row, sums_b);
    write(first_column + column + 2u * apart, first_row + row, sums_c);
    write(first_column + column + 3u * apart, first_row + row, sums_d);
}
