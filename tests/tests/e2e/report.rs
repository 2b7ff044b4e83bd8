//! `stepwise report`: on an invented run, on one that is damaged or not finished, and on what is no run.

use std::path::Path;

use expect_test::{Expect, expect};
use serde_json::Value;
use stepwise_tests::sample_run;
use tempfile::TempDir;

use crate::cli::{assert_exit, check_refused, run, stderr, stdout};

fn sample(dir: &Path, n_finished: u32, running: bool) {
    sample_run::write(&dir.join("run"), 7, n_finished, running).unwrap();
}

/// What the command says on standard error, each path with forward slashes.
fn check_notes(dir: &Path, expected: Expect) {
    let output = run(dir, &["report", "run", "--png-width", "100"]);
    assert_exit(&output, 0);
    expected.assert_eq(&stderr(&output).replace('\\', "/"));
}

#[test]
fn what_is_no_run_is_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    std::fs::create_dir(dir.join("empty")).unwrap();
    let manifest = |name: &str, text: &str| {
        std::fs::create_dir(dir.join(name)).unwrap();
        std::fs::write(dir.join(name).join("manifest.json"), text).unwrap();
    };
    manifest("notes", "my notes");
    manifest("later", r#"{"stepwise_learn": 9, "cheese": true}"#);
    let check = |words: &[&str], expected| check_refused(dir, &[&["report"], words].concat(), expected);
    check(&["missing"], expect!["error: no folder missing; name the folder that `stepwise learn` wrote"]);
    check(
        &["empty"],
        expect![
            "error: empty is no folder of a run: it has no manifest.json; name the folder that `stepwise learn` wrote"
        ],
    );
    check(
        &["notes"],
        expect![
            "error: notes/manifest.json is no manifest of a run: expected value at line 1 column 1; name the folder that `stepwise learn` wrote"
        ],
    );
    check(
        &["later"],
        expect![
            "error: later/manifest.json has format version 9, and this stepwise reads up to version 2: use the stepwise that wrote it"
        ],
    );
    sample(dir, 1, false);
    check(
        &["run", "--baseline", "best"],
        expect!["error: no configuration best was evaluated in this run; name one of bf, bf+cg, cg, portfolio"],
    );
    check(
        &["run", "-o", "missing/page.html"],
        expect!["error: cannot write missing/page.html: No such file or directory (os error 2)"],
    );
    check(
        &["run", "--png-width", "1"],
        expect!["error: invalid value '1' for '--png-width <PIXELS>': 1 is not in 100..=10000"],
    );
    let trials = dir.join("run/rounds/01/trials.jsonl");
    std::fs::write(&trials, format!("my notes\n{}", std::fs::read_to_string(&trials).unwrap())).unwrap();
    check(
        &["run"],
        expect![
            "error: run/rounds/01/trials.jsonl: line 1 is damaged: expected value at line 1 column 1; cut the file before this line to keep what precedes it"
        ],
    );
    assert!(!dir.join("run/report.html").exists() && !dir.join("run/plots").exists());
}

#[test]
fn a_run_has_a_page_and_its_plots() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    sample(dir, 3, true);
    let output = run(dir, &["report", "run", "--json", "--png-width", "300"]);
    assert_exit(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["stepwise_report"], &report["unfinished"]), (&1.into(), &serde_json::json!([4])));

    // The numbers are those of the files.
    let last: Value = serde_json::from_slice(&std::fs::read(dir.join("run/rounds/03/round.json")).unwrap()).unwrap();
    let solved = &report["solved"];
    assert_eq!(solved["round_ends"][2][2], last["solved_so_far"]);
    let of = |key: &str| solved[key].as_u64().unwrap();
    assert_eq!(of("proved") + of("disproved"), solved["growth"].as_array().unwrap().len() as u64);
    let slope = solved["growth_fit"]["slope"].as_f64().unwrap();
    assert!((0.1..2.0).contains(&slope), "{slope}");
    let rows = report["evals"]["rows"].as_array().unwrap();
    let is_last = |row: &&Value| row["set"] == "sample-test" && row["configuration"] == "cg" && row["round"] == 3;
    let row = rows.iter().find(is_last).unwrap();
    let recorded = &last["pass_rates"]["sample-test"]["cg"];
    assert_eq!((&row["solved"], &row["total"]), (&recorded["solved"], &recorded["total"]));
    // The portfolio learns nothing and was evaluated once.
    assert_eq!(row["against_baseline"]["configuration"], "portfolio");
    assert_eq!(row["against_baseline"]["round"], 1);

    let page = std::fs::read_to_string(dir.join("run/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("http:") && !page.contains("https:"), "the page needs the network");
    let mut files: Vec<String> = std::fs::read_dir(dir.join("run/plots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    expect![[r#"
        cost.png cost.svg
        critic-accuracy.png critic-accuracy.svg
        critic-learning-rate.png critic-learning-rate.svg
        critic-loss.png critic-loss.svg
        pass-rate-held-out.png pass-rate-held-out.svg
        pass-rate-sample-test.png pass-rate-sample-test.svg
        policy-learning-rate.png policy-learning-rate.svg
        policy-loss.png policy-loss.svg
        proof-lengths-cg.png proof-lengths-cg.svg
        solved-by-length.png solved-by-length.svg
        solved-by-total-cpu.png solved-by-total-cpu.svg
        solved-within-cpu.png solved-within-cpu.svg
        wall-time.png wall-time.svg"#]]
    .assert_eq(&files.chunks(2).map(|pair| pair.join(" ")).collect::<Vec<_>>().join("\n"));
    let png = std::fs::read(dir.join("run/plots/cost.png")).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    // Bytes 16 to 20 are the width.
    assert_eq!(png[16..20], 300_u32.to_be_bytes());

    // The same files give the same page, wherever it is written, and a line for a person.
    let again = run(dir, &["report", "run", "-o", "page.html", "--png-width", "100"]);
    assert_exit(&again, 0);
    assert_eq!(std::fs::read_to_string(dir.join("page.html")).unwrap(), page);
    assert!(stdout(&again).starts_with("3 rounds finished; "), "{}", stdout(&again));
}

#[test]
fn a_run_that_goes_on_is_told_as_far_as_it_got() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    sample(dir, 2, true);
    check_notes(
        dir,
        expect![[r#"
            rounds/03/trials.jsonl ends in a torn line, which is left out
            round 3 has no round.json: it runs, or was killed, and is told as far as it got
            the page is run/report.html, 13 plots are in run/plots
        "#]],
    );
    let round = |path: &str| dir.join("run/rounds").join(path);
    std::fs::remove_dir_all(round("01")).unwrap();
    std::fs::write(round("notes.txt"), "").unwrap();
    std::fs::write(round("02/eval/held-out/cg.jsonl"), "").unwrap();
    std::fs::remove_dir_all(round("02/training")).unwrap();
    std::fs::remove_file(dir.join("run/problems.jsonl")).unwrap();
    check_notes(
        dir,
        expect![[r#"
        there is no problems.jsonl: statements are named and not shown
        rounds/03/trials.jsonl ends in a torn line, which is left out
        rounds/notes.txt is no folder of a round and is left out
        round 1 has no folder
        round 3 has no round.json: it runs, or was killed, and is told as far as it got
        round 2 counts 306 solved statements, and the trials up to its end 58: trials are missing, or two runs wrote into the folder
        the page is run/report.html, 9 plots are in run/plots
    "#]],
    );
    std::fs::remove_dir_all(dir.join("run/rounds")).unwrap();
    check_notes(
        dir,
        expect![[r#"
        there is no problems.jsonl: statements are named and not shown
        the page is run/report.html, 0 plots are in run/plots
    "#]],
    );
}
