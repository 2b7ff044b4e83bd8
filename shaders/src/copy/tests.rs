//! The kernel against the words that it copies.

use super::{BufferCopy, SOURCE, cost};
use crate::fill::Fill;
use crate::testing::{check_source, on_gpu};

#[test]
fn naga_accepts_the_kernel() {
    check_source("copy", SOURCE);
}

#[test]
fn what_is_copied_is_what_was_there() {
    on_gpu("copy", async |gpu| {
        let fill = Fill::new(gpu).await.unwrap();
        // One invocation, a part of a workgroup, whole ones, and a shape that fills no line of them.
        for n_bytes in [16_u64, 4080, 4096, 4112, 1 << 20, 48 << 20] {
            let copy = BufferCopy::new(gpu, &fill, n_bytes, n_bytes as u32).await.unwrap();
            assert!(!copy.is_right(gpu).await.unwrap(), "{n_bytes} bytes are there before anything was copied");
            gpu.run(std::slice::from_ref(&copy.step));
            assert!(copy.is_right(gpu).await.unwrap(), "{n_bytes} bytes");
        }
    });
}

#[test]
fn a_byte_is_read_and_written() {
    assert_eq!(cost(16).bytes, 32);
}
