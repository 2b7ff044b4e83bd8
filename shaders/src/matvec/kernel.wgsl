// A matrix of weights times up to eight columns of inputs: a workgroup makes four rows of outputs, so that each quad of
// inputs that it reads is used four times.
//
// In front of this stand a format's `Quad`, `load` and `part`, product.wgsl, and `N_COLUMNS`. Reference: `product::reference`.
// Run: cargo test -p stepwise-shaders matvec

override WIDTH: u32 = 64u;
const N_ROWS: u32 = 4u;

// Each invocation's sums, four rows in a vector, column by column.
var<workgroup> partial: array<vec4<f32>, WIDTH * N_COLUMNS>;

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) n_groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * n_groups.x + group.x) * N_ROWS;
    if first >= shape.n_shard_rows {
        return;
    }
    let n_quads = shape.n_blocks * (8u / N_PARTS);
    // A row past the end is the last one again; its sums are not written.
    let rows = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(shape.n_shard_rows - 1u)) * n_quads;
    var sums: array<vec4<f32>, N_COLUMNS>;
    for (var at = lane; at < n_quads; at += WIDTH) {
        let a = load(rows.x + at);
        let b = load(rows.y + at);
        let c = load(rows.z + at);
        let d = load(rows.w + at);
        for (var idx = 0u; idx < N_PARTS; idx++) {
            let weights = mat4x4<f32>(part(a, idx), part(b, idx), part(c, idx), part(d, idx));
            for (var column = 0u; column < N_COLUMNS; column++) {
                sums[column] += inputs[(column * n_quads + at) * N_PARTS + idx] * weights;
            }
        }
    }
    for (var column = 0u; column < N_COLUMNS; column++) {
        partial[column * WIDTH + lane] = sums[column];
    }
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if lane < half {
            for (var column = 0u; column < N_COLUMNS; column++) {
                partial[column * WIDTH + lane] += partial[column * WIDTH + lane + half];
            }
        }
        workgroupBarrier();
    }
    // One invocation for each output: four rows of each column.
    for (var output = lane; output < N_ROWS * N_COLUMNS; output += WIDTH) {
        let column = output / N_ROWS;
        let row = output % N_ROWS;
        if first + row < shape.n_shard_rows {
            outputs[column * shape.n_rows + shape.first_row + first + row] = partial[column * WIDTH][row];
        }
    }
}
