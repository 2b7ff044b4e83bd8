//! Kernels and dispatches: compiled once, bound once, recorded as often as wanted.

use wgpu::{
    BindGroup, BindGroupEntry, Buffer, BufferUsages, CommandBuffer, CommandEncoder, CommandEncoderDescriptor,
    ComputePassDescriptor, ComputePipeline,
};

use crate::gpu::{Gpu, GpuError};

/// Invocations of a workgroup that measures a peak.
pub(crate) const PEAK_WIDTH: u32 = 256;

/// A compiled kernel, whose entry point is `main`.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    op: &'static str,
    pipeline: ComputePipeline,
}

/// One dispatch with all that it needs.
#[derive(Clone, Debug)]
pub struct Step {
    pipeline: ComputePipeline,
    bindings: BindGroup,
    groups: [u32; 3],
}

/// Steps that are ready to be submitted.
#[derive(Debug)]
pub struct Recording(CommandBuffer);

/// What a peak is measured by: a kernel of 256 invocations a group that turns numbers over, and a result for each of them.
pub(crate) async fn peak(
    gpu: &Gpu,
    op: &'static str,
    source: &str,
    n_groups: u32,
    turns: &[u32],
) -> Result<(Step, Buffer), GpuError> {
    let kernel = Kernel::new(gpu, op, source, &[("WIDTH", PEAK_WIDTH)]).await?;
    let n_bytes = 4 * u64::from(n_groups) * u64::from(PEAK_WIDTH);
    let results = gpu.allocate(op, n_bytes, || gpu.storage("results", n_bytes, BufferUsages::COPY_SRC)).await?;
    let step = kernel.step(gpu, &[(0, &results), (1, &gpu.uniform(turns))], [n_groups, 1]);
    Ok((step, results))
}

impl Kernel {
    /// Compiles `source`; `constants` are its overrides.
    ///
    /// # Errors
    /// When the device's compiler refuses it.
    pub(crate) async fn new(
        gpu: &Gpu,
        op: &'static str,
        source: &str,
        constants: &[(&str, u32)],
    ) -> Result<Self, GpuError> {
        let constants: Vec<(&str, f64)> = constants.iter().map(|(name, value)| (*name, f64::from(*value))).collect();
        let pipeline = gpu
            .checked(op, || {
                let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                    label: Some(op),
                    source: wgpu::ShaderSource::Wgsl(source.into()),
                });
                gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(op),
                    layout: None,
                    module: &module,
                    entry_point: Some("main"),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &constants,
                        // Every kernel writes its workgroup's memory before it reads it.
                        zero_initialize_workgroup_memory: false,
                    },
                    cache: None,
                })
            })
            .await?;
        Ok(Self { op, pipeline })
    }

    /// Binds buffers, each whole and by its number, for so many workgroups in x and y.
    pub(crate) fn step(&self, gpu: &Gpu, buffers: &[(u32, &Buffer)], [x, y]: [u32; 2]) -> Step {
        self.step_3d(gpu, buffers, [x, y, 1])
    }

    /// As [`Kernel::step`], for workgroups in x, y and z.
    pub(crate) fn step_3d(&self, gpu: &Gpu, buffers: &[(u32, &Buffer)], groups: [u32; 3]) -> Step {
        let entries: Vec<BindGroupEntry<'_>> = buffers
            .iter()
            .map(|(binding, buffer)| BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() })
            .collect();
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.op),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Step { pipeline: self.pipeline.clone(), bindings, groups }
    }
}

impl Gpu {
    /// Records the steps in one pass, one after the other and all of them `repeats` times. A step sees what the steps
    /// before it have written.
    #[must_use]
    pub fn record(&self, steps: &[Step], repeats: u32) -> Recording {
        let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor::default());
        record_pass(&mut encoder, (0..repeats).flat_map(|_| steps));
        Recording(encoder.finish())
    }

    /// Records the steps once, and behind them the copy of a whole buffer to one of the same size.
    pub(crate) fn record_and_copy(&self, steps: &[Step], from: &Buffer, to: &Buffer) -> Recording {
        let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor::default());
        record_pass(&mut encoder, steps);
        encoder.copy_buffer_to_buffer(from, 0, to, 0, to.size());
        Recording(encoder.finish())
    }

    /// Has the device carry out what was recorded, after all that it was given before.
    pub fn submit(&self, Recording(commands): Recording) {
        self.submit_commands(commands);
    }

    /// Records steps once and submits them.
    pub fn run(&self, steps: &[Step]) {
        self.submit(self.record(steps, 1));
    }

    /// Waits until all that was submitted is done.
    ///
    /// # Errors
    /// When the device was lost, or has refused something since it was opened.
    pub async fn finish(&self, op: &'static str) -> Result<(), GpuError> {
        let (sender, receiver) = futures_channel::oneshot::channel();
        self.queue.on_submitted_work_done(move || {
            // The receiver is gone only when nobody waits any more.
            let _ = sender.send(());
        });
        self.poll(op)?;
        receiver.await.map_err(|error| self.lost(op, error))?;
        self.fault(op)
    }
}

fn record_pass<'a>(encoder: &mut CommandEncoder, steps: impl IntoIterator<Item = &'a Step>) {
    let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
    for step in steps {
        let [x, y, z] = step.groups;
        pass.set_pipeline(&step.pipeline);
        pass.set_bind_group(0, &step.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Workgroups in x and y for `n` of them: x is filled first, and the last line may reach past the end.
pub(crate) fn groups(gpu: &Gpu, n: u32) -> [u32; 2] {
    let across = n.min(gpu.device.limits().max_compute_workgroups_per_dimension).max(1);
    [across, n.div_ceil(across)]
}
