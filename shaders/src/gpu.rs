//! The device that kernels run on, and the way of numbers to it and back.

use wgpu::{Buffer, BufferDescriptor, BufferUsages, Device, ErrorFilter, Queue};

/// An adapter's device with its queue.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// The logical device.
    pub device: Device,
    pub queue: Queue,
    /// What it is called and which driver runs it.
    pub info: wgpu::AdapterInfo,
}

/// Why there is no device, or why it gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// The machine has no adapter that wgpu can use.
    #[error("no GPU adapter was found; install a driver (on Debian without a GPU: mesa-vulkan-drivers): {0}")]
    NoAdapter(#[from] wgpu::RequestAdapterError),
    /// The adapter does not have WebGPU's default limits, or is in use.
    #[error("the adapter {adapter} gave no device with WebGPU's default limits: {source}")]
    NoDevice { adapter: String, source: wgpu::RequestDeviceError },
    /// The buffers do not fit into the device's memory.
    #[error("{op} needs {bytes} bytes on {adapter}, which has not that much left; send fewer rows at a time")]
    OutOfMemory {
        op: &'static str,
        /// What its buffers hold together.
        bytes: u64,
        adapter: String,
    },
    /// The result could not be read, because the device was lost.
    #[error("{op} on {adapter} gave no result: the device was lost ({detail})")]
    Lost { op: &'static str, adapter: String, detail: String },
}

impl Gpu {
    /// Opens the fastest adapter with WebGPU's default limits and no optional feature: what a browser gives everybody.
    pub async fn open() -> Result<Self, GpuError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance.request_adapter(&options).await?;
        let info = adapter.get_info();
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor::default())
            .await
            .map_err(|source| GpuError::NoDevice { adapter: info.name.clone(), source })?;
        Ok(Self { device, queue, info })
    }

    /// The adapter with its driver and backend, for reports: a GPU number without them says nothing.
    #[must_use]
    pub fn describe(&self) -> String {
        let wgpu::AdapterInfo { name, backend, driver_info, device_type, .. } = &self.info;
        let software = if *device_type == wgpu::DeviceType::Cpu { ", software" } else { "" };
        format!("{name} ({backend}{software}; {driver_info})")
    }

    /// A storage buffer that holds `values`.
    pub(crate) fn upload(&self, label: &str, values: &[f32]) -> Buffer {
        let buffer = self.storage(label, std::mem::size_of_val(values) as u64, BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
        buffer
    }

    /// A storage buffer of `size` bytes for a kernel's result.
    pub(crate) fn storage(&self, label: &str, size: u64, usage: BufferUsages) -> Buffer {
        let usage = usage | BufferUsages::STORAGE;
        self.device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
    }

    /// Creates `bytes` bytes of buffers in `create`, and turns a refusal of the device into an error.
    pub(crate) async fn allocate<T>(
        &self,
        op: &'static str,
        bytes: u64,
        create: impl FnOnce() -> T,
    ) -> Result<T, GpuError> {
        let scope = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let created = create();
        match scope.pop().await {
            None => Ok(created),
            Some(_) => Err(GpuError::OutOfMemory { op, bytes, adapter: self.info.name.clone() }),
        }
    }

    /// Waits for the queue and reads `buffer` (made with `MAP_READ`) back.
    pub(crate) async fn download(&self, op: &'static str, buffer: &Buffer) -> Result<Vec<f32>, GpuError> {
        let lost = |detail: String| GpuError::Lost { op, adapter: self.info.name.clone(), detail };
        let (sender, receiver) = futures_channel::oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // The receiver is gone only when the caller dropped this future, and then nobody wants the result.
            let _ = sender.send(mapped);
        });
        // A browser calls back by itself; natively somebody has to ask.
        #[cfg(not(target_arch = "wasm32"))]
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| lost(error.to_string()))?;
        receiver.await.map_err(|error| lost(error.to_string()))?.map_err(|error| lost(error.to_string()))?;
        let view = buffer.get_mapped_range(..).map_err(|error| lost(error.to_string()))?;
        // Collected value by value, because nothing promises that the mapping is aligned for f32.
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        buffer.unmap();
        Ok(values)
    }
}
