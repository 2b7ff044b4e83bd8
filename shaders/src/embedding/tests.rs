//! The kernel against the rows that the CPU unpacks.

use wgpu::BufferUsages;

use super::{Embedding, source};
use crate::testing::{check_source, numbers, on_gpu};
use crate::weights::{DeviceWeights, Format, MatrixShape, Packed};

#[test]
fn naga_accepts_the_kernel_in_every_format() {
    for format in Format::ALL {
        check_source("embedding", &source(format));
    }
}

#[test]
fn every_token_has_its_row_in_every_format() {
    on_gpu("embedding", async |gpu| {
        for format in Format::ALL {
            // Three blocks a row: scales of odd rows begin in the middle of a word.
            let shape = MatrixShape { n_rows: 50, n_columns: 96 };
            let packed = Packed::new(format, shape, &numbers(50 * 96, 2)).unwrap();
            let weights = DeviceWeights::upload(gpu, &packed).await.unwrap();
            let tokens = [0_u32, 49, 7, 7, 12];
            let outputs = gpu.storage("outputs", 4 * 5 * 96, BufferUsages::COPY_SRC);
            let state = gpu.storage("state", 8, BufferUsages::COPY_SRC);
            let embedding = Embedding::new(gpu, format).await.unwrap();
            let there = gpu.upload("tokens", &tokens.map(f32::from_bits));
            let steps = embedding.bind(gpu, &weights, &there, 5, &state, &outputs);
            // Twice: the step is counted once each time.
            gpu.submit(gpu.record(&steps, 2));
            let found = gpu.read_words("embedding", &outputs, 0..5 * 96).await.unwrap();
            let expected: Vec<u32> = tokens.iter().flat_map(|token| packed.row(*token)).map(f32::to_bits).collect();
            let off = |(a, b): (&u32, &u32)| (f32::from_bits(*a) - f32::from_bits(*b)).abs();
            // A device may fuse the multiplication and the addition of D4.
            assert!(found.iter().zip(&expected).map(off).all(|off| off < 1e-6), "{format}");
            assert_eq!(gpu.read_words("state", &state, 0..2).await.unwrap(), [2, 0]);
        }
    });
}

#[test]
fn rows_of_every_shard_are_found() {
    on_gpu("an embedding in shards", async |gpu| {
        // 160 MiB in f32, of which a binding holds 128.
        let shape = MatrixShape { n_rows: 10_240, n_columns: 4096 };
        let packed = Packed::new(Format::F32, shape, &numbers(10_240 * 4096, 3)).unwrap();
        let weights = DeviceWeights::upload(gpu, &packed).await.unwrap();
        let tokens = [8191_u32, 8192, 10_239, 0];
        let outputs = gpu.storage("outputs", 4 * 4 * 4096, BufferUsages::COPY_SRC);
        let state = gpu.storage("state", 4, BufferUsages::COPY_SRC);
        let embedding = Embedding::new(gpu, Format::F32).await.unwrap();
        let there = gpu.upload("tokens", &tokens.map(f32::from_bits));
        let steps = embedding.bind(gpu, &weights, &there, 4, &state, &outputs);
        assert_eq!(steps.len(), 2);
        gpu.run(&steps);
        let found = gpu.read_words("embedding", &outputs, 0..4 * 4096).await.unwrap();
        let expected: Vec<u32> = tokens.iter().flat_map(|token| packed.row(*token)).map(f32::to_bits).collect();
        assert!(found == expected, "a row is another token's");
        assert_eq!(gpu.read_words("state", &state, 0..1).await.unwrap(), [1]);
    });
}
