//! What the kernels' tests share: the machine's adapter, or a line that says why there is none.

use std::io::Write;

use crate::gpu::{Gpu, GpuError};
use crate::product::{Operands, Product, reference};
use crate::weights::{DeviceWeights, MatrixShape, Packed};

/// Straight to standard error: what a test prints otherwise is hidden when it passes, and this must be seen.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Tests on the machine's adapter, or says that nothing was tested.
pub(crate) fn on_gpu(op: &str, test: impl AsyncFnOnce(&Gpu)) {
    pollster::block_on(async {
        match Gpu::open().await {
            Ok(gpu) => test(&gpu).await,
            Err(error @ GpuError::NoAdapter(_)) => say(&format!("not tested: {op} on a GPU, because {error}")),
            Err(error) => panic!("{error}"),
        }
    });
}

/// Has naga validate a kernel without any optional capability; `unpack2x16float` is one only where a device is less than
/// WebGPU asks for.
pub(crate) fn check_source(op: &str, source: &str) -> naga::Module {
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{op}: {}", error.emit_to_string(source)));
    let (flags, capabilities) =
        (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32);
    naga::valid::Validator::new(flags, capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{op}: {}", error.emit_to_string(source)));
    module
}

/// Numbers that depend on the seed alone, spread over -1 to 1.
pub(crate) fn numbers(n: usize, seed: u32) -> Vec<f32> {
    use crate::fill::{Pattern, word};
    let pattern = Pattern { keep: u32::MAX, set: 0 };
    (0..n as u32).map(|idx| (word(seed, idx, pattern) as i32 as f64 / f64::from(i32::MAX)) as f32).collect()
}

/// Compares a product of random weights and inputs with the reference, output by output.
pub(crate) async fn check_product(gpu: &Gpu, product: &Product, shape: MatrixShape) {
    let (format, n_columns) = (product.format, product.n_columns);
    let MatrixShape { n_rows, n_columns: n_inner } = shape;
    let packed = Packed::new(format, shape, &numbers((n_rows * n_inner) as usize, n_rows ^ n_inner)).unwrap();
    let inputs = numbers((n_inner * n_columns) as usize, n_columns);
    let weights = DeviceWeights::upload(gpu, &packed).await.unwrap();
    let operands = Operands::upload(gpu, shape, n_columns, &inputs).await.unwrap();
    gpu.run(&product.steps(gpu, &weights, &operands).unwrap());
    let outputs = operands.outputs(gpu).await.unwrap();
    for row in 0..n_rows {
        let own = packed.row(row);
        for (column, inputs) in inputs.chunks_exact(n_inner as usize).enumerate() {
            let (expected, allowed) = reference(&own, inputs);
            let found = f64::from(outputs[column * n_rows as usize + row as usize]);
            assert!(
                (found - expected).abs() <= allowed,
                "{format} [{n_rows}, {n_inner}] times {n_columns} columns at [{row}, {column}] on {}: {found}, not {expected}",
                gpu.describe(),
            );
        }
    }
}
