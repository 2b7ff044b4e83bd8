//! Work on the CPU, in its longest vectors and on its threads.

use pulp::{Arch, WithSimd};

/// Does work in the longest vectors that the processor has.
pub(super) fn vectorised<W: WithSimd>(work: W) -> W::Output {
    let arch = Arch::new();
    // pulp's own choice knows AVX2 only with a feature that nobody else asks for: burn would be compiled anew for it.
    #[cfg(target_arch = "x86_64")]
    if matches!(arch, Arch::Scalar)
        && let Some(avx2) = pulp::x86::V3::try_new()
    {
        return pulp::Simd::vectorize(avx2, work);
    }
    arch.dispatch(work)
}

/// Does all parts, on the threads of the pool that this is called in where it `is_much`.
pub(super) fn each<T: Send>(parts: Vec<T>, is_much: bool, work: impl Fn(T) + Send + Sync) {
    #[cfg(not(target_arch = "wasm32"))]
    if is_much && parts.len() > 1 {
        use rayon::iter::{IntoParallelIterator, ParallelIterator};
        return parts.into_par_iter().for_each(work);
    }
    #[cfg(target_arch = "wasm32")]
    let _ = is_much;
    parts.into_iter().for_each(work);
}
