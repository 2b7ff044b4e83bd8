// Log-probabilities of each row of logits: one workgroup per row, two passes over the row.
//
// Reference: `reference` in mod.rs. Run: cargo test -p stepwise-shaders log_softmax
//
// Buffers hold the bits of f32 as u32. WGSL lets an implementation assume that infinities and NaN never occur in
// float arithmetic, so masked logits (-inf) and broken ones (NaN, +inf) are recognised by their bits alone.

struct Shape {
    n_rows: u32,
    n_columns: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read_write> log_probs: array<u32>;
@group(0) @binding(2) var<uniform> shape: Shape;

const N_LANES: u32 = 256u;
const LOWEST: f32 = -3.4028234e38;
const MINUS_INFINITY: u32 = 0xff800000u;
const EXPONENT: u32 = 0x7f800000u;
const NOT_A_NUMBER: u32 = 0x7fc00000u;

// A running softmax normaliser (Milakov and Gimelshein, arXiv 1805.02867): `sum` is the sum of exp(x - peak).
struct Normaliser {
    peak: f32,
    sum: f32,
}

var<workgroup> partial: array<Normaliser, N_LANES>;
var<workgroup> n_broken: atomic<u32>;

// a - b without overflow: halves are subtracted, and what f32 cannot hold saturates at its lowest value.
fn difference(a: f32, b: f32) -> f32 {
    return 2.0 * max(0.5 * a - 0.5 * b, 0.5 * LOWEST);
}

// exp(a - b) for a <= b. Below -100 the exact value is no normal f32 any more.
fn ratio(a: f32, b: f32) -> f32 {
    let d = difference(a, b);
    return select(0.0, exp(max(d, -100.0)), d > -100.0);
}

fn merge(a: Normaliser, b: Normaliser) -> Normaliser {
    let peak = max(a.peak, b.peak);
    return Normaliser(peak, a.sum * ratio(a.peak, peak) + b.sum * ratio(b.peak, peak));
}

@compute @workgroup_size(N_LANES)
fn log_softmax(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) n_groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Rows fill the x dimension first; the last line of groups may reach past the end.
    let row = group.y * n_groups.x + group.x;
    if row >= shape.n_rows {
        return;
    }
    let start = row * shape.n_columns;

    var own = Normaliser(LOWEST, 0.0);
    for (var column = lane; column < shape.n_columns; column += N_LANES) {
        let bits = logits[start + column];
        if bits == MINUS_INFINITY {
            continue;
        }
        if (bits & EXPONENT) == EXPONENT {
            atomicAdd(&n_broken, 1u);
            continue;
        }
        let x = bitcast<f32>(bits);
        if x > own.peak {
            own = Normaliser(x, own.sum * ratio(own.peak, x) + 1.0);
        } else {
            own.sum += ratio(x, own.peak);
        }
    }
    partial[lane] = own;
    workgroupBarrier();
    for (var half = N_LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial[lane] = merge(partial[lane], partial[lane + half]);
        }
        workgroupBarrier();
    }
    let whole = partial[0];
    let log_sum = log(max(whole.sum, 1.0));
    let broken = atomicLoad(&n_broken) > 0u;

    for (var column = lane; column < shape.n_columns; column += N_LANES) {
        let bits = logits[start + column];
        var result = MINUS_INFINITY;
        if broken {
            result = NOT_A_NUMBER;
        } else if bits != MINUS_INFINITY {
            result = bitcast<u32>(max(difference(bitcast<f32>(bits), whole.peak) - log_sum, LOWEST));
        }
        log_probs[start + column] = result;
    }
}
