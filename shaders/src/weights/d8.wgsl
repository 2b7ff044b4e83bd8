// Weights in D8, four integers in a word, the first in its lowest byte: a quad is half a block.

@group(0) @binding(0) var<storage, read> quants: array<vec4<u32>>;
// Two scales in a word, that of the even block in its lower half.
@group(0) @binding(1) var<storage, read> scales: array<u32>;

const N_PARTS: u32 = 4u;

struct Quad {
    words: vec4<u32>,
    scale: f32,
}

fn load(quad: u32) -> Quad {
    let block = quad / 2u;
    let pair = unpack2x16float(scales[block / 2u]);
    return Quad(quants[quad], select(pair.x, pair.y, (block & 1u) == 1u));
}

fn part(quad: Quad, idx: u32) -> vec4<f32> {
    // Each byte goes to the top of its word, and comes down with its sign.
    let bytes = bitcast<vec4<i32>>(vec4<u32>(quad.words[idx]) << vec4<u32>(24u, 16u, 8u, 0u));
    return vec4<f32>(bytes >> vec4<u32>(24u)) * quad.scale;
}
