// Weights in f16, two in a word, the earlier in its lower half: a quad is eight of them.

@group(0) @binding(0) var<storage, read> quants: array<vec4<u32>>;

const N_PARTS: u32 = 2u;

struct Quad {
    words: vec4<u32>,
}

fn load(quad: u32) -> Quad {
    return Quad(quants[quad]);
}

fn part(quad: Quad, idx: u32) -> vec4<f32> {
    let words = select(quad.words.xy, quad.words.zw, idx == 1u);
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
