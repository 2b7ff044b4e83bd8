//! Goes through the library of a Lean with several hosts at once, and goes on behind a theorem that ends one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stepwise_learn::corpus::library::{LibraryTheorem, Question};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::host::{HostDown, Launch, Library, Stated, StepLimits};
use crate::stop::{Stop, StopLevel};

/// For listing the library; 4 s were measured for `Init` on a machine with other work.
const LIST_LIMIT: StepLimits = StepLimits { wall: Duration::from_secs(300) };
/// For one theorem; most take some 20 ms, but a machine may have much else to do.
const STATE_LIMIT: StepLimits = StepLimits { wall: Duration::from_secs(60) };
/// A host past this resident size, in bytes, gives its place to a new one.
const HOST_MEMORY: u64 = 1 << 30;

/// What became of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Stated(Stated),
    /// It ended the process that was asked.
    Down(HostDown),
}

/// Every theorem that a host of this kind has imported.
///
/// # Errors
/// When no host starts, or it does not live to tell.
pub async fn theorems(launch: &dyn Launch) -> Result<Vec<LibraryTheorem>, HostDown> {
    let mut host = launch.library().await?;
    let listed = host.theorems(LIST_LIMIT).await;
    host.shutdown().await;
    Ok(listed?.value)
}

/// Asks `n_hosts` hosts at once to state the questions' theorems, in order, until `enough` are stated, all are asked, or
/// `stop` is raised. Gives the answers to the first questions, in order; `each` sees them as they come.
///
/// # Errors
/// When a host cannot be started.
pub async fn state(
    launch: &Arc<dyn Launch>,
    n_hosts: usize,
    questions: &Arc<[Question]>,
    enough: usize,
    stop: &Stop,
    mut each: impl FnMut(&Question, &Answer),
) -> Result<Vec<Answer>, HostDown> {
    let shared = Shared {
        launch: Arc::clone(launch),
        questions: Arc::clone(questions),
        next: Arc::default(),
        n_stated: Arc::default(),
        enough,
        stop: stop.clone(),
    };
    let (sender, mut answers) = mpsc::unbounded_channel();
    let mut workers = JoinSet::new();
    for _ in 0..n_hosts.clamp(1, questions.len().max(1)) {
        workers.spawn(work(shared.clone(), sender.clone()));
    }
    drop(sender);
    let mut answered: Vec<Option<Answer>> = Vec::new();
    answered.resize_with(questions.len(), || None);
    while let Some((position, answer)) = answers.recv().await {
        each(&questions[position], &answer);
        answered[position] = Some(answer);
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap_or_else(|error| Err(HostDown::Crashed { detail: error.to_string() }))?;
    }
    // Questions are handed out in order, and what is handed out is answered: the answers are those of the first ones.
    Ok(answered.into_iter().map_while(|answer| answer).collect())
}

#[derive(Clone)]
struct Shared {
    launch: Arc<dyn Launch>,
    questions: Arc<[Question]>,
    /// The first question that nobody has taken.
    next: Arc<AtomicUsize>,
    n_stated: Arc<AtomicUsize>,
    enough: usize,
    stop: Stop,
}

impl Shared {
    /// The position of a question that nobody else will take, while there is a reason to ask on.
    fn take(&self) -> Option<usize> {
        if self.stop.level() > StopLevel::Run || self.n_stated.load(Ordering::Relaxed) >= self.enough {
            return None;
        }
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        (position < self.questions.len()).then_some(position)
    }
}

/// One host's share.
async fn work(shared: Shared, answers: mpsc::UnboundedSender<(usize, Answer)>) -> Result<(), HostDown> {
    let mut host = shared.launch.library().await?;
    while let Some(position) = shared.take() {
        let answer = ask(&shared, &mut host, &shared.questions[position]).await?;
        if matches!(answer, Answer::Stated(Stated::Statement { .. })) {
            shared.n_stated.fetch_add(1, Ordering::Relaxed);
        }
        if answers.send((position, answer)).is_err() {
            break;
        }
        if host.memory().is_some_and(|bytes| bytes > HOST_MEMORY) {
            host.shutdown().await;
            host = shared.launch.library().await?;
        }
    }
    host.shutdown().await;
    Ok(())
}

/// The answer to one question. A process that it ends is replaced.
async fn ask(shared: &Shared, host: &mut Box<dyn Library>, question: &Question) -> Result<Answer, HostDown> {
    loop {
        match host.state(question, STATE_LIMIT).await {
            Ok(costed) => return Ok(Answer::Stated(costed.value)),
            Err(down @ HostDown::CannotStart { .. }) => return Err(down),
            Err(down) => {
                if !host.is_alive() {
                    host.shutdown().await;
                    *host = shared.launch.library().await?;
                }
                // Somebody else's signal says nothing about the theorem: ask again.
                if down != HostDown::Killed {
                    return Ok(Answer::Down(down));
                }
            }
        }
    }
}
