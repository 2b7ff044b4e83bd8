//! The device that models run on: the CPU, or a GPU that has shown that it computes the same.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use stepwise_inference::device::{DeviceError, Gpu};
use stepwise_inference::network::Compute;
use stepwise_inference::weights::Format;
use tokio::sync::OnceCell;

use super::WeightsChoice;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where there is one that can be trusted, else the CPU.
    Auto,
    Cpu,
    /// The GPU, or a software adapter that stands in for one, or an error.
    Gpu,
}

/// A chosen device.
#[derive(Clone, Debug)]
pub struct ModelDevice {
    /// What runs a network on it.
    pub compute: Compute,
    /// For people: `CPU, 2 threads`, or the adapter's name.
    pub name: String,
    /// The adapter is a program on the CPU; its speed says nothing about a GPU's.
    pub is_software_gpu: bool,
    /// In which format models are loaded for it.
    pub weights: WeightsChoice,
    /// The GPU, if it is one.
    gpu: Option<&'static Gpu>,
    n_threads: usize,
    /// What the CPU backend works with; a model's thread and Lean's bookkeeping are not among them.
    threads: Option<Arc<rayon::ThreadPool>>,
}

/// A process can ask for its GPU once.
static GPU: OnceCell<Result<Gpu, DeviceError>> = OnceCell::const_new();

/// How far the GPU is from the CPU, once it was compared.
static TESTED: OnceCell<Result<f32, DeviceError>> = OnceCell::const_new();

/// Models on the CPU take turns: they would share the same cores, and the time of each could not be told.
static CPU: Mutex<()> = Mutex::new(());

impl ModelDevice {
    /// Finds the device that `choice` asks for; a GPU is tested before it is used. `n_threads` is for the CPU, all of
    /// its cores when `None`.
    ///
    /// # Errors
    /// The GPU is asked for, and there is none or it computes wrongly.
    pub async fn choose(choice: DeviceChoice, n_threads: Option<usize>) -> Result<Self, &'static DeviceError> {
        let n_threads = n_threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        if choice == DeviceChoice::Cpu {
            return Ok(Self::cpu(n_threads));
        }
        let gpu = match GPU.get_or_init(Gpu::find).await {
            // Right or wrong, it would be slower than the CPU itself; the test is not worth its time.
            Ok(gpu) if gpu.is_software && choice == DeviceChoice::Auto => {
                tracing::info!("models run on the CPU: {} is itself a program on the CPU", gpu.name);
                return Ok(Self::cpu(n_threads));
            }
            Ok(gpu) => TESTED.get_or_init(|| gpu.self_test()).await.as_ref().map(|error| {
                tracing::info!("{} agrees with the CPU: {error:.1e} of the logits' range apart", gpu.name);
                gpu
            }),
            Err(e) => Err(e),
        };
        match gpu {
            Ok(gpu) => Ok(Self {
                compute: gpu.compute.clone(),
                name: gpu.name.clone(),
                is_software_gpu: gpu.is_software,
                weights: WeightsChoice::default(),
                gpu: Some(gpu),
                n_threads,
                threads: None,
            }),
            Err(e) if choice == DeviceChoice::Gpu => Err(e),
            Err(e) => {
                tracing::info!("models run on the CPU: {e}");
                Ok(Self::cpu(n_threads))
            }
        }
    }

    /// The CPU.
    #[must_use]
    pub fn cpu(n_threads: usize) -> Self {
        let name = format!("CPU, {n_threads} thread{}", if n_threads == 1 { "" } else { "s" });
        // A system without threads to spare leaves the work to those that burn has.
        let threads = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().ok().map(Arc::new);
        Self {
            compute: Compute::cpu(n_threads),
            name,
            is_software_gpu: false,
            weights: WeightsChoice::default(),
            gpu: None,
            n_threads,
            threads,
        }
    }

    /// The same device, for which models are loaded in this format.
    #[must_use]
    pub fn with_weights(self, weights: WeightsChoice) -> Self {
        Self { weights, ..self }
    }

    /// What is left where the GPU is lost: the CPU, with models in the same format.
    #[must_use]
    pub fn without_gpu(&self) -> Self {
        Self::cpu(self.n_threads).with_weights(self.weights)
    }

    /// What runs a network whose matrices are in this format: burn has packed ones on the CPU only.
    #[must_use]
    pub fn compute_for(&self, format: Format) -> Compute {
        if format == Format::F32 || self.compute.is_cpu() { self.compute.clone() } else { Compute::cpu(self.n_threads) }
    }

    /// The GPU, if it is one.
    #[must_use]
    pub fn gpu(&self) -> Option<&'static Gpu> {
        self.gpu
    }

    /// Does `work` where what it computes on the CPU has the device's threads, and no more.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.threads {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }

    /// Does `work` on the device and says how long the device was busy with it, in microseconds: on the CPU the time of
    /// all cores together, so that it adds up with Lean's; on a GPU the wall time until the results were there.
    pub fn timed<T: Send>(&self, work: impl FnOnce() -> T + Send) -> (T, u64) {
        let _turn = self.compute.is_cpu().then(|| CPU.lock());
        let (cpu, wall) = (process_cpu_us(), Instant::now());
        let done = self.install(work);
        let wall_us = u64::try_from(wall.elapsed().as_micros()).unwrap_or(u64::MAX);
        let busy_us = match (self.compute.is_cpu(), cpu, process_cpu_us()) {
            (false, ..) => wall_us,
            // The rest of the process does little meanwhile; it cannot have kept more cores busy than the model has.
            (true, Some(before), Some(after)) => (after - before).min(wall_us * self.n_threads as u64),
            (true, ..) => wall_us * self.n_threads as u64,
        };
        (done, busy_us)
    }
}

/// CPU time of this process so far, in microseconds, where the system tells.
fn process_cpu_us() -> Option<u64> {
    #[cfg(unix)]
    {
        use nix::time::{ClockId, clock_gettime};
        let time = std::time::Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok()?);
        u64::try_from(time.as_micros()).ok()
    }
    #[cfg(not(unix))]
    None
}
