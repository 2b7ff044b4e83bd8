// Heads without norms.

const IS_NORMED: bool = false;

fn gain(is_query: bool, at: u32) -> f32 {
    return 1.0;
}
