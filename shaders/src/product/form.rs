//! What stands around a product, as pieces of source.

/// Every piece by its name, with its source.
pub const PIECES: [(&str, &str); 8] = [
    ("product, plain", PLAIN),
    ("product, normed", NORMED),
    ("product, unbiased", UNBIASED),
    ("product, biased", BIASED),
    ("product, each", EACH),
    ("product, gated", GATED),
    ("product, stored", STORED),
    ("product, added", ADDED),
];

const PLAIN: &str = include_str!("plain.wgsl");
const NORMED: &str = include_str!("normed.wgsl");
const UNBIASED: &str = include_str!("unbiased.wgsl");
const BIASED: &str = include_str!("biased.wgsl");
const EACH: &str = include_str!("each.wgsl");
const GATED: &str = include_str!("gated.wgsl");
const STORED: &str = include_str!("store.wgsl");
const ADDED: &str = include_str!("add.wgsl");

/// What is done with a product's inputs before, and with its sums after, in the same dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Form {
    /// Inputs go through a root-mean-square norm.
    pub is_normed: bool,
    /// A bias is added to each output.
    pub has_bias: bool,
    pub end: End,
}

/// What becomes of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// They are the outputs.
    Stored,
    /// They are added to the outputs: the residual stream.
    Added,
    /// `silu(gate) * up`, of two rows of weights each.
    Gated,
}

impl Form {
    /// The product alone.
    pub const PLAIN: Self = Self { is_normed: false, has_bias: false, end: End::Stored };

    /// Every form.
    pub fn all() -> impl Iterator<Item = Self> {
        let ends = [End::Stored, End::Added, End::Gated];
        ends.into_iter().flat_map(|end| {
            [(false, false), (false, true), (true, false), (true, true)].map(|(is_normed, has_bias)| Self {
                is_normed,
                has_bias,
                end,
            })
        })
    }

    /// Its pieces' source, behind [`super::SOURCE`].
    #[must_use]
    pub fn source(self) -> String {
        let before = if self.is_normed { NORMED } else { PLAIN };
        let bias = if self.has_bias { BIASED } else { UNBIASED };
        let gate = if self.end == End::Gated { GATED } else { EACH };
        let end = if self.end == End::Added { ADDED } else { STORED };
        [before, bias, gate, end].join("\n")
    }

    /// Outputs of four rows of weights.
    pub(crate) const fn outputs_of_four(self) -> u32 {
        match self.end {
            End::Stored | End::Added => 4,
            End::Gated => 2,
        }
    }
}
