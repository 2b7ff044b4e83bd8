//! Keys and values that need not be computed again: of a prefix, and of the samples that branch off it.

use burn::tensor::{Int, Tensor};

/// Tokens that room is made for at first in every branch; doubled when they are used up.
const FIRST_CAPACITY: usize = 32;

/// A text's keys and values, and the tokens that they belong to.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    pub(super) tokens: Vec<u32>,
    /// Keys and values per layer, each `[n_kv_heads, head_dim, n_tokens]`; none for the empty text.
    pub(super) layers: Vec<(Tensor<3>, Tensor<3>)>,
}

/// The keys and values of `n` samples behind one prefix, all equally long.
#[derive(Debug)]
pub struct Branches {
    n_tokens: usize,
    layers: Vec<BranchLayer>,
}

/// `[capacity, n_kv_heads, head_dim, n]` each, so that a token is appended as it is computed; the first `n_tokens` are in
/// use.
#[derive(Debug)]
struct BranchLayer {
    keys: Tensor<4>,
    values: Tensor<4>,
}

impl Prefix {
    /// The tokens.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The first `n` tokens' part, which shares the memory.
    #[must_use]
    pub fn first(&self, n: usize) -> Self {
        if n == 0 {
            return Self::default();
        }
        let part = |kept: &Tensor<3>| kept.clone().narrow(2, 0, n.min(self.tokens.len()));
        Self {
            tokens: self.tokens[..n.min(self.tokens.len())].to_vec(),
            layers: self.layers.iter().map(|(keys, values)| (part(keys), part(values))).collect(),
        }
    }

    /// Memory of keys and values, in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        let elements =
            |(keys, values): &(Tensor<3>, Tensor<3>)| keys.shape().num_elements() + values.shape().num_elements();
        self.layers.iter().map(elements).sum::<usize>() * size_of::<f32>()
    }

    /// A layer's keys and values with `new` behind them, `[n_kv_heads, head_dim, n_new]` each.
    pub(super) fn extended(&self, layer: usize, new: (Tensor<3>, Tensor<3>)) -> (Tensor<3>, Tensor<3>) {
        match self.layers.get(layer) {
            Some((keys, values)) => {
                (Tensor::cat(vec![keys.clone(), new.0], 2), Tensor::cat(vec![values.clone(), new.1], 2))
            }
            None => new,
        }
    }
}

impl Branches {
    /// No tokens yet.
    pub(super) fn new(n_layers: usize, [n, n_kv_heads, head_dim]: [usize; 3], device: &burn::tensor::Device) -> Self {
        let room = || Tensor::zeros([FIRST_CAPACITY, n_kv_heads, head_dim, n], device);
        let layers = (0..n_layers).map(|_| BranchLayer { keys: room(), values: room() }).collect();
        Self { n_tokens: 0, layers }
    }

    /// Tokens in each branch.
    #[must_use]
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// Appends one token's keys and values, `[n_kv_heads, head_dim, n]` each, in one layer, and returns all of the
    /// layer's, `[n_tokens + 1, n_kv_heads, head_dim, n]`.
    pub(super) fn push(&mut self, layer: usize, keys: Tensor<3>, values: Tensor<3>) -> (Tensor<4>, Tensor<4>) {
        let at = self.n_tokens;
        let layer = &mut self.layers[layer];
        let write = |kept: &mut Tensor<4>, new: Tensor<3>| {
            let [capacity, n_kv_heads, head_dim, n] = kept.dims();
            kept.inplace(|kept| {
                let kept = if at == capacity {
                    let room = Tensor::zeros([capacity, n_kv_heads, head_dim, n], &kept.device());
                    Tensor::cat(vec![kept, room], 0)
                } else {
                    kept
                };
                kept.slice_assign([at..at + 1, 0..n_kv_heads, 0..head_dim, 0..n], new.unsqueeze())
            });
            kept.clone().narrow(0, 0, at + 1)
        };
        (write(&mut layer.keys, keys), write(&mut layer.values, values))
    }

    /// Every layer has the new token.
    pub(super) fn advance(&mut self) {
        self.n_tokens += 1;
    }

    /// Keeps these branches, in this order; one may occur several times.
    pub fn select(&mut self, branches: &[usize]) {
        let Some(first) = self.layers.first() else { return };
        let indices: Vec<i32> = branches.iter().map(|idx| i32::try_from(*idx).unwrap_or(i32::MAX)).collect();
        let indices = Tensor::<1, Int>::from_data(indices.as_slice(), &first.keys.device());
        let n_tokens = self.n_tokens;
        // Of the room only what is used, and as a matrix, for which burn's CPU backend copies instead of computing the
        // place of every element: beam search comes by here at every step.
        let chosen = |kept: Tensor<4>| {
            let ([capacity, n_kv_heads, head_dim, n], n_chosen) = (kept.dims(), branches.len());
            let room = |n| Tensor::zeros([n, n_kv_heads, head_dim, n_chosen], &kept.device());
            if n_tokens == 0 {
                return room(capacity);
            }
            let used = kept.clone().narrow(0, 0, n_tokens).reshape([n_tokens * n_kv_heads * head_dim, n]);
            let used = used.select(1, indices.clone()).reshape([n_tokens, n_kv_heads, head_dim, n_chosen]);
            if n_tokens < capacity { Tensor::cat(vec![used, room(capacity - n_tokens)], 0) } else { used }
        };
        for layer in &mut self.layers {
            layer.keys.inplace(chosen);
            layer.values.inplace(chosen);
        }
    }
}
