//! Checkpoints: named tensors, checked against the configuration and brought into the network's own layout.
