//! What is trained: all arrays of a model, or adapters on its projections.

use burn::tensor::{Device, Tensor, TensorData};

use super::adamw::Parameter;
use super::initial::normal;
use super::slots::{SlotKind, Slots};
use super::{LoraConfig, TrainError};
use crate::config::ModelConfig;
use crate::network::Compute;
use crate::weights::{ModelWeights, WeightsError};

/// A model in training.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) slots: Slots,
    pub(super) trained: Vec<Parameter>,
    adapters: Option<Adapters>,
}

/// Low-rank adapters (arXiv 2106.09685): a projection `W` becomes `W + alpha / rank * B A`, `A` being `[rank, in]` and `B`
/// `[out, rank]`. The trained arrays are `A` and `B` of each projection in turn.
#[derive(Debug)]
struct Adapters {
    /// All arrays of the model, which stay as they are, on the device.
    base: Vec<Tensor<2>>,
    /// Slots of the projections.
    adapted: Vec<usize>,
    scale: f64,
}

impl Parameters {
    pub(super) fn new(
        config: &ModelConfig,
        weights: ModelWeights,
        lora: Option<LoraConfig>,
        seed: u64,
        compute: &Compute,
    ) -> Result<Self, TrainError> {
        let slots = Slots::new(config);
        let base = slots.split(weights).map_err(|slot| {
            let (name, expected) = (slot.name.clone(), vec![slot.rows, slot.cols]);
            TrainError::Weights(WeightsError::Shape { name, expected, found: Vec::new() })
        })?;
        let Some(LoraConfig { rank, alpha }) = lora else {
            let arrays = slots.all.iter().zip(base);
            let trained = arrays.map(|(slot, data)| {
                Parameter::new(slot.name.clone(), [slot.rows, slot.cols], slot.kind != SlotKind::Vector, data)
            });
            return Ok(Self { trained: trained.collect(), slots, adapters: None });
        };
        let adapted = |idx: &usize| slots.all[*idx].kind == SlotKind::Projection;
        let adapted: Vec<usize> = (0..slots.all.len()).filter(adapted).collect();
        let adapters = adapted.iter().flat_map(|&idx| {
            let slot = &slots.all[idx];
            // B begins as 0, so that the first step begins at the base model.
            let a = normal(seed, idx, (slot.cols as f64).sqrt().recip(), rank * slot.cols);
            [
                Parameter::new(format!("{}.lora_a", slot.name), [rank, slot.cols], true, a),
                Parameter::new(format!("{}.lora_b", slot.name), [slot.rows, rank], true, vec![0.0; slot.rows * rank]),
            ]
        });
        let trained = adapters.collect();
        let base = slots.all.iter().zip(base).map(|(slot, data)| slot.tensor(data, compute.device())).collect();
        let adapters = Adapters { base, adapted, scale: alpha / rank as f64 };
        Ok(Self { slots, trained, adapters: Some(adapters) })
    }

    /// The trained arrays on a device, `[rows, cols]` each.
    pub(super) fn leaves(&self, device: &Device) -> Vec<Tensor<2>> {
        let leaf = |parameter: &Parameter| {
            let data = TensorData::new(parameter.data.clone(), [parameter.rows, parameter.cols]);
            Tensor::from_data(data, device)
        };
        self.trained.iter().map(leaf).collect()
    }

    /// The model's arrays in the order of its slots, made of these trained ones.
    pub(super) fn effective(&self, leaves: &[Tensor<2>]) -> Vec<Tensor<2>> {
        let Some(Adapters { base, adapted, scale }) = &self.adapters else { return leaves.to_vec() };
        let mut all = base.clone();
        for (slot, pair) in adapted.iter().zip(leaves.chunks_exact(2)) {
            all[*slot] = all[*slot].clone() + pair[1].clone().matmul(pair[0].clone()).mul_scalar(*scale);
        }
        all
    }

    /// The trained arrays' gradients from those of the model's arrays.
    pub(super) fn of_leaves(&self, leaves: &[Tensor<2>], mut of_slots: Vec<Tensor<2>>) -> Vec<Tensor<2>> {
        let Some(Adapters { adapted, scale, .. }) = &self.adapters else { return of_slots };
        let pairs = adapted.iter().zip(leaves.chunks_exact(2));
        let of_pair = |(slot, pair): (&usize, &[Tensor<2>])| {
            let gradient = std::mem::replace(&mut of_slots[*slot], pair[0].clone()).mul_scalar(*scale);
            let of_a = pair[1].clone().transpose().matmul(gradient.clone());
            [of_a, gradient.matmul(pair[0].clone().transpose())]
        };
        pairs.flat_map(of_pair).collect()
    }
}
