//! Grouped-query attention: causal over a text, and of sibling samples over the prefix that they share.
//!
//! Keys and values are kept as `[n_kv_heads, head_dim, n_tokens]`, columns being tokens as everywhere in the network, and
//! scores are `[n_keys, n_queries]`, so that both products read and write along rows.

use burn::tensor::Tensor;

use super::cpu;
use super::tiles::Compute;

/// Causal attention. `queries` are `[n_heads, head_dim, n_tokens]`, already divided by the root of `head_dim`; returns
/// `[n_heads * head_dim, n_tokens]`.
pub(super) fn causal(compute: &Compute, queries: Tensor<3>, keys: Tensor<3>, values: Tensor<3>) -> Tensor<2> {
    let [n_heads, head_dim, n_tokens] = queries.dims();
    let [n_kv_heads, _, n_keys] = keys.dims();
    let queries = queries.reshape([n_kv_heads, n_heads / n_kv_heads, head_dim, n_tokens]);
    let scores = keys.reshape([n_kv_heads, 1, head_dim, n_keys]).swap_dims(2, 3).matmul(queries);
    let [weights] = cpu::softmax(compute, [scores], true);
    values.reshape([n_kv_heads, 1, head_dim, n_keys]).matmul(weights).reshape([n_heads * head_dim, n_tokens])
}

/// Attention of `n` sibling samples, one new token each, over the prefix that they share and their own tokens.
///
/// The prefix is read once for all of them; only the own tokens cost a product per sample (arXiv 2402.05099, 2501.01005).
/// `queries` are `[n_heads, head_dim, n]`, divided by the root of `head_dim`; prefix keys and values
/// `[n_kv_heads, head_dim, n_prefix]`; own keys and values `[n_own, n_kv_heads, head_dim, n]`. Returns
/// `[n_heads * head_dim, n]`.
pub(super) fn shared_prefix(
    compute: &Compute,
    queries: Tensor<3>,
    (prefix_keys, prefix_values): (Tensor<3>, Tensor<3>),
    (own_keys, own_values): (Tensor<4>, Tensor<4>),
) -> Tensor<2> {
    let [n_heads, head_dim, n] = queries.dims();
    let [n_kv_heads, _, n_prefix] = prefix_keys.dims();
    let group = n_heads / n_kv_heads;
    let queries = queries.reshape([n_kv_heads, group, head_dim, n]);
    let prefix_keys = prefix_keys.reshape([n_kv_heads, 1, head_dim, n_prefix]).swap_dims(2, 3);
    let shared = prefix_keys.matmul(queries.clone());
    // Every sample has keys of its own: products by element with the samples side by side, instead of one small matrix
    // product per sample and head.
    let own_scores = |idx| (own_keys.clone() * queries.clone().narrow(1, idx, 1).swap_dims(0, 1)).sum_dim(2);
    let own = Tensor::cat((0..group).map(own_scores).collect(), 2).permute([1, 2, 0, 3]);
    let [shared, own] = cpu::softmax(compute, [shared, own], false);
    let shared = prefix_values.reshape([n_kv_heads, 1, head_dim, n_prefix]).matmul(shared);
    let own_sums = |idx| (own_values.clone() * own.clone().narrow(1, idx, 1).permute([2, 0, 1, 3])).sum_dim(0);
    let own = Tensor::cat((0..group).map(own_sums).collect(), 0).swap_dims(0, 1);
    (shared + own).reshape([n_heads * head_dim, n])
}
