// A matrix of weights times up to eight columns of inputs: a workgroup goes through four rows of weights, so that each
// quad of inputs that it reads is used four times.
//
// In front of this stand a format's `Quad`, `load` and `part`, the pieces of product/, and `N_COLUMNS`. Reference:
// `product::reference`. Run: cargo test -p stepwise-shaders matvec

override WIDTH: u32 = 64u;
const N_ROWS: u32 = 4u;

// Each invocation's sums, four rows in a vector, column by column.
var<workgroup> partial: array<vec4<f32>, WIDTH * N_COLUMNS>;
// And the squares of the inputs that it has read.
var<workgroup> squares: array<f32, WIDTH * N_COLUMNS>;

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) n_groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * n_groups.x + group.x) * N_OUTPUTS;
    if first >= shape.n_shard_rows {
        return;
    }
    let n_quads = shape.n_blocks * (8u / N_PARTS);
    // A row past the end is the last one again; its sums are not written.
    let row_a = row_of(first, 0u, N_ROWS) * n_quads;
    let row_b = row_of(first, 1u, N_ROWS) * n_quads;
    let row_c = row_of(first, 2u, N_ROWS) * n_quads;
    let row_d = row_of(first, 3u, N_ROWS) * n_quads;
    var sums: array<vec4<f32>, N_COLUMNS>;
    var own_squares: array<f32, N_COLUMNS>;
    for (var at = lane; at < n_quads; at += WIDTH) {
        let a = load(row_a + at);
        let b = load(row_b + at);
        let c = load(row_c + at);
        let d = load(row_d + at);
        for (var idx = 0u; idx < N_PARTS; idx++) {
            let weights = mat4x4<f32>(part(a, idx), part(b, idx), part(c, idx), part(d, idx));
            for (var column = 0u; column < N_COLUMNS; column++) {
                let x = inputs[((shape.first_input + column) * n_quads + at) * N_PARTS + idx];
                sums[column] += gained(x, at * N_PARTS + idx) * weights;
                if IS_NORMED {
                    own_squares[column] += dot(x, x);
                }
            }
        }
    }
    for (var column = 0u; column < N_COLUMNS; column++) {
        partial[column * WIDTH + lane] = sums[column];
        if IS_NORMED {
            squares[column * WIDTH + lane] = own_squares[column];
        }
    }
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if lane < half {
            for (var column = 0u; column < N_COLUMNS; column++) {
                partial[column * WIDTH + lane] += partial[column * WIDTH + lane + half];
                if IS_NORMED {
                    squares[column * WIDTH + lane] += squares[column * WIDTH + lane + half];
                }
            }
        }
        workgroupBarrier();
    }
    // One invocation for each output: those of each column.
    for (var output = lane; output < N_OUTPUTS * N_COLUMNS; output += WIDTH) {
        let column = output / N_OUTPUTS;
        let own = first + output % N_OUTPUTS;
        if own < shape.n_shard_rows {
            var four = partial[column * WIDTH];
            if IS_NORMED {
                four *= inverseSqrt(squares[column * WIDTH] / f32(32u * shape.n_blocks) + shape.epsilon);
            }
            let row = shape.first_row + own;
            give(column * shape.n_rows + row, biased(output_of(four, output % N_OUTPUTS), row));
        }
    }
}
