//! The real `stepwise` binary: exit codes, streams, and searches that are killed, resumed and interrupted.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tempfile::TempDir;

/// The binary, built by the cargo that runs the tests: another package's binary is not built for us.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "stepwise-worker", "--bin", "stepwise"]);
        // What cargo tells this test about its own package would make build scripts of dependencies run again, and with
        // them half the build.
        for (name, _) in std::env::vars_os() {
            let of_this_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
            if name.to_str().is_some_and(|n| of_this_package.iter().any(|prefix| n.starts_with(prefix))) {
                build.env_remove(name);
            }
        }
        let status = build.status().unwrap();
        assert!(status.success(), "stepwise does not build");
        // target/<profile>/deps/<this test>
        let deps = std::env::current_exe().unwrap();
        deps.parent().unwrap().parent().unwrap().join(format!("stepwise{}", std::env::consts::EXE_SUFFIX))
    })
}

/// One test at a time runs Lean: each process takes a gigabyte, and the tests look at the clock.
pub(crate) fn lean_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

/// `stepwise` in `dir`, with nothing of the user's configuration.
pub(crate) fn stepwise(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let is_setting = name.to_str().is_some_and(|n| n.starts_with("STEPWISE_"));
        // Where Lean lies is no setting of a search.
        if is_setting && name != "STEPWISE_CACHE_DIR" {
            command.env_remove(name);
        }
    }
    std::fs::write(dir.join("config.toml"), "").unwrap();
    command.args(args).current_dir(dir).env("STEPWISE_CONFIG", dir.join("config.toml"));
    // What these tests look at should not change with every model that ships.
    command.env("STEPWISE_POLICY", "portfolio").env("STEPWISE_CRITIC", "none");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    stepwise(dir, args).output().unwrap()
}

fn run_with_stdin(dir: &Path, args: &[&str], text: &[u8]) -> Output {
    let mut child = stepwise(dir, args).stdin(Stdio::piped()).spawn().unwrap();
    // A command that fails early may close its end first.
    let _ = child.stdin.take().unwrap().write_all(text);
    child.wait_with_output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

pub(crate) fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", stdout(output), stderr(output));
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(240), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn n_lines(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

pub(crate) fn check_refused(dir: &Path, args: &[&str], expected: Expect) {
    let output = run(dir, args);
    assert_exit(&output, 2);
    assert_eq!(stdout(&output), "");
    expected.assert_eq(stderr(&output).lines().next().unwrap_or_default());
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("latin1.lean"), b"theorem caf\xe9 : True := by sorry\n").unwrap();
    std::fs::write(dir.join("done.lean"), "theorem t : True := trivial\n").unwrap();
    std::fs::write(dir.join("empty.jsonl"), "\n").unwrap();
    std::fs::write(dir.join("other.jsonl"), "{\"question\": \"why\"}\n").unwrap();
    std::fs::write(dir.join("one.jsonl"), "{\"statement\": \"theorem t : True\"}\n").unwrap();
    std::fs::write(dir.join("text.txt"), "my notes").unwrap();
    std::fs::create_dir(dir.join("folder")).unwrap();
    check_refused(
        dir,
        &["prove", "--samples", "0", "True"],
        expect!["error: invalid value '0' for '--samples <S>': give a whole number of at least 1"],
    );
    check_refused(dir, &["prove", "--sample", "3", "True"], expect!["error: unexpected argument '--sample' found"]);
    check_refused(
        dir,
        &["prove", ""],
        expect!["error: the statement is empty: give `theorem name (x : T) : P`, `example : P` or a proposition"],
    );
    check_refused(
        dir,
        &["prove"],
        expect!["error: the statement is empty: give `theorem name (x : T) : P`, `example : P` or a proposition"],
    );
    check_refused(dir, &["prove", "missing.lean"], expect!["error: no file missing.lean"]);
    check_refused(
        dir,
        &["prove", "latin1.lean"],
        expect!["error: latin1.lean is not UTF-8 (byte 11); save it as UTF-8, as Lean wants it"],
    );
    check_refused(
        dir,
        &["prove", "done.lean"],
        expect!["error: done.lean: no `sorry` in it: write `:= by sorry` where a proof is wanted"],
    );
    check_refused(
        dir,
        &["prove", "-o", "folder", "True"],
        expect![
            "error: cannot write folder; name a file in a folder that exists and can be written: Is a directory (os error 21)"
        ],
    );
    check_refused(
        dir,
        &["prove", "-o", "no/such/file.lean", "True"],
        expect![
            "error: cannot write no/such/file.lean; name a file in a folder that exists and can be written: No such file or directory (os error 2)"
        ],
    );
    check_refused(
        dir,
        &["prove", "--resume", "True"],
        expect!["error: the following required arguments were not provided:"],
    );
    check_refused(
        dir,
        &["prove", "--resume", "--log", "missing.log"],
        expect!["error: cannot read the log missing.log: No such file or directory (os error 2)"],
    );
    check_refused(
        dir,
        &["prove", "--log", "text.txt", "True"],
        expect!["error: text.txt exists already: add --resume to go on from it, or name another file"],
    );
    check_refused(
        dir,
        &["prove", "--preamble", "@missing.txt", "True"],
        expect!["error: --preamble: no file missing.txt"],
    );
    check_refused(
        dir,
        &["prove", "--lean-project", "missing", "True"],
        expect!["error: no folder missing: --lean-project takes the folder of a Lake project"],
    );
    check_refused(dir, &["eval", "missing.jsonl"], expect!["error: no file missing.jsonl"]);
    check_refused(
        dir,
        &["eval", "empty.jsonl"],
        expect!["error: empty.jsonl: no problem in it: expected one JSON object per line, or a JSON array of them"],
    );
    check_refused(
        dir,
        &["eval", "other.jsonl"],
        expect![
            "error: other.jsonl:1: no statement: expected one of the fields formal_statement, lean4_statement, lean4_formalization, statement"
        ],
    );
    check_refused(
        dir,
        &["eval", "one.jsonl", "--filter", "("],
        expect!["error: --filter ( is no regular expression: found open group without closing ')'"],
    );
    check_refused(dir, &["eval", "one.jsonl", "--filter", "x"], expect!["error: no problem's name matches --filter x"]);
    check_refused(
        dir,
        &["eval", "one.jsonl", "--results", "text.txt"],
        expect!["error: cannot use text.txt: it holds something else than records; name another file"],
    );
    check_refused(
        dir,
        &["replay", "text.txt"],
        expect!["error: text.txt: the log has no complete first line: nothing was recorded, start the search anew"],
    );
    check_refused(dir, &["check", "missing.lean"], expect!["error: no file missing.lean"]);
    assert_eq!(std::fs::read(dir.join("text.txt")).unwrap(), b"my notes");
}

#[test]
fn a_setting_names_its_origin() {
    let dir = TempDir::new().unwrap();
    let mut command = stepwise(dir.path(), &["config", "show", "--json", "--passes", "3"]);
    std::fs::write(dir.path().join("config.toml"), "passes = 9\nsamples = 9\nexpansions = 9\n").unwrap();
    let output = command.env("STEPWISE_SAMPLES", "7").output().unwrap();
    assert_exit(&output, 0);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str| (shown["settings"][key]["value"].clone(), shown["settings"][key]["origin"].clone());
    assert_eq!(of("passes"), ("3".into(), "command line".into()));
    assert_eq!(of("samples"), ("7".into(), "environment STEPWISE_SAMPLES".into()));
    assert_eq!(of("expansions").0, "9");
    assert!(of("expansions").1.as_str().unwrap().ends_with("config.toml"));
    assert_eq!(of("seed"), ("0".into(), "default".into()));
}

#[test]
fn documents_come_from_the_definition() {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["man", "--out", "pages"]);
    assert_exit(&output, 0);
    for page in ["stepwise.1", "stepwise-prove.1", "stepwise-eval.1"] {
        let text = std::fs::read_to_string(dir.path().join("pages").join(page)).unwrap();
        assert!(text.starts_with(".ie"), "{page} is no man page: {text}");
    }
    let output = run(dir.path(), &["completions", "bash"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("--expansions"));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let dir = TempDir::new().unwrap();
    let mut child = stepwise(dir.path(), &["completions", "zsh"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_exit(&output, 0);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_statement_becomes_a_file_that_checks() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["prove", "--hosts", "1", "theorem swap (p q : Prop) (h : p ∧ q) : q ∧ p"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("theorem swap (p q : Prop) (h : p ∧ q) : q ∧ p := by"), "{}", stdout(&output));
    std::fs::write(dir.path().join("swap.lean"), &output.stdout).unwrap();
    let output = run(dir.path(), &["check", "swap.lean"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).starts_with("swap: accepted (axioms"), "{}", stdout(&output));
    std::fs::write(dir.path().join("lie.lean"), "theorem lie : 1 = 2 := by sorry\n").unwrap();
    let output = run(dir.path(), &["check", "lie.lean"]);
    assert_exit(&output, 1);
    assert!(stdout(&output).contains("sorry"), "{}", stdout(&output));
}

#[test]
fn every_sorry_of_a_file_is_filled() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let text = "/-- The first. -/\ntheorem first (n : Nat) : n + 0 = n := by sorry\n\n-- A remark that stays.\n\
                theorem second (p q : Prop) (hp : p) (hq : q) : p ∧ q := sorry\n";
    std::fs::write(dir.path().join("two.lean"), text).unwrap();
    let output = run(dir.path(), &["prove", "--hosts", "1", "two.lean", "-o", "filled.lean"]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "");
    let filled = std::fs::read_to_string(dir.path().join("filled.lean")).unwrap();
    assert!(!filled.contains("sorry") && filled.contains("-- A remark that stays."), "{filled}");
    let output = run(dir.path(), &["check", "filled.lean"]);
    assert_exit(&output, 0);
    let judged = stdout(&output);
    let names: Vec<&str> =
        judged.lines().filter_map(|line| line.split_once(": accepted (axioms").map(|(name, _)| name)).collect();
    assert_eq!(names, ["first", "second"], "{judged}");
}

#[test]
fn standard_input_gives_json() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let args = ["prove", "--hosts", "1", "--json", "-"];
    let output = run_with_stdin(dir.path(), &args, "theorem t (a b : ℕ) (h : a < b) : a ≤ b := by sorry".as_bytes());
    assert_exit(&output, 0);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["stepwise_prove"], 1);
    assert_eq!(json["proved"], true);
    let theorem = &json["theorems"][0];
    assert_eq!((&theorem["name"], &theorem["end"]), (&"t".into(), &"proved".into()));
    assert!(theorem["proof"].as_array().is_some_and(|tactics| !tactics.is_empty()));
    assert_eq!(theorem["verdict"]["accepted"], true);
    assert!(theorem["ledger"]["tactics"].as_u64().unwrap() >= 1);
    assert!(theorem["ledger"]["lean_cpu_us"].as_u64().unwrap() >= 1);
    assert!(json["file"].as_str().unwrap().contains("theorem t (a b : ℕ) (h : a < b) : a ≤ b := by"));
}

#[test]
fn what_is_withheld_stands_in_no_proof() {
    let (_turn, dir) = (lean_turn(), TempDir::new().unwrap());
    let statement = "theorem t (p q : Prop) (n m : Nat) (h : p ∧ q) (e : n = m) : q ∧ m + 0 = n";
    let withheld: stepwise_core::syntax::Withheld = "automation".parse().unwrap();
    let proof = |more: &[&str]| {
        let told = run(dir.path(), &[&["prove", "--json", statement], more].concat());
        assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        let proof = told["theorems"][0]["proof"].as_array().unwrap().iter();
        proof.map(|tactic| tactic.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let uses_it = |proof: &[String]| proof.iter().any(|tactic| withheld.is_used_in(tactic));
    assert!(uses_it(&proof(&[])), "there would be nothing to withhold");
    let without = proof(&["--withhold", "automation"]);
    assert!(!uses_it(&without) && without.len() > 1, "{without:?}");
    let refused = run(dir.path(), &["prove", "--withhold", "grind, simp only", statement]);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("`simp only` is no tactic's name"), "{message}");
}

#[test]
fn what_is_not_proved_exits_with_1() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["prove", "--hosts", "1", "theorem wrong (n : Nat) : n = Nat.no_such_thing n"]);
    // A statement that does not elaborate is an error of the input.
    assert_exit(&output, 2);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("no_such_thing"), "{}", stderr(&output));
    let args = ["prove", "--hosts", "1", "--expansions", "2", "--no-disprove", "theorem no (p q : Prop) : p → q"];
    let output = run(dir.path(), &args);
    assert_exit(&output, 1);
    assert_eq!(stdout(&output), "");
}

/// Not provable, and case splits go on for ever; its negation is not to be searched.
const ENDLESS: &str = "theorem endless (n m : Nat) : n = m";

#[test]
fn a_killed_search_replays_and_goes_on() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("search.jsonl");
    let begin = ["prove", "--hosts", "1", "--expansions", "6", "--no-disprove", "--log", "search.jsonl", ENDLESS];
    let mut child = stepwise(dir.path(), &begin).spawn().unwrap();
    wait_until("the first expansion in the log", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("checked"))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let n_before = n_lines(&log);
    let replayed = run(dir.path(), &["replay", "search.jsonl", "--json"]);
    assert_exit(&replayed, 1);
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!((&replayed["end"], &replayed["problem"]), (&"open".into(), &Value::Null));
    // A second search must not overwrite the first one's log.
    assert_exit(&run(dir.path(), &begin), 2);
    assert_eq!(n_lines(&log), n_before);
    let resumed = run(dir.path(), &["prove", "--hosts", "1", "--no-disprove", "--log", "search.jsonl", "--resume"]);
    assert_exit(&resumed, 1);
    assert!(n_lines(&log) > n_before);
    let ended = run(dir.path(), &["replay", "search.jsonl", "--json"]);
    let ended: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_ne!(ended["end"], "open");
    assert_eq!(ended["problem"], Value::Null);
    // What was known before the kill is known still, under the same numbers.
    let before = replayed["edges"].as_array().unwrap();
    assert_eq!(before.as_slice(), &ended["edges"].as_array().unwrap()[..before.len()]);
    let again = run(dir.path(), &["replay", "search.jsonl", "--at", &(n_before - 1).to_string(), "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["nodes"], &again["edges"]), (&replayed["nodes"], &replayed["edges"]));
}

pub(crate) fn problems(dir: &Path) {
    let statements = [
        ("and_swap", "theorem and_swap (p q : Prop) (h : p ∧ q) : q ∧ p"),
        ("linear", "theorem linear (a b : ℕ) (h : a < b) : 2 * a < 2 * b"),
        ("decided", "theorem decided : 7 * 8 = 56"),
        ("false_one", "theorem false_one (p q : Prop) : p → q"),
        ("trivially", "theorem trivially (n : ℤ) : n = n"),
    ];
    let lines = statements.map(|(name, statement)| {
        format!("{}\n", serde_json::json!({ "name": name, "formal_statement": statement, "split": "test" }))
    });
    std::fs::write(dir.join("five.jsonl"), lines.concat()).unwrap();
}

#[test]
fn an_eval_is_recorded_and_not_run_again() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    problems(dir.path());
    let args = ["eval", "five.jsonl", "--hosts", "1", "--expansions", "4", "--results", "out.jsonl", "--json"];
    let output = run(dir.path(), &args);
    assert_exit(&output, 0);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    let summary = &lines[5]["summary"];
    assert_eq!((summary["solved"].as_u64(), summary["total"].as_u64()), (Some(4), Some(5)));
    assert_eq!(summary["disproved"], 1);
    assert!(summary["lean_cpu_s"].as_f64().unwrap() > 0.0 && summary["wall_s"].as_f64().unwrap() > 0.0);
    let recorded = std::fs::read(dir.path().join("out.jsonl")).unwrap();
    assert_eq!(n_lines(&dir.path().join("out.jsonl")), 5);

    let again = run(dir.path(), &args);
    assert_exit(&again, 0);
    assert_eq!(std::fs::read(dir.path().join("out.jsonl")).unwrap(), recorded);
    let last: Value = serde_json::from_str(stdout(&again).lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"]["solved"], 4);

    let mut other = args.to_vec();
    other.extend(["--samples", "3"]);
    let refused = run(dir.path(), &other);
    assert_exit(&refused, 2);
    assert!(stderr(&refused).contains("another configuration"), "{}", stderr(&refused));

    // A record that was being written when the process was killed is run again.
    std::fs::write(dir.path().join("out.jsonl"), &recorded[..recorded.len() - 9]).unwrap();
    assert_exit(&run(dir.path(), &args), 0);
    assert_eq!(n_lines(&dir.path().join("out.jsonl")), 5);
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn ctrl_c_drains_and_the_same_command_goes_on() {
    let _turn = lean_turn();
    let dir = TempDir::new().unwrap();
    let problem = serde_json::json!({ "name": "endless", "statement": ENDLESS });
    std::fs::write(dir.path().join("one.jsonl"), format!("{problem}\n")).unwrap();
    let args = ["eval", "one.jsonl", "--hosts", "1", "--expansions", "6", "--results", "out.jsonl"];
    let args = [&args[..], &["--logs", "logs", "--no-disprove"]].concat();
    let child = stepwise(dir.path(), &args).spawn().unwrap();
    let log = dir.path().join("logs/endless.jsonl");
    wait_until("the first expansion in the log", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("checked"))
    });
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_exit(&output, 130);
    assert!(stderr(&output).contains("the same command goes on from here"), "{}", stderr(&output));
    assert_eq!(n_lines(&dir.path().join("out.jsonl")), 0);
    let n_before = n_lines(&log);
    assert_exit(&run(dir.path(), &args), 0);
    assert!(n_lines(&log) > n_before);
    assert_eq!(n_lines(&dir.path().join("out.jsonl")), 1);
}
