//! WGSL kernels with their CPU references.
