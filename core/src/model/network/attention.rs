//! Grouped-query attention: causal over a text, and of sibling samples over the prefix that they share.
//!
//! Keys and values are kept as `[n_kv_heads, head_dim, n_tokens]`, columns being tokens as everywhere in the network.

use burn::tensor::{Device, Tensor, TensorData, activation};

/// Added to the scores of tokens that must not be seen; finite, so that no difference of two is undefined.
const UNSEEN: f32 = -1e30;

/// Which of the `n_past + n_tokens` keys each of the last `n_tokens` queries sees, `[1, 1, n_tokens, n_past + n_tokens]`
/// to be added to scores; `None` when there is one query, which sees all.
pub(super) fn causal_mask(n_past: usize, n_tokens: usize, device: &Device) -> Option<Tensor<4>> {
    if n_tokens == 1 {
        return None;
    }
    let n_keys = n_past + n_tokens;
    let mut mask = vec![0.0_f32; n_tokens * n_keys];
    for (query, row) in mask.chunks_mut(n_keys).enumerate() {
        row[n_past + query + 1..].fill(UNSEEN);
    }
    Some(Tensor::from_data(TensorData::new(mask, [1, 1, n_tokens, n_keys]), device))
}

/// Causal attention. `queries` are `[n_heads, head_dim, n_tokens]`, already divided by the root of `head_dim`; returns
/// `[n_heads * head_dim, n_tokens]`.
pub(super) fn causal(queries: Tensor<3>, keys: Tensor<3>, values: Tensor<3>, mask: Option<&Tensor<4>>) -> Tensor<2> {
    let [n_heads, head_dim, n_tokens] = queries.dims();
    let [n_kv_heads, _, n_keys] = keys.dims();
    let queries = queries.reshape([n_kv_heads, n_heads / n_kv_heads, head_dim, n_tokens]).swap_dims(2, 3);
    let scores = queries.matmul(keys.reshape([n_kv_heads, 1, head_dim, n_keys]));
    let scores = match mask {
        Some(mask) => scores + mask.clone(),
        None => scores,
    };
    let weights = activation::softmax(scores, 3).swap_dims(2, 3);
    values.reshape([n_kv_heads, 1, head_dim, n_keys]).matmul(weights).reshape([n_heads * head_dim, n_tokens])
}

/// Attention of `n` sibling samples, one new token each, over the prefix that they share and their own tokens.
///
/// The prefix is read once for all of them; only the own tokens cost a product per sample (arXiv 2402.05099, 2501.01005).
/// `queries` are `[n_heads, head_dim, n]`, divided by the root of `head_dim`; prefix keys and values
/// `[n_kv_heads, head_dim, n_prefix]`; own keys and values `[n, n_kv_heads, n_own, head_dim]`. Returns
/// `[n_heads * head_dim, n]`.
pub(super) fn shared_prefix(
    queries: Tensor<3>,
    (prefix_keys, prefix_values): (Tensor<3>, Tensor<3>),
    (own_keys, own_values): (Tensor<4>, Tensor<4>),
) -> Tensor<2> {
    let [n_heads, head_dim, n] = queries.dims();
    let [n_kv_heads, _, n_prefix] = prefix_keys.dims();
    let n_own = own_keys.dims()[2];
    let queries = queries.reshape([n_kv_heads, n_heads / n_kv_heads, head_dim, n]);
    let shared = queries.clone().swap_dims(2, 3).matmul(prefix_keys.reshape([n_kv_heads, 1, head_dim, n_prefix]));
    // [n, n_kv_heads, group, n_own], one small product per sample and head.
    let own = queries.permute([3, 0, 1, 2]).matmul(own_keys.swap_dims(2, 3));
    let scores = Tensor::cat(vec![shared, own.permute([1, 2, 0, 3])], 3);
    let weights = activation::softmax(scores, 3);
    let shared_weights = weights.clone().narrow(3, 0, n_prefix).swap_dims(2, 3);
    let own_weights = weights.narrow(3, n_prefix, n_own).permute([2, 0, 1, 3]);
    let shared = prefix_values.reshape([n_kv_heads, 1, head_dim, n_prefix]).matmul(shared_weights);
    let own = own_weights.matmul(own_values).permute([1, 2, 3, 0]);
    (shared + own).reshape([n_heads * head_dim, n])
}
