//! The kernel against its reference.

use super::{Dot, SOURCE, Shape, cost, reference};
use crate::testing::{check_source, on_gpu};

#[test]
fn naga_accepts_the_kernel() {
    check_source("dot", SOURCE);
}

#[test]
fn every_invocation_computes_its_chains_to_the_bit() {
    on_gpu("dot", async |gpu| {
        for (n_groups, n_turns) in [(1, 1), (3, 7), (2, 1000)] {
            let dot = Dot::new(gpu, Shape { n_groups, n_turns }).await.unwrap();
            gpu.run(std::slice::from_ref(&dot.step));
            assert!(dot.is_right(gpu).await.unwrap(), "{n_groups} groups, {n_turns} turns");
        }
    });
}

#[test]
fn chains_do_not_come_to_rest() {
    // A chain that ended in a fixed point would let a kernel of fewer turns pass.
    let results: Vec<i32> = (1000..1100).map(|n_turns| reference(5, n_turns)).collect();
    let distinct: std::collections::BTreeSet<i32> = results.iter().copied().collect();
    assert!(distinct.len() > 90, "{} results of 100 differ", distinct.len());
}

#[test]
fn a_turn_is_eight_operations_of_8_chains() {
    assert_eq!(cost(Shape { n_groups: 1, n_turns: 10 }).flops, 256 * 8 * 10 * 8);
}
