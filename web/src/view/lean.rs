//! The worker that serves a Lean in the browser, as the page holds it: a connection like that to a server.

use leptos::web_sys::js_sys::Reflect;
use leptos::web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{Closure, JsValue};

use crate::json;
use crate::lean::FromLean;

/// The worker's address, beside the page's.
const WORKER: &str = "lean.js";

/// The list of Lean's files, beside the page's.
pub(crate) const LISTING: &str = "lean/packed/manifest.json";

/// The worker; dropping it ends Lean, and nothing is heard of it any more.
pub(crate) struct LeanWorker {
    worker: Worker,
    // The browser calls these as long as the worker lives.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl LeanWorker {
    /// Starts it, and it begins to load Lean.
    ///
    /// # Errors
    /// This browser starts no worker.
    pub(crate) fn start(hear: impl Fn(FromLean) + Clone + 'static) -> Result<Self, String> {
        let on_message = {
            let hear = hear.clone();
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                hear(json::read(&text).unwrap_or_else(|error| FromLean::Failed {
                    reason: format!("the worker speaks otherwise ({error}); reload the page"),
                }));
            })
        };
        let on_error = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            event.prevent_default();
            // Only an error inside the script has a message; one that cannot be loaded has none.
            let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
            let reason = message.unwrap_or_else(|| format!("{WORKER} cannot be loaded; reload the page"));
            hear(FromLean::Failed { reason });
        });
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(WORKER, &options);
        let worker = worker.map_err(|_| "this browser starts no worker".to_owned())?;
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a text.
    pub(crate) fn send(&self, text: &str) {
        // A text can always be cloned, which is all that can fail.
        let _ = self.worker.post_message(&JsValue::from_str(text));
    }
}

impl Drop for LeanWorker {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}
