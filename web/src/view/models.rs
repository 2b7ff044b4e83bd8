//! The worker that runs models, as the page holds it.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::wire;

use crate::json;
use crate::models::{FromWorker, ModelStatus, Place, Questions, ToWorker};
use crate::view::worker::PageWorker;

/// The worker's address, beside the page's.
const WORKER: &str = "worker.js";

/// The models that ship, in a worker of the page. Clones are the same worker; it ends with the last of them.
#[derive(Clone)]
pub(super) struct BrowserModels(Rc<Held>);

struct Held {
    /// `None` when it could not be started, or there is nothing to start.
    worker: Option<PageWorker>,
    questions: Rc<Questions>,
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
        let (on_status, on_fallback) = (Rc::new(on_status), Rc::new(on_fallback));
        let heard = {
            let (questions, on_status) = (Rc::clone(&questions), Rc::clone(&on_status));
            move |said: Result<FromWorker, String>| match said {
                // What a stopped worker had said already is not news.
                Ok(_) if questions.is_ended() => {}
                Ok(message) => hear(message, &questions, &*on_status, &*on_fallback),
                Err(reason) => end(&questions, &*on_status, &reason),
            }
        };
        let started = match place {
            Place::Server => Err("these models run on the server".to_owned()),
            Place::BrowserFaster => start_worker("faster", heard),
            Place::BrowserGpu => start_worker("gpu", heard),
            Place::BrowserCpu => start_worker("cpu", heard),
        };
        let worker = match started {
            Ok(worker) => Some(worker),
            Err(reason) => {
                end(&questions, &*on_status, &reason);
                None
            }
        };
        Self(Rc::new(Held { worker, questions }))
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
            worker.end();
        }
        self.0.questions.end("the models in the browser were stopped");
    }

    async fn ask<A: DeserializeOwned>(&self, question: impl FnOnce(u32) -> ToWorker) -> Result<A, String> {
        let answer = self.0.questions.ask();
        if let Some(worker) = &self.0.worker
            && !self.0.questions.is_ended()
        {
            worker.say(&question(answer.id()))?;
        }
        let answer = answer.await?;
        json::read(&answer).map_err(|e| format!("the worker's answer cannot be read ({e}); reload the page"))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.questions.end("the models in the browser were stopped");
    }
}

fn start_worker(
    place: &'static str,
    hear: impl Fn(Result<FromWorker, String>) + Clone + 'static,
) -> Result<PageWorker, String> {
    let worker = PageWorker::start(WORKER, hear)?;
    worker.say(&ToWorker::Start { place })?;
    Ok(worker)
}

/// What a message changes.
fn hear(
    message: FromWorker,
    questions: &Questions,
    on_status: &dyn Fn(ModelStatus),
    on_fallback: &dyn Fn(Place, String),
) {
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

fn text(message: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(message).map_err(|e| e.to_string())
}
