//! Where a model runs: finding a GPU, and making sure that it computes what the CPU computes.
//!
//! Wrong products have shipped in drivers and in compilers of kernels, so a device shows on a small model that it can
//! be trusted before anything depends on it.

use burn::tensor::wgpu::{WgpuInitError, wgpu};
use burn::tensor::{Device, Tensor};

use stepwise_shaders::gpu::Gpu as Kernels;
use stepwise_shaders::weights::Format;

use super::config::ModelConfig;
use super::engine;
use super::network::{Compute, Network, Prefix};
use super::weights::{Checkpoint, RandomWeights};

/// How far a device's logits may be from the CPU's, as a share of the logits' range. Software adapters in browsers
/// have been seen at 7e-4; a wrong kernel is far beyond.
pub const TOLERANCE: f32 = 2e-3;

/// A GPU, or what stands in for one.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// What runs a network on it.
    pub compute: Compute,
    /// The same device, for kernels of our own.
    pub kernels: Kernels,
    /// The adapter's name and driver, for example `NVIDIA H100 (Vulkan)`.
    pub name: String,
    /// The adapter is a program on the CPU: right, but slow.
    pub is_software: bool,
}

/// Why a device is not used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is none.
    #[error("no GPU can be used here ({0})")]
    NoGpu(#[from] WgpuInitError),
    /// It fails while it works.
    #[error("the GPU {name} fails ({message})")]
    Failed { name: String, message: String },
    /// It computes something else than the CPU.
    #[error(
        "the GPU {name} computes wrongly: its logits are {error:.1e} of their range from the CPU's, and {TOLERANCE:.0e} is allowed"
    )]
    Wrong {
        name: String,
        /// The greatest difference, as a share of the logits' range.
        error: f32,
    },
}

impl Gpu {
    /// The adapter that the system recommends. A process can ask once; a browser needs this instead of anything that
    /// blocks.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find() -> Result<Self, DeviceError> {
        let (device, setup) = Device::wgpu_options().init_with_setup_async().await?;
        let info = setup.adapter.get_info();
        Ok(Self {
            compute: Compute::gpu(device),
            kernels: Kernels::shared(&setup.adapter, setup.device, setup.queue),
            name: format!("{} ({:?})", info.name, info.backend),
            is_software: info.device_type == wgpu::DeviceType::Cpu,
        })
    }

    /// Compares the GPU with the CPU on a small model: a text, two steps of sibling samples, and rewards. Returns the
    /// greatest difference as a share of the outputs' range.
    ///
    /// # Errors
    /// When it fails, or differs by more than [`TOLERANCE`].
    pub async fn self_test(&self) -> Result<f32, DeviceError> {
        let failed = |message: String| DeviceError::Failed { name: self.name.clone(), message };
        let ours = probe(&self.compute).await.map_err(failed)?;
        let reference = probe(&Compute::cpu(1)).await.map_err(failed)?;
        let error = relative_error(&ours, &reference);
        // A NaN is no agreement, whichever way it compares.
        if error <= TOLERANCE { Ok(error) } else { Err(DeviceError::Wrong { name: self.name.clone(), error }) }
    }

    /// Compares kernels of our own on the GPU with the CPU, with weights in a format: as [`Gpu::self_test`], by the decode
    /// engine.
    ///
    /// # Errors
    /// When they fail, or differ by more than [`TOLERANCE`].
    pub async fn test_kernels(&self, format: Format) -> Result<f32, DeviceError> {
        let error = engine::probe(&self.kernels, format).await;
        let error = error.map_err(|message| DeviceError::Failed { name: self.name.clone(), message })?;
        if error <= TOLERANCE { Ok(error) } else { Err(DeviceError::Wrong { name: self.name.clone(), error }) }
    }
}

/// The greatest difference between two outputs, as a share of the reference's range; NaN when one is not a number.
#[must_use]
pub fn relative_error(ours: &[f32], reference: &[f32]) -> f32 {
    let (low, high) = reference.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let differences = ours.iter().zip(reference).map(|(a, b)| (a - b).abs());
    let greatest = differences.fold(0.0, |max: f32, x| if x.is_nan() || max.is_nan() { f32::NAN } else { max.max(x) });
    if ours.len() == reference.len() { greatest / (high - low) } else { f32::NAN }
}

/// What the probe's model computes on a device, all in one row.
async fn probe(compute: &Compute) -> Result<Vec<f32>, String> {
    let network = probe_network(compute)?;
    let tokens: Vec<u32> = (0..77).map(|i| i * 29 % 131).collect();
    let (prefix, logits) = network.extend(Prefix::default(), &tokens);
    let mut branches = network.branches(5);
    let first = network.step(&[1, 2, 3, 5, 8], &prefix, &mut branches);
    branches.select(&[0, 2, 4]);
    let second = network.step(&[13, 21, 34], &prefix, &mut branches);
    let mut outputs = Vec::new();
    for output in [logits, first, second] {
        let data = Tensor::into_data_async(output).await.map_err(|e| e.to_string())?;
        outputs.extend(data.try_into_vec::<f32>().map_err(|e| format!("{e:?}"))?);
    }
    Ok(outputs)
}

/// A model of two layers with what models have: grouped heads, biases, and widths that fill no tile.
const PROBE: &str = r#"{
  "architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "vocab_size": 131, "hidden_size": 96,
  "intermediate_size": 200, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
  "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": true
}"#;

fn probe_network(compute: &Compute) -> Result<Network, String> {
    let config = ModelConfig::from_json(PROBE).map_err(|e| e.to_string())?;
    let source = RandomWeights::new(&config, 1, 1.0);
    let checkpoint = Checkpoint::new(&config, &source).map_err(|e| e.to_string())?;
    Network::load(&config, &checkpoint, compute, &mut |_, _| ()).map_err(|e| e.to_string())
}

/// The GPU for all tests of a process, which can ask for it once; `None`, and a line that says so, where there is none.
#[cfg(test)]
pub(super) fn of_tests(what: &str) -> Option<&'static Gpu> {
    static FOUND: std::sync::OnceLock<Result<Gpu, DeviceError>> = std::sync::OnceLock::new();
    match FOUND.get_or_init(|| pollster::block_on(Gpu::find())) {
        Ok(gpu) => Some(gpu),
        Err(e) => {
            println!("not tested: {what} on a GPU, {e}");
            None
        }
    }
}

#[cfg(test)]
mod tests;
