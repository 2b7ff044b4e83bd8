// Attention of many queries to one set of keys and values, a part of the keys at a time: what a workgroup leaves behind is
// each query's greatest score, the sum of exponentials below it, and the values weighted by them. `merge.wgsl` puts parts
// together.
//
// A set is the shared prefix of one key-value head, which the queries of all samples go through, or the own tokens of one
// sample and key-value head. In front of this stand HEAD_QUADS and QUERIES. Reference: `reference` in mod.rs.
// Run: cargo test -p stepwise-shaders attention

struct Part {
    n_samples: u32,
    n_heads: u32,
    n_kv_heads: u32,
    // 1 for the prefix, 0 for own tokens.
    is_shared: u32,
    n_keys: u32,
    // Keys of a set that there is room for.
    capacity: u32,
    keys_of_split: u32,
    // Of the first split among all parts that are merged.
    first_slot: u32,
    scale: f32,
}

// Four halves in a pair of words, key by key, set by set.
@group(0) @binding(0) var<storage, read> keys: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> values: array<vec2<u32>>;
// Sample by sample, head by head.
@group(0) @binding(2) var<storage, read> queries: array<vec4<f32>>;
// Of each slot and query: the greatest score, and the sum of exponentials below it.
@group(0) @binding(3) var<storage, read_write> normalisers: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> shape: Part;

const WIDTH: u32 = 64u;
// Invocations that share a query in the softmax; each has QUERIES of a chunk's 64 keys.
const SHARERS: u32 = WIDTH / QUERIES;
// Queries whose values are added up side by side, and how many of them an invocation has.
const LINES: u32 = WIDTH / HEAD_QUADS;
const OWN: u32 = (QUERIES + LINES - 1u) / LINES;
// Below every score, and far from where differences overflow.
const LOWEST: f32 = -1e30;

var<workgroup> tile: array<vec4<f32>, QUERIES * HEAD_QUADS>;
var<workgroup> scores: array<f32, QUERIES * WIDTH>;
var<workgroup> pieces: array<f32, WIDTH>;
var<workgroup> peaks: array<f32, QUERIES>;
var<workgroup> totals: array<f32, QUERIES>;
// What a query's sums are worth under its new greatest score.
var<workgroup> factors: array<f32, QUERIES>;

fn wide(four: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(four.x), unpack2x16float(four.y));
}

fn exponential(difference: f32) -> f32 {
    return exp(max(difference, -100.0));
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let heads_of_set = shape.n_heads / shape.n_kv_heads;
    let kv_set = group.z;
    let kv_head = select(kv_set % shape.n_kv_heads, kv_set, shape.is_shared == 1u);
    let first_sample = select(kv_set / shape.n_kv_heads, 0u, shape.is_shared == 1u);
    let n_queries = heads_of_set * select(1u, shape.n_samples, shape.is_shared == 1u);
    let first_query = group.y * QUERIES;
    let first_key = group.x * shape.keys_of_split;
    let end_key = min(first_key + shape.keys_of_split, shape.n_keys);

    // A query past the end is the last one again; what it comes to is not written.
    for (var at = lane; at < QUERIES * HEAD_QUADS; at += WIDTH) {
        let own = min(first_query + at / HEAD_QUADS, n_queries - 1u);
        let row = (first_sample + own / heads_of_set) * shape.n_heads + kv_head * heads_of_set + own % heads_of_set;
        tile[at] = queries[row * HEAD_QUADS + at % HEAD_QUADS] * shape.scale;
    }
    if lane < QUERIES {
        peaks[lane] = LOWEST;
        totals[lane] = 0.0;
    }
    let line = lane / HEAD_QUADS;
    let quad = lane % HEAD_QUADS;
    let shared_query = lane / SHARERS;
    let piece = shared_query * WIDTH + lane % SHARERS * QUERIES;
    var own_sums: array<vec4<f32>, OWN>;
    workgroupBarrier();

    for (var chunk = first_key; chunk < end_key; chunk += WIDTH) {
        // Scores: an invocation has a key, and all queries.
        let key = chunk + lane;
        var dots: array<f32, QUERIES>;
        if key < end_key {
            for (var at = 0u; at < HEAD_QUADS; at++) {
                let four = wide(keys[(kv_set * shape.capacity + key) * HEAD_QUADS + at]);
                for (var query = 0u; query < QUERIES; query++) {
                    dots[query] += dot(four, tile[query * HEAD_QUADS + at]);
                }
            }
        }
        for (var query = 0u; query < QUERIES; query++) {
            scores[query * WIDTH + lane] = select(LOWEST, dots[query], key < end_key);
        }
        workgroupBarrier();

        // Their exponentials: SHARERS invocations for each query.
        var peak = LOWEST;
        for (var idx = 0u; idx < QUERIES; idx++) {
            peak = max(peak, scores[piece + idx]);
        }
        pieces[lane] = peak;
        workgroupBarrier();
        let old_peak = peaks[shared_query];
        peak = old_peak;
        for (var idx = 0u; idx < SHARERS; idx++) {
            peak = max(peak, pieces[shared_query * SHARERS + idx]);
        }
        workgroupBarrier();
        var total = 0.0;
        for (var idx = 0u; idx < QUERIES; idx++) {
            let weight = exponential(scores[piece + idx] - peak);
            scores[piece + idx] = weight;
            total += weight;
        }
        pieces[lane] = total;
        workgroupBarrier();
        if lane % SHARERS == 0u {
            let factor = exponential(old_peak - peak);
            var all = totals[shared_query] * factor;
            for (var idx = 0u; idx < SHARERS; idx++) {
                all += pieces[lane + idx];
            }
            totals[shared_query] = all;
            peaks[shared_query] = peak;
            factors[shared_query] = factor;
        }
        workgroupBarrier();

        // Values: an invocation has four numbers of the head, and some queries.
        if line < LINES {
            for (var idx = 0u; idx < OWN; idx++) {
                own_sums[idx] *= factors[min(line + idx * LINES, QUERIES - 1u)];
            }
            let n_here = min(WIDTH, end_key - chunk);
            for (var at = 0u; at < n_here; at++) {
                let four = wide(values[(kv_set * shape.capacity + chunk + at) * HEAD_QUADS + quad]);
                for (var idx = 0u; idx < OWN; idx++) {
                    own_sums[idx] += four * scores[min(line + idx * LINES, QUERIES - 1u) * WIDTH + at];
                }
            }
        }
        workgroupBarrier();
    }

    for (var idx = 0u; idx < OWN; idx++) {
        let query = line + idx * LINES;
        let own = first_query + query;
        if line < LINES && query < QUERIES && own < n_queries {
            let row = (first_sample + own / heads_of_set) * shape.n_heads + kv_head * heads_of_set + own % heads_of_set;
            let slot = (shape.first_slot + group.x) * shape.n_samples * shape.n_heads + row;
            sums[slot * HEAD_QUADS + quad] = own_sums[idx];
            if quad == 0u {
                normalisers[slot] = vec2<f32>(peaks[query], totals[query]);
            }
        }
    }
}
