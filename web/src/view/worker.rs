//! A worker of the page, and the JSON texts between them.

use leptos::web_sys::js_sys::Reflect;
use leptos::web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{Closure, JsValue};

use crate::json;

/// The worker; dropping it ends it, and nothing is heard of it any more.
pub(crate) struct PageWorker {
    worker: Worker,
    // The browser calls these as long as the worker lives.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl PageWorker {
    /// Starts a script beside the page. `hear` is told what it says, or why it will say nothing any more.
    ///
    /// # Errors
    /// This browser starts no worker.
    pub(crate) fn start<M: DeserializeOwned>(
        script: &'static str,
        hear: impl Fn(Result<M, String>) + Clone + 'static,
    ) -> Result<Self, String> {
        let on_message = {
            let hear = hear.clone();
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                hear(
                    json::read(&text).map_err(|error| format!("{script} speaks otherwise ({error}); reload the page")),
                );
            })
        };
        let on_error = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            event.prevent_default();
            // Only an error inside the script has a message; one that cannot be loaded has none.
            let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
            hear(Err(message.unwrap_or_else(|| format!("{script} cannot be loaded; reload the page"))));
        });
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(script, &options);
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

    /// Sends a message as JSON.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn say(&self, message: &impl Serialize) -> Result<(), String> {
        self.send(&serde_json::to_string(message).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Ends it at once, whoever else holds it.
    pub(crate) fn end(&self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Drop for PageWorker {
    fn drop(&mut self) {
        self.end();
    }
}
