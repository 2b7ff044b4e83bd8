//! The kernels that a model needs, compiled when they are first asked for.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::{Engine, Shape};
use crate::attention::Attention;
use crate::embedding::Embedding;
use crate::gpu::{Gpu, GpuError};
use crate::product::{End, Form, Product};
use crate::rotary::Rotary;
use crate::sampling::Sampler;
use crate::weights::Format;
use crate::{matmul, matvec};

/// A model's kernels.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) embedding: Embedding,
    pub(super) attention: Attention,
    pub(super) sampler: Sampler,
    rotary: HashMap<bool, Rotary>,
    products: HashMap<(Format, Form, u32), Product>,
}

impl Kernels {
    pub(super) async fn new(gpu: &Gpu, shape: Shape, embedding: Format) -> Result<Self, GpuError> {
        Ok(Self {
            embedding: Embedding::new(gpu, embedding).await?,
            attention: Attention::new(gpu, shape.head_dim).await?,
            sampler: Sampler::new(gpu).await?,
            rotary: HashMap::new(),
            products: HashMap::new(),
        })
    }

    /// Compiles what passes with so many columns need and is not compiled yet.
    pub(super) async fn prepare(&mut self, gpu: &Gpu, needs: &Needs, n_columns: u32) -> Result<(), GpuError> {
        for has_norms in &needs.head_norms {
            if let Entry::Vacant(vacant) = self.rotary.entry(*has_norms) {
                vacant.insert(Rotary::new(gpu, needs.head_dim, *has_norms).await?);
            }
        }
        for (format, form) in &needs.products {
            if let Entry::Vacant(vacant) = self.products.entry((*format, *form, pipeline_of(n_columns))) {
                vacant.insert(Product::of_form(gpu, *format, *form, n_columns).await?);
            }
        }
        Ok(())
    }

    /// A product that was prepared.
    pub(super) fn product(&self, format: Format, form: Form, n_columns: u32) -> Product {
        self.products[&(format, form, pipeline_of(n_columns))].with_columns(n_columns)
    }

    /// Rotary positions of heads with norms or without, which were prepared.
    pub(super) fn rotary(&self, has_norms: bool) -> &Rotary {
        &self.rotary[&has_norms]
    }
}

/// The kernels that a model's passes are made of.
#[derive(Debug)]
pub(super) struct Needs {
    head_dim: u32,
    head_norms: BTreeSet<bool>,
    products: BTreeSet<(Format, Form)>,
}

impl Engine {
    /// What its passes are made of.
    pub(super) fn needs(&self) -> Needs {
        let mut products = BTreeSet::from([(self.head.format, Form::HEAD)]);
        for block in &self.blocks {
            products.insert((block.qkv.format, Form::qkv(block.qkv_bias.is_some())));
            products.insert((block.output.format, Form::residual(block.output_bias.is_some())));
            products.insert((block.gate_up.format, Form::GATES));
            products.insert((block.down.format, Form::residual(false)));
        }
        let head_norms = self.blocks.iter().map(|block| block.head_norms.is_some()).collect();
        Needs { head_dim: self.shape.head_dim, head_norms, products }
    }
}

impl Form {
    pub(super) const HEAD: Self = Self { is_normed: true, has_bias: false, end: End::Stored };
    pub(super) const GATES: Self = Self { is_normed: true, has_bias: false, end: End::Gated };

    pub(super) const fn qkv(has_bias: bool) -> Self {
        Self { is_normed: true, has_bias, end: End::Stored }
    }

    pub(super) const fn residual(has_bias: bool) -> Self {
        Self { is_normed: false, has_bias, end: End::Added }
    }
}

/// Which pipeline multiplies with so many columns: one for each number up to eight, and one for each width of a tile.
fn pipeline_of(n_columns: u32) -> u32 {
    match n_columns {
        ..=matvec::MAX_COLUMNS => n_columns,
        n_columns => matvec::MAX_COLUMNS + matmul::tile_columns(n_columns),
    }
}
