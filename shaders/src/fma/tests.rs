//! The kernel against its reference.

use super::{Fma, SOURCE, Shape, cost, reference};
use crate::testing::{check_source, on_gpu};

#[test]
fn naga_accepts_the_kernel() {
    check_source("fma", SOURCE);
}

#[test]
fn every_invocation_computes_its_chains() {
    on_gpu("fma", async |gpu| {
        for (n_groups, n_turns) in [(1, 1), (3, 7), (2, 1000)] {
            let fma = Fma::new(gpu, Shape { n_groups, n_turns }).await.unwrap();
            gpu.run(std::slice::from_ref(&fma.step));
            assert!(fma.is_right(gpu).await.unwrap(), "{n_groups} groups, {n_turns} turns");
        }
        // One turn too many is seen.
        let mut fma = Fma::new(gpu, Shape { n_groups: 1, n_turns: 1000 }).await.unwrap();
        gpu.run(std::slice::from_ref(&fma.step));
        fma.shape.n_turns = 1001;
        assert!(!fma.is_right(gpu).await.unwrap());
    });
}

#[test]
fn invocations_have_results_of_their_own() {
    assert!((reference(0, 0) - (8.0 * 1.5 + 4.0 * 28.0)).abs() < 1e-9);
    assert!(reference(63, 4096) > 1.05 * reference(0, 4096));
}

#[test]
fn a_turn_is_two_operations_of_32_chains() {
    assert_eq!(cost(Shape { n_groups: 1, n_turns: 10 }).flops, 256 * 32 * 10 * 2);
}
