//! The language model for a web page: what a Web Worker loads to run it on WebGPU or on the CPU.
//!
//! [`Policy`] and [`Critic`] are what a page proves with, and `bench` has the GPU benchmark; tests and measurements look into
//! a `Model`, which the cargo feature `model` adds.
//!
//! What waits for a device returns a promise, because in a browser nothing may block; what computes on the CPU holds up
//! its thread, and so belongs in a worker. Errors are JavaScript errors of one line, and leave everything usable.

#![cfg(target_arch = "wasm32")]

mod bench;
#[cfg(feature = "model")]
mod model;
mod roles;

use std::cell::RefCell;
use std::fmt::Display;
use std::panic;

use js_sys::{Function, Reflect};
use stepwise_inference::device::Gpu;
use stepwise_inference::network::Compute;
use wasm_bindgen::prelude::*;

pub use crate::bench::{bench_gpu, check_report, reports_as_html, reports_as_markdown};
#[cfg(feature = "model")]
pub use crate::model::Model;
pub use crate::roles::{Critic, Policy};

/// Samples of one call; beyond this their keys and values would not fit into the module's memory.
const MAX_SAMPLES: usize = 256;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(text: &str);
}

/// Makes a panic, which ends the module, say what it was, and runs the constructors by which kernels register themselves.
#[wasm_bindgen(start)]
fn start() -> Result<(), JsValue> {
    panic::set_hook(Box::new(|panic| error(&panic.to_string())));
    // build.rs tells why it is exported.
    let run_constructors: Function = Reflect::get(&wasm_bindgen::exports(), &"__wasm_call_ctors".into())?.dyn_into()?;
    run_constructors.call0(&JsValue::UNDEFINED)?;
    Ok(())
}

thread_local! {
    /// The GPU once it is found: burn takes hold of it for as long as the module lives.
    static GPU: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// What a model runs on.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Device {
    compute: Compute,
    /// The GPU, for kernels of our own.
    gpu: Option<Gpu>,
    name: String,
    error: f32,
}

#[wasm_bindgen]
impl Device {
    /// The thread that calls.
    #[must_use]
    pub fn cpu() -> Self {
        Self { compute: Compute::cpu(1), gpu: None, name: "CPU".to_owned(), error: 0.0 }
    }

    /// The GPU that the browser recommends, once it has shown on a small model that it computes what the CPU computes.
    /// Wait for the first answer before you ask again; later ones are the same.
    ///
    /// # Errors
    /// There is none, or it fails the test.
    pub async fn gpu() -> Result<Self, JsError> {
        if let Some(known) = GPU.with_borrow(Option::clone) {
            return Ok(known);
        }
        let gpu = Gpu::find().await?;
        let error = gpu.self_test().await?;
        // Browsers may keep the adapter's own name to themselves, and leave a blank before its backend's.
        let (compute, name) = (gpu.compute.clone(), gpu.name.trim().to_owned());
        let device = Self { compute, gpu: Some(gpu), name, error };
        GPU.set(Some(device.clone()));
        Ok(device)
    }

    /// The adapter's name, as far as the browser tells.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// How far the self-test's logits were from the CPU's, as a share of their range.
    #[wasm_bindgen(getter, js_name = selfTestError)]
    #[must_use]
    pub fn self_test_error(&self) -> f32 {
        self.error
    }
}

fn line(message: impl Display) -> JsError {
    JsError::new(&message.to_string())
}
