//! How a coordinator bears ten thousand workers: each enrols, claims bundles, beats every half minute and hands in a result
//! as often, over connections of its own from addresses of its own; then the coordinator is killed, and all of them come
//! back at once.
//!
//! ```text
//! ulimit -n 20000
//! cargo run -p stepwise-ledger --example many_workers -- PATH/OF/stepwise
//! ```
//!
//! `WORKERS`, `MINUTES` and `STORMS` change how many, for how long, and how often they all come back;
//! `STEPWISE_BENCH_DATABASE` names an empty database of PostgreSQL. The coordinator is `stepwise campaign serve`, whose memory
//! is told without that of its verifier; nobody hands in a proof.
#![allow(clippy::unwrap_used, reason = "a measurement fails by panicking")]

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwise_core::search::CostLedger;
use stepwise_core::wire::campaign::{Ending, SearchResult};
use stepwise_ledger::operations::{Invite, Join, ReadManifest, Trust};
use stepwise_ledger::{Address, Ledger, hash_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

const PROBLEMS: u64 = 20_000;
/// Searches of each: every worker finds some, and once more after every storm.
const TRIES: u64 = 40;

/// How often a worker beats, how long a search takes it, and for how long a bundle lasts.
const BEAT: Duration = Duration::from_secs(30);
const SEARCH: Duration = Duration::from_secs(30);
const WANT_S: u64 = 600;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Where the program is, and the campaign.
struct Place {
    stepwise: String,
    folder: tempfile::TempDir,
}

impl Place {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.stepwise);
        command.args(args).current_dir(&self.folder);
        command
    }

    /// A campaign, with so many accounts; gives their tokens, and the Lean that they are to have.
    async fn create(&self, n_workers: u64) -> (Vec<String>, String) {
        let mut problems = String::new();
        for n in 1..=PROBLEMS {
            let statement = format!("theorem p{n} (n : Nat) : n + {n} = {n} + n := by sorry");
            writeln!(problems, "{}", json!({ "name": format!("p{n}"), "formal_statement": statement })).unwrap();
        }
        std::fs::write(self.folder.path().join("problems.jsonl"), problems).unwrap();
        let tries = TRIES.to_string();
        let mut init = self.command(&["campaign", "init", "many", "problems.jsonl", "--stages", "1", "--no-disprove"]);
        init.args(["--tries", &tries]);
        let address = match std::env::var("STEPWISE_BENCH_DATABASE") {
            Ok(address) => {
                init.args(["--database", &address]);
                Address::Server(address)
            }
            Err(_) => Address::File(self.folder.path().join("many/ledger.db")),
        };
        assert!(init.status().unwrap().success(), "there is no campaign");
        let ledger = Ledger::open(&address).await.unwrap();
        let lean = ledger.read(ReadManifest).await.unwrap().lean;
        let secret_sha = hash_of("everybody");
        let (trust, lives_ms) = (Trust::Operator, 3_600_000);
        ledger.run(Invite { secret_sha: secret_sha.clone(), trust, uses: n_workers, lives_ms }).await.unwrap();
        let mut tokens = Vec::new();
        for n in 0..n_workers {
            let token = format!("token-{n}");
            let join = Join { secret_sha: secret_sha.clone(), token_sha: hash_of(&token), name: None };
            ledger.run(join).await.unwrap();
            tokens.push(token);
        }
        (tokens, lean)
    }

    /// A coordinator at this port, or any, and its address.
    fn serve(&self, port: u16) -> (Child, SocketAddr) {
        let mut serve = self.command(&["campaign", "serve", "many", "--listen", &format!("127.0.0.1:{port}")]);
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().strip_prefix("http://").unwrap().parse().unwrap())
    }
}

/// What a process holds now, and at most held, in MB.
fn memory(child: &Child) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let kb = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    (kb("VmRSS") / 1024, kb("VmHWM") / 1024)
}

#[tokio::main]
async fn main() {
    let (n_workers, minutes) = (number("WORKERS", 10_000), number("MINUTES", 10));
    let stepwise = std::env::args().nth(1).expect("name the program `stepwise`");
    let stepwise = Path::new(&stepwise).canonicalize().unwrap().display().to_string();
    let place = Place { stepwise, folder: tempfile::tempdir().unwrap() };
    let begun = Instant::now();
    let (tokens, lean) = place.create(n_workers).await;
    println!("{n_workers} accounts and {} searches in {:.0} s", PROBLEMS * TRIES, begun.elapsed().as_secs_f64());
    let (mut child, address) = place.serve(0);
    let crowd = Arc::new(Crowd::new(address, tokens, lean));

    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..n_workers {
        tasks.spawn(Arc::clone(&crowd).work(n, n_workers));
    }
    // All have begun after half a minute; then it counts.
    tokio::time::sleep(BEAT + Duration::from_secs(10)).await;
    crowd.forget();
    for _ in 0..minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (now, most) = memory(&child);
        println!("{}; the coordinator holds {now} MB, at most {most} MB", crowd.told());
    }
    tasks.shutdown().await;

    for _ in 0..number("STORMS", 3) {
        child.kill().unwrap();
        child.wait().unwrap();
        (child, _) = place.serve(address.port());
        crowd.forget();
        let begun = Instant::now();
        for n in 0..n_workers {
            let crowd = Arc::clone(&crowd);
            tasks.spawn(async move {
                let session = crowd.enrol(n).await;
                crowd.claim(n, session, 0).await;
            });
        }
        while tasks.join_next().await.is_some() {}
        let s = begun.elapsed().as_secs_f64();
        println!("all are back and answered after {s:.1} s; {}; at most {} MB", crowd.told(), memory(&child).1);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// All workers, and how long answers took them.
struct Crowd {
    address: SocketAddr,
    tokens: Vec<String>,
    lean: String,
    names: AtomicU64,
    claims_ms: Mutex<Vec<f64>>,
    others_ms: Mutex<Vec<f64>>,
    /// Requests that were not answered, or turned away for now.
    n_again: AtomicU64,
}

impl Crowd {
    /// A worker for each token.
    fn new(address: SocketAddr, tokens: Vec<String>, lean: String) -> Self {
        Self {
            address,
            tokens,
            lean,
            names: AtomicU64::new(0),
            claims_ms: Mutex::default(),
            others_ms: Mutex::default(),
            n_again: AtomicU64::new(0),
        }
    }

    fn forget(&self) {
        self.claims_ms.lock().unwrap().clear();
        self.others_ms.lock().unwrap().clear();
        self.n_again.store(0, Ordering::Relaxed);
    }

    fn told(&self) -> String {
        let percentiles = |times: &Mutex<Vec<f64>>| {
            let mut times = times.lock().unwrap().clone();
            times.sort_by(f64::total_cmp);
            let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
            format!("{}, p50 {:.1} ms, p99 {:.1} ms", times.len(), at(0.5), at(0.99))
        };
        let n_again = self.n_again.load(Ordering::Relaxed);
        format!(
            "claims: {}; other messages: {}; {n_again} asked again",
            percentiles(&self.claims_ms),
            percentiles(&self.others_ms)
        )
    }

    /// One worker, for ever. They begin one after the other, within the time between two beats.
    async fn work(self: Arc<Self>, n: u64, of: u64) {
        tokio::time::sleep(BEAT * u32::try_from(n).unwrap() / u32::try_from(of).unwrap()).await;
        let session = self.enrol(n).await;
        // So that they do not all claim again together: each comes with a part of its first bundle done.
        let mut n_done = (n * 7) % (WANT_S / SEARCH.as_secs());
        loop {
            let (claim, leases) = self.claim(n, session, n_done).await;
            n_done = 0;
            if leases.is_empty() {
                tokio::time::sleep(BEAT).await;
            }
            for (unit, attempt) in leases {
                tokio::time::sleep(SEARCH).await;
                let beat = json!({ "session": session, "doing": "working", "held": [
                    { "unit": unit, "attempt": attempt, "expansions": 9 }
                ]});
                self.ask(n, "heartbeats", &beat).await;
                let result = SearchResult {
                    submission: self.name(),
                    unit,
                    attempt,
                    claim: claim.clone(),
                    ending: Ending::OutOfBudget,
                    detail: None,
                    searched: None,
                    proof: None,
                    cost: CostLedger { wall_ms: SEARCH.as_millis() as u64, ..CostLedger::default() },
                };
                self.ask(n, "results", &json!({ "results": [result] })).await;
            }
        }
    }

    /// A number that is greater than any before.
    fn number(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn name(&self) -> String {
        format!("name-{:0>30}", self.number())
    }

    async fn enrol(&self, n: u64) -> u64 {
        let enrolment = json!({
            "protocol": 1, "client": "many", "lean": self.lean, "label": "", "cores": 1, "memory_mb": 1000
        });
        self.ask(n, "sessions", &enrolment).await["session"].as_u64().unwrap()
    }

    /// A claim's name and its searches, of which so many are left out.
    async fn claim(&self, n: u64, session: u64, n_left_out: u64) -> (String, Vec<(u64, u64)>) {
        let (claim, number) = (self.name(), self.number());
        let claiming = json!({ "session": session, "claim": claim, "number": number, "want_s": WANT_S });
        let bundle = self.ask(n, "claims", &claiming).await;
        let leases = bundle["leases"].as_array().cloned().unwrap_or_default();
        let leases = leases.iter().skip(n_left_out as usize);
        (claim, leases.map(|l| (l["unit"].as_u64().unwrap(), l["attempt"].as_u64().unwrap())).collect())
    }

    /// Asks until there is an answer, as donors do: after what the coordinator says and up to half of it more, or after a
    /// second, more or less.
    async fn ask(&self, n: u64, path: &str, body: &Value) -> Value {
        let begun = Instant::now();
        let mut tries = 0;
        let answer = loop {
            let retry_s = match self.once(n, path, body).await {
                Some((200..300, _, answer)) => break answer,
                Some((status @ (400 | 401 | 403..429), _, answer)) => panic!("{path}: {status} {answer}"),
                Some((_, retry_s, _)) => retry_s,
                None => None,
            };
            tries += 1;
            self.n_again.fetch_add(1, Ordering::Relaxed);
            let share = (n * 7919 + tries * 104_729) % 1000;
            let wait = retry_s.map_or(500 + share, |retry_s| retry_s * (1000 + share / 2));
            tokio::time::sleep(Duration::from_millis(wait)).await;
        };
        let times = if path == "claims" { &self.claims_ms } else { &self.others_ms };
        times.lock().unwrap().push(begun.elapsed().as_secs_f64() * 1000.0);
        answer
    }

    /// The answer's status, after how many seconds to ask again where it says so, and its body.
    async fn once(&self, n: u64, path: &str, body: &Value) -> Option<(u16, Option<u64>, Value)> {
        let socket = TcpSocket::new_v4().ok()?;
        let [_, _, high, low] = (u32::try_from(n).unwrap() + 1).to_be_bytes();
        socket.bind((Ipv4Addr::new(127, 1, high, low), 0).into()).ok()?;
        let mut stream = socket.connect(self.address).await.ok()?;
        let (body, token) = (body.to_string(), &self.tokens[n as usize]);
        let message = format!(
            "POST /api/v1/campaign/{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(message.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let status = answer.get(9..12)?.parse().ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let retry_s = head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
        Some((status, retry_s, serde_json::from_str(body).unwrap_or(Value::Null)))
    }
}
