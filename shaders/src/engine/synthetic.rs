//! Models of any shape whose weights a seed decides, made on the device: for measurements, without a download.

use super::{Block, Engine, EngineError, Shape};
use crate::fill::Fill;
use crate::gpu::Gpu;
use crate::weights::{Format, MatrixShape, Synthetic};

use super::kernels::Kernels;

impl Engine {
    /// A model with all its matrices in one format, no biases, and a head that is not its embedding.
    ///
    /// # Errors
    /// When the kernels do not do such a shape, or the device has not that much memory left, or fails.
    pub async fn synthetic(
        gpu: &Gpu,
        fill: &Fill,
        shape: Shape,
        format: Format,
        seed: u32,
    ) -> Result<Self, EngineError> {
        shape.check()?;
        let weights = |shape: MatrixShape, number: u32| Synthetic { format, shape, seed: seed.wrapping_add(number) };
        let rows = MatrixShape { n_rows: shape.vocab, n_columns: shape.hidden };
        let gains = vec![1.0; shape.hidden as usize];
        let mut engine = Self {
            gpu: gpu.clone(),
            shape,
            embedding: weights(rows, 0).make(gpu, fill).await?,
            blocks: Vec::new(),
            norm: gpu.upload("norm", &gains),
            head: weights(shape.head(), 1).make(gpu, fill).await?,
            kernels: Kernels::new(gpu, shape, format).await?,
        };
        let [qkv, output, gate_up, down] = shape.matrices();
        for idx in 0..shape.n_layers {
            let number = 4 * idx + 2;
            engine.blocks.push(Block {
                attention_norm: gpu.upload("norm", &gains),
                qkv: weights(qkv, number).make(gpu, fill).await?,
                qkv_bias: None,
                head_norms: None,
                output: weights(output, number + 1).make(gpu, fill).await?,
                output_bias: None,
                ffn_norm: gpu.upload("norm", &gains),
                gate_up: weights(gate_up, number + 2).make_gated(gpu, fill).await?,
                down: weights(down, number + 3).make(gpu, fill).await?,
            });
        }
        Ok(engine)
    }
}
