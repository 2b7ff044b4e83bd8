//! The device's samples against the network's on the CPU.

use stepwise_shaders::gpu::{Gpu, GpuError};
use stepwise_shaders::weights::Format;

use super::super::tests::{files, of_files};
use super::*;
use crate::engine::Accelerated;
use crate::sampling::{Decoding, Sampling};
use crate::weights::{Checkpoint, SafetensorsBytes};
use crate::{LanguageModel, Scoring};

/// The model on the CPU, and the same with samples drawn by the machine's adapter; `None`, and a line that says so, where
/// there is none.
fn models(what: &str) -> Option<(LanguageModel, LanguageModel, Gpu)> {
    let gpu = match pollster::block_on(Gpu::open()) {
        Ok(gpu) => gpu,
        Err(error @ GpuError::NoAdapter(_)) => {
            println!("not tested: {what} on a GPU, because {error}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let files = files(160);
    let file = SafetensorsBytes::new(&files.1).unwrap();
    let checkpoint = Checkpoint::new(&files.0, &file).unwrap();
    let engine = pollster::block_on(Engine::load(&gpu, Format::F32, &files.0, &checkpoint, &mut |_, _| ())).unwrap();
    let model = || of_files(Scoring::Sum, &files);
    Some((model(), model().with_engine(engine), gpu))
}

fn texts(model: &mut LanguageModel, prompt: &[u32], sampling: &Sampling, n: usize) -> Vec<Sample> {
    let (samples, cost) = pollster::block_on(model.generate(prompt, sampling, n, 4)).unwrap();
    assert_eq!(cost.generated_tokens as usize, samples.iter().map(|sample| sample.logprobs.len()).sum::<usize>());
    samples
}

#[test]
fn one_seed_gives_the_same_texts_on_the_device_and_on_the_cpu() {
    let Some((mut ours, mut device, _)) = models("samples") else { return };
    // Hot enough for the small model to say more than the same token again.
    let all = Draw { temperature: 8.0, ..Draw::default() };
    for draw in [all, Draw { top_k: Some(100), top_p: 0.9, ..all }] {
        // Two prompts that begin alike, and samples that end at very different lengths.
        let stop = ["a", "e", "s", "t", "0", " "].map(str::to_owned).to_vec();
        let sampling = Sampling { decoding: Decoding::Draw(draw), max_tokens: 100, stop };
        for prompt in [[5, 9, 60, 7], [5, 9, 61, 7]] {
            let (expected, found) =
                (texts(&mut ours, &prompt, &sampling, 12), texts(&mut device, &prompt, &sampling, 12));
            let is_same = |(a, b): &(&Sample, &Sample)| a.text == b.text && a.end == b.end;
            let n_same = expected.iter().zip(&found).filter(is_same).count();
            // Logits differ in their last digits, and a draw may fall between.
            assert!(n_same >= 11, "{n_same} of 12 texts: {expected:?} and {found:?}");
            let ends: std::collections::BTreeSet<usize> = found.iter().map(|sample| sample.logprobs.len()).collect();
            assert!(ends.len() > 3, "{ends:?}");
        }
    }
    assert!(device.has_engine() && device.take_notice().is_none());
    // What the kernels do not do is the network's.
    let beam = Sampling { decoding: Decoding::Beam, max_tokens: 5, stop: Vec::new() };
    assert_eq!(texts(&mut device, &[7, 8], &beam, 3), texts(&mut ours, &[7, 8], &beam, 3));
    let one = Sampling { max_tokens: 1, ..Sampling::default() };
    assert_eq!(texts(&mut device, &[7, 8], &one, 0), []);
    assert!(texts(&mut device, &[7, 8], &one, 3).iter().all(|sample| sample.logprobs.len() == 1));
}

#[test]
fn a_device_that_is_lost_leaves_the_answer_to_the_network() {
    let Some((mut ours, mut device, gpu)) = models("a lost device") else { return };
    let sampling = Sampling { max_tokens: 20, ..Sampling::default() };
    texts(&mut device, &[1, 2, 3], &sampling, 4);
    gpu.device.destroy();
    assert_eq!(texts(&mut device, &[1, 2, 3], &sampling, 4), texts(&mut ours, &[1, 2, 3], &sampling, 4));
    assert!(!device.has_engine());
    let notice = device.take_notice().unwrap();
    assert!(notice.ends_with("samples are drawn without kernels of our own from now on"), "{notice}");
    assert!(!notice.contains('\n') && device.take_notice().is_none());
}
