// Inputs as they are.

const IS_NORMED: bool = false;

fn gained(x: vec4<f32>, at: u32) -> vec4<f32> {
    return x;
}
