//! Kernels of our own for a model on a GPU: loaded and tested, and used where they are measured to be faster.

use std::time::Instant;

use stepwise_inference::device::Gpu;
use stepwise_inference::engine::{Accelerated, Engine};
use stepwise_inference::weights::{Checkpoint, Format};

use super::{ModelDevice, ModelFolder};

/// The largest weights of which a second copy is brought onto a GPU to be measured, in bytes: its memory is not told.
const MOST: u64 = 1 << 30;

/// A model with what does its work best on its device, and a line of the log about it: for packed weights, which burn has on
/// the CPU only, kernels of our own wherever they compute right; for others what is measured to be faster.
///
/// # Errors
/// In one line, when its own device fails.
pub(super) fn with_kernels<M: Accelerated>(
    mut model: M,
    folder: &ModelFolder,
    device: &ModelDevice,
) -> Result<M, String> {
    let begun = Instant::now();
    match Found::on(device, folder, model.network().format()) {
        Found::Nothing => Ok(model),
        Found::Only(engine) => Ok(model.with_engine(engine)),
        Found::Another(engine) => {
            let measured = pollster::block_on(model.take_faster(engine, &|| begun.elapsed().as_secs_f64()));
            let [network, kernels] = measured.map_err(|e| e.to_string())?;
            let taken = if model.has_engine() { "are taken" } else { "are not taken" };
            tracing::info!(
                "kernels of our own reach {kernels:.0} tokens a second where burn has {network:.0}, and {taken}"
            );
            Ok(model)
        }
    }
}

/// What there is for a model beside its network.
enum Found {
    /// The network does it all.
    Nothing,
    /// The only thing that runs these weights on the GPU.
    Only(Engine),
    /// What may be faster than the network.
    Another(Engine),
}

impl Found {
    fn on(device: &ModelDevice, folder: &ModelFolder, format: Format) -> Self {
        let Some(gpu) = device.gpu() else { return Self::Nothing };
        let is_packed = format != Format::F32;
        // A program on the CPU is slow either way, and what is faster there says nothing.
        if gpu.is_software && !is_packed {
            return Self::Nothing;
        }
        match pollster::block_on(engine(folder, gpu, format)) {
            Ok(engine) if is_packed => {
                tracing::info!(
                    "kernels of our own run {} with weights in {format} on {}",
                    folder.path.display(),
                    gpu.name
                );
                Self::Only(engine)
            }
            Ok(engine) => Self::Another(engine),
            Err(why) if is_packed => {
                tracing::warn!("weights in {format} run on the CPU: {why}");
                Self::Nothing
            }
            Err(why) => {
                tracing::info!("{} runs without kernels of our own: {why}", folder.path.display());
                Self::Nothing
            }
        }
    }
}

/// A folder's model in kernels of our own, on a GPU that computes with them what the CPU computes.
pub(super) async fn engine(folder: &ModelFolder, gpu: &Gpu, format: Format) -> Result<Engine, String> {
    let checkpoint = Checkpoint::new(&folder.config, folder).map_err(|e| e.to_string())?;
    if format == Format::F32 && checkpoint.n_bytes() > MOST {
        return Err(format!("the weights are larger than {MOST} bytes, too large to be there twice"));
    }
    gpu.test_kernels(format).await.map_err(|e| e.to_string())?;
    let mut unseen = |_, _| ();
    let engine = Engine::load(&gpu.kernels, format, &folder.config, &checkpoint, &mut unseen);
    engine.await.map_err(|e| e.to_string())
}
