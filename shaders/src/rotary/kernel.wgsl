// Queries and keys turned to their positions (arXiv 2104.09864), and keys and values appended to the cache in f16: a
// workgroup for each head of each token. Dimension i makes a pair with i + HEAD_DIM / 2.
//
// In front of this stand HEAD_DIM and what norms heads have. Reference: `reference` in mod.rs.
// Run: cargo test -p stepwise-shaders rotary

struct Shape {
    n_heads: u32,
    n_kv_heads: u32,
    // 1 where the columns are tokens of one text, 0 where they are samples.
    is_text: u32,
    // Tokens of the text that are there already.
    n_past: u32,
    // Tokens of a page.
    page: u32,
    n_sets: u32,
    epsilon: f32,
}

struct State {
    // Own tokens of each sample, with the one that is being read.
    n_own: u32,
    // Of each sample, the set of the cache that has them.
    sets: array<u32>,
}

// Queries, keys and values of each column.
@group(0) @binding(0) var<storage, read> inputs: array<f32>;
// Cosine and sine of each pair, for each position from the text's first or the samples' first own token on.
@group(0) @binding(1) var<storage, read> angles: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> queries: array<f32>;
// Two halves in a word: pages of tokens, in each the sets, in each the key-value heads, in each the tokens.
@group(0) @binding(3) var<storage, read_write> keys: array<u32>;
@group(0) @binding(4) var<storage, read_write> values: array<u32>;
@group(0) @binding(5) var<storage, read> state: State;
@group(0) @binding(6) var<uniform> shape: Shape;

const WIDTH: u32 = 32u;
const HALF: u32 = HEAD_DIM / 2u;

var<workgroup> partial: array<f32, WIDTH>;

// The word where the cache has room for a head of a column.
fn place(column: u32, kv_head: u32) -> u32 {
    var token = shape.n_past + column;
    var kv_set = 0u;
    if shape.is_text == 0u {
        token = state.n_own - 1u;
        kv_set = state.sets[column];
    }
    let page = token / shape.page * shape.n_sets + kv_set;
    return ((page * shape.n_kv_heads + kv_head) * shape.page + token % shape.page) * HALF;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.x;
    let column = group.y;
    let first = (column * (shape.n_heads + 2u * shape.n_kv_heads) + head) * HEAD_DIM;
    let is_query = head < shape.n_heads;
    if head >= shape.n_heads + shape.n_kv_heads {
        let start = place(column, head - shape.n_heads - shape.n_kv_heads);
        for (var at = lane; at < HALF; at += WIDTH) {
            values[start + at] = pack2x16float(vec2<f32>(inputs[first + 2u * at], inputs[first + 2u * at + 1u]));
        }
        return;
    }
    var factor = 1.0;
    if IS_NORMED {
        var sum = 0.0;
        for (var at = lane; at < HEAD_DIM; at += WIDTH) {
            sum += inputs[first + at] * inputs[first + at];
        }
        partial[lane] = sum;
        workgroupBarrier();
        for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
            if lane < half {
                partial[lane] += partial[lane + half];
            }
            workgroupBarrier();
        }
        factor = inverseSqrt(partial[0] / f32(HEAD_DIM) + shape.epsilon);
    }
    let position = select(state.n_own - 1u, column, shape.is_text == 1u);
    // Two neighbouring pairs at a time, because the cache has two halves in a word.
    for (var at = 2u * lane; at < HALF; at += 2u * WIDTH) {
        let a = factor * vec2<f32>(
            inputs[first + at] * gain(is_query, at),
            inputs[first + at + 1u] * gain(is_query, at + 1u),
        );
        let b = factor * vec2<f32>(
            inputs[first + HALF + at] * gain(is_query, HALF + at),
            inputs[first + HALF + at + 1u] * gain(is_query, HALF + at + 1u),
        );
        let one = angles[position * HALF + at];
        let two = angles[position * HALF + at + 1u];
        let cosines = vec2<f32>(one.x, two.x);
        let sines = vec2<f32>(one.y, two.y);
        let turned_a = a * cosines - b * sines;
        let turned_b = b * cosines + a * sines;
        if is_query {
            let start = (column * shape.n_heads + head) * HEAD_DIM;
            queries[start + at] = turned_a.x;
            queries[start + at + 1u] = turned_a.y;
            queries[start + HALF + at] = turned_b.x;
            queries[start + HALF + at + 1u] = turned_b.y;
        } else {
            let start = place(column, head - shape.n_heads);
            keys[start + at / 2u] = pack2x16float(turned_a);
            keys[start + (HALF + at) / 2u] = pack2x16float(turned_b);
        }
    }
}
