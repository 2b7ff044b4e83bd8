//! Records and summaries as they are written, read and resumed from.

use expect_test::expect;

use super::*;
use crate::problem::Theorem;
use crate::search::{Budget, Event, Order, Priority, TimedEvent};

fn problem(name: &str, statement: &str) -> Problem {
    let theorem =
        Theorem { name: name.into(), statement: format!("theorem {name} : {statement}"), ..Theorem::default() };
    Problem { name: name.into(), theorem, line: 1, ..Problem::default() }
}

fn config() -> SearchConfig {
    let budget = Budget { wall_ms: Some(60_000), ..Budget::new(16, 100) };
    let priority = Priority::LengthNormalised { alpha: 0.5 };
    SearchConfig { priority, ..SearchConfig::best_first(budget) }
}

fn run() -> Run {
    Run::new(&config(), "portfolio 1", None, "lean 4")
}

fn record(problem: &Problem, status: Status) -> ProblemRecord {
    let proof = (status == Status::Proved).then(|| vec!["intro".to_owned(), "rfl".to_owned()]);
    ProblemRecord {
        stepwise_record: VERSION,
        name: problem.name.clone(),
        statement_sha256: problem.theorem.hash(),
        config_sha256: run().hash(),
        status,
        detail: None,
        proof_length: proof.as_ref().map(|proof| proof.len() as u64),
        file: proof.as_ref().map(|proof| problem.theorem.file(proof)),
        proof,
        verdict: None,
        disproof: None,
        refusals: Vec::new(),
        tidy: None,
        ledger: CostLedger {
            expansions: 3,
            tactics: 40,
            lean_cpu_us: 1_500_000,
            wall_ms: 2500,
            ..CostLedger::default()
        },
        seconds: 2.5,
        run: run(),
    }
}

#[test]
fn a_search_that_ended_leaves_a_record() {
    let problem = problem("a", "1 = 1");
    let mut search = Search::new(problem.theorem.clone(), config());
    assert_eq!(ProblemRecord::of("a", &search, &run()), None);
    search.handle(TimedEvent { at_ms: 0, event: Event::Started });
    search.handle(TimedEvent { at_ms: 1250, event: Event::Cancelled });
    let record = ProblemRecord::of("a", &search, &run()).unwrap();
    expect![[r#"
        {"stepwise_record":1,"name":"a","statement_sha256":"a6876df8ccb5f878c6f9194eb8ac1a04943b2555db399697ed55b1f3f505dc90","config_sha256":"924eabd5334f6a4832c09230b9a3ac48efc2b94692186d55a2b0edcb0654fe9f","status":"cancelled","ledger":{"expansions":0,"tactics":0,"tokens":0,"prompt_tokens":0,"critic_tokens":0,"device_us":0,"lean_cpu_us":0,"wall_ms":1250,"timeouts":0,"crashes":0,"rechecks":0,"refused":0},"seconds":1.25,"run":{"config":{"expansions":100,"in_flight":1,"lean_cpu_ms":null,"passes":1,"rule":{"length_normalised":{"alpha":0.5}},"samples":16,"seed":0,"tactics":null,"wall_ms":60000},"policy":"portfolio 1","lean":"lean 4"}}
    "#]].assert_eq(&record.to_line());
    let line = record.to_line();
    let read = read(format!("{line}{}", &line[..40]).as_bytes()).unwrap();
    assert_eq!(read, Records { records: vec![record], good_bytes: line.len(), torn: true });
}

/// A record that an earlier stepwise wrote, without critics and models' costs.
const OLD_RECORD: &str = r#"{"stepwise_record":1,"name":"a","statement_sha256":"a6876df8ccb5f878c6f9194eb8ac1a04943b2555db399697ed55b1f3f505dc90","config_sha256":"924eabd5334f6a4832c09230b9a3ac48efc2b94692186d55a2b0edcb0654fe9f","status":"exhausted","ledger":{"expansions":0,"tactics":0,"tokens":0,"lean_cpu_us":0,"wall_ms":1250,"timeouts":0,"crashes":0,"rechecks":0},"seconds":1.25,"run":{"config":{"expansions":100,"in_flight":1,"lean_cpu_ms":null,"passes":1,"rule":{"length_normalised":{"alpha":0.5}},"samples":16,"seed":0,"tactics":null,"wall_ms":60000},"policy":"portfolio 1","lean":"lean 4"}}
"#;

#[test]
fn old_records_still_count() {
    let old = read(OLD_RECORD.as_bytes()).unwrap().records;
    assert_eq!((&old[0].run, &old[0].config_sha256), (&run(), &run().hash()));
    let problems = [problem("a", "1 = 1")];
    assert_eq!(resume(&problems, old, &run()).to_do, [] as [usize; 0]);
}

#[test]
fn critics_tell_runs_apart() {
    let guided = SearchConfig { order: Order::TwoTrees, ..config() };
    let with = |critic| Run::new(&guided, "portfolio 1", critic, "lean 4").hash();
    let hashes = [run().hash(), with(None), with(Some("critic 1")), with(Some("critic 2"))];
    assert!((1..hashes.len()).all(|idx| !hashes[..idx].contains(&hashes[idx])), "{hashes:?}");
}

#[test]
fn damaged_records_are_named() {
    let good = record(&problem("a", "1 = 1"), Status::Exhausted).to_line();
    let error = |text: String| read(text.as_bytes()).unwrap_err().to_string();
    expect!["line 2 is not a record: missing field `name` at line 1 column 21; remove the line, or write the results to another file"].assert_eq(&error(format!("{good}{{\"stepwise_record\":1}}\n")));
    expect!["line 3 has record version 7, and this stepwise reads version 1: write the results to another file"]
        .assert_eq(&error(format!("{good}\n{{\"stepwise_record\":7}}\n")));
}

#[test]
fn resuming_runs_what_is_missing_and_mixes_nothing() {
    let problems = [problem("a", "1 = 1"), problem("b", "2 = 2"), problem("c", "3 = 3"), problem("d", "4 = 4")];
    let other_run = ProblemRecord { config_sha256: "0".into(), ..record(&problems[1], Status::Proved) };
    let records = vec![
        record(&problems[0], Status::Proved),
        other_run,
        record(&problem("c", "3 = 4"), Status::Proved),
        record(&problems[3], Status::Cancelled),
        record(&problem("e", "5 = 5"), Status::Proved),
    ];
    let resumption = resume(&problems, records, &run());
    assert_eq!(resumption.done, [(0, record(&problems[0], Status::Proved))]);
    assert_eq!(resumption.to_do, [1, 2, 3]);
    expect![[r#"
        b: recorded with another configuration, policy, critic or Lean
        c: recorded for another statement
        e: no problem of this name in this eval"#]]
    .assert_eq(&resumption.mismatches.join("\n"));
}

#[test]
fn a_summary_counts_and_adds() {
    let problem = problem("a", "1 = 1");
    let records: Vec<_> = [Status::Proved, Status::Proved, Status::OutOfBudget, Status::Exhausted]
        .map(|status| record(&problem, status))
        .to_vec();
    let summary = EvalSummary::of(&records, 6.0);
    expect![[r#"
        {"summary":{"bad_statements":0,"by_status":{"exhausted":1,"out_of_budget":1,"proved":2},"crashes":0,"critic_tokens":0,"device_s":0.0,"disproved":0,"expansions":12,"lean_cpu_s":6.0,"median_solved_s":2.5,"pass_rate":0.5,"pass_rate_high":0.8499610108478506,"pass_rate_low":0.15003898915214947,"policy_failures":0,"prompt_tokens":0,"proof_lengths":{"2":2},"rechecks":0,"refused":0,"search_s":10.0,"solved":2,"stated_pass_rate":0.5,"tactics":160,"timeouts":0,"tokens":0,"total":4,"unread":0,"wall_s":6.0}}
    "#]].assert_eq(&summary.to_line());
    let line: BTreeMap<String, EvalSummary> = serde_json::from_str(&summary.to_line()).unwrap();
    assert_eq!(line["summary"], summary);
}
