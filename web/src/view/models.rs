//! The worker that runs models, as the page holds it.

use std::rc::Rc;

use leptos::web_sys::js_sys::Reflect;
use leptos::web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};
use serde::de::DeserializeOwned;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::wire;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{Closure, JsValue};

use crate::json;
use crate::models::{FromWorker, ModelStatus, Place, Questions, ToWorker};

/// The worker's address, beside the page's.
const WORKER: &str = "worker.js";

/// The models that ship, in a worker of the page. Clones are the same worker; it ends with the last of them.
#[derive(Clone)]
pub(super) struct BrowserModels(Rc<Held>);

struct Held {
    /// `None` when it could not be started, or there is nothing to start.
    worker: Option<Worker>,
    questions: Rc<Questions>,
    /// What the worker calls: kept as long as it is.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl BrowserModels {
    /// Starts the worker, which loads and tests the models. `on_status` is told how far it is, `on_fallback` where they run
    /// from then on, and why.
    pub(super) fn start(
        place: Place,
        on_status: impl Fn(ModelStatus) + 'static,
        on_fallback: impl Fn(Place, String) + 'static,
    ) -> Self {
        let questions = Rc::new(Questions::default());
        let on_status: Rc<dyn Fn(ModelStatus)> = Rc::new(on_status);
        let on_message = Closure::new({
            let (questions, on_status) = (Rc::clone(&questions), Rc::clone(&on_status));
            move |event: MessageEvent| {
                // What a stopped worker had said already is not news.
                if !questions.is_ended() {
                    hear(&event, &questions, &*on_status, &on_fallback);
                }
            }
        });
        let on_error = Closure::new({
            let (questions, on_status) = (Rc::clone(&questions), Rc::clone(&on_status));
            move |event: Event| {
                event.prevent_default();
                // Only an error inside the script has a message; one that cannot be loaded has none.
                let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
                let reason = message.unwrap_or_else(|| format!("{WORKER} cannot be loaded; reload the page"));
                end(&questions, &*on_status, &reason);
            }
        });
        let started = match place {
            Place::Server => Err("these models run on the server".to_owned()),
            Place::BrowserGpu => start_worker("gpu", &on_message, &on_error),
            Place::BrowserCpu => start_worker("cpu", &on_message, &on_error),
        };
        let worker = match started {
            Ok(worker) => Some(worker),
            Err(reason) => {
                end(&questions, &*on_status, &reason);
                None
            }
        };
        Self(Rc::new(Held { worker, questions, _on_message: on_message, _on_error: on_error }))
    }

    /// Asks the policy, and the portfolio and the lemmas beside it.
    ///
    /// # Errors
    /// Why there is no answer, in one line.
    pub(super) async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, String> {
        let request = text(&wire::ProposalRequest::from(request))?;
        let answer: wire::Proposals = self.ask(|id| ToWorker::Propose { id, request }).await?;
        Ok(answer.into())
    }

    /// Asks the critic.
    ///
    /// # Errors
    /// Why there is no answer, in one line.
    pub(super) async fn score(&self, request: &ScoreRequest) -> Result<Scores, String> {
        let request = text(&wire::ScoreRequest::from(request))?;
        let answer: wire::Scores = self.ask(|id| ToWorker::Score { id, request }).await?;
        Ok(answer.into())
    }

    /// Ends the worker; questions that wait fail.
    pub(super) fn stop(&self) {
        if let Some(worker) = &self.0.worker {
            worker.terminate();
        }
        self.0.questions.end("the models in the browser were stopped");
    }

    async fn ask<A: DeserializeOwned>(&self, question: impl FnOnce(u32) -> ToWorker) -> Result<A, String> {
        let answer = self.0.questions.ask();
        if let Some(worker) = &self.0.worker
            && !self.0.questions.is_ended()
        {
            say(worker, &question(answer.id()))?;
        }
        let answer = answer.await?;
        json::read(&answer).map_err(|e| format!("the worker's answer cannot be read ({e}); reload the page"))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.set_onmessage(None);
            worker.set_onerror(None);
            worker.terminate();
        }
        self.questions.end("the models in the browser were stopped");
    }
}

fn start_worker(
    place: &'static str,
    on_message: &Closure<dyn FnMut(MessageEvent)>,
    on_error: &Closure<dyn FnMut(Event)>,
) -> Result<Worker, String> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(WORKER, &options)
        .map_err(|e| format!("this browser starts no worker ({})", shown(&e)))?;
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    say(&worker, &ToWorker::Start { place })?;
    Ok(worker)
}

/// What a message changes.
fn hear(
    event: &MessageEvent,
    questions: &Questions,
    on_status: &dyn Fn(ModelStatus),
    on_fallback: &dyn Fn(Place, String),
) {
    let message = event.data().as_string().unwrap_or_default();
    let message = match json::read::<FromWorker>(&message) {
        Ok(message) => message,
        Err(e) => return end(questions, on_status, &format!("the worker speaks otherwise ({e}); reload the page")),
    };
    let status = message.status();
    match message {
        FromWorker::Answer { id, answer } => questions.answer(id, Ok(answer)),
        FromWorker::Refused { id, reason } => questions.answer(id, Err(reason)),
        FromWorker::Fallback { reason } => on_fallback(Place::BrowserCpu, reason),
        FromWorker::Failed { reason } => questions.end(&reason),
        FromWorker::Loading { .. } | FromWorker::Testing | FromWorker::Ready { .. } => {}
    }
    if let Some(status) = status {
        on_status(status);
    }
}

fn end(questions: &Questions, on_status: &dyn Fn(ModelStatus), reason: &str) {
    questions.end(reason);
    on_status(ModelStatus::Failed { reason: reason.to_owned() });
}

fn say(worker: &Worker, message: &ToWorker) -> Result<(), String> {
    let message = JsValue::from_str(&text(message)?);
    worker.post_message(&message).map_err(|e| format!("the worker cannot be reached ({})", shown(&e)))
}

fn text(message: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(message).map_err(|e| e.to_string())
}

fn shown(error: &JsValue) -> String {
    Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string()).unwrap_or_default()
}
