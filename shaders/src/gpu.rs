//! The device that kernels run on, and the way of numbers to it and back.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use wgpu::{Adapter, Buffer, BufferDescriptor, BufferUsages, Device, ErrorFilter, Queue};

/// An adapter's device with its queue.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// The logical device.
    pub device: Device,
    pub queue: Queue,
    /// What it is called and which driver runs it.
    pub info: wgpu::AdapterInfo,
    /// What the adapter could do beyond what the device was opened with.
    features: wgpu::Features,
    /// What the device has refused that nobody was looking for, and that it was lost.
    faults: Faults,
    traffic: Arc<Mutex<Traffic>>,
}

/// What passed between the host and the device since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub submits: u64,
    pub read_backs: u64,
    /// Bytes that were read back.
    pub bytes_back: u64,
}

/// What an adapter is, for reports: a GPU number without it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterFacts {
    pub name: String,
    /// Vulkan, Metal, DX12 or WebGPU.
    pub backend: String,
    pub driver: String,
    pub driver_info: String,
    /// What it is to the machine: a card of its own, a part of the processor, a program.
    pub device_type: String,
    pub vendor_id: u32,
    pub device_id: u32,
    /// It is a program on the CPU: its speed says nothing about a GPU's.
    pub is_software: bool,
    /// What it could do; the kernels use none of it.
    pub features: Vec<String>,
    /// The limits that the kernels work within.
    pub limits: BTreeMap<String, u64>,
}

/// The first fault counts: what follows comes of it.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<Option<String>>>);

impl Faults {
    fn note(&self, fault: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why there is no device, or why it gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// The machine has no adapter that wgpu can use.
    #[error("no GPU adapter was found; install a driver (on Debian without a GPU: mesa-vulkan-drivers): {0}")]
    NoAdapter(#[from] wgpu::RequestAdapterError),
    /// There are adapters, and none is called so.
    #[error("no adapter is called {wanted:?}; there are: {found}")]
    NoSuchAdapter {
        wanted: String,
        /// What there is, with commas between.
        found: String,
    },
    /// The adapter does not have WebGPU's default limits, or is in use.
    #[error("the adapter {adapter} gave no device with WebGPU's default limits: {source}")]
    NoDevice { adapter: String, source: wgpu::RequestDeviceError },
    /// The buffers do not fit into the device's memory.
    #[error(
        "{op} needs {bytes} bytes on {adapter}, which has not that much left; close what else uses it, or send less at a time"
    )]
    OutOfMemory {
        op: &'static str,
        /// What its buffers hold together.
        bytes: u64,
        adapter: String,
    },
    /// The device's compiler does not take a kernel.
    #[error("{adapter} does not take the kernel {op}: {detail}")]
    Kernel { op: &'static str, adapter: String, detail: String },
    /// The device refused something, and what it computes since is worth nothing.
    #[error("{op} on {adapter} failed: {detail}")]
    Failed { op: &'static str, adapter: String, detail: String },
    /// The result could not be read, because the device was lost.
    #[error("{op} on {adapter} gave no result: the device was lost ({detail}); update its driver, or ask again")]
    Lost { op: &'static str, adapter: String, detail: String },
}

impl Gpu {
    /// Opens the fastest adapter with WebGPU's default limits and no optional feature: what a browser gives everybody.
    ///
    /// # Errors
    /// When there is none, or it gives no such device.
    pub async fn open() -> Result<Self, GpuError> {
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        Self::of_adapter(instance().request_adapter(&options).await?).await
    }

    /// Opens the first adapter whose name or backend has `wanted` in it, whatever the case. A browser has one adapter.
    ///
    /// # Errors
    /// As [`Gpu::open`], or when none is called so.
    pub async fn open_named(wanted: &str) -> Result<Self, GpuError> {
        let called = |adapter: &Adapter| {
            let info = adapter.get_info();
            format!("{} ({})", info.name, info.backend)
        };
        let found = instance().enumerate_adapters(wgpu::Backends::all()).await;
        let is_wanted = |adapter: &&Adapter| called(adapter).to_lowercase().contains(&wanted.to_lowercase());
        if let Some(adapter) = found.iter().find(is_wanted) {
            return Self::of_adapter(adapter.clone()).await;
        }
        if found.is_empty() {
            // The error that says what was looked for.
            instance().request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
        }
        let found = found.iter().map(called).collect::<Vec<_>>().join(", ");
        Err(GpuError::NoSuchAdapter { wanted: wanted.to_owned(), found })
    }

    async fn of_adapter(adapter: Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor::default())
            .await
            .map_err(|source| GpuError::NoDevice { adapter: info.name.clone(), source })?;
        let faults = Faults::default();
        let (refused, lost) = (faults.clone(), faults.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| refused.note(one_line(&error.to_string()))));
        device.set_device_lost_callback(move |_, message| lost.note(format!("the device was lost: {message}")));
        Ok(Self { device, queue, info, features: adapter.features(), faults, traffic: Arc::default() })
    }

    /// The same device under the name that a browser tells the page, which is more than wgpu is told.
    #[must_use]
    pub fn called(mut self, name: String, is_software: bool) -> Self {
        self.info.name = name;
        if is_software {
            self.info.device_type = wgpu::DeviceType::Cpu;
        }
        self
    }

    /// A device that somebody else has opened and goes on to use. Who opened it hears of its faults; here they show where
    /// results are waited for.
    #[must_use]
    pub fn shared(adapter: &Adapter, device: Device, queue: Queue) -> Self {
        let (info, features) = (adapter.get_info(), adapter.features());
        Self { device, queue, info, features, faults: Faults::default(), traffic: Arc::default() }
    }

    /// What the adapter is.
    #[must_use]
    pub fn facts(&self) -> AdapterFacts {
        let limits = self.device.limits();
        let limits = [
            ("max_buffer_size", limits.max_buffer_size),
            ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
            ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size.into()),
            ("max_compute_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup.into()),
            ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension.into()),
        ];
        let kebab = |(name, _): (&str, wgpu::Features)| name.to_lowercase().replace('_', "-");
        AdapterFacts {
            name: self.info.name.clone(),
            backend: self.info.backend.to_string(),
            driver: self.info.driver.clone(),
            driver_info: self.info.driver_info.clone(),
            device_type: format!("{:?}", self.info.device_type),
            vendor_id: self.info.vendor,
            device_id: self.info.device,
            is_software: self.is_software(),
            features: self.features.iter_names().map(kebab).collect(),
            limits: limits.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// Whether the adapter is a program on the CPU.
    #[must_use]
    pub fn is_software(&self) -> bool {
        // Browsers tell no type, but the names of the programs that they bring.
        let name = self.info.name.to_lowercase();
        self.info.device_type == wgpu::DeviceType::Cpu
            || ["swiftshader", "llvmpipe", "lavapipe", "basic render"].iter().any(|program| name.contains(program))
    }

    /// The adapter with its driver and backend, for reports: a GPU number without them says nothing.
    #[must_use]
    pub fn describe(&self) -> String {
        let wgpu::AdapterInfo { name, backend, driver_info, .. } = &self.info;
        let software = if self.is_software() { ", software" } else { "" };
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

    /// A uniform buffer that holds `words`.
    pub(crate) fn uniform(&self, words: &[u32]) -> Buffer {
        // A uniform structure's size is a multiple of 16 bytes.
        let size = (4 * words.len() as u64).next_multiple_of(16);
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let buffer = self.device.create_buffer(&BufferDescriptor {
            label: Some("shape"),
            size,
            usage,
            mapped_at_creation: false,
        });
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        buffer
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

    /// Compiles a kernel in `create`, and turns a refusal of the device into an error.
    pub(crate) async fn checked<T>(&self, op: &'static str, create: impl FnOnce() -> T) -> Result<T, GpuError> {
        let scope = self.device.push_error_scope(ErrorFilter::Validation);
        let created = create();
        let Some(error) = scope.pop().await else { return Ok(created) };
        Err(GpuError::Kernel { op, adapter: self.info.name.clone(), detail: one_line(&error.to_string()) })
    }

    /// Gives the device work in `work`, and turns what it refuses of that into an error.
    pub(crate) async fn attempt<T>(&self, op: &'static str, work: impl FnOnce() -> T) -> Result<T, GpuError> {
        let scope = self.device.push_error_scope(ErrorFilter::Validation);
        let done = work();
        let Some(error) = scope.pop().await else { return Ok(done) };
        Err(GpuError::Failed { op, adapter: self.info.name.clone(), detail: one_line(&error.to_string()) })
    }

    /// Reads words of a buffer that was made with `COPY_SRC`.
    ///
    /// # Errors
    /// When the device was lost, has refused something, or has no memory left.
    pub async fn read_words(&self, op: &'static str, buffer: &Buffer, words: Range<u64>) -> Result<Vec<u32>, GpuError> {
        self.read_copied(op, 4 * (words.end - words.start), &[(buffer, 4 * words.start)]).await
    }

    /// Reads the first `n` words of each of some buffers that were made with `COPY_SRC`, one after the other.
    ///
    /// # Errors
    /// As [`Gpu::read_words`].
    pub async fn read_words_of(&self, op: &'static str, buffers: &[&Buffer], n: u64) -> Result<Vec<u32>, GpuError> {
        let sources: Vec<(&Buffer, u64)> = buffers.iter().map(|buffer| (*buffer, 0)).collect();
        self.read_copied(op, 4 * n, &sources).await
    }

    /// Reads `size` bytes from an offset on of each of some buffers, in one read-back.
    async fn read_copied(&self, op: &'static str, size: u64, sources: &[(&Buffer, u64)]) -> Result<Vec<u32>, GpuError> {
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let n_bytes = size * sources.len() as u64;
        let mapped = self.allocate(op, n_bytes, || self.mappable(n_bytes)).await?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for ((buffer, offset), place) in sources.iter().zip((0..).step_by(size as usize)) {
            encoder.copy_buffer_to_buffer(buffer, *offset, &mapped, place, size);
        }
        self.submit_commands(encoder.finish());
        self.download(op, &mapped).await
    }

    /// How often the device was given work, and its results were waited for.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, add: impl FnOnce(&mut Traffic)) {
        add(&mut self.traffic.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn submit_commands(&self, commands: wgpu::CommandBuffer) {
        self.count(|traffic| traffic.submits += 1);
        self.queue.submit([commands]);
    }

    /// A buffer that the host can read.
    pub(crate) fn mappable(&self, size: u64) -> Buffer {
        let usage = BufferUsages::COPY_DST | BufferUsages::MAP_READ;
        self.device.create_buffer(&BufferDescriptor { label: Some("mapped"), size, usage, mapped_at_creation: false })
    }

    /// Waits for the queue and reads `buffer` (made with `MAP_READ`) back.
    pub(crate) async fn download<T: bytemuck::Pod>(
        &self,
        op: &'static str,
        buffer: &Buffer,
    ) -> Result<Vec<T>, GpuError> {
        self.count(|traffic| {
            traffic.read_backs += 1;
            traffic.bytes_back += buffer.size();
        });
        let (sender, receiver) = futures_channel::oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // The receiver is gone only when the caller dropped this future, and then nobody wants the result.
            let _ = sender.send(mapped);
        });
        self.poll(op)?;
        receiver.await.map_err(|error| self.lost(op, error))?.map_err(|error| self.lost(op, error))?;
        self.fault(op)?;
        let view = buffer.get_mapped_range(..).map_err(|error| self.lost(op, error))?;
        // Collected value by value, because nothing promises that the mapping is aligned.
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        buffer.unmap();
        Ok(values)
    }

    /// Waits for the device. A browser calls back by itself; natively somebody has to ask.
    pub(crate) fn poll(&self, op: &'static str) -> Result<(), GpuError> {
        #[cfg(not(target_arch = "wasm32"))]
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| self.lost(op, error))?;
        #[cfg(target_arch = "wasm32")]
        let _ = op;
        Ok(())
    }

    /// An error when the device has refused something that nobody was looking for.
    pub(crate) fn fault(&self, op: &'static str) -> Result<(), GpuError> {
        let Some(detail) = self.faults.first() else { return Ok(()) };
        Err(GpuError::Failed { op, adapter: self.info.name.clone(), detail })
    }

    pub(crate) fn lost(&self, op: &'static str, detail: impl Display) -> GpuError {
        let detail = self.faults.first().unwrap_or_else(|| detail.to_string());
        GpuError::Lost { op, adapter: self.info.name.clone(), detail }
    }
}

fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}

/// A device's message as one line.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
