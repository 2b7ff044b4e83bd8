// Parts of an attention put together: each part's values count by the exponential of its greatest score, under the
// greatest of all, so that what comes out is the attention to all keys at once.
//
// In front of this stands HEAD_QUADS. Reference: `reference` in mod.rs. Run: cargo test -p stepwise-shaders attention

struct Merge {
    n_slots: u32,
    // Samples times heads.
    n_queries: u32,
}

@group(0) @binding(0) var<storage, read> normalisers: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> sums: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> outputs: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> shape: Merge;

override WIDTH: u32 = 64u;

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) n_groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.y * n_groups.x + group.x) * WIDTH + lane;
    if at >= shape.n_queries * HEAD_QUADS {
        return;
    }
    let query = at / HEAD_QUADS;
    var peak = normalisers[query].x;
    for (var slot = 1u; slot < shape.n_slots; slot++) {
        peak = max(peak, normalisers[slot * shape.n_queries + query].x);
    }
    var total = 0.0;
    var sum = vec4<f32>();
    for (var slot = 0u; slot < shape.n_slots; slot++) {
        let normaliser = normalisers[slot * shape.n_queries + query];
        let weight = exp(max(normaliser.x - peak, -100.0));
        total += normaliser.y * weight;
        sum += sums[slot * shape.n_queries * HEAD_QUADS + at] * weight;
    }
    outputs[at] = sum / total;
}
