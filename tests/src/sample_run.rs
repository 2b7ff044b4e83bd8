//! An invented run of expert iteration: test data in the format of a run's folder, drawn from a seed. No Lean and no
//! model took part; what is proved here is nothing, and the manifest says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::{Problem, Theorem};
use stepwise_core::random::SplitMix64;
use stepwise_core::record::{self, ProblemRecord, Run, Status};
use stepwise_core::search::{Budget, CostLedger, Order, Priority, SearchConfig};
use stepwise_learn::layout;
use stepwise_learn::report::SearchLine;
use stepwise_learn::run::{FILES_VERSION, Manifest, PassRate, Round, Side, Stage, StageCost, TrainingLine};

/// Statements of the training split and of each evaluation set.
const N_STATEMENTS: usize = 320;
const N_HELD_OUT: usize = 60;

const SETS: [&str; 2] = ["held-out", "sample-test"];

/// Name, order, whether a trained policy proposes.
const CONFIGURATIONS: [(&str, Order, bool); 4] = [
    ("portfolio", Order::BestFirst, false),
    ("bf", Order::BestFirst, true),
    ("cg", Order::CriticGuided, true),
    ("bf+cg", Order::SharedTree, true),
];

/// CPU seconds that a search of each stage may take.
const SCAN_S: f64 = 4.0;
const DEEP_S: f64 = 40.0;

/// A statement, and what an invented Lean would make of it.
struct Statement {
    problem: Problem,
    holds: bool,
    /// Tactics of its shortest proof.
    length: u64,
    /// Seconds that a search needs without any learning.
    needs_s: f64,
}

/// Writes a run of `n_finished` rounds into `folder`. With `running`, one more round has begun and was killed while it
/// wrote a line.
///
/// # Errors
/// The files cannot be written.
pub fn write(folder: &Path, seed: u64, n_finished: u32, running: bool) -> io::Result<()> {
    let mut random = SplitMix64::new(seed);
    let training = statements(&mut random, "sample", "train", N_STATEMENTS);
    let sets = SETS.map(|set| (set, statements(&mut random, &set.replace('-', "_"), "held-out", N_HELD_OUT)));
    std::fs::create_dir_all(folder)?;
    let manifest = manifest(seed, training.len());
    std::fs::write(folder.join(layout::MANIFEST), serde_json::to_string_pretty(&manifest).map_err(io::Error::other)?)?;
    let problems = training.iter().chain(&sets[0].1).map(|statement| statement.problem.to_line());
    std::fs::write(folder.join(layout::PROBLEMS), problems.collect::<String>())?;
    let mut solved = BTreeSet::new();
    let mut lengths = BTreeMap::new();
    for number in 1..=n_finished + u32::from(running) {
        let round = folder.join(layout::round(number));
        std::fs::create_dir_all(&round)?;
        let is_finished = number <= n_finished;
        let open = training.len() - solved.len();
        let searches = searches(&mut random, &training, number, &mut solved, &mut lengths);
        let mut lines = lines(&searches)?;
        if !is_finished {
            lines.truncate(lines.len() * 2 / 3);
            std::fs::write(round.join(layout::TRIALS), lines)?;
            continue;
        }
        std::fs::write(round.join(layout::TRIALS), lines)?;
        std::fs::create_dir_all(round.join("training"))?;
        let policy = training_lines(&mut random, number, 4.2, 1.1);
        let critic = training_lines(&mut random, number, 0.69, 0.3);
        std::fs::write(round.join(layout::curve("policy")), self::lines(&policy)?)?;
        std::fs::write(round.join(layout::curve("critic")), self::lines(&critic)?)?;
        let mut pass_rates: BTreeMap<String, BTreeMap<String, PassRate>> = BTreeMap::new();
        for (set, statements) in &sets {
            let set_folder = round.join(layout::EVALS).join(set);
            std::fs::create_dir_all(&set_folder)?;
            for (name, order, is_trained) in CONFIGURATIONS {
                if !is_trained && number > 1 {
                    continue;
                }
                let records = evaluation(&mut random, statements, order, is_trained, number);
                std::fs::write(set_folder.join(format!("{name}.jsonl")), self::lines(&records)?)?;
                let n_solved = records.iter().filter(|record| record.status == Status::Proved).count() as u64;
                let rate = PassRate { solved: n_solved, total: records.len() as u64 };
                pass_rates.entry((*set).to_owned()).or_default().insert(name.to_owned(), rate);
            }
        }
        let of_side = |side| {
            let proved = searches.iter().filter(|search| search.side == side && search.stage != Stage::Shorten);
            proved.filter(|search| search.record.status == Status::Proved).count() as u64
        };
        let shortened = searches.iter().filter(|search| search.stage == Stage::Shorten);
        let finished = Round {
            round: number,
            open: open as u64,
            proved: of_side(Side::Statement),
            disproved: of_side(Side::Negation),
            shortened: shortened.filter(|search| search.record.status == Status::Proved).count() as u64,
            solved_so_far: solved.len() as u64,
            statements: training.len() as u64,
            steps: lengths.values().sum(),
            preferences: lengths.values().map(|length| length * length * 3).sum(),
            policy_kept: true,
            critic_kept: number != 2,
            critic_accuracy: Some(0.62 + 0.16 * (1.0 - 1.0 / f64::from(number + 1)) + 0.02 * uniform(&mut random)),
            costs: costs(&searches, &policy, &critic, &mut random),
            pass_rates,
        };
        std::fs::write(
            round.join(layout::FINISHED),
            serde_json::to_string_pretty(&finished).map_err(io::Error::other)?,
        )?;
    }
    Ok(())
}

/// From 0 to 1.
fn uniform(random: &mut SplitMix64) -> f64 {
    random.below(1 << 30) as f64 / f64::from(1 << 30)
}

/// About a normal deviate: the sum of twelve uniform ones less its mean.
fn normal(random: &mut SplitMix64) -> f64 {
    (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0
}

fn lines<T: Serialize>(values: &[T]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value)?;
        text.push(b'\n');
    }
    Ok(text)
}

fn statements(random: &mut SplitMix64, prefix: &str, split: &str, n: usize) -> Vec<Statement> {
    let statement = |idx: usize| {
        // A power law of lengths, as proofs have it.
        let length = (1.0 / (uniform(random) + 0.015).powf(0.62)).round().clamp(1.0, 14.0) as u64;
        let needs_s = 0.3 * (length as f64).powf(2.0) * (1.7 * normal(random)).exp();
        let holds = uniform(random) > 0.12;
        let name = format!("{prefix}_{idx:03}");
        let claim =
            format!("∀ (m n : Nat), m + {} * n {} n * {} + m", length + 1, if holds { "=" } else { "<" }, length + 1);
        let theorem =
            Theorem { name: name.clone(), statement: format!("theorem {name} : {claim}"), ..Theorem::default() };
        let problem = Problem {
            name,
            theorem,
            split: Some(split.to_owned()),
            source: Some(if idx.is_multiple_of(3) { "library" } else { "linear arithmetic" }.to_owned()),
            difficulty: Some(length as u32),
            line: idx + 1,
            ..Problem::default()
        };
        Statement { problem, holds, length, needs_s }
    };
    (0..n).map(statement).collect()
}

fn manifest(seed: u64, n_statements: usize) -> Manifest {
    let config = [
        ("rounds", json!(4)),
        ("scan-expansions", json!(10)),
        ("deep-max-cost", json!(DEEP_S)),
        ("keep", json!(0.5)),
        ("policy", json!("portfolio")),
        ("seed", json!(seed)),
    ];
    Manifest {
        stepwise_learn: FILES_VERSION,
        started_s: 1_764_000_000,
        seed,
        stepwise: "0.1.0 (invented test data)".to_owned(),
        git: Some("0000000".to_owned()),
        lean: "no Lean (invented test data)".to_owned(),
        config: config.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        files: BTreeMap::from([("sample.jsonl".to_owned(), "0".repeat(64))]),
        splits: BTreeMap::from([("train".to_owned(), n_statements as u64), ("held-out".to_owned(), N_HELD_OUT as u64)]),
    }
}

fn run(order: Order, is_trained: bool, round: u32) -> Run {
    let budget = Budget { wall_ms: Some(120_000), cost_ms: Some((DEEP_S * 1e3) as u64), ..Budget::new(16, 100) };
    let config = SearchConfig { order, priority: Priority::Average, ..SearchConfig::best_first(budget) };
    let policy = if is_trained { format!("sample-policy {round}") } else { "portfolio 1".to_owned() };
    let critic = (order != Order::BestFirst).then(|| format!("sample-critic {round}"));
    Run::new(&config, &policy, critic.as_deref(), "no Lean (invented test data)")
}

/// A search that ends after `spends_s`, with a proof of this length if it has one.
fn record(
    random: &mut SplitMix64,
    statement: &Statement,
    run: &Run,
    spends_s: f64,
    proof: Option<u64>,
) -> ProblemRecord {
    let tactics = proof.map(|length| {
        let middle = (1..length).map(|idx| format!("rw [Nat.add_comm m {idx}]"));
        middle.chain(["omega".to_owned()]).collect::<Vec<String>>()
    });
    let device_us = if run.policy.starts_with("portfolio") { 0.0 } else { spends_s * 0.6e6 };
    let ledger = CostLedger {
        expansions: (spends_s * 4.0) as u64 + 1,
        tactics: (spends_s * 64.0) as u64 + 16,
        device_us: device_us as u64,
        lean_cpu_us: (spends_s * 1e6) as u64 + 400,
        wall_ms: (spends_s * 1.4e3) as u64 + 1,
        rechecks: u64::from(proof.is_some()),
        ..CostLedger::default()
    };
    let verdict = proof.map(|_| Verdict {
        accepted: true,
        reasons: Vec::new(),
        checker: "none (invented test data)".to_owned(),
        lean_version: "none".to_owned(),
        axioms: Vec::new(),
        unopened: 0,
        notes: Vec::new(),
    });
    ProblemRecord {
        stepwise_record: record::VERSION,
        name: statement.problem.name.clone(),
        statement_sha256: statement.problem.theorem.hash(),
        config_sha256: run.hash(),
        status: match proof {
            Some(_) => Status::Proved,
            None if random.below(5) == 0 => Status::Exhausted,
            None => Status::OutOfBudget,
        },
        detail: None,
        proof_length: proof,
        file: tactics.as_ref().map(|tactics| statement.problem.theorem.file(tactics)),
        proof: tactics,
        verdict,
        disproof: None,
        refusals: Vec::new(),
        tidy: None,
        ledger,
        seconds: ledger.wall_ms as f64 / 1e3,
        run: run.clone(),
    }
}

/// How much faster searches are after some rounds of learning.
fn skill(round: u32) -> f64 {
    2.2_f64.powf(f64::from(round - 1).sqrt())
}

fn searches(
    random: &mut SplitMix64,
    statements: &[Statement],
    round: u32,
    solved: &mut BTreeSet<usize>,
    lengths: &mut BTreeMap<usize, u64>,
) -> Vec<SearchLine> {
    let run = run(Order::SharedTree, round > 1, round);
    let mut searches = Vec::new();
    let mut shorten: Vec<usize> = lengths.iter().filter(|(_, length)| **length > 3).map(|(idx, _)| *idx).collect();
    for (stage, budget_s, share) in [(Stage::Scan, SCAN_S, 1), (Stage::Deep, DEEP_S, 2)] {
        for (idx, statement) in statements.iter().enumerate().filter(|(idx, _)| idx % share == round as usize % share) {
            if solved.contains(&idx) {
                continue;
            }
            for side in [Side::Statement, Side::Negation] {
                if solved.contains(&idx) {
                    break;
                }
                let needs_s = statement.needs_s / skill(round) * (0.4 * normal(random)).exp();
                let is_true = statement.holds == (side == Side::Statement);
                let proof = (is_true && needs_s < budget_s).then(|| statement.length + random.below(3) as u64);
                let spends_s = if proof.is_some() { needs_s } else { budget_s * (0.7 + 0.3 * uniform(random)) };
                let record = record(random, statement, &run, spends_s, proof);
                if let Some(length) = proof {
                    solved.insert(idx);
                    if side == Side::Statement {
                        lengths.insert(idx, length);
                    }
                }
                searches.push(SearchLine { stage, side, record });
            }
        }
    }
    shorten.truncate(25);
    for idx in shorten {
        let shorter =
            lengths.get(&idx).copied().filter(|length| *length > statements[idx].length).map(|length| length - 1);
        let spends_s = DEEP_S * 0.3 * (0.2 + uniform(random));
        let record = record(random, &statements[idx], &run, spends_s, shorter);
        lengths.extend(shorter.map(|length| (idx, length)));
        searches.push(SearchLine { stage: Stage::Shorten, side: Side::Statement, record });
    }
    searches
}

fn evaluation(
    random: &mut SplitMix64,
    statements: &[Statement],
    order: Order,
    is_trained: bool,
    round: u32,
) -> Vec<ProblemRecord> {
    let run = run(order, is_trained, round);
    let (speed, detour) = match order {
        Order::BestFirst => (1.0, 0),
        Order::CriticGuided => (1.3, 3),
        Order::SharedTree | Order::TwoTrees => (1.5, 2),
    };
    let skill = if is_trained { 1.5 * skill(round) * speed } else { 0.8 };
    let mut records = Vec::new();
    for statement in statements {
        let needs_s = 4.0 * statement.needs_s / skill * (0.5 * normal(random)).exp();
        let longer = if detour == 0 { 0 } else { random.below(detour + 1) as u64 };
        let proof = (statement.holds && needs_s < DEEP_S / 8.0).then_some(statement.length + longer);
        let spends_s = if proof.is_some() { needs_s } else { DEEP_S / 8.0 };
        records.push(record(random, statement, &run, spends_s, proof));
    }
    records
}

fn training_lines(random: &mut SplitMix64, round: u32, start: f64, end: f64) -> Vec<TrainingLine> {
    let n_steps = 600 + 200 * u64::from(round);
    let start = if round == 1 { start } else { end + 0.35 * (start - end) };
    let end = end * 0.93_f64.powi(round as i32);
    let line = |idx: u64| {
        let step = idx * 20;
        let progress = step as f64 / n_steps as f64;
        let loss = end + (start - end) * (-5.0 * progress).exp();
        let warm_up = (step as f64 / 60.0).min(1.0);
        let is_validated = idx.is_multiple_of(5);
        TrainingLine {
            step,
            n_steps,
            loss: loss * (1.0 + 0.03 * normal(random)),
            learning_rate: 3e-4 * warm_up * (0.5 + 0.5 * (std::f64::consts::PI * progress).cos()),
            tokens: step * 4096,
            seconds: step as f64 * 0.4,
            validation_loss: is_validated.then_some(loss * 1.06 + 0.02),
            validation_accuracy: is_validated.then(|| 0.45 + 0.3 * progress.sqrt()),
        }
    };
    (1..=n_steps / 20).map(line).collect()
}

fn costs(
    searches: &[SearchLine],
    policy: &[TrainingLine],
    critic: &[TrainingLine],
    random: &mut SplitMix64,
) -> BTreeMap<String, StageCost> {
    let of_stage = |stage: Stage| {
        let mut ledger = CostLedger::default();
        searches.iter().filter(|search| search.stage == stage).for_each(|search| ledger.add(&search.record.ledger));
        let (lean_cpu_s, device_s) = (ledger.lean_cpu_us as f64 / 1e6, ledger.device_us as f64 / 1e6);
        StageCost { lean_cpu_s, device_s, wall_s: (lean_cpu_s + device_s) * 0.6 }
    };
    let of_training = |lines: &[TrainingLine]| {
        let seconds = lines.last().map_or(0.0, |line| line.seconds);
        StageCost { lean_cpu_s: 0.0, device_s: seconds * 1.8, wall_s: seconds }
    };
    let evaluate = StageCost { lean_cpu_s: 1500.0, device_s: 500.0, wall_s: 1100.0 + 200.0 * uniform(random) };
    let costs = [
        ("scan", of_stage(Stage::Scan)),
        ("deep", of_stage(Stage::Deep)),
        ("shorten", of_stage(Stage::Shorten)),
        ("train-policy", of_training(policy)),
        ("train-critic", of_training(critic)),
        ("evaluate", evaluate),
    ];
    costs.into_iter().map(|(stage, cost)| (stage.to_owned(), cost)).collect()
}
