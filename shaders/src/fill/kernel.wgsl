// Words that a seed decides: each is a hash of its place, with some bits kept and some set.
//
// Reference: `word` in mod.rs. Run: cargo test -p stepwise-shaders fill

struct Fill {
    seed: u32,
    // The place of the buffer's first word among those that share the seed.
    first: u32,
    n_words: u32,
    kept: u32,
    ones: u32,
}

@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@group(0) @binding(1) var<uniform> fill: Fill;

override WIDTH: u32 = 256u;

// PCG's output function (Jarzynski and Olano 2020, "Hash Functions for GPU Rendering").
fn hash(value: u32) -> u32 {
    let state = value * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) n_groups: vec3<u32>) {
    for (var at = id.x; at < fill.n_words; at += n_groups.x * WIDTH) {
        words[at] = (hash((fill.first + at) ^ hash(fill.seed)) & fill.kept) | fill.ones;
    }
}
