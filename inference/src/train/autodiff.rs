//! Gradients by burn's automatic differentiation: for a GPU, and as the reference of what the CPU's own code computes.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::TrainError;
use super::batches::{Batch, Targets};
use super::parameters::Parameters;
use crate::config::ModelConfig;
use crate::network::{Compute, Network, Prefix};

/// The loss of a batch and the gradients of all trained arrays.
///
/// # Errors
/// The device fails.
pub(super) fn gradients(
    config: &ModelConfig,
    compute: &Compute,
    parameters: &Parameters,
    batch: &Batch,
) -> Result<(f64, Vec<Vec<f32>>), TrainError> {
    let compute = compute.learning();
    let leaves = parameters.leaves(compute.device());
    let leaves: Vec<Tensor<2>> = leaves.into_iter().map(Tensor::require_grad).collect();
    let network = Network::of_tensors(config, &compute, parameters.effective(&leaves));
    let loss = loss(network.at_columns(&Prefix::default(), &batch.texts(), &batch.columns), batch);
    let mut gradients = loss.backward();
    let numbers = |data: TensorData| data.try_into_vec::<f32>().map_err(|e| TrainError::Device(e.to_string()));
    let of_leaf = |leaf: &Tensor<2>| match leaf.grad_remove(&mut gradients) {
        Some(gradient) => numbers(gradient.into_data()),
        // Nothing in this batch depends on it.
        None => Ok(vec![0.0; leaf.shape().num_elements()]),
    };
    let of_leaves = leaves.iter().map(of_leaf).collect::<Result<_, _>>()?;
    let loss = numbers(loss.into_data())?;
    Ok((f64::from(loss[0]), of_leaves))
}

/// The mean loss over the batch's targets, from the head's output at its columns.
fn loss(output: Tensor<2>, batch: &Batch) -> Tensor<1> {
    match &batch.targets {
        Targets::Tokens(tokens) => {
            let ids: Vec<i32> = tokens.iter().map(|token| i32::try_from(*token).unwrap_or(i32::MAX)).collect();
            let n = ids.len();
            let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, n]), &output.device());
            activation::log_softmax(output, 0).gather(0, ids).mean().neg()
        }
        Targets::Pairs => {
            let pairs = output.reshape([batch.n_targets(), 2]);
            let difference = pairs.clone().narrow(1, 0, 1) - pairs.narrow(1, 1, 1);
            activation::log_sigmoid(difference).mean().neg()
        }
    }
}
