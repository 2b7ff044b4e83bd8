//! `stepwise bench gpu`: the quick plan on the machine's adapter, its report, and what is refused.

use expect_test::expect;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{assert_exit, run, stderr, stdout};

#[test]
fn a_report_is_written_shown_and_compared() {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["bench", "gpu", "--quick", "--json", "a.json", "--markdown"]);
    if stderr(&output).contains("no GPU adapter was found") {
        println!("not tested: bench gpu, because {}", stderr(&output).trim_end());
        return;
    }
    assert_exit(&output, 0);
    let shown = stdout(&output);
    assert!(shown.contains("\nnot ranked: ") && shown.contains("| small, D4, 65 columns |"), "{shown}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(dir.path().join("a.json")).unwrap()).unwrap();
    assert_eq!((report["stepwise_bench_gpu"].as_u64(), report["verdict"]["ranked"].as_bool()), (Some(1), Some(false)));
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.len() == 32 && rows.iter().all(|row| row["state"] == "right"), "{rows:?}");

    // An edited plan is another plan.
    let only = ["bench", "gpu", "--quick", "--only", "D8", "--json", "b.json"];
    let output = run(dir.path(), &only);
    assert_exit(&output, 0);
    assert!(
        stdout(&output).contains("the plan was edited (only rows with \"D8\" in their name)"),
        "{}",
        stdout(&output)
    );
    let output = run(dir.path(), &["bench", "gpu", "--compare", "a.json", "b.json"]);
    assert_exit(&output, 2);
    let refused = stderr(&output);
    assert!(refused.starts_with("error: a ran the plan quick (") && refused.lines().count() == 1, "{refused}");

    let output = run(dir.path(), &["bench", "gpu", "--compare", "a.json", "a.json"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("1.00 [") && stdout(&output).contains("a is not ranked: "), "{}", stdout(&output));
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("damaged.json"), r#"{"stepwise_bench_gpu": 1, "rows": []}"#).unwrap();
    std::fs::write(dir.path().join("newer.json"), r#"{"stepwise_bench_gpu": 7}"#).unwrap();
    std::fs::write(dir.path().join("other.json"), "[]").unwrap();
    let refused = |args: &[&str]| {
        let output = run(dir.path(), &[&["bench", "gpu"], args].concat());
        assert_exit(&output, 2);
        stderr(&output).to_owned()
    };
    let all = [
        refused(&["--compare", "damaged.json", "newer.json"]),
        refused(&["--compare", "newer.json", "other.json"]),
        refused(&["--compare", "other.json"]),
    ]
    .concat();
    expect![[r#"
        error: damaged.json: the report is damaged (missing field `program`)
        error: newer.json: it is a report of version 7, and this program reads version 1; run the benchmark again
        error: other.json: it is no report of `stepwise bench gpu`, and none of `llama-bench -o json`
    "#]]
    .assert_eq(&all);
    assert!(refused(&["--compare", "missing.json"]).starts_with("error: cannot read missing.json: "));

    let unknown = refused(&["--adapter", "no such adapter"]);
    let is_told = unknown.starts_with("error: no adapter is called \"no such adapter\"; there are: ")
        || unknown.starts_with("error: no GPU adapter was found; ");
    assert!(is_told && unknown.lines().count() == 1, "{unknown}");
}
