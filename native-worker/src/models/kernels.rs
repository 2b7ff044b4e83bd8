//! Kernels of our own for a policy's samples on a GPU: loaded and tested, and used where they are measured to be faster.

use std::time::Instant;

use stepwise_inference::LanguageModel;
use stepwise_inference::device::Gpu;
use stepwise_inference::engine::Engine;
use stepwise_inference::weights::{Checkpoint, Format};

use super::{ModelDevice, ModelFolder};

/// The largest weights of which a second copy is brought onto a GPU to be measured, in bytes: its memory is not told.
const MOST: u64 = 1 << 30;

/// A policy with what draws its samples best on its device, and a line of the log about it: for packed weights, which burn
/// has on the CPU only, kernels of our own wherever they compute right; for others what is measured to be faster.
///
/// # Errors
/// In one line, when its own device fails.
pub(super) fn with_kernels(
    model: LanguageModel,
    folder: &ModelFolder,
    device: &ModelDevice,
) -> Result<LanguageModel, String> {
    let Some(gpu) = device.gpu() else { return Ok(model) };
    let format = model.network().format();
    let is_packed = format != Format::F32;
    // A program on the CPU is slow either way, and what is faster there says nothing.
    if gpu.is_software && !is_packed {
        return Ok(model);
    }
    let engine = match pollster::block_on(engine(folder, gpu, format)) {
        Ok(engine) => engine,
        Err(why) if is_packed => {
            tracing::warn!("weights in {format} run on the CPU: {why}");
            return Ok(model);
        }
        Err(why) => {
            tracing::info!("samples are drawn without kernels of our own: {why}");
            return Ok(model);
        }
    };
    if is_packed {
        tracing::info!("samples are drawn by kernels of our own, with weights in {format} on {}", gpu.name);
        return Ok(model.with_engine(engine));
    }
    let begun = Instant::now();
    let measured = pollster::block_on(model.with_faster(engine, &|| begun.elapsed().as_secs_f64()));
    let (model, [network, kernels]) = measured.map_err(|e| e.to_string())?;
    let taken = if model.has_engine() { "are taken" } else { "are not taken" };
    tracing::info!("kernels of our own draw {kernels:.0} tokens a second where burn draws {network:.0}, and {taken}");
    Ok(model)
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
