// Multiplications with additions in f32, as many as a device can do: eight chains of four in each invocation, none of
// which waits for another.
//
// Reference: `reference` in mod.rs. Run: cargo test -p stepwise-shaders fma

struct Chain {
    n_turns: u32,
    // x becomes factor * x + term. Given from outside, so that no compiler knows what comes out.
    factor: f32,
    term: f32,
}

@group(0) @binding(0) var<storage, read_write> results: array<f32>;
@group(0) @binding(1) var<uniform> chain: Chain;

override WIDTH: u32 = 256u;

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let factor = vec4<f32>(chain.factor);
    let term = vec4<f32>(chain.term);
    let start = vec4<f32>(f32(id.x % 64u)) + vec4<f32>(0.0, 0.25, 0.5, 0.75);
    var a = start;
    var b = start + 1.0;
    var c = start + 2.0;
    var d = start + 3.0;
    var e = start + 4.0;
    var f = start + 5.0;
    var g = start + 6.0;
    var h = start + 7.0;
    for (var turn = 0u; turn < chain.n_turns; turn++) {
        a = fma(a, factor, term);
        b = fma(b, factor, term);
        c = fma(c, factor, term);
        d = fma(d, factor, term);
        e = fma(e, factor, term);
        f = fma(f, factor, term);
        g = fma(g, factor, term);
        h = fma(h, factor, term);
    }
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    results[id.x] = (sum.x + sum.y) + (sum.z + sum.w);
}
