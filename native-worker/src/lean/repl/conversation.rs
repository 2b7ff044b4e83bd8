//! One repl process and the strict alternation of request and answer with it.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::Instant;

use super::protocol::{Request, Response};
use crate::lean::host::HostDown;
use crate::process::{Child, ProcessError, Spec};
use stepwise_core::cost::LeanCost;

/// A process that answers one request at a time. Once it went wrong it is killed and answers no more.
pub(super) struct Conversation {
    child: Child,
    answer_limit: usize,
    /// A request was sent and its answer not read: whoever asked went away.
    awaiting: bool,
    down: Option<HostDown>,
}

/// An answer, or why none came, and the cost either way.
pub(super) struct Asked {
    pub(super) answer: Result<Response, HostDown>,
    pub(super) cost: LeanCost,
}

impl Conversation {
    pub(super) fn start(spec: &Spec) -> Result<Self, HostDown> {
        let child = Child::spawn(spec).map_err(|error| HostDown::CannotStart { message: error.to_string() })?;
        Ok(Self { child, answer_limit: spec.max_line, awaiting: false, down: None })
    }

    pub(super) fn child(&self) -> &Child {
        &self.child
    }

    /// Sends a request and waits for its answer. A process that is late, dies or answers nonsense is killed.
    pub(super) async fn ask(&mut self, request: &Request, limit: Duration) -> Asked {
        if let Some(down) = &self.down {
            return Asked { answer: Err(down.clone()), cost: LeanCost::default() };
        }
        if std::mem::replace(&mut self.awaiting, true) {
            // The next answer would belong to the abandoned request.
            let down = HostDown::Crashed { detail: "an earlier request was abandoned unanswered".into() };
            return Asked { answer: Err(self.give_up(down).await), cost: LeanCost::default() };
        }
        let began = Instant::now();
        let cpu_before = self.child.cpu_time();
        let exchange = self.exchange(request, began + limit).await;
        let wall = began.elapsed();
        // The time of a process that is gone can no longer be read; it worked for us all the while.
        let cpu = match (cpu_before, self.child.cpu_time()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => wall,
        };
        let answer = match exchange {
            Ok(response) => {
                self.awaiting = false;
                Ok(response)
            }
            Err(down) => Err(self.give_up(down).await),
        };
        Asked { answer, cost: LeanCost { cpu_us: micros(cpu), wall_us: micros(wall) } }
    }

    /// Ends the process; every later request gets `down`.
    pub(super) async fn give_up(&mut self, down: HostDown) -> HostDown {
        self.child.kill().await;
        self.down = Some(down.clone());
        down
    }

    async fn exchange(&mut self, request: &Request, deadline: Instant) -> Result<Response, HostDown> {
        let mut line = request.to_line();
        line.push('\n');
        self.child.send_line(&line, deadline).await.map_err(went_down)?;
        let mut text = String::new();
        loop {
            let line = match self.child.next_line(deadline).await {
                Ok(line) => line,
                Err(ProcessError::Ended { .. }) if Response::parse(&text).is_ok() => break,
                Err(error) => return Err(went_down(error)),
            };
            if line.trim_end().is_empty() {
                if text.is_empty() {
                    continue;
                }
                break;
            }
            if text.len() + line.len() > self.answer_limit {
                return Err(went_down(ProcessError::LineTooLong { limit: self.answer_limit }));
            }
            text.push_str(&line);
            text.push('\n');
        }
        Response::parse(&text).map_err(|error| HostDown::Crashed { detail: error.to_string() })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn went_down(error: ProcessError) -> HostDown {
    match error {
        ProcessError::Deadline => HostDown::Timeout,
        ProcessError::OutOfMemory { .. } => HostDown::OutOfMemory,
        ProcessError::Ended { ref last_words, .. }
            if last_words.contains("out of memory") || last_words.contains("bad_alloc") =>
        {
            HostDown::OutOfMemory
        }
        ProcessError::Ended { status, .. } if killed_from_outside(status) => HostDown::Killed,
        ProcessError::LineTooLong { limit } => {
            HostDown::Crashed { detail: format!("its answer is longer than {limit} bytes") }
        }
        other => HostDown::Crashed { detail: other.to_string() },
    }
}

/// We reap after our own kills and never come here then, so the signal was somebody else's.
#[cfg(unix)]
fn killed_from_outside(status: Option<ExitStatus>) -> bool {
    status.is_some_and(|status| std::os::unix::process::ExitStatusExt::signal(&status) == Some(9))
}

#[cfg(not(unix))]
fn killed_from_outside(_status: Option<ExitStatus>) -> bool {
    false
}
