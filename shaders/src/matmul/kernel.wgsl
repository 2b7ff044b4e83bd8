// A matrix of weights times many columns of inputs: a workgroup makes a tile of 64 rows and TILE_COLUMNS columns of
// outputs, an invocation four by four of them, from tiles that the workgroup has read once for all.
//
// In front of this stand a format's `Quad`, `load` and `part`, and the pieces of product/. Reference: `product::reference`.
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

// What a column's sums are multiplied by.
fn factor(line: u32) -> f32 {
    if !IS_NORMED {
        return 1.0;
    }
    var sum = 0.0;
    for (var depth = 0u; depth < DEPTH; depth++) {
        sum += columns[line * DEPTH + depth].x;
    }
    return inverseSqrt(sum / f32(32u * shape.n_blocks) + shape.epsilon);
}

// Writes the outputs of an invocation's four rows for column `line` of the tile.
fn write(first_column: u32, line: u32, first: u32, sums: vec4<f32>) {
    let column = first_column + line;
    if column >= shape.n_columns {
        return;
    }
    let four = sums * factor(line);
    for (var idx = 0u; idx < N_OUTPUTS; idx++) {
        let own = first + 16u * idx;
        if own < shape.n_shard_rows {
            let row = shape.first_row + own;
            give(column * shape.n_rows + row, biased(output_of(four, idx), row));
        }
    }
}

@compute @workgroup_size(4u * TILE_COLUMNS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n_lanes = 4u * TILE_COLUMNS;
    let apart = TILE_COLUMNS / 4u;
    let first_row = group.x * (16u * N_OUTPUTS);
    let first_column = group.y * TILE_COLUMNS;
    let row = lane % 16u;
    let column = lane / 16u;
    // The outputs of four rows, 16 apart, for each of four columns.
    var sums_a = vec4<f32>();
    var sums_b = vec4<f32>();
    var sums_c = vec4<f32>();
    var sums_d = vec4<f32>();
    // Squares of the two quads of inputs that an invocation has of each block.
    var squares = vec2<f32>();
    for (var block = 0u; block < shape.n_blocks; block++) {
        // Lines past the end are the last one again; what they come to is not written.
        for (var at = lane; at < TILE_ROWS * QUADS; at += n_lanes) {
            let line = at / QUADS;
            let own = row_of(first_row, line, TILE_ROWS);
            let quad = load((own * shape.n_blocks + block) * QUADS + at % QUADS);
            for (var idx = 0u; idx < N_PARTS; idx++) {
                weights[place(line, at % QUADS * N_PARTS + idx)] = part(quad, idx);
            }
        }
        for (var at = lane; at < TILE_COLUMNS * DEPTH; at += n_lanes) {
            let line = at / DEPTH;
            let own = min(first_column + line, shape.n_columns - 1u);
            let depth = block * DEPTH + at % DEPTH;
            let x = inputs[(shape.first_input + own) * shape.n_blocks * DEPTH + depth];
            columns[place(line, at % DEPTH)] = gained(x, depth);
            if IS_NORMED {
                squares[at / n_lanes] += dot(x, x);
            }
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
    if IS_NORMED {
        for (var at = lane; at < TILE_COLUMNS * DEPTH; at += n_lanes) {
            columns[at] = vec4<f32>(squares[at / n_lanes], 0.0, 0.0, 0.0);
        }
        workgroupBarrier();
    }
    write(first_column, column, first_row + row, sums_a);
    write(first_column, column + apart, first_row + row, sums_b);
    write(first_column, column + 2u * apart, first_row + row, sums_c);
    write(first_column, column + 3u * apart, first_row + row, sums_d);
}
