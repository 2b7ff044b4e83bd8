//! Expert iteration through the real binary and real Lean: a loop of a few minutes that learns, and goes on after a kill.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use stepwise_core::outcome::Verdict;
use stepwise_core::record::Status;
use stepwise_learn::report::{RoundData, SearchLine};
use stepwise_learn::run::{Side, Stage, Trial};
use stepwise_ledger::operations::{Purpose, ReadRemains, ReadStages, Remains};
use stepwise_worker::learn::remains;
use stepwise_worker::report::folder::read;
use tempfile::TempDir;

use super::cli::{assert_exit, lean_turn, run, stderr, stdout, stepwise};
use super::serve::http::ask;

/// Writes a file of easy problems, all of them closed by one tactic that the portfolio may have to look for.
fn problems(dir: &Path, n: usize) {
    let output = run(dir, &["corpus", "synthetic", "--n", "700", "--seed", "3"]);
    assert_exit(&output, 0);
    let families = ["linear", "propositional", "modular", "bounded", "divisibility", "values"];
    let is_easy = |line: &&str| {
        let problem: Value = serde_json::from_str(line).unwrap();
        problem["difficulty"].as_u64().unwrap() <= 2 && families.contains(&problem["source"].as_str().unwrap())
    };
    let easy: Vec<&str> = stdout(&output).lines().filter(is_easy).take(n).collect();
    assert_eq!(easy.len(), n, "the generator makes fewer easy problems than before");
    std::fs::write(dir.join("easy.jsonl"), easy.join("\n") + "\n").unwrap();
}

/// The searches of a run that is going on, each with its round.
fn searches(folder: &Path) -> Vec<(u32, SearchLine)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // There is none yet.
    let Ok(run) = runtime.block_on(read(folder)) else { return Vec::new() };
    let of_round = |(number, round): (u32, RoundData)| round.searches.into_iter().map(move |search| (number, search));
    run.rounds.into_iter().flat_map(of_round).collect()
}

/// What was learnt from searches of other machines than the run's own, each with its round.
fn learnt_from_others(run: &Path) -> Vec<(u64, Trial)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = remains::open(run).await.unwrap();
        let mut found = Vec::new();
        for stage in ledger.read(ReadStages).await.unwrap() {
            let remains = ledger.read(ReadRemains { stage: stage.stage }).await.unwrap();
            for Remains { account, text, .. } in remains {
                if stage.purpose == Purpose::Evaluate {
                    assert_eq!(account, 1, "measuring is the run's own");
                } else if account != 1 {
                    found.push((stage.round, serde_json::from_str(&text).unwrap()));
                }
            }
        }
        found
    })
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The rounds of `run` as `campaign watch` serves them, which changes nothing and lets nobody join.
fn watched_rounds(dir: &Path) -> Vec<Value> {
    let mut child = stepwise(dir, &["campaign", "watch", "run", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let host = url.trim().strip_prefix("http://").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = |line: &str| runtime.block_on(ask(host.parse().unwrap(), line, &[("Host", host)], ""));
    let info = answer("GET /api/v1/info").json();
    assert_eq!((info["campaign"].as_str(), info["watch_only"].as_bool()), (Some("run"), Some(true)));
    assert_eq!(answer("POST /api/v1/campaign/instructions").status, 404);
    let begun = Instant::now();
    let rounds = loop {
        let rounds = answer("GET /api/v1/campaign/rounds").json()["rounds"].as_array().unwrap().clone();
        if !rounds.is_empty() {
            break rounds;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no round is told");
        std::thread::sleep(Duration::from_millis(100));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    rounds
}

#[test]
fn a_loop_raises_the_held_out_pass_rate_and_survives_a_kill() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    problems(dir.path(), 130);
    let args = [
        ["learn", "run", "--problems", "easy.jsonl", "--rounds", "2", "--seed", "1", "--held-out", "0.3"].as_slice(),
        &["--samples", "4", "--scan-expansions", "1", "--scan-cost", "none", "--deep-share", "0.2"],
        &["--deep-expansions", "2", "--deep-cost", "none", "--eval-expansions", "1", "--eval-cost", "none"],
        &["--hidden", "64", "--layers", "2", "--critic-hidden", "64", "--critic-layers", "1", "--vocab", "400"],
        &["--epochs", "15", "--batch-tokens", "1024", "--learning-rate", "0.003", "--device", "cpu", "--json"],
    ]
    .concat();

    // Killed in the middle of the first scan, and once more while it learns or searches on.
    let folder = dir.path().join("run");
    for n_trials in [15, 60] {
        let mut child = stepwise(dir.path(), &args).spawn().unwrap();
        let begun = Instant::now();
        while searches(&folder).len() < n_trials && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(300), "the loop does not get on");
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);

    // No search was made twice.
    let searched = searches(&folder);
    let distinct: BTreeSet<_> =
        searched.iter().map(|(round, of)| (round, of.stage, of.side, &of.record.name)).collect();
    assert_eq!(distinct.len(), searched.len());
    // Every proof was judged.
    let proofs: Vec<_> = searched.iter().filter(|(_, of)| of.record.status == Status::Proved).collect();
    let is_accepted = |verdict: &Option<Verdict>| verdict.as_ref().is_some_and(|verdict| verdict.accepted);
    assert!(proofs.len() > 20 && proofs.iter().all(|(_, of)| is_accepted(&of.record.verdict)));
    let status = run(dir.path(), &["campaign", "status", "run", "--json"]);
    assert_exit(&status, 0);
    let status: Value = serde_json::from_str(stdout(&status)).unwrap();
    let proved: BTreeSet<_> =
        proofs.iter().filter(|(_, of)| of.side == Side::Statement).map(|(_, of)| &of.record.name).collect();
    assert_eq!(status["overview"]["problems"]["proved"].as_u64(), Some(proved.len() as u64), "{status}");
    assert_eq!(status["overview"]["state"], "done", "its rounds are over: {status}");
    assert_exit(&run(dir.path(), &["campaign", "serve", "run"]), 2);
    let watched = watched_rounds(dir.path());

    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    let rounds = told["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 2);
    let rate = |round: usize, name: &str| {
        let rate = &rounds[round]["pass_rates"]["held-out"][name];
        (rate["solved"].as_u64().unwrap(), rate["total"].as_u64().unwrap())
    };
    // Who watches it sees what it tells.
    for (number, watched) in watched.iter().enumerate() {
        assert_eq!((watched["round"].as_u64(), watched["is_over"].as_bool()), (Some(number as u64 + 1), Some(true)));
        assert_eq!(watched["searches"], watched["ended"]);
        for measured in watched["measured"].as_array().unwrap() {
            let (proved, tried) = (measured["proved"].as_u64().unwrap(), measured["tried"].as_u64().unwrap());
            assert_eq!(rate(number, measured["configuration"].as_str().unwrap()), (proved, tried), "{watched}");
        }
        let names = watched["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap());
        assert!(names.clone().any(|name| name.starts_with("policy ")), "{watched}");
    }
    let solved_there: u64 = watched
        .iter()
        .flat_map(|round| round["solved"].as_array().unwrap())
        .map(|solved| solved["proved"].as_u64().unwrap())
        .sum();
    assert_eq!(solved_there, proved.len() as u64, "each problem is solved in one way");
    let ((solved, total), (portfolio, _)) = (rate(1, "bf"), rate(0, "portfolio"));
    assert!(total >= 25 && 2 * solved > total, "{solved} of {total} after two rounds: {}", stderr(&output));
    assert!(solved + 8 >= portfolio, "the policy solves {solved}, the portfolio {portfolio} with as many tactics");
    // The same model on the same problems, before it has learnt anything.
    let mut fresh = args.iter().map(|word| if *word == "0.003" { "0.000000001" } else { word }).collect::<Vec<_>>();
    fresh[1] = "fresh";
    fresh.extend(["--limit", "12"]);
    fresh[5] = "1";
    let fresh = run(dir.path(), &fresh);
    assert_exit(&fresh, 0);
    let fresh: Value = serde_json::from_str(stdout(&fresh)).unwrap();
    let before = &fresh["rounds"][0]["pass_rates"]["held-out"]["bf"];
    assert_eq!(before["total"].as_u64(), Some(total));
    assert!(before["solved"].as_u64().unwrap() + total / 4 < solved, "{solved} of {total}, before it was {before}");

    // The models are folders like any other, and what was learnt is there for others.
    let policy = "run/rounds/02/policy";
    let output = run(dir.path(), &["prove", "--policy", policy, "theorem t (p q : Prop) (hp : p) (hq : q) : p ∧ q"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
    assert_exit(&run(dir.path(), &["export", "run", "-o", "out"]), 0);
    let steps = lines(&dir.path().join("out/policy.jsonl"));
    assert!(steps.len() > 20 && steps.iter().all(|step| step["prompt"].is_string() && step["completion"].is_string()));
    assert_exit(&run(dir.path(), &["report", "run"]), 0);

    // Other settings would spoil the run.
    let others: Vec<&str> = args.iter().map(|word| if *word == "0.003" { "0.001" } else { word }).collect();
    let output = run(dir.path(), &others);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--learning-rate"), "{}", stderr(&output));
}

#[test]
fn others_lend_their_machines_to_a_run_with_its_models() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    problems(dir.path(), 60);
    let args = [
        ["learn", "run", "--problems", "easy.jsonl", "--rounds", "2", "--held-out", "0.2", "--hosts", "1"].as_slice(),
        &["--concurrency", "1", "--samples", "4", "--scan-expansions", "2", "--scan-cost", "none"],
        &["--deep-share", "0.5", "--deep-expansions", "2", "--deep-cost", "none", "--detail-share", "1"],
        &["--hidden", "64", "--layers", "1", "--critic-hidden", "64", "--critic-layers", "1", "--vocab", "300"],
        &["--epochs", "1", "--batch-tokens", "1024", "--device", "cpu", "--listen", "127.0.0.1:0", "--json"],
    ]
    .concat();
    let mut child = stepwise(dir.path(), &args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut url = String::new();
    lines.read_line(&mut url).unwrap();
    let donate = |args: &[&str]| {
        let mut command = stepwise(dir.path(), &[&["donate"], args].concat());
        command.env("STEPWISE_DONATE_DIR", dir.path().join("ada"));
        command
    };
    let begun = Instant::now();
    let link = loop {
        let invited = run(dir.path(), &["campaign", "invite", "run", "--public-url", url.trim()]);
        if invited.status.success() {
            break stdout(&invited).trim().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", stderr(&invited));
    };
    assert!(donate(&["join", &link]).status().unwrap().success());
    let mut donor = donate(&["--cores", "1", "--priority", "normal", "--device", "cpu"]).spawn().unwrap();
    let mut told = String::new();
    lines.read_to_string(&mut told).unwrap();
    assert!(child.wait().unwrap().success());
    donor.kill().unwrap();
    donor.wait().unwrap();

    // In both rounds, with the models of the first in the second; and what it proved was learnt from.
    let theirs = learnt_from_others(&dir.path().join("run"));
    for round in [1, 2] {
        let of_round: Vec<&Trial> = theirs.iter().filter(|(number, _)| *number == round).map(|(_, it)| it).collect();
        assert!(!of_round.is_empty(), "nothing of round {round} was searched elsewhere");
        let proofs = of_round.iter().filter(|trial| trial.record.status == Status::Proved);
        assert!(proofs.clone().all(|trial| trial.record.verdict.as_ref().is_some_and(|verdict| verdict.accepted)));
        let are_learnt = |trial: &&&Trial| trial.stage == Stage::Detail || !trial.steps.is_empty();
        assert!(round == 2 || proofs.clone().count() > 0 && proofs.filter(are_learnt).count() > 0);
        let opened = of_round.iter().filter(|trial| trial.side == Side::Statement);
        assert!(opened.clone().all(|trial| trial.root.is_some()), "the critic ranks what was opened");
    }
    let models = std::fs::read_dir(dir.path().join("ada/run/models")).unwrap().count();
    assert!(models > 1, "the donor has downloaded the first round's models");
    let rounds: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(rounds["rounds"].as_array().unwrap().len(), 2);
    let status = run(dir.path(), &["campaign", "status", "run", "--json"]);
    let status: Value = serde_json::from_str(stdout(&status)).unwrap();
    assert!(status["overview"]["problems"]["proved"].as_u64().unwrap() > 5, "{status}");
    assert_exit(&run(dir.path(), &["export", "run", "-o", "out"]), 0);
}

#[test]
fn a_model_folder_is_trained_on_with_adapters() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    problems(dir.path(), 12);
    let args = [
        ["learn", "run", "--problems", "easy.jsonl", "--rounds", "1", "--held-out", "0", "--policy", "tiny"].as_slice(),
        &["--critic", "tiny", "--lora", "4", "--samples", "8", "--scan-expansions", "2", "--deep-share", "0"],
        &["--detail-share", "1", "--epochs", "1", "--batch-tokens", "1024", "--device", "cpu", "--json"],
    ]
    .concat();
    assert_exit(&run(dir.path(), &args), 0);
    // Everything beside the weights came along, and the adapters went into the weights.
    let folder = dir.path().join("run/rounds/01/policy");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny/policy");
    for file in std::fs::read_dir(&shipped).unwrap() {
        let name = file.unwrap().file_name();
        if name == "known.json" {
            // What is known of one model's outputs is wrong of another's.
            assert!(!folder.join(&name).exists());
            continue;
        }
        let [before, after] = [&shipped, &folder].map(|folder| std::fs::read(folder.join(&name)).unwrap());
        let is_kept = before == after || name == "config.json";
        assert_eq!(is_kept, name != "model.safetensors", "{name:?}");
    }
    let output = run(
        dir.path(),
        &["prove", "--policy", "run/rounds/01/policy", "theorem t (p q : Prop) (hp : p) (hq : q) : p ∧ q"],
    );
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
}

#[test]
fn a_run_without_problems_says_what_to_give() {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["learn", "run"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--problems"), "{}", stderr(&output));
    let output = run(dir.path(), &["export", "nothing", "-o", "out"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("is no run of `stepwise learn`"), "{}", stderr(&output));
}
