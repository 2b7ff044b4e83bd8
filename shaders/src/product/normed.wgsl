// Inputs under a root-mean-square norm (arXiv 1910.07467): each is multiplied by its gain before, and the sums are divided
// by the column's root mean square after.

const IS_NORMED: bool = true;

@group(0) @binding(5) var<storage, read> gains: array<vec4<f32>>;

fn gained(x: vec4<f32>, at: u32) -> vec4<f32> {
    return x * gains[at];
}
