//! The models in the browser, for the page: what is said between it and the worker that runs them (`web/worker.js`), and
//! which questions wait for an answer.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};

/// Where the models run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Behind the server that the page is connected to.
    Server,
    /// In a worker of the page, on WebGPU or on the CPU, where it is measured to be faster.
    BrowserFaster,
    /// In a worker of the page, on WebGPU.
    BrowserGpu,
    /// In a worker of the page, on the CPU.
    BrowserCpu,
}

/// How fast the policy is on a device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Speed {
    pub device: String,
    /// Tokens that it draws in a second.
    pub tokens: f64,
}

/// What the visitor is told about the models in the browser.
#[derive(Clone, PartialEq, Debug)]
pub enum ModelStatus {
    /// They were not asked for, or were stopped.
    Idle,
    /// Their files are on the way.
    Loading {
        /// Bytes that are there.
        done: u64,
        /// Bytes of all files.
        total: u64,
    },
    /// They are being held against what they are known to compute.
    Testing,
    Ready {
        /// Whether it is on WebGPU.
        is_gpu: bool,
        device: String,
        /// What was measured, the fastest first; nothing where the visitor named the device.
        speeds: Vec<Speed>,
        /// How far their outputs are from those that are known, as a share of the outputs' range.
        self_test_error: f32,
    },
    /// They will not answer.
    Failed { reason: String },
}

/// What the page tells the worker.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToWorker {
    /// Load the models, and open them here.
    Start {
        /// `gpu`, `cpu`, or `faster`.
        place: &'static str,
    },
    /// Propose tactics.
    Propose {
        id: u32,
        /// A [`ProposalRequest`](stepwise_core::wire::ProposalRequest) as JSON.
        request: String,
    },
    Score {
        id: u32,
        /// A [`ScoreRequest`](stepwise_core::wire::ScoreRequest) as JSON.
        request: String,
    },
}

stepwise_core::tagged! { "type" of "FromWorker" in "kebab-case";
    /// What the worker tells the page.
    #[derive(Clone, Debug, PartialEq)]
    pub enum FromWorker {
        /// See [`ModelStatus::Loading`].
        Loading {
            /// Bytes that are there.
            done: u64,
            /// Bytes of all files.
            total: u64,
        },
        /// See [`ModelStatus::Testing`].
        Testing,
        /// See [`ModelStatus::Ready`].
        Ready {
            /// `gpu` or `cpu`.
            place: String,
            device: String,
            speeds: Vec<Speed>,
            /// How far from what is known.
            error: f32,
        },
        /// The GPU is not used any more, and the CPU is tested next.
        Fallback { reason: String },
        /// See [`ModelStatus::Failed`].
        Failed { reason: String },
        /// The answer to a question.
        Answer {
            id: u32,
            /// [`Proposals`](stepwise_core::wire::Proposals) or [`Scores`](stepwise_core::wire::Scores) as JSON.
            answer: String,
        },
        /// A question has no answer.
        Refused { id: u32, reason: String },
    }
}

impl FromWorker {
    /// The news for the visitor, unless it is about a question or a fallback.
    #[must_use]
    pub fn status(&self) -> Option<ModelStatus> {
        Some(match self {
            Self::Loading { done, total } => ModelStatus::Loading { done: *done, total: *total },
            Self::Testing => ModelStatus::Testing,
            Self::Ready { place, device, speeds, error } => ModelStatus::Ready {
                is_gpu: place == "gpu",
                device: device.clone(),
                speeds: speeds.clone(),
                self_test_error: *error,
            },
            Self::Failed { reason } => ModelStatus::Failed { reason: reason.clone() },
            Self::Fallback { .. } | Self::Answer { .. } | Self::Refused { .. } => return None,
        })
    }
}

/// The questions that wait for an answer. Whoever stops waiting is forgotten.
#[derive(Debug, Default)]
pub struct Questions {
    next_id: Cell<u32>,
    waiting: RefCell<BTreeMap<u32, Waiting>>,
    /// Why there will be no answers any more.
    ended: RefCell<Option<String>>,
}

#[derive(Debug, Default)]
struct Waiting {
    answer: Option<Result<String, String>>,
    waker: Option<Waker>,
}

/// The answer to a question, once it is there: JSON, or why there is none.
#[derive(Debug)]
pub struct Answer {
    id: u32,
    questions: Rc<Questions>,
}

impl Questions {
    /// A new question.
    #[must_use]
    pub fn ask(self: &Rc<Self>) -> Answer {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        let answer = self.ended.borrow().clone().map(Err);
        self.waiting.borrow_mut().insert(id, Waiting { answer, waker: None });
        Answer { id, questions: Rc::clone(self) }
    }

    /// Gives a question its answer.
    pub fn answer(&self, id: u32, answer: Result<String, String>) {
        let waker = self.waiting.borrow_mut().get_mut(&id).and_then(|waiting| {
            waiting.answer.get_or_insert(answer);
            waiting.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets all questions fail, and those that will be asked. The first reason stays.
    pub fn end(&self, reason: &str) {
        self.ended.borrow_mut().get_or_insert_with(|| reason.to_owned());
        let ids: Vec<u32> = self.waiting.borrow().keys().copied().collect();
        for id in ids {
            self.answer(id, Err(reason.to_owned()));
        }
    }

    /// Whether there will be no answers any more.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }
}

impl Answer {
    /// The question's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Future for Answer {
    type Output = Result<String, String>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut all = self.questions.waiting.borrow_mut();
        match all.get_mut(&self.id) {
            Some(Waiting { answer: Some(answer), .. }) => Poll::Ready(answer.clone()),
            Some(waiting) => {
                waiting.waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(Err("the question was answered already".to_owned())),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.questions.waiting.borrow_mut().remove(&self.id);
    }
}
