//! Reports on small runs: the numbers, what is missing, and pages that hostile names cannot break.

use expect_test::{Expect, expect};

use super::*;
use crate::run::{PassRate, Side, Stage, StageCost, TrainingLine};
use stepwise_core::problem::{Problem, Theorem};
use stepwise_core::record::{ProblemRecord, Run, Status};
use stepwise_core::search::CostLedger;
use stepwise_core::search::sides::Disprove;

fn record(name: &str, search: Option<&str>, cpu_s: f64, length: Option<u64>) -> ProblemRecord {
    let config = match search {
        Some(search) => serde_json::json!({ "search": search }),
        None => serde_json::json!({}),
    };
    let run = Run { config, policy: "p 1".into(), critic: None, lean: "lean 4".into(), disprove: Disprove::Never };
    ProblemRecord {
        stepwise_record: stepwise_core::record::VERSION,
        name: name.into(),
        statement_sha256: name.into(),
        config_sha256: run.hash(),
        status: if length.is_some() { Status::Proved } else { Status::OutOfBudget },
        detail: None,
        proof: None,
        proof_length: length,
        file: length.map(|_| format!("theorem {name} : a < b := by\n\tomega\n")),
        verdict: None,
        disproof: None,
        refusals: Vec::new(),
        tidy: None,
        ledger: CostLedger { lean_cpu_us: (cpu_s * 1e6) as u64, device_us: 500_000, ..CostLedger::default() },
        seconds: cpu_s,
        run,
    }
}

fn search(stage: Stage, side: Side, name: &str, cpu_s: f64, length: Option<u64>) -> SearchLine {
    SearchLine { stage, side, record: record(name, None, cpu_s, length) }
}

fn round(number: u32, solved_so_far: u64) -> Round {
    let cost = StageCost { lean_cpu_s: 10.0, device_s: 2.0, wall_s: 5.0 };
    Round {
        round: number,
        open: 5,
        proved: 2,
        disproved: 1,
        shortened: 0,
        solved_so_far,
        statements: 5,
        steps: 9,
        preferences: 20,
        policy_kept: true,
        critic_kept: false,
        critic_accuracy: Some(0.75),
        costs: ["train-policy", "scan", "zeta"].map(|stage| (stage.to_owned(), cost)).into(),
        pass_rates: BTreeMap::from([("set".into(), BTreeMap::from([("bf".into(), PassRate { solved: 1, total: 2 })]))]),
    }
}

fn line(step: u64, loss: f64, validation_loss: Option<f64>) -> TrainingLine {
    TrainingLine {
        step,
        n_steps: 20,
        loss,
        learning_rate: 1e-4,
        tokens: 100 * step,
        seconds: step as f64,
        validation_loss,
        validation_accuracy: validation_loss.map(|_| 0.5),
    }
}

fn manifest() -> Manifest {
    Manifest {
        stepwise_learn: crate::run::VERSION,
        started_s: 0,
        seed: 3,
        stepwise: "0.1.0".into(),
        git: None,
        lean: "lean 4".into(),
        config: BTreeMap::from([("rounds".into(), 2.into())]),
        files: BTreeMap::new(),
        splits: BTreeMap::from([("train".into(), 5)]),
    }
}

/// Two finished rounds and one that runs; `name` becomes part of every name from outside.
fn data(name: &str) -> RunData {
    let named = |n: u32| format!("{n}{name}");
    let (a, b, c) = (named(1), named(2), named(3));
    let first = RoundData {
        finished: Some(round(1, 2)),
        searches: vec![
            search(Stage::Scan, Side::Statement, &a, 1.0, Some(3)),
            search(Stage::Scan, Side::Statement, &b, 4.0, None),
            search(Stage::Scan, Side::Negation, &b, 2.0, Some(1)),
            search(Stage::Deep, Side::Statement, &c, 13.0, None),
        ],
        policy_training: vec![line(10, 2.0, None), line(20, 1.5, Some(1.75))],
        critic_training: vec![line(20, 0.5, None)],
        evals: BTreeMap::from([(
            named(7),
            BTreeMap::from([
                (
                    named(8),
                    vec![
                        record("p", None, 1.0, Some(2)),
                        record("q", None, 5.0, None),
                        record("r", None, 1.0, Some(2)),
                    ],
                ),
                ("portfolio".to_owned(), vec![record("p", None, 2.0, Some(1)), record("q", None, 5.0, None)]),
            ]),
        )]),
    };
    let second = RoundData {
        finished: Some(round(2, 3)),
        searches: vec![
            search(Stage::Shorten, Side::Statement, &a, 5.0, Some(2)),
            search(Stage::Scan, Side::Statement, &c, 7.0, Some(9)),
        ],
        policy_training: vec![line(10, 1.25, Some(1.5))],
        evals: BTreeMap::from([(
            named(7),
            BTreeMap::from([
                (named(8), vec![record("p", None, 1.0, Some(2)), record("q", None, 5.0, Some(4))]),
                (
                    named(9),
                    vec![
                        record("p", Some("critic_guided"), 1.0, Some(4)),
                        record("q", Some("critic_guided"), 5.0, None),
                    ],
                ),
                ("empty".to_owned(), Vec::new()),
            ]),
        )]),
        ..RoundData::default()
    };
    let problems = vec![Problem {
        name: a.clone(),
        theorem: Theorem { name: a.clone(), statement: format!("theorem {a} : 1 < 2"), ..Theorem::default() },
        ..Problem::default()
    }];
    let rounds = BTreeMap::from([(1, first), (2, second), (4, RoundData::default())]);
    RunData { manifest: manifest(), problems, rounds, notes: vec![format!("a note about run{name}")] }
}

#[test]
fn solved_statements_are_counted_once_and_by_their_shortest_proof() {
    let report = Report::of(&data(""), None).unwrap();
    let Solved { proved, disproved, growth, round_ends, cpu_each_s, lengths, longest, disproofs, .. } = &report.solved;
    expect![[r#"
        2 proved, 1 disproved of Some(5), 32 s
        growth [(1.0, 1), (7.0, 2), (32.0, 3)]
        ends [(1, 20.0, 2), (2, 32.0, 3), (4, 32.0, 3)]
        each [1.0, 2.0, 7.0]
        lengths {1: 1, 2: 1, 9: 1}"#]]
    .assert_eq(&format!(
        "{proved} proved, {disproved} disproved of {:?}, {} s\ngrowth {growth:?}\nends {round_ends:?}\n\
         each {cpu_each_s:?}\nlengths {lengths:?}",
        report.solved.statements, report.solved.lean_cpu_s
    ));
    let row = |proof: &Proof| {
        let Proof { name, length, first_length, round, stage, lean_cpu_s, .. } = proof;
        format!("{name}: {length} of first {first_length}, round {round} {stage:?}, {lean_cpu_s} s")
    };
    expect!["3: 9 of first 9, round 2 Scan, 7 s; 1: 2 of first 3, round 2 Shorten, 5 s"]
        .assert_eq(&longest.iter().map(row).collect::<Vec<_>>().join("; "));
    expect!["2: 1 of first 1, round 1 Scan, 2 s"].assert_eq(&disproofs.iter().map(row).collect::<Vec<_>>().join("; "));
    assert_eq!(longest[1].statement.as_deref(), Some("theorem 1 : 1 < 2"));
    // The same sums, written out in Python.
    let fit = report.solved.growth_fit.unwrap();
    assert!((fit.slope - 0.318_788_070).abs() < 1e-8 && (fit.r2 - 0.993_742_577).abs() < 1e-8, "{fit:?}");
}

#[test]
fn configurations_are_paired_with_the_baseline_and_their_first_round() {
    let report = Report::of(&data(""), None).unwrap();
    let paired = |paired: &Option<Paired>| match paired {
        None => "-".to_owned(),
        Some(Paired { configuration, round, against: Some(against), .. }) => {
            let d = against.difference;
            let n = against.counts.total();
            format!("{configuration} round {round}: {:+.2} ({:+.2} to {:+.2}), n = {n}", d.value, d.low, d.high)
        }
        Some(paired) => format!("{:?}", paired.problem),
    };
    let rows = report.evals.rows.iter().map(|row| {
        let EvalRow { set, configuration, round, solved, total, pass_rate, .. } = row;
        format!(
            "{set} {configuration} {round}: {solved}/{total} ({:.2} to {:.2}); {}; {}\n",
            pass_rate.low,
            pass_rate.high,
            paired(&row.against_baseline),
            paired(&row.against_first)
        )
    });
    expect![[r#"
        7 portfolio 1: 1/2 (0.09 to 0.91); -; -
        7 8 1: 2/3 (0.21 to 0.94); portfolio round 1: +0.00 (-0.57 to +0.57), n = 2; -
        7 8 2: 2/2 (0.34 to 1.00); portfolio round 1: +0.50 (-0.27 to +0.91), n = 2; 8 round 1: +0.50 (-0.27 to +0.91), n = 2
        7 9 2: 1/2 (0.09 to 0.91); portfolio round 1: +0.00 (-0.57 to +0.57), n = 2; -
    "#]].assert_eq(&rows.collect::<String>());
    let pair = &report.evals.lengths[0];
    let lengths = |lengths: &Lengths| {
        let Lengths { configuration, solved, mean, mean_of_common, counts } = lengths;
        format!("{configuration}: {solved}, mean {mean:?}, of common {mean_of_common:?}, {counts:?}")
    };
    expect![[r#"
        round 2, 1 in common
        8: 2, mean Some(3.0), of common Some(2.0), {2: 1, 4: 1}
        9: 1, mean Some(4.0), of common Some(4.0), {4: 1}"#]]
    .assert_eq(&format!(
        "round {}, {} in common\n{}\n{}",
        pair.round,
        pair.n_common,
        lengths(&pair.best_first),
        lengths(&pair.critic_guided)
    ));
    let named = Report::of(&data(""), Some("9")).unwrap();
    assert_eq!(named.evals.baseline.as_deref(), Some("9"));
    let error = |data: &RunData| Report::of(data, Some("best")).unwrap_err().to_string();
    expect!["no configuration best was evaluated in this run; name one of 8, 9, portfolio"]
        .assert_eq(&error(&data("")));
    let nothing = RunData { manifest: manifest(), problems: Vec::new(), rounds: BTreeMap::new(), notes: Vec::new() };
    expect!["no configuration best was evaluated in this run; nothing was evaluated yet"].assert_eq(&error(&nothing));
}

#[test]
fn costs_are_told_by_stage_and_by_success() {
    let costs = Report::of(&data(""), None).unwrap().costs;
    assert_eq!(costs.stages, ["scan", "train-policy", "zeta"]);
    assert_eq!(costs.total(), StageCost { lean_cpu_s: 60.0, device_s: 12.0, wall_s: 30.0 });
    assert_eq!(costs.of_stage(4, "scan"), StageCost::default());
    let SearchCosts { n, n_succeeded, cost_s, succeeded_cost_s, .. } = costs.all_searches;
    assert_eq!((n, n_succeeded, cost_s, succeeded_cost_s), (6, 4, 35.0, 17.0));
    assert_eq!(costs.searches[&1].median_failure_s, Some(9.0));
    assert_eq!(costs.searches[&2].succeeded_share, Some(1.0));
}

#[test]
fn what_is_missing_or_does_not_agree_is_told() {
    fn check(data: &RunData, expected: Expect) {
        expected.assert_eq(&Report::of(data, None).unwrap().notes.join("\n"));
    }
    check(
        &data(""),
        expect![[r#"
            a note about run
            round 3 has no folder
            round 4 has no round.json: it runs, or was killed, and is told as far as it got"#]],
    );
    let mut contradictory = data("");
    let first = contradictory.rounds.get_mut(&1).unwrap();
    first.searches.push(search(Stage::Deep, Side::Negation, "1", 1.0, Some(2)));
    first.finished = Some(round(1, 7));
    contradictory.rounds.remove(&4);
    check(
        &contradictory,
        expect![[r#"
        a note about run
        1 is proved and disproved: one of the two verdicts is wrong
        round 1 counts 7 solved statements, and the trials up to its end 2: trials are missing, or two runs wrote into the folder"#]],
    );
    assert_eq!(Report::of(&contradictory, None).unwrap().solved.total(), 3);
}

/// Reads the page and every plot as XML: what is not closed or not escaped is an error. Returns what was read.
fn read_as_xml(report: &Report) -> String {
    let html = report.to_html();
    let body = html.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let page = roxmltree::Document::parse(body).unwrap_or_else(|e| panic!("{e}\n{body}"));
    let ids: Vec<&str> = page.descendants().filter_map(|node| node.attribute("id")).collect();
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    for node in page.descendants().filter(roxmltree::Node::is_element) {
        let tag = node.tag_name().name();
        assert!(!matches!(tag, "script" | "link" | "img" | "iframe" | "object" | "a" | "base"), "<{tag}>");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            assert!(!matches!(attribute.name(), "src" | "href" | "action" | "style"), "{attribute:?}");
        }
        let has = |name: &str| node.descendants().any(|child| child.tag_name().name() == name);
        match tag {
            "figure" => assert!(has("figcaption") && has("svg"), "a figure without its caption"),
            "table" => assert!(has("caption") && has("thead"), "a table without its caption or its head"),
            "svg" => {
                assert_eq!(node.attribute("role"), Some("img"));
                let labels = node.attribute("aria-labelledby").unwrap().split(' ');
                labels.for_each(|label| assert!(ids.contains(&label), "{label} labels a plot and is nowhere"));
            }
            "th" => assert!(matches!(node.attribute("scope"), Some("col" | "row"))),
            "style" => {
                let css = node.text().unwrap();
                assert!(!css.contains("url(") && !css.contains("@import"), "{css}");
            }
            _ => {}
        }
    }
    let names: std::collections::BTreeSet<String> = report.figures().into_iter().map(|figure| figure.name).collect();
    assert_eq!(names.len(), report.figures().len(), "{names:?}");
    for figure in report.figures() {
        let svg = figure.drawing.document();
        roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{}: {e}", figure.name));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}: {svg}", figure.name);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
        assert!(figure.name.chars().all(is_plain), "{}", figure.name);
    }
    html
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_else() {
    let report = Report::of(&data(""), None).unwrap();
    let html = read_as_xml(&report);
    // There is not even the address of a namespace: SVG inside HTML needs none.
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("//"), "{html}");
    assert!(html.contains("&lt; b := by\n\tomega"), "Lean's own line feeds and tabs stay");
    let names: Vec<String> = report.figures().into_iter().map(|figure| figure.name).collect();
    expect![[r#"
        solved-by-total-cpu
        solved-within-cpu
        solved-by-length
        pass-rate-7
        proof-lengths-9
        critic-accuracy
        policy-loss
        policy-learning-rate
        critic-loss
        critic-learning-rate
        cost
        wall-time"#]]
    .assert_eq(&names.join("\n"));
}

#[test]
fn names_from_outside_cannot_break_out() {
    let hostile =
        "</title></style></pre><script>alert(\"1\")</script>&amp;'<img src=x onerror=alert(1)>\u{7}\u{202e}../../x";
    let html = read_as_xml(&Report::of(&data(hostile), None).unwrap());
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{7}'));
    assert!(html.contains("&lt;script&gt;alert(&quot;1&quot;)"));
}

#[test]
fn a_run_that_has_just_begun_has_a_page() {
    let empty = RunData { manifest: manifest(), problems: Vec::new(), rounds: BTreeMap::new(), notes: Vec::new() };
    let report = Report::of(&empty, None).unwrap();
    assert!(report.figures().is_empty());
    let html = read_as_xml(&report);
    assert!(html.contains("No statement is solved yet") && html.contains("0 of 5"), "{html}");
    // One solved statement is no line, and searches may cost nothing that can be seen.
    let searches = vec![search(Stage::Scan, Side::Statement, "a", 0.0, Some(0))];
    let one = RoundData { searches, ..RoundData::default() };
    let data = RunData { rounds: BTreeMap::from([(1, one)]), ..empty };
    let report = Report::of(&data, None).unwrap();
    assert_eq!(report.solved.growth_fit, None);
    assert!(read_as_xml(&report).contains("too few points"));
}

#[test]
fn torn_lines_are_left_out_and_damaged_ones_told() {
    let good = serde_json::to_string(&search(Stage::Deep, Side::Negation, "a", 1.0, Some(2))).unwrap();
    let read = read_searches(format!("{good}\n\n{good}\n{}", &good[..30]).as_bytes()).unwrap();
    assert_eq!((read.lines.len(), read.torn), (2, true));
    assert_eq!(read_lines::<TrainingLine>(b"").unwrap(), Lines { lines: Vec::new(), torn: false });
    let error = |text: &str| read_searches(text.as_bytes()).unwrap_err().to_string();
    expect!["line 2 is damaged: missing field `stage` at line 1 column 2; cut the file before this line to keep what precedes it"]
        .assert_eq(&error(&format!("{good}\n{{}}\n")));
    expect!["line 1 has record version 9, and this stepwise reads version 1: use the stepwise that wrote it"]
        .assert_eq(&error(&format!("{}\n", good.replace("\"stepwise_record\":1", "\"stepwise_record\":9"))));
}
