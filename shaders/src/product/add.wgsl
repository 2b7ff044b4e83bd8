// Outputs are added to what is there: the residual stream.

fn give(at: u32, value: f32) {
    outputs[at] += value;
}
