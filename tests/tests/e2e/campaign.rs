//! A campaign of real processes: donors that are killed and that lie solve what one process solves, and nothing else.

#[cfg(unix)]
mod kills;
#[cfg(unix)]
mod outages;
#[cfg(unix)]
mod relay;
#[cfg(unix)]
mod scene;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{lean_turn, run, stepwise};

/// True ones, and one that is false.
const STATEMENTS: [&str; 6] = [
    "theorem c1 (p q : Prop) (hp : p) (hq : q) : p ∧ q",
    "theorem c2 (a b c : Nat) (h : a < b) (k : b < c) : a + 1 < c",
    "theorem c3 (xs ys : List Nat) : (xs ++ ys).length = ys.length + xs.length",
    "theorem c4 (x y : Int) (h : x + y = 7) (k : x - y = 1) : x = 4 ∧ y = 3",
    "theorem c5 (n : Nat) : n < 5",
    "theorem c6 (p q : Prop) (h : p ∧ q) : q ∧ p",
];

const BUDGET: [&str; 6] = ["--timeout", "20", "--samples", "8", "--expansions", "8"];

/// A machine that is slow, as those are that tests run on, needs less.
const PATIENCE: Duration = Duration::from_secs(240);

fn write_problems(dir: &Path) {
    let line = |(n, statement): (usize, &&str)| {
        format!(
            "{}\n",
            json!({ "name": format!("c{}", n + 1), "formal_statement": format!("{statement} := by sorry") })
        )
    };
    let text: String = STATEMENTS.iter().enumerate().map(line).collect();
    std::fs::write(dir.join("problems.jsonl"), text).unwrap();
}

/// Ends with its test.
struct Process(Child);

impl Process {
    /// Ends it by the signal that nothing can catch.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A coordinator, and where it listens.
fn serve(dir: &Path, more: &[&str]) -> (Process, String) {
    started(dir, &[&["campaign", "serve", "shared", "--listen", "127.0.0.1:0"], more].concat())
}

/// A coordinator by this command line, and where it listens.
fn started(dir: &Path, args: &[&str]) -> (Process, String) {
    let mut child = stepwise(dir, args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    // What it prints at its end must not block it.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (Process(child), first.trim().to_owned())
}

fn invite(dir: &Path, url: &str, more: &[&str]) -> String {
    let output = run(dir, &[&["campaign", "invite", "shared", "--public-url", url], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn donor(dir: &Path, name: &str, args: &[&str]) -> Child {
    let mut command = stepwise(dir, &[&["donate"], args].concat());
    command.env("STEPWISE_DONATE_DIR", dir.join(name)).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn join(dir: &Path, name: &str, link: &str) {
    let status = donor(dir, name, &["join", link]).wait().unwrap();
    assert!(status.success());
}

/// Asks the coordinator something in bytes.
fn ask(url: &str, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let token = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    write!(
        stream,
        "POST /api/v1/campaign/{path} HTTP/1.1\r\nhost: {address}\r\n{token}connection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer[9..12].parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Somebody who claims searches and makes proofs up, until it is blocked. Gives how often it was believed.
fn lie(url: &str, link: &str, lean: &str) -> usize {
    let (_, secret) = link.split_once("#join=").unwrap();
    let joining = json!({ "protocol": 1, "invitation": secret, "name": "honest" });
    let (status, joined) = ask(url, "join", None, &joining);
    assert_eq!(status, 201, "{joined}");
    let token = joined["token"].as_str().unwrap();
    assert_eq!(ask(url, "join", None, &joining).0, 403, "an invitation is good once");
    assert_eq!(ask(url, "claims", Some("another's"), &json!({})).0, 401);
    let enrolment = json!({
        "protocol": 1, "client": "liar", "lean": lean, "label": "", "cores": 1, "memory_mb": 1000
    });
    assert_eq!(ask(url, "sessions", Some(token), &json!({ "protocol": 7 })).0, 400);
    let (status, enrolled) = ask(url, "sessions", Some(token), &enrolment);
    assert_eq!(status, 201, "{enrolled}");
    let session = &enrolled["session"];
    assert_eq!(ask(url, "checks", Some(token), &json!({ "session": session })).0, 403, "donors do not verify");
    let forged = [
        vec!["exact sorryAx _"],
        vec!["simp_all"],
        vec!["intros", "contradiction"],
        vec!["exact (by native_decide)"],
        vec!["trivial\nend\naxiom no : False\ntheorem t : False := no"],
    ];
    let mut n_believed = 0;
    for n in 0..40 {
        let claim = format!("{n:0>32}");
        let (status, claimed) = ask(
            url,
            "claims",
            Some(token),
            &json!({ "session": session, "claim": claim, "number": n + 1, "want_s": 9 }),
        );
        if status != 200 {
            assert!(status == 403 || status == 404, "{claimed}");
            break;
        }
        let Some(lease) = claimed["leases"].get(0) else {
            std::thread::sleep(Duration::from_millis(200));
            continue;
        };
        // The same lie whenever it is given the same search.
        let proof = &forged[usize::try_from(lease["unit"].as_u64().unwrap()).unwrap() % forged.len()];
        let result = |submission: String, unit: &Value| {
            json!({ "results": [{
                "submission": submission, "unit": unit, "attempt": lease["attempt"], "claim": claim,
                "ending": "proof", "proof": proof, "cost": costs(),
            }]})
        };
        let sent = result(format!("{n:0>40}"), &lease["unit"]);
        let (status, receipts) = ask(url, "results", Some(token), &sent);
        assert_eq!(status, 200, "{receipts}");
        n_believed += usize::from(receipts["receipts"][0]["type"] == "stored");
        let (_, again) = ask(url, "results", Some(token), &sent);
        assert_eq!(again["receipts"][0]["type"], "duplicate");
        let other = result(format!("{n:0>41}"), &json!(9999));
        assert_eq!(ask(url, "results", Some(token), &other).1["receipts"][0]["type"], "refused");
    }
    n_believed
}

fn costs() -> Value {
    serde_json::to_value(stepwise_core::search::CostLedger::default()).unwrap()
}

fn status(dir: &Path) -> Value {
    serde_json::from_slice(&run(dir, &["campaign", "status", "shared", "--json"]).stdout).unwrap()
}

/// How each problem ended where it is solved.
fn solved_by_one_process(dir: &Path) -> BTreeMap<String, String> {
    let output = run(dir, &[&["eval", "problems.jsonl", "--json", "--hosts", "1"], &BUDGET[..]].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let solved = records.filter(|record| matches!(record["status"].as_str(), Some("proved" | "disproved")));
    solved.map(|record| (text(&record["name"]), text(&record["status"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn donors_that_are_killed_and_that_lie_solve_what_one_process_solves() {
    let _turn = lean_turn();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_problems(dir);
    let wanted = solved_by_one_process(dir);
    assert_eq!(wanted.len(), STATEMENTS.len(), "{wanted:?}");
    let made = run(dir, &[&["campaign", "init", "shared", "problems.jsonl"], &BUDGET[..]].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (mut coordinator, url) = serve(dir, &["--until-over", "--lost-after", "4s", "--verifiers", "0"]);
    for name in ["steady", "killed"] {
        join(dir, name, &invite(dir, &url, &[]));
    }
    join(dir, "operator", &invite(dir, &url, &["--operator"]));
    let _operator = Process(donor(dir, "operator", &["--operator", "--cores", "1"]));
    let lean = text(&status(dir)["overview"]["lean"]);
    let n_believed = lie(&url, &invite(dir, &url, &[]), &lean);
    assert!(n_believed >= 5, "a liar is believed until verifiers have looked");
    let _steady = Process(donor(dir, "steady", &["--cores", "1"]));
    let begun = Instant::now();
    while coordinator.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the campaign does not end");
        let mut killed = Process(donor(dir, "killed", &["--cores", "1"]));
        std::thread::sleep(Duration::from_millis(1500));
        killed.0.kill().unwrap();
    }
    let status = status(dir);
    assert_eq!(status["overview"]["state"], "done", "{status}");
    let exported = String::from_utf8(run(dir, &["campaign", "export", "shared"]).stdout).unwrap();
    let mut solved = BTreeMap::new();
    for line in exported.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["verdict"]["accepted"], true);
        let status = if line["side"] == "statement" { "proved" } else { "disproved" };
        solved.insert(text(&line["name"]), status.to_owned());
    }
    assert_eq!(solved, wanted);
}

#[test]
fn a_coordinators_own_machine_works_too_and_is_known_again() {
    let _turn = lean_turn();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_problems(dir);
    let made = run(dir, &[&["campaign", "init", "shared", "problems.jsonl"], &BUDGET[..]].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let args = ["campaign", "serve", "shared", "--listen", "127.0.0.1:0", "--workers", "1", "--until-over"];
    let mut killed = Process(stepwise(dir, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    while status(dir)["overview"]["problems"]["proved"].as_u64() < Some(2) {
        assert!(begun.elapsed() < PATIENCE, "the coordinator's machine does not work");
        std::thread::sleep(Duration::from_millis(200));
    }
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    // What it held goes to others when nobody has heard of it for a while.
    let served = run(dir, &[&args[..], &["--lost-after", "2s"]].concat());
    assert!(served.status.success(), "{}", String::from_utf8_lossy(&served.stderr));
    let status = status(dir);
    assert_eq!(status["overview"]["problems"]["proved"], 5, "{status}");
    assert_eq!(status["overview"]["problems"]["disproved"], 1, "{status}");
    let accounts: Vec<_> = std::fs::read_dir(dir.join("shared/worker")).unwrap().collect();
    assert_eq!(accounts.len(), 1);
}

#[test]
fn donors_download_the_models_that_a_campaign_searches_with() {
    let _turn = lean_turn();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_problems(dir);
    let models = ["--policy", "tiny", "--critic", "tiny", "--search", "bf+cg", "--mix", "0"];
    let made = run(dir, &[&["campaign", "init", "shared", "problems.jsonl"], &models[..], &BUDGET[..]].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let args = ["campaign", "serve", "shared", "--listen", "127.0.0.1:0", "--until-over"];
    let (mut coordinator, url) = started(dir, &args);
    join(dir, "small", &invite(dir, &url, &[]));
    let status = donor(dir, "small", &["--once", "--models-disk", "1"]).wait().unwrap();
    assert_eq!(status.code(), Some(2), "its disk is too small");
    join(dir, "ada", &invite(dir, &url, &[]));
    // A file that was left half downloaded is gone on with, and one that is damaged is not used.
    let files = std::fs::read_dir(dir.join("shared/blobs")).unwrap().map(|file| file.unwrap().path());
    let weights = files.max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let models = dir.join("ada/shared/models");
    std::fs::create_dir_all(&models).unwrap();
    let half = models.join(format!("{}.part", weights.file_name().unwrap().to_str().unwrap()));
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let _ada = Process(donor(dir, "ada", &["--cores", "1"]));
    let begun = Instant::now();
    while coordinator.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the campaign does not end");
        std::thread::sleep(Duration::from_millis(200));
    }
    let status = self::status(dir);
    assert_eq!(status["overview"]["state"], "done", "{status}");
    let n_solved = ["proved", "disproved"].map(|how| status["overview"]["problems"][how].as_u64().unwrap());
    assert!(n_solved.iter().sum::<u64>() >= 4, "{status}");
    assert!(status["overview"]["cost"]["device_ms"].as_u64().unwrap() > 0, "{status}");
    assert_eq!(std::fs::read(models.join(weights.file_name().unwrap())).unwrap(), bytes);
    assert!(!half.exists());
}

#[test]
fn what_is_wrong_with_a_campaign_is_said_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_problems(dir);
    let check = |args: &[&str], expected: &str| {
        let output = run(dir, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let said = said.replace(&dir.display().to_string(), "DIR");
        assert!(said.trim_end().ends_with(expected) && said.trim_end().lines().count() == 1, "{args:?}: {said}");
    };
    check(
        &["campaign", "status", "nowhere"],
        "error: nowhere is no campaign's folder; `stepwise campaign init nowhere FILE.jsonl` makes one",
    );
    check(
        &["campaign", "init", "x", "problems.jsonl", "--lean-project", "."],
        "native Lean would give strangers' proofs the rights of whoever runs it; leave --lean-project out",
    );
    check(&["campaign", "init", "x", "problems.jsonl", "--ramp", "0.5"], "give a number of at least 1");
    check(
        &["campaign", "init", "x", "problems.jsonl", "--policy", "http://127.0.0.1:1"],
        "donors run their models themselves, and http://127.0.0.1:1 is a server: name a folder",
    );
    check(
        &["campaign", "init", "x", "problems.jsonl", "--policy", "no/such"],
        "no/such is neither a folder nor a GGUF file; name the folder that holds the model's config.json",
    );
    check(
        &["campaign", "init", "x", "problems.jsonl", "--policy", "tiny", "--search", "cg"],
        "this search is guided by a critic and none is given: name one, or search best-first",
    );
    check(
        &["campaign", "init", "x", "problems.jsonl", "--database", "postgres://nobody@127.0.0.1:1/x"],
        "is its address right, does it run, and does it let you in?",
    );
    check(
        &["campaign", "init", "x", "problems.jsonl", "--public-url", "prover.example"],
        "error: prover.example is no address such as https://prover.example",
    );
    for (name, ledger) in [("gone", None), ("text", Some("what is no ledger\n".repeat(99)))] {
        std::fs::create_dir(dir.join(name)).unwrap();
        std::fs::write(dir.join(name).join("campaign.json"), "{\"stepwise_campaign\":1}").unwrap();
        if let Some(ledger) = ledger {
            std::fs::write(dir.join(name).join("ledger.db"), ledger).unwrap();
        }
        let expected = "put a copy in its place with `stepwise campaign restore DIR COPY`";
        check(&["campaign", "status", name], expected);
        check(&["campaign", "restore", name, "problems.jsonl"], "name a file that `campaign backup` wrote");
    }
    std::fs::write(dir.join("file"), "").unwrap();
    check(
        &["donate", "join", "https://prover.example/#join=x", "--folder", "file/x"],
        "check its permissions, or name another folder with --folder",
    );
    std::fs::create_dir(dir.join("later")).unwrap();
    std::fs::write(dir.join("later/campaign.json"), "{\"stepwise_campaign\":3}").unwrap();
    check(&["campaign", "serve", "later"], "it has version 3, and this stepwise reads version 1");
    check(
        &["donate", "join", "http://prover.example/#join=x"],
        "ask for a link that begins with `https://` (`http://` is for this very machine only)",
    );
}
