//! `stepwise compare`: real searches with two configurations, finished results, and what it refuses.

use std::path::Path;

use expect_test::expect;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{assert_exit, check_refused, lean_turn, n_lines, problems, run, stderr, stdout};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn wrong_configurations_are_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    problems(dir);
    std::fs::write(dir.join("empty.jsonl"), "").unwrap();
    std::fs::write(dir.join("nothing.jsonl"), "").unwrap();
    std::fs::write(dir.join("notes.jsonl"), "my notes\n").unwrap();
    let check = |words: &[&str], expected| check_refused(dir, &[&["compare"], words].concat(), expected);
    check(&[], expect!["error: the following required arguments were not provided:"]);
    check(&["five.jsonl"], expect!["error: there is nothing to compare with: give at least two configurations"]);
    check(
        &["five.jsonl", "--config", "a=--samples 4"],
        expect!["error: there is nothing to compare with: give at least two configurations"],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "a=--samples 4"],
        expect!["error: two configurations are called a: give each its own name"],
    );
    check(
        &["five.jsonl", "--config", "a", "--config", "b="],
        expect!["error: invalid value 'a' for '--config <NAME='FLAGS'>': give a name, `=`, and the flags in quotes"],
    );
    check(
        &["five.jsonl", "--config", "=--samples 4", "--config", "b="],
        expect![
            "error: invalid value '=--samples 4' for '--config <NAME='FLAGS'>': give a name of printable characters before the `=`"
        ],
    );
    check(
        &["five.jsonl", "--config", "a='", "--config", "b="],
        expect!["error: invalid value 'a='' for '--config <NAME='FLAGS'>': a quotation in the flags is never closed"],
    );
    check(
        &["five.jsonl", "--config", "a=--samples 0", "--config", "b="],
        expect!["error: --config a: invalid value '0' for '--samples <S>': give a whole number of at least 1"],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "b=--sample 3"],
        expect!["error: --config b: unexpected argument '--sample' found"],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "b=--priority best"],
        expect![
            "error: --config b: invalid value 'best' for '--priority <RULE>' [possible values: sum, average, length]"
        ],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "b=--help"],
        expect!["error: --config b: unexpected argument '--help' found"],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "b=--hosts 7"],
        expect![
            "error: --config b: a configuration says how to search; which problems, which Lean and where results go is the same for all: give those flags outside of --config"
        ],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "b=--limit 1"],
        expect![
            "error: --config b: a configuration says how to search; which problems, which Lean and where results go is the same for all: give those flags outside of --config"
        ],
    );
    check(
        &["five.jsonl", "--config", "a=", "--config", "b=other.jsonl"],
        expect!["error: --config b: unexpected argument 'other.jsonl' found"],
    );
    check(&["--config", "a=", "--config", "b=", "--", "missing.jsonl"], expect!["error: no file missing.jsonl"]);
    check(&["--results", "missing.jsonl"], expect!["error: no file missing.jsonl"]);
    check(
        &["--results", "empty.jsonl"],
        expect!["error: there is nothing to compare with: give at least two configurations"],
    );
    check(
        &["--results", "empty.jsonl", "empty.jsonl"],
        expect!["error: two configurations are called empty.jsonl: give each its own name"],
    );
    check(
        &["--results", "empty.jsonl", "nothing.jsonl"],
        expect!["error: empty has no result: run it to its end first"],
    );
    check(
        &["--results", "notes.jsonl", "empty.jsonl"],
        expect![
            "error: notes.jsonl: line 1 is not a record: expected value at line 1 column 1; remove the line, or write the results to another file"
        ],
    );
    check(
        &["five.jsonl", "--results", "empty.jsonl"],
        expect!["error: the argument '[FILE.jsonl]' cannot be used with '--results <OUT.jsonl>...'"],
    );
}

#[test]
fn configurations_are_compared_recorded_and_not_run_again() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    problems(dir.path());
    let out = dir.path().join("out");
    let args = ["compare", "five.jsonl", "--hosts", "1", "--expansions", "4", "--out", "out", "--json"];
    let args = [&args[..], &["--config", "base=", "--config", "timid=--expansions 1 --samples 1"]].concat();
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(comparison, json(&out.join("comparison.json")));
    let [base, timid] = [0, 1].map(|idx| comparison["configurations"][idx].clone());
    assert_eq!((&base["name"], &base["solved"], &base["total"]), (&"base".into(), &4.into(), &5.into()));
    assert_eq!((&timid["run"]["config"]["samples"], &timid["total"]), (&1.into(), &5.into()));
    // The flags outside of --config hold for all, and a configuration's own flags win.
    assert_eq!((&base["run"]["config"]["expansions"], &timid["run"]["config"]["expansions"]), (&4.into(), &1.into()));
    let counts = &timid["against_baseline"]["counts"];
    let of = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(of("both") + of("only_here") + of("only_there") + of("neither"), 5);
    assert_eq!(of("both") + of("only_here"), timid["solved"].as_u64().unwrap());
    assert!(base["cost_s"].as_f64().unwrap() > 0.0);
    let svg = std::fs::read_to_string(out.join("solved.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains(">timid</text>"), "{svg}");

    // A search that was not recorded before an interruption is run, and nothing else.
    let path = out.join("timid.jsonl");
    let recorded = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = recorded.split_inclusive('\n').take(3).collect();
    std::fs::write(&path, kept.concat()).unwrap();
    let base_recorded = std::fs::read(out.join("base.jsonl")).unwrap();
    let again = run(dir.path(), &args);
    assert_exit(&again, 0);
    assert!(stderr(&again).contains("8 searches are recorded already"), "{}", stderr(&again));
    assert_eq!(n_lines(&path), 5);
    assert_eq!(std::fs::read(out.join("base.jsonl")).unwrap(), base_recorded);

    let mut other = args.clone();
    other.extend(["--seed", "7"]);
    let refused = run(dir.path(), &other);
    assert_exit(&refused, 2);
    assert!(stderr(&refused).contains("another configuration"), "{}", stderr(&refused));

    // The same from the finished files, as a table and without Lean.
    let told = run(dir.path(), &["compare", "--results", "out/base.jsonl", "out/timid.jsonl"]);
    assert_exit(&told, 0);
    assert!(stdout(&told).contains("4 of 5") && stdout(&told).contains("baseline"), "{}", stdout(&told));

    // Results of other problems are no comparison.
    std::fs::write(
        dir.path().join("others.jsonl"),
        recorded.replace("\"statement_sha256\":\"", "\"statement_sha256\":\"0"),
    )
    .unwrap();
    check_refused(
        dir.path(),
        &["compare", "--results", "out/base.jsonl", "others.jsonl"],
        expect!["error: others has no problem in common with base: give results of the same problems"],
    );
}
