// One token for each sample: temperature, top-k and top-p on a row of logits, and a draw by the inverse of the cumulated
// weights in the order of tokens, from a uniform number that the host drew. A workgroup for each sample.
//
// An invocation has a segment of neighbouring tokens, so that sums over segments are the cumulated weights at their ends.
// Logits hold the bits of f32 as u32, because WGSL lets an implementation assume that infinities and NaN never occur: a
// masked token (-inf) and a broken one (NaN, +inf) are recognised by their bits alone.
// Reference: `Reference` in mod.rs. Run: cargo test -p stepwise-shaders sampling

struct Shape {
    n_tokens: u32,
    // Words from one sample's logits to the next one's: 0 where all draw from one row.
    stride: u32,
    // One over the temperature.
    inverse: f32,
    // Tokens that may be drawn at most; no fewer than there are for all.
    top_k: u32,
    // The share of the weights that may be drawn; 1 for all.
    top_p: f32,
    n_samples: u32,
    // Steps that there is room for in `uniforms` and `picks`.
    n_rows: u32,
}

struct State {
    // Own tokens of each sample, with the one that has been read.
    n_own: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<u32>;
// Of each step and sample, in [0, 1).
@group(0) @binding(1) var<storage, read> uniforms: array<f32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
// Of each step and sample: the token, and the bits of its log-probability.
@group(0) @binding(3) var<storage, read_write> picks: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> state: State;
@group(0) @binding(5) var<uniform> shape: Shape;

const WIDTH: u32 = 256u;
const LINE: u32 = 16u;
const MINUS_INFINITY: u32 = 0xff800000u;
const EXPONENT: u32 = 0x7f800000u;
const NOT_A_NUMBER: u32 = 0x7fc00000u;
const LOWEST: f32 = -3.4028234e38;

// The tokens that may be drawn: those whose key is above `key`, and the first `n_equal` of those that have it.
struct Cut {
    key: u32,
    n_equal: u32,
}

var<workgroup> partial: array<vec4<f32>, WIDTH>;
// The weights of each segment, and of each line of segments.
var<workgroup> weights: array<f32, WIDTH>;
var<workgroup> lines: array<f32, LINE>;
var<workgroup> counts: array<u32, WIDTH>;
var<workgroup> n_broken: atomic<u32>;
// Tokens with the cut's key before the segment that the draw falls in.
var<workgroup> n_before_owner: u32;
// The segment that the draw falls in, and the bits of what is left of the uniform number there.
var<workgroup> chosen: vec2<u32>;

// Bits in the order of the numbers that they are.
fn key_of(bits: u32) -> u32 {
    return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn exponential(difference: f32) -> f32 {
    return select(0.0, exp(max(difference, -100.0)), difference > -100.0);
}

// The weight of a token under the temperature, 1 for the most probable.
fn weight_of(bits: u32, peak: f32) -> f32 {
    if bits == MINUS_INFINITY {
        return 0.0;
    }
    return exponential((bitcast<f32>(bits) - peak) * shape.inverse);
}

// Adds up what every invocation has.
fn total(lane: u32, own: vec4<f32>) -> vec4<f32> {
    partial[lane] = own;
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial[lane] += partial[lane + half];
        }
        workgroupBarrier();
    }
    let sum = partial[0];
    workgroupBarrier();
    return sum;
}

// What tokens come to whose key is at least one of three bounds: their number, or their weights.
fn mass(row: u32, segment: vec2<u32>, lane: u32, peak: f32, is_count: bool, bounds: vec3<u32>) -> vec3<f32> {
    var own = vec3<f32>();
    for (var token = segment.x; token < segment.y; token++) {
        let bits = logits[row + token];
        let weight = select(weight_of(bits, peak), 1.0, is_count);
        own += select(vec3<f32>(), vec3<f32>(weight), vec3<u32>(key_of(bits)) >= bounds);
    }
    return total(lane, vec4<f32>(own, 0.0)).xyz;
}

// The greatest key whose tokens, with all above it, come to `wanted`, found two bits at a time.
fn search(row: u32, segment: vec2<u32>, lane: u32, peak: f32, is_count: bool, wanted: f32) -> u32 {
    var key = 0u;
    for (var shift = 32u; shift > 0u;) {
        shift -= 2u;
        let bounds = vec3<u32>(key) | (vec3<u32>(1u, 2u, 3u) << vec3<u32>(shift));
        let found = mass(row, segment, lane, peak, is_count, bounds);
        let is_enough = (found >= vec3<f32>(wanted)) & (found > vec3<f32>(0.0));
        if is_enough.z {
            key = bounds.z;
        } else if is_enough.y {
            key = bounds.y;
        } else if is_enough.x {
            key = bounds.x;
        }
    }
    return key;
}

// The number and the weights of what is above a key.
fn above(row: u32, segment: vec2<u32>, lane: u32, peak: f32, key: u32) -> vec2<f32> {
    var own = vec4<f32>();
    for (var token = segment.x; token < segment.y; token++) {
        let bits = logits[row + token];
        if key_of(bits) > key {
            own += vec4<f32>(1.0, weight_of(bits, peak), 0.0, 0.0);
        }
    }
    return total(lane, own).xy;
}

// The weight of the tokens that have a key.
fn weight_at(key: u32, peak: f32) -> f32 {
    return weight_of(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u), peak);
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = group.x;
    let row = sample * shape.stride;
    let n_each = (shape.n_tokens + WIDTH - 1u) / WIDTH;
    let segment = min(vec2<u32>(lane, lane + 1u) * n_each, vec2<u32>(shape.n_tokens));
    let at = state.n_own % shape.n_rows * shape.n_samples + sample;

    // The greatest logit, and whether all are numbers.
    if lane == 0u {
        atomicStore(&n_broken, 0u);
        chosen = vec2<u32>(WIDTH, 0u);
    }
    workgroupBarrier();
    var own_peak = LOWEST;
    for (var token = segment.x; token < segment.y; token++) {
        let bits = logits[row + token];
        if (bits & EXPONENT) != EXPONENT {
            own_peak = max(own_peak, bitcast<f32>(bits));
        } else if bits != MINUS_INFINITY {
            atomicAdd(&n_broken, 1u);
        }
    }
    partial[lane] = vec4<f32>(own_peak);
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial[lane] = max(partial[lane], partial[lane + half]);
        }
        workgroupBarrier();
    }
    let peak = partial[0].x;
    workgroupBarrier();

    // The tokens that may be drawn.
    var cut = Cut(0u, shape.n_tokens);
    if shape.top_k < shape.n_tokens {
        cut.key = search(row, segment, lane, peak, true, f32(shape.top_k));
        cut.n_equal = shape.top_k - u32(above(row, segment, lane, peak, cut.key).x);
    }
    if shape.top_p < 1.0 {
        // What top-k has left.
        let kept = above(row, segment, lane, peak, cut.key).y;
        let equal = select(0.0, f32(cut.n_equal) * weight_at(cut.key, peak), shape.top_k < shape.n_tokens);
        let wanted = (kept + equal) * shape.top_p;
        let key = max(search(row, segment, lane, peak, false, wanted), cut.key);
        let left = wanted - above(row, segment, lane, peak, key).y;
        let n_equal = u32(clamp(ceil(left / weight_at(key, peak)), 1.0, f32(shape.n_tokens)));
        cut.n_equal = select(n_equal, min(n_equal, cut.n_equal), key == cut.key);
        cut.key = key;
    }

    // How many tokens of earlier segments have the cut's key.
    var n_before = 0u;
    if shape.top_k < shape.n_tokens || shape.top_p < 1.0 {
        var n_equal = 0u;
        for (var token = segment.x; token < segment.y; token++) {
            n_equal += u32(key_of(logits[row + token]) == cut.key);
        }
        counts[lane] = n_equal;
        workgroupBarrier();
        for (var idx = 0u; idx < lane; idx++) {
            n_before += counts[idx];
        }
    }

    // Each segment's weights, under the temperature and the cut, and under neither.
    var n_seen = n_before;
    var sums = vec4<f32>();
    for (var token = segment.x; token < segment.y; token++) {
        let bits = logits[row + token];
        let key = key_of(bits);
        let is_equal = key == cut.key;
        let is_kept = key > cut.key || (is_equal && n_seen < cut.n_equal);
        n_seen += u32(is_equal);
        if is_kept {
            sums.x += weight_of(bits, peak);
        }
        if bits != MINUS_INFINITY {
            sums.y += exponential(bitcast<f32>(bits) - peak);
        }
    }
    weights[lane] = sums.x;
    let all = total(lane, sums);

    // The segment in which the uniform number falls, and what is left of it there: first the line of 16 segments, because
    // fewer subtractions round less. Rounding can leave a crumb: the last with any weight takes it.
    if lane < LINE {
        var sum = 0.0;
        for (var idx = 0u; idx < WIDTH / LINE; idx++) {
            sum += weights[lane * (WIDTH / LINE) + idx];
        }
        lines[lane] = sum;
    }
    workgroupBarrier();
    if lane == 0u {
        var left = uniforms[at] * all.x;
        var line = LINE;
        var left_in_line = 0.0;
        for (var idx = 0u; idx < LINE; idx++) {
            if lines[idx] > 0.0 {
                line = idx;
                left_in_line = left;
                if left < lines[idx] {
                    break;
                }
            }
            left -= lines[idx];
        }
        left = left_in_line;
        for (var idx = line * (WIDTH / LINE); idx < min((line + 1u) * (WIDTH / LINE), WIDTH); idx++) {
            if weights[idx] > 0.0 {
                chosen = vec2<u32>(idx, bitcast<u32>(left));
                if left < weights[idx] {
                    break;
                }
            }
            left -= weights[idx];
        }
    }
    workgroupBarrier();
    let owner = chosen.x;
    if lane == owner {
        n_before_owner = n_before;
    }
    // One invocation goes through the segment, whose weights all have read: those of the cut's key with the other sign.
    let start = owner * n_each;
    let end = min(start + n_each, shape.n_tokens);
    var left = bitcast<f32>(chosen.y);
    var drawn = start;
    for (var offset = 0u; offset < n_each; offset += WIDTH) {
        let own = start + offset + lane;
        var weight = 0.0;
        if own < end {
            let bits = logits[row + own];
            let key = key_of(bits);
            weight = select(0.0, weight_of(bits, peak), key >= cut.key) * select(1.0, -1.0, key == cut.key);
        }
        workgroupBarrier();
        weights[lane] = weight;
        workgroupBarrier();
        if lane == 0u && left >= 0.0 {
            for (var idx = 0u; idx < WIDTH; idx++) {
                let found = weights[idx];
                let is_kept = found > 0.0 || (found < 0.0 && n_before_owner < cut.n_equal);
                n_before_owner += u32(found < 0.0);
                if is_kept {
                    drawn = start + offset + idx;
                    left -= abs(found);
                    if left < 0.0 {
                        break;
                    }
                }
            }
        }
    }
    if lane > 0u {
        return;
    }
    // Without any weight all logits are masked or broken.
    if owner == WIDTH {
        tokens[sample] = 0u;
        picks[at] = vec2<u32>(0u, NOT_A_NUMBER);
        return;
    }
    let log_probability = bitcast<f32>(logits[row + drawn]) - peak - log(all.y);
    let bits = select(bitcast<u32>(log_probability), NOT_A_NUMBER, atomicLoad(&n_broken) > 0u);
    tokens[sample] = drawn;
    picks[at] = vec2<u32>(drawn, bits);
}
