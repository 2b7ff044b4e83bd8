//! Every form of both kernels against its reference.

use wgpu::BufferUsages;

use super::{End, Ends, Form, Product, ProductError, reference_of};
use crate::gpu::Gpu;
use crate::testing::{check_source, numbers, on_gpu};
use crate::weights::{DeviceWeights, Format, MatrixShape, Packed};
use crate::{matmul, matvec};

const EPSILON: f32 = 1e-5;

#[test]
fn naga_accepts_every_form() {
    for form in Form::all() {
        check_source("matvec", &matvec::source(Format::D8, form, 3));
        check_source("matmul", &matmul::source(Format::D8, form));
    }
}

/// Compares all outputs of a product with the reference; inputs begin at their second column.
async fn check(gpu: &Gpu, format: Format, form: Form, n_columns: u32, shape: MatrixShape) {
    let MatrixShape { n_rows, n_columns: n_inner } = shape;
    let packed = Packed::new(format, shape, &numbers((n_rows * n_inner) as usize, n_rows)).unwrap();
    let weights = match form.end {
        End::Gated => DeviceWeights::upload_gated(gpu, &packed).await.unwrap(),
        _ => DeviceWeights::upload(gpu, &packed).await.unwrap(),
    };
    let n_outputs = weights.n_outputs();
    let inputs = numbers((n_inner * (n_columns + 1)) as usize, n_columns);
    let before = numbers((n_outputs * n_columns) as usize, 9);
    let gains = form.is_normed.then(|| numbers(n_inner as usize, 5));
    let biases = form.has_bias.then(|| numbers(n_outputs as usize, 6));

    let outputs = gpu.storage("outputs", 4 * before.len() as u64, BufferUsages::COPY_SRC | BufferUsages::COPY_DST);
    gpu.queue.write_buffer(&outputs, 0, bytemuck::cast_slice(&before));
    let [gains_there, biases_there] = [&gains, &biases].map(|side| side.as_ref().map(|side| gpu.upload("side", side)));
    let ends = Ends {
        inputs: &gpu.upload("inputs", &inputs),
        first_input: 1,
        outputs: &outputs,
        norm: gains_there.as_ref().map(|gains| (gains, EPSILON)),
        biases: biases_there.as_ref(),
    };
    let product = Product::of_form(gpu, format, form, n_columns).await.unwrap();
    gpu.run(&product.bind(gpu, &weights, ends).unwrap());
    let found = gpu.read_words("product", &outputs, 0..before.len() as u64).await.unwrap();
    for column in 0..n_columns {
        let inputs = &inputs[((column + 1) * n_inner) as usize..][..n_inner as usize];
        for row in 0..n_outputs {
            let at = (column * n_outputs + row) as usize;
            let norm = gains.as_deref().map(|gains| (gains, EPSILON));
            let bias = biases.as_ref().map_or(0.0, |biases| biases[row as usize]);
            let (expected, allowed) = reference_of(&packed, form, row, inputs, norm, bias, before[at]);
            let found = f64::from(f32::from_bits(found[at]));
            assert!(
                (found - expected).abs() <= allowed,
                "{format} {form:?} [{n_rows}, {n_inner}], {n_columns} columns, [{row}, {column}] on {}: {found}, not {expected}",
                gpu.describe(),
            );
        }
    }
}

#[test]
fn every_form_agrees_with_the_reference() {
    on_gpu("products with norms, biases, gates and residuals", async |gpu| {
        for (idx, form) in Form::all().enumerate() {
            // Both kernels, with rows that fill no workgroup and blocks of odd number, so that scales of odd rows begin in
            // the middle of a word.
            for n_columns in [1, 8, 9, 33] {
                check(gpu, Format::D8, form, n_columns, MatrixShape { n_rows: 76, n_columns: 96 }).await;
            }
            // What a form does is the same for every format.
            let format = [Format::F32, Format::F16, Format::D4][idx % 3];
            check(gpu, format, form, 3, MatrixShape { n_rows: 12, n_columns: 160 }).await;
        }
        check(gpu, Format::D4, Form::PLAIN, 65, MatrixShape { n_rows: 76, n_columns: 96 }).await;
    });
}

#[test]
fn gates_and_what_they_multiply_lie_together_in_every_shard() {
    on_gpu("gated weights in shards", async |gpu| {
        // 160 MiB in f32, of which a binding holds 128.
        let shape = MatrixShape { n_rows: 10_240, n_columns: 4096 };
        let packed = Packed::new(Format::F32, shape, &numbers(10_240 * 4096, 3)).unwrap();
        let weights = DeviceWeights::upload_gated(gpu, &packed).await.unwrap();
        assert_eq!(weights.shards.iter().map(|shard| shard.n_rows).collect::<Vec<_>>(), [4096, 1024]);
        let inputs: Vec<f32> = numbers(4096, 4).iter().map(|x| x / 16.0).collect();
        let outputs = gpu.storage("outputs", 4 * 5120, BufferUsages::COPY_SRC);
        let form = Form { is_normed: false, has_bias: false, end: End::Gated };
        let product = Product::of_form(gpu, Format::F32, form, 1).await.unwrap();
        let there = gpu.upload("inputs", &inputs);
        let ends = Ends { inputs: &there, first_input: 0, outputs: &outputs, norm: None, biases: None };
        gpu.run(&product.bind(gpu, &weights, ends).unwrap());
        let found = gpu.read_words("product", &outputs, 0..5120).await.unwrap();
        for row in [0, 1, 4095, 4096, 5119] {
            let (expected, allowed) = reference_of(&packed, form, row, &inputs, None, 0.0, 0.0);
            let found = f64::from(f32::from_bits(found[row as usize]));
            assert!((found - expected).abs() <= allowed, "row {row}: {found}, not {expected}");
        }
    });
}

#[test]
fn ends_of_another_form_are_refused() {
    on_gpu("products of another form", async |gpu| {
        let shape = MatrixShape { n_rows: 4, n_columns: 32 };
        let packed = Packed::new(Format::D8, shape, &numbers(128, 1)).unwrap();
        let weights = DeviceWeights::upload(gpu, &packed).await.unwrap();
        let numbers = gpu.upload("numbers", &[0.0; 32]);
        let ends = Ends { inputs: &numbers, first_input: 0, outputs: &numbers, norm: None, biases: None };
        let told = async |form: Form, ends: Ends<'_>| {
            let product = Product::of_form(gpu, Format::D8, form, 1).await.unwrap();
            product.bind(gpu, &weights, ends).map_err(|error: ProductError| error.to_string()).unwrap_err()
        };
        let normed = Form { is_normed: true, ..Form::PLAIN };
        assert!(told(normed, ends).await.ends_with("was given a norm, or none where it wants one"));
        assert!(
            told(Form { has_bias: true, ..Form::PLAIN }, ends).await.ends_with("a bias, or none where it wants one")
        );
        let gated = Form { end: End::Gated, ..Form::PLAIN };
        assert!(told(gated, ends).await.ends_with("was given weights that lie for another"));
        let late = Ends { first_input: 1, ..ends };
        assert_eq!(told(Form::PLAIN, late).await, "1 columns of 32 inputs are 64 numbers, and 32 were given");
    });
}
