//! Kernels of our own for a policy's samples on a GPU: loaded and tested, and used where they are measured to be faster.

use std::time::Instant;

use stepwise_inference::LanguageModel;
use stepwise_inference::device::Gpu;
use stepwise_inference::engine::Engine;
use stepwise_inference::weights::{Checkpoint, Format};

use super::{ModelDevice, ModelFolder};

/// The largest weights of which a second copy is brought onto a GPU to be measured, in bytes: its memory is not told.
const MOST: u64 = 1 << 30;

/// A policy with what draws its samples fastest on its device, and a line of the log about it.
///
/// # Errors
/// In one line, when its own device fails.
pub(super) fn with_fastest(
    model: LanguageModel,
    folder: &ModelFolder,
    device: &ModelDevice,
) -> Result<LanguageModel, String> {
    // A program on the CPU is slow either way, and what is faster there says nothing.
    let Some(gpu) = device.gpu().filter(|gpu| !gpu.is_software) else { return Ok(model) };
    let engine = match pollster::block_on(engine(folder, gpu)) {
        Ok(engine) => engine,
        Err(why) => {
            tracing::info!("samples are drawn without kernels of our own: {why}");
            return Ok(model);
        }
    };
    let begun = Instant::now();
    let measured = pollster::block_on(model.with_faster(engine, &|| begun.elapsed().as_secs_f64()));
    let (model, [network, kernels]) = measured.map_err(|e| e.to_string())?;
    let taken = if model.has_engine() { "are taken" } else { "are not taken" };
    tracing::info!("kernels of our own draw {kernels:.0} tokens a second where burn draws {network:.0}, and {taken}");
    Ok(model)
}

/// A folder's model in kernels of our own, on a GPU that computes with them what the CPU computes.
pub(super) async fn engine(folder: &ModelFolder, gpu: &Gpu) -> Result<Engine, String> {
    let checkpoint = Checkpoint::new(&folder.config, folder).map_err(|e| e.to_string())?;
    if checkpoint.n_bytes() > MOST {
        return Err(format!("the weights are larger than {MOST} bytes, too large to be there twice"));
    }
    gpu.test_kernels(Format::F32).await.map_err(|e| e.to_string())?;
    let mut unseen = |_, _| ();
    let engine = Engine::load(&gpu.kernels, Format::F32, &folder.config, &checkpoint, &mut unseen);
    engine.await.map_err(|e| e.to_string())
}
