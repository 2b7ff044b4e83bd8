// Weights in f32: a quad is four of them.

@group(0) @binding(0) var<storage, read> quants: array<vec4<u32>>;

const N_PARTS: u32 = 1u;

struct Quad {
    words: vec4<u32>,
}

fn load(quad: u32) -> Quad {
    return Quad(quants[quad]);
}

fn part(quad: Quad, idx: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(quad.words);
}
