// Products of four bytes with four bytes, added up: eight chains in each invocation, none of which waits for another.
//
// Reference: `reference` in mod.rs. Run: cargo test -p stepwise-shaders dot

struct Chain {
    n_turns: u32,
    // Four signed bytes. Given from outside, so that no compiler knows what comes out.
    bytes: u32,
}

@group(0) @binding(0) var<storage, read_write> results: array<i32>;
@group(0) @binding(1) var<uniform> chain: Chain;

override WIDTH: u32 = 256u;

// One instruction where a device has it: x + dot(bytes of other, bytes).
fn turned(x: i32, other: i32, bytes: u32) -> i32 {
    return x + dot4I8Packed(bitcast<u32>(other), bytes);
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let bytes = chain.bytes;
    let start = i32((id.x % 64u) * 8u);
    var a = start;
    var b = start + 1;
    var c = start + 2;
    var d = start + 3;
    var e = start + 4;
    var f = start + 5;
    var g = start + 6;
    var h = start + 7;
    // Pairs turn each other: a chain by itself would soon come upon bytes whose products add up to nothing, and rest.
    for (var turn = 0u; turn < chain.n_turns; turn++) {
        let next_a = turned(a, b, bytes);
        b = turned(b, a, bytes);
        a = next_a;
        let next_c = turned(c, d, bytes);
        d = turned(d, c, bytes);
        c = next_c;
        let next_e = turned(e, f, bytes);
        f = turned(f, e, bytes);
        e = next_e;
        let next_g = turned(g, h, bytes);
        h = turned(h, g, bytes);
        g = next_g;
    }
    results[id.x] = ((a ^ b) ^ (c ^ d)) ^ ((e ^ f) ^ (g ^ h));
}
