// A root-mean-square norm over each query head and each key head, as Qwen3 has them: the gains of queries, then of keys.

const IS_NORMED: bool = true;

@group(0) @binding(7) var<storage, read> gains: array<f32>;

fn gain(is_query: bool, at: u32) -> f32 {
    return gains[select(HEAD_DIM, 0u, is_query) + at];
}
