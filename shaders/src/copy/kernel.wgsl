// A buffer copied, 16 bytes by each invocation: what memory can do at best.
//
// Reference: the words themselves. Run: cargo test -p stepwise-shaders copy

@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4<u32>>;

override WIDTH: u32 = 256u;

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) n_groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.y * n_groups.x + group.x) * WIDTH + lane;
    if at < arrayLength(&source) {
        copied[at] = source[at];
    }
}
