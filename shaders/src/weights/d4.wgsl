// Weights in D4: a quad is a block. Byte b of word w has weight 4 w + b in its lower half, and weight 16 + 4 w + b in its
// upper half.

@group(0) @binding(0) var<storage, read> quants: array<vec4<u32>>;
// A word for each block: the scale in its lower half, the minimum in its upper half.
@group(0) @binding(1) var<storage, read> scales: array<u32>;

const N_PARTS: u32 = 8u;

struct Quad {
    words: vec4<u32>,
    scale: f32,
    minimum: f32,
}

fn load(quad: u32) -> Quad {
    let pair = unpack2x16float(scales[quad]);
    return Quad(quants[quad], pair.x, pair.y);
}

fn part(quad: Quad, idx: u32) -> vec4<f32> {
    let nibbles = (quad.words[idx & 3u] >> (4u * (idx >> 2u))) & 0x0f0f0f0fu;
    let values = (vec4<u32>(nibbles) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu);
    return vec4<f32>(values) * quad.scale + quad.minimum;
}
