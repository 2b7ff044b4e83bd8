//! A donor as a whole: against a coordinator that does as it is told, with a Lean that proves nothing.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::extract::{Path as UrlPath, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use stepwise_core::cost::LeanCost;
use stepwise_core::problem::Theorem;
use stepwise_core::record::Run;
use stepwise_core::search::{Budget, SearchConfig};
use stepwise_core::wire::campaign::{Bundle, Claimed, Lease, Recipe, Side};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::lean::host::{
    Applied, Costed, HostDown, HostInfo, HostState, Judge, Launch, LeanHost, LeanProcess, Library, Opened, StepLimits,
};
use crate::lean::pool::PoolConfig;
use crate::models::DeviceChoice;
use crate::stop::{Stop, StopLevel};

mod network;

/// How long a search of a statement takes that naps.
const NAP: Duration = Duration::from_millis(500);

/// What a test's Lean is called.
const LEAN: &str = "stub 1";

/// A Lean to which every statement is wrong: at once, after a nap where its name begins with `nap`, and never where it begins
/// with `slow`.
struct Stub;

#[async_trait]
impl LeanProcess for Stub {
    fn info(&self) -> HostInfo {
        HostInfo { backend: "stub", lean_version: "1".to_owned(), pid: None }
    }

    fn memory(&self) -> Option<u64> {
        None
    }

    fn is_alive(&self) -> bool {
        true
    }

    async fn withdraw(&mut self) -> Result<(), HostDown> {
        Ok(())
    }

    async fn shutdown(&mut self) {}
}

#[async_trait]
impl LeanHost for Stub {
    async fn open(&mut self, theorem: &Theorem, _: StepLimits) -> Result<Costed<Opened>, HostDown> {
        if theorem.name.starts_with("slow") {
            std::future::pending::<()>().await;
        }
        if theorem.name.starts_with("nap") {
            tokio::time::sleep(NAP).await;
        }
        let value = Opened::Rejected { message: format!("{} is wrong", theorem.name) };
        Ok(Costed { value, cost: LeanCost::default() })
    }

    async fn apply(&mut self, _: HostState, _: &[String], _: StepLimits) -> Applied {
        std::future::pending().await
    }

    async fn free(&mut self, _: &[HostState]) -> Result<(), HostDown> {
        Ok(())
    }
}

struct Launcher {
    starts: bool,
}

fn cannot_start() -> HostDown {
    HostDown::CannotStart { message: "there is none".to_owned() }
}

#[async_trait]
impl Launch for Launcher {
    async fn host(&self) -> Result<Box<dyn LeanHost>, HostDown> {
        if self.starts { Ok(Box::new(Stub)) } else { Err(cannot_start()) }
    }

    async fn judge(&self) -> Result<Box<dyn Judge>, HostDown> {
        Err(cannot_start())
    }

    async fn library(&self) -> Result<Box<dyn Library>, HostDown> {
        Err(cannot_start())
    }
}

/// What a coordinator was asked, and what it answers.
#[derive(Default)]
struct Desk {
    asked: Vec<(String, Value)>,
    /// The next answers, by what is asked; then the usual one.
    answers: BTreeMap<String, VecDeque<(u16, Value)>>,
    /// How long a beat waits for its answer.
    beat_takes: Duration,
}

#[derive(Clone, Default)]
struct Coordinator(Arc<Mutex<Desk>>);

impl Coordinator {
    async fn start(&self) -> Base {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().route("/lean/api/v1/campaign/{part}", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Base::parse(&format!("http://{address}/lean/")).unwrap()
    }

    fn will_answer(&self, part: &str, status: u16, answer: Value) {
        self.0.lock().answers.entry(part.to_owned()).or_default().push_back((status, answer));
    }

    fn will_give(&self, leases: Vec<(Lease, Theorem)>) {
        let mut bundle = Bundle::default();
        for lean in [LEAN, "another Lean"] {
            let config = Run::new(&SearchConfig::best_first(Budget::new(8, 50)), "", None, "").config;
            let recipe = Recipe { config, policy: "portfolio".to_owned(), lean: lean.to_owned(), ..Recipe::default() };
            bundle.recipes.insert(lean.to_owned(), recipe);
        }
        for (lease, theorem) in leases {
            bundle.theorems.insert(lease.statement.clone(), theorem);
            bundle.leases.push(lease);
        }
        self.will_answer("claims", 200, serde_json::to_value(Claimed::Bundle(bundle)).unwrap());
    }

    fn asked(&self, part: &str) -> Vec<Value> {
        self.0.lock().asked.iter().filter(|(asked, _)| asked == part).map(|(_, body)| body.clone()).collect()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {:?}", self.0.lock().asked);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn answer(
    Shared(coordinator): Shared<Coordinator>,
    UrlPath(part): UrlPath<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let body: Value = serde_json::from_str(&body).unwrap();
    let token = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(token.as_deref(), (part != "join").then_some("Bearer t0ken"));
    let (planned, takes) = {
        let mut desk = coordinator.0.lock();
        desk.asked.push((part.clone(), body.clone()));
        let takes = if part == "heartbeats" { desk.beat_takes } else { Duration::ZERO };
        (desk.answers.get_mut(&part).and_then(VecDeque::pop_front), takes)
    };
    tokio::time::sleep(takes).await;
    let (status, answer) = planned.unwrap_or_else(|| match part.as_str() {
        "join" => (200, json!({ "token": "t0ken", "account": 7, "campaign": "c" })),
        "sessions" => {
            (200, json!({ "session": 5, "campaign": "c", "beat_s": 1, "lost_s": 9, "message_bytes": 100_000 }))
        }
        "claims" => (200, json!({ "type": "idle", "reason": "all is given out", "retry_s": 600 })),
        "heartbeats" => (200, json!({})),
        "results" => {
            let n = body["results"].as_array().unwrap().len();
            (200, json!({ "receipts": vec![json!({ "type": "stored" }); n] }))
        }
        _ => (204, Value::Null),
    });
    let text = if status == 204 { String::new() } else { answer.to_string() };
    (StatusCode::from_u16(status).unwrap(), [(header::RETRY_AFTER, "0")], text).into_response()
}

fn problem(kind: &str, status: u16) -> Value {
    json!({ "type": kind, "status": status, "detail": format!("{kind} it is") })
}

fn lease(unit: u64, side: Side, recipe: &str) -> Lease {
    let statement = unit.to_string();
    Lease { unit, attempt: 1, problem: unit, statement, side, seed: 1, recipe: recipe.to_owned(), ends_s: 600 }
}

fn theorem(name: &str) -> Theorem {
    Theorem { name: name.to_owned(), statement: format!("theorem {name} : True"), ..Theorem::default() }
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Teller for Lines {
    fn say(&self, line: &str) {
        self.0.lock().push(line.to_owned());
    }

    fn update(&self, _: &str) {}
}

/// A donor that works.
struct Works {
    home: Home,
    stop: watch::Sender<StopLevel>,
    lines: Arc<Lines>,
    ends: JoinHandle<Result<Farewell, DonorError>>,
}

fn offer() -> Offer {
    let models = ModelOffer { device: DeviceChoice::Cpu, threads: 1, disk_bytes: 100 << 20 };
    Offer { cores: 2, memory_mb: 1, spool_bytes: 1 << 20, models, schedule: None, label: String::new(), once: false }
}

async fn work(folder: &Path, coordinator: &Coordinator, offer: Offer, starts: bool) -> Works {
    let base = coordinator.start().await;
    let invitation = Invitation::parse(&format!("{base}/#join=s3cret")).unwrap();
    let home = Accounts::open(Some(folder.to_owned())).unwrap().save(&join(invitation, None).await.unwrap()).unwrap();
    let (stop, stopped) = Stop::channel();
    let lines = Arc::new(Lines::default());
    let pool = PoolConfig { hosts: offer.cores, ..PoolConfig::default() };
    let lean = LeanOffer { launch: Arc::new(Launcher { starts }), pool, modules: &["Init"] };
    let ends = tokio::spawn(donate(home.clone(), offer, lean, stopped, lines.clone()));
    Works { home, stop, lines, ends }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bundle_is_searched_and_handed_in() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    // The answer to the first claim is lost.
    coordinator.will_answer("claims", 503, problem("unavailable", 503));
    let undeniable = Theorem { preamble: "variable (p : Prop)".to_owned(), ..theorem("with_variable") };
    coordinator.will_give(vec![
        (lease(1, Side::Statement, LEAN), theorem("one")),
        (lease(2, Side::Negation, LEAN), theorem("two")),
        (lease(3, Side::Negation, LEAN), undeniable),
        (lease(4, Side::Statement, "another Lean"), theorem("four")),
    ]);
    let works = work(folder.path(), &coordinator, Offer { once: true, ..offer() }, true).await;
    assert_eq!(works.ends.await.unwrap().unwrap(), Farewell::Finished);

    let claims = coordinator.asked("claims");
    assert_eq!(claims.len(), 2);
    assert_eq!(claims[0]["claim"], claims[1]["claim"]);
    let mut told: Vec<String> = coordinator
        .asked("results")
        .iter()
        .flat_map(|results| results["results"].as_array().unwrap().clone())
        .map(|result| {
            assert_eq!(result["claim"], claims[0]["claim"]);
            format!("{} {} {}", result["unit"], result["ending"], result["detail"])
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            r#"1 "bad_statement" "one is wrong""#,
            r#"2 "bad_statement" "two_negation is wrong""#,
            r#"3 "exhausted" "the statement's negation cannot be stated""#,
        ]
    );
    let abandoned = coordinator.asked("abandon");
    assert_eq!(abandoned.first().unwrap()["units"], json!([4]));
    assert_eq!(*abandoned.last().unwrap(), json!({ "session": 5, "leave": true }));
    let said = works.lines.0.lock().join("\n");
    assert!(said.contains("given back that cannot run here: they are for another Lean"), "{said}");
    let status = works.home.status().unwrap().unwrap();
    assert_eq!((status.state, status.done), (State::Ended, Done { searches: 3, proofs: 0 }));
    assert_eq!((status.unsent, status.is_running()), (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_for_good_ends_it() {
    for (part, kind, status) in
        [("sessions", "protocol", 400), ("claims", "unauthorized", 401), ("claims", "forbidden", 403)]
    {
        let folder = tempfile::tempdir().unwrap();
        let coordinator = Coordinator::default();
        coordinator.will_answer(part, status, problem(kind, status));
        let works = work(folder.path(), &coordinator, offer(), true).await;
        let error = works.ends.await.unwrap().unwrap_err().to_string();
        assert!(error.ends_with(&format!("says: {kind} it is")), "{error}");
        assert_eq!(works.home.status().unwrap().unwrap().reason, Some(error));
    }
    let folder = tempfile::tempdir().unwrap();
    let works = work(folder.path(), &Coordinator::default(), offer(), false).await;
    assert_eq!(works.ends.await.unwrap().unwrap_err().to_string(), "Lean does not run here: there is none");
    let once = Offer { once: true, ..offer() };
    let works = work(&folder.path().join("x"), &Coordinator::default(), once, true).await;
    let error = works.ends.await.unwrap().unwrap_err().to_string();
    assert_eq!(error, "the campaign c has nothing to search now: all is given out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_gives_searches_back_and_a_resumed_donor_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    let slow = |unit| (lease(unit, Side::Statement, LEAN), theorem(&format!("slow{unit}")));
    coordinator.will_give((1..=4).map(slow).collect());
    let works = work(folder.path(), &coordinator, offer(), true).await;
    let doing = |doing: &'static str| {
        move |coordinator: &Coordinator| {
            coordinator.asked("heartbeats").last().is_some_and(|beat| beat["doing"] == doing)
        }
    };
    coordinator.until("it works", doing("working")).await;
    let beat = coordinator.asked("heartbeats").pop().unwrap();
    assert_eq!(beat["held"].as_array().unwrap().len(), 4);

    works.home.wish(Some(Wish::Pause { until_ms: None })).unwrap();
    coordinator.until("it gives back", |coordinator| !coordinator.asked("abandon").is_empty()).await;
    let mut units: Vec<u64> = serde_json::from_value(coordinator.asked("abandon")[0]["units"].clone()).unwrap();
    units.sort_unstable();
    assert_eq!(units, [1, 2, 3, 4]);
    coordinator.until("it pauses", doing("paused")).await;
    assert_eq!(works.home.status().unwrap().unwrap().state, State::Paused);

    // The coordinator takes one away, and sends the donor home.
    coordinator.will_give(vec![slow(5), slow(6)]);
    works.home.wish(None).unwrap();
    coordinator.until("it works again", doing("working")).await;
    coordinator.will_answer("heartbeats", 200, json!({ "revoked": [5, 6], "drain": true, "message": "thanks" }));
    assert_eq!(works.ends.await.unwrap().unwrap(), Farewell::Finished);
    assert_eq!(*coordinator.asked("abandon").last().unwrap(), json!({ "session": 5, "leave": true }));
    assert!(works.lines.0.lock().contains(&"the campaign's operator says: thanks".to_owned()));
    assert!(coordinator.asked("results").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_donor_goes_home_when_its_claim_is_told_that_the_campaign_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    let over = json!({ "type": "idle", "reason": "the campaign is over", "retry_s": 60, "over": true });
    coordinator.will_answer("claims", 200, over);
    let works = work(folder.path(), &coordinator, offer(), true).await;
    assert_eq!(works.ends.await.unwrap().unwrap(), Farewell::Finished);
    assert_eq!(coordinator.asked("claims").len(), 1);
    assert_eq!(*coordinator.asked("abandon").last().unwrap(), json!({ "session": 5, "leave": true }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_given_again_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    coordinator.will_give(vec![(lease(1, Side::Statement, LEAN), theorem("slow"))]);
    let later = json!({ "type": "idle", "reason": "all is given out", "retry_s": 3 });
    coordinator.will_answer("claims", 200, later);
    coordinator.will_give(vec![(Lease { attempt: 2, ..lease(1, Side::Statement, LEAN) }, theorem("one"))]);
    let works = work(folder.path(), &coordinator, offer(), true).await;
    let holds = |beat: &Value| beat["held"].as_array().is_some_and(|held| !held.is_empty());
    coordinator.until("it works", |coordinator| coordinator.asked("heartbeats").iter().any(holds)).await;
    // It slept for so long that its session is over, and asks in a new one for what it is still at.
    coordinator.will_answer("heartbeats", 404, problem("not-found", 404));
    coordinator.until("it hands in", |coordinator| !coordinator.asked("results").is_empty()).await;
    let result = &coordinator.asked("results")[0]["results"][0];
    assert_eq!((&result["unit"], &result["attempt"]), (&json!(1), &json!(2)));
    assert_eq!(coordinator.asked("sessions").len(), 2);
    works.stop.send_replace(StopLevel::Abort);
    works.ends.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_an_older_beat_takes_away_nothing_newer() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    coordinator.will_give(vec![(lease(1, Side::Statement, LEAN), theorem("slow"))]);
    // The first beat is sent before the first claim, and answered after it.
    coordinator.0.lock().beat_takes = Duration::from_millis(500);
    coordinator.will_answer("heartbeats", 200, json!({ "revoked": [1] }));
    let works = work(folder.path(), &coordinator, offer(), true).await;
    coordinator.until("it beats again", |coordinator| coordinator.asked("heartbeats").len() > 1).await;
    assert_eq!(coordinator.asked("heartbeats")[0].get("held"), None);
    assert_eq!(coordinator.asked("heartbeats")[1]["held"][0]["unit"], 1);
    works.stop.send_replace(StopLevel::Abort);
    works.ends.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_work_outlives_an_outage_and_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    coordinator.will_give(vec![
        (lease(1, Side::Statement, LEAN), theorem("one")),
        (lease(2, Side::Statement, LEAN), theorem("slow")),
    ]);
    for _ in 0..100 {
        coordinator.will_answer("results", 503, problem("unavailable", 503));
    }
    let works = work(folder.path(), &coordinator, offer(), true).await;
    coordinator.until("it sends", |coordinator| coordinator.asked("results").len() > 1).await;
    works.stop.send_replace(StopLevel::Drain);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!works.ends.is_finished(), "the slow search is under way");
    works.stop.send_replace(StopLevel::Abort);
    assert_eq!(works.ends.await.unwrap().unwrap(), Farewell::HandedBack);
    assert_eq!(*coordinator.asked("abandon").last().unwrap(), json!({ "session": 5, "leave": true }));
    let status = works.home.status().unwrap().unwrap();
    assert_eq!((status.unsent, status.done.searches), (1, 1));

    // The coordinator's address is another in this test only; its name for the campaign and the spool are the same.
    let submission = coordinator.asked("results")[0]["results"][0]["submission"].clone();
    let coordinator = Coordinator::default();
    coordinator.will_answer("results", 200, json!({ "receipts": [{ "type": "refused", "reason": "too old" }] }));
    let base = coordinator.start().await;
    let account = Account::new("c".to_owned(), base, 7, "t0ken".to_owned());
    crate::small_file::write(&works.home.folder().join("account.json"), &account).unwrap();
    let (stop, stopped) = Stop::channel();
    let lines = Arc::new(Lines::default());
    let lean =
        LeanOffer { launch: Arc::new(Launcher { starts: true }), pool: PoolConfig::default(), modules: &["Init"] };
    let ends = tokio::spawn(donate(works.home.clone(), offer(), lean, stopped, lines.clone()));
    coordinator.until("it claims", |coordinator| !coordinator.asked("claims").is_empty()).await;
    let parts: Vec<String> = coordinator.0.lock().asked.iter().map(|(part, _)| part.clone()).collect();
    // They are sent first, and a session is begun beside that, which may arrive before.
    let first = |what: &str| parts.iter().position(|part| part == what);
    assert!(first("results").is_some() && first("results") < first("claims"), "{parts:?}");
    assert_eq!(coordinator.asked("results")[0]["results"][0]["submission"], submission);
    stop.send_replace(StopLevel::Drain);
    assert_eq!(ends.await.unwrap().unwrap(), Farewell::Finished);
    assert!(lines.0.lock().contains(&"a finished search was not taken: too old".to_owned()));
    assert_eq!(works.home.status().unwrap().unwrap().unsent, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_known_any_more_is_followed_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::default();
    coordinator.will_answer("claims", 404, problem("not-found", 404));
    coordinator.will_give(vec![(lease(1, Side::Statement, LEAN), theorem("one"))]);
    let works = work(folder.path(), &coordinator, offer(), true).await;
    coordinator.until("it hands in", |coordinator| !coordinator.asked("results").is_empty()).await;
    assert_eq!(coordinator.asked("sessions").len(), 2);
    let status = || works.home.status().unwrap().unwrap();
    coordinator.until("it says why it is idle", |_| status().reason == Some("all is given out".to_owned())).await;
    assert_eq!(status().state, State::Idle);
    assert!(status().until_ms.is_some_and(|until| until > unix_ms() + 590_000));
    works.home.wish(Some(Wish::Finish)).unwrap();
    assert_eq!(works.ends.await.unwrap().unwrap(), Farewell::Finished);
    assert_eq!(works.home.wished().unwrap(), None);
}
