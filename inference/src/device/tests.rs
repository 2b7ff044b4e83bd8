//! The comparison of devices: what it lets pass and what not.

use super::*;

#[test]
fn the_comparison_tells_right_from_wrong() {
    let reference = [0.0, 1.0, -1.0];
    assert_eq!(relative_error(&reference, &reference), 0.0);
    assert!((relative_error(&[0.0, 1.0, -0.9], &reference) - 0.05).abs() < 1e-6);
    assert!(relative_error(&[0.0, f32::NAN, -1.0], &reference).is_nan());
    assert!(relative_error(&[f32::NAN, 1.0, -1.0], &reference).is_nan());
    assert!(relative_error(&reference[..2], &reference).is_nan());
}

#[test]
fn the_probe_sees_every_part_of_the_network() {
    let outputs = pollster::block_on(probe(&Compute::cpu(2))).unwrap();
    assert_eq!(outputs.len(), 131 * (1 + 5 + 3));
    assert!(outputs.iter().all(|output| output.is_finite()));
    // One thread cuts the products differently, which is all that may differ.
    let one_thread = pollster::block_on(probe(&Compute::cpu(1))).unwrap();
    assert!(relative_error(&one_thread, &outputs) < 1e-5);
}
