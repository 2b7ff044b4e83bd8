// Attention of sibling samples, a part of the keys at a time: what a workgroup leaves behind is each query's greatest score,
// the sum of exponentials below it, and the values weighted by them. `merge.wgsl` puts parts together.
//
// Workgroups come in two kinds. The first go through a split of the prefix, for one key-value head and the queries of all
// samples; behind them are those that go through the own tokens of one sample and key-value head. In front of this stand
// HEAD_QUADS and QUERIES. Reference: `reference` in mod.rs. Run: cargo test -p stepwise-shaders attention

struct Shape {
    n_samples: u32,
    n_heads: u32,
    n_kv_heads: u32,
    // Keys of the prefix, and those that the first sample sees.
    n_prefix: u32,
    n_seen: u32,
    // How many more each sample sees than the one before: 1 where samples are the prefix's own last tokens, 0 otherwise.
    n_more: u32,
    keys_of_split: u32,
    n_splits: u32,
    // Tokens of a page: a multiple of 64, or as many as there are.
    prefix_page: u32,
    own_page: u32,
    // Sets of own tokens that there is room for.
    n_sets: u32,
    scale: f32,
}

struct State {
    // Own tokens of each sample.
    n_own: u32,
    // Of each sample, the set that has them.
    sets: array<u32>,
}

// Four halves in a pair of words: pages of tokens, in each the sets, in each the key-value heads, in each the tokens.
@group(0) @binding(0) var<storage, read> prefix_keys: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> prefix_values: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> own_keys: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> own_values: array<vec2<u32>>;
// Sample by sample, head by head.
@group(0) @binding(4) var<storage, read> queries: array<vec4<f32>>;
// Of each slot and query: the greatest score, and the sum of exponentials below it.
@group(0) @binding(5) var<storage, read_write> normalisers: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> state: State;
@group(0) @binding(8) var<uniform> shape: Shape;

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
// The first key that a query does not see.
var<workgroup> ends: array<u32, QUERIES>;

fn wide(four: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(four.x), unpack2x16float(four.y));
}

fn key_at(is_own: bool, idx: u32) -> vec4<f32> {
    if is_own {
        return wide(own_keys[idx]);
    }
    return wide(prefix_keys[idx]);
}

fn value_at(is_own: bool, idx: u32) -> vec4<f32> {
    if is_own {
        return wide(own_values[idx]);
    }
    return wide(prefix_values[idx]);
}

fn exponential(difference: f32) -> f32 {
    return exp(max(difference, -100.0));
}

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) n_groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let heads_of_set = shape.n_heads / shape.n_kv_heads;
    let shared_tiles = (heads_of_set * shape.n_samples + QUERIES - 1u) / QUERIES;
    let own_tiles = (heads_of_set + QUERIES - 1u) / QUERIES;
    let n_shared = shape.n_splits * shared_tiles * shape.n_kv_heads;
    let number = group.y * n_groups.x + group.x;
    let is_own = number >= n_shared;
    // The split, the tile of queries and the key-value head of the prefix; the tile, the head and the sample of own tokens.
    let split = number % shape.n_splits;
    let own_number = number - n_shared;
    let n_tiles = select(shared_tiles, own_tiles, is_own);
    let head_number = select(number / shape.n_splits, own_number, is_own);
    let kv_head = head_number / n_tiles % shape.n_kv_heads;
    let first_sample = select(0u, head_number / n_tiles / shape.n_kv_heads, is_own);
    if first_sample >= shape.n_samples {
        return;
    }
    let first_query = head_number % n_tiles * QUERIES;
    let n_queries = heads_of_set * select(shape.n_samples, 1u, is_own);
    let n_sets = select(1u, shape.n_sets, is_own);
    let kv_set = select(0u, state.sets[first_sample], is_own);
    let page = select(shape.prefix_page, shape.own_page, is_own);

    let last_sample = min(first_query + QUERIES, n_queries) - 1u;
    let n_seen = min(shape.n_prefix, shape.n_seen + last_sample / heads_of_set * shape.n_more);
    let first_key = select(split * shape.keys_of_split, 0u, is_own);
    let end_key = select(min(first_key + shape.keys_of_split, n_seen), state.n_own, is_own);

    // A query past the end is the last one again; what it comes to is not written.
    for (var at = lane; at < QUERIES * HEAD_QUADS; at += WIDTH) {
        let own = min(first_query + at / HEAD_QUADS, n_queries - 1u);
        let row = (first_sample + own / heads_of_set) * shape.n_heads + kv_head * heads_of_set + own % heads_of_set;
        tile[at] = queries[row * HEAD_QUADS + at % HEAD_QUADS] * shape.scale;
    }
    if lane < QUERIES {
        let own = min(first_query + lane, n_queries - 1u);
        peaks[lane] = LOWEST;
        totals[lane] = 0.0;
        ends[lane] = select(min(end_key, shape.n_seen + own / heads_of_set * shape.n_more), end_key, is_own);
    }
    let line = lane / HEAD_QUADS;
    let quad = lane % HEAD_QUADS;
    let shared_query = lane / SHARERS;
    let piece = shared_query * WIDTH + lane % SHARERS * QUERIES;
    var own_sums: array<vec4<f32>, OWN>;
    workgroupBarrier();

    for (var chunk = first_key; chunk < end_key; chunk += WIDTH) {
        // A chunk is within a page.
        let start = ((chunk / page * n_sets + kv_set) * shape.n_kv_heads + kv_head) * page + chunk % page;
        // Scores: an invocation has a key, and all queries.
        let key = chunk + lane;
        var dots: array<f32, QUERIES>;
        if key < end_key {
            for (var at = 0u; at < HEAD_QUADS; at++) {
                let four = key_at(is_own, (start + lane) * HEAD_QUADS + at);
                for (var query = 0u; query < QUERIES; query++) {
                    dots[query] += dot(four, tile[query * HEAD_QUADS + at]);
                }
            }
        }
        for (var query = 0u; query < QUERIES; query++) {
            scores[query * WIDTH + lane] = select(LOWEST, dots[query], key < ends[query]);
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
                let four = value_at(is_own, (start + at) * HEAD_QUADS + quad);
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
            let slot = select(split, shape.n_splits, is_own) * shape.n_samples * shape.n_heads + row;
            sums[slot * HEAD_QUADS + quad] = own_sums[idx];
            if quad == 0u {
                normalisers[slot] = vec2<f32>(peaks[query], totals[query]);
            }
        }
    }
}
