//! The benchmark on the machine's adapter, and what is made of reports.

use std::cell::Cell;
use std::collections::BTreeSet;

use expect_test::expect;
use serde_json::{Value, json};

use super::compare::{CompareError, compare};
use super::report::{Report, State};
use super::{Bound, Gpu, GpuError, Host, Plan, Work, html, run, text};

/// Runs a plan on the machine's adapter, stopping when it is asked for the `stop_at`th time; `None`, and a line that
/// says so, where there is no adapter.
fn measured(plan: &Plan, stop_at: u32) -> Option<Report> {
    let gpu = match pollster::block_on(Gpu::open()) {
        Ok(gpu) => gpu,
        Err(error @ GpuError::NoAdapter(_)) => {
            println!("not tested: the benchmark, because {error}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    #[allow(clippy::disallowed_types, reason = "whoever asks for a run has the clock, and here that is this test")]
    let begun = std::time::Instant::now();
    let (asked, done) = (Cell::new(0), Cell::new(0.0));
    let host = Host {
        now: &|| begun.elapsed().as_secs_f64(),
        progress: &|share, _| assert!((done.replace(share)..=1.0).contains(&share), "{share}"),
        stopped: &|| asked.replace(asked.get() + 1) >= stop_at,
        machine: "a machine".to_owned(),
        browser: None,
    };
    Some(pollster::block_on(run(&gpu, plan, &host)).unwrap())
}

/// Two rows of a full plan on a GPU: steady, and faster by `factor`.
fn ranked(factor: f64) -> Report {
    let times = |seconds: f64| {
        let steady = [1.0, 1.01, 1.01, 1.02].repeat(3);
        steady.iter().map(|more| seconds * more / factor).collect::<Vec<f64>>()
    };
    let row = |name: &str, kind: &str, cost: Value, seconds: f64| {
        json!({
            "name": name, "kind": kind, "cost": cost, "state": "right", "compile_seconds": 0.5, "cold_seconds": 0.01,
            "repeats": 10, "samples": times(seconds),
        })
    };
    let rows = [
        row("copy", "copy", json!({ "bytes": 1_000_000, "flops": 0, "dispatches": 1 }), 1e-6),
        row("f32 multiply-add", "fma", json!({ "bytes": 0, "flops": 1_000_000, "dispatches": 1 }), 1e-6),
        row("narrow", "product", json!({ "bytes": 1_000_000, "flops": 100_000, "dispatches": 1 }), 2e-6),
        row("wide", "product", json!({ "bytes": 1_000_000, "flops": 8_000_000, "dispatches": 1 }), 1e-5),
    ];
    let report = json!({
        "stepwise_bench_gpu": 1, "program": "0.1.0", "build": "release", "machine": "linux x86_64, 8 cores",
        "browser": null, "interrupted": false, "seconds": 90.0, "kernels": { "matvec": "abc" }, "rows": rows,
        "plan": { "name": "full", "hash": "0123456789", "edited": null },
        "adapter": {
            "name": "Some_GPU", "backend": "Vulkan", "driver": "somedriver", "driver_info": "1.2", "device_type": "DiscreteGpu",
            "vendor_id": 1, "device_id": 2, "is_software": false, "features": [], "limits": {},
        },
    });
    Report::read(&report.to_string()).unwrap()
}

#[test]
fn every_row_of_the_quick_plan_is_right_and_a_software_adapter_is_not_ranked() {
    let plan = Plan::quick();
    let Some(report) = measured(&plan, u32::MAX) else { return };
    assert_eq!(report.rows.len(), plan.rows.len());
    for row in &report.rows {
        assert_eq!(row.state, State::Right, "{}", row.name);
        assert!(row.figures.is_some_and(|figures| figures.median > 0.0 && figures.n >= 3), "{}", row.name);
        assert_eq!(row.figures.and_then(|figures| figures.share).is_some(), row.is_of_models(), "{}", row.name);
    }
    assert!(report.peaks.bytes_per_second.is_some() && report.peaks.int8_per_second.is_some());
    assert!(!report.verdict.ranked, "{:?}", report.verdict);
    if report.adapter.is_software {
        assert!(report.verdict.reasons.contains(&"the adapter is a program on the CPU".to_owned()));
        assert!(text::heading(&report)[0].ends_with(", a program on the CPU: these figures rank no GPU"));
        assert!(text::markdown(&report).contains("a program on the CPU: these figures rank no GPU"));
    }
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(Report::read(&json).unwrap(), report);
}

#[test]
fn a_run_that_is_stopped_keeps_what_it_has_and_is_not_ranked() {
    let Some(report) = measured(&Plan::quick(), 7) else { return };
    assert!(report.interrupted);
    assert!(report.verdict.reasons.contains(&"the run was interrupted".to_owned()));
    let n_right = report.rows.iter().filter(|row| row.state == State::Right).count();
    assert_eq!(n_right, 3, "two samples each of the first three rows, and the seventh was not taken");
    assert!(report.rows.iter().skip(n_right).all(|row| row.state == State::Pending && row.samples.is_empty()));
    assert_eq!(text::rows(&report)[n_right].last().map(String::as_str), Some("not reached"));
}

#[test]
fn plans_name_each_row_once_and_stay_within_default_bindings() {
    for plan in [Plan::full(), Plan::quick()] {
        let names: BTreeSet<&str> = plan.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), plan.rows.len(), "{}", plan.name);
        for row in &plan.rows {
            if let Work::Product { layer, format, n_columns } = row.work {
                assert_eq!(layer.shape().check(format), Ok(()), "{}", row.name);
                let outputs = 4 * u64::from(layer.n_rows.max(layer.n_inner)) * u64::from(n_columns);
                assert!(outputs <= 128 << 20, "{} has {outputs} bytes of outputs", row.name);
            }
        }
    }
}

#[test]
fn a_plan_that_measures_something_else_has_another_hash() {
    let full = Plan::full();
    assert_eq!(full.hash(), Plan::full().hash());
    assert_ne!(full.hash(), Plan::quick().hash());
    let only = Plan::full().only("7B head, D4");
    assert_ne!(full.hash(), only.hash());
    let names: Vec<&str> = only.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names[..2], ["copy", "f32 multiply-add"]);
    assert!(names.len() > 2 && names[2..].iter().all(|name| name.starts_with("7B head, D4")), "{names:?}");
    assert_eq!(only.edited.as_deref(), Some("only rows with \"7B head, D4\" in their name"));
}

#[test]
fn a_steady_run_of_the_full_plan_on_a_gpu_is_ranked() {
    let report = ranked(1.0);
    assert!(report.verdict.ranked, "{:?}", report.verdict);
    let figures = |idx: usize| report.rows[idx].figures.unwrap();
    // The narrow product takes twice as long as its bytes at the copy's speed, the wide one 10/8 of its operations.
    let (bound, share) = figures(2).share.unwrap();
    assert!(bound == Bound::Memory && (share - 0.5).abs() < 1e-9, "{share}");
    let (bound, share) = figures(3).share.unwrap();
    assert!(bound == Bound::Arithmetic && (share - 0.8).abs() < 1e-9, "{share}");
    assert_eq!((figures(2).n, figures(2).drift.map(|drift| (drift * 1e6).round())), (12, Some(1e6)));
}

#[test]
fn what_speaks_against_ranking_is_told() {
    let reasons = |change: &dyn Fn(&mut Report)| {
        let mut report = ranked(1.0);
        change(&mut report);
        let verdict = report.completed().verdict;
        assert_eq!(verdict.ranked, verdict.reasons.is_empty());
        verdict.reasons.join("; ")
    };
    let check = |change: &dyn Fn(&mut Report), expected: &str| assert_eq!(reasons(change), expected);
    check(&|_| (), "");
    check(&|report| report.adapter.is_software = true, "the adapter is a program on the CPU");
    check(&|report| report.plan.name = "quick".to_owned(), "the quick plan is too short to rank");
    check(&|report| report.plan.edited = Some("one row".to_owned()), "the plan was edited (one row)");
    check(&|report| report.interrupted = true, "the run was interrupted");
    check(
        &|report| report.build = "development".to_owned(),
        "the program is a development build, which takes longer for each dispatch",
    );
    check(
        &|report| {
            report.rows[2].state = State::Wrong { reason: String::new() };
            report.rows[2].samples.clear();
        },
        "1 row computed wrongly",
    );
    check(&|report| report.rows[3].state = State::NotMeasured { reason: String::new() }, "1 row could not be measured");
    let slower = |factor: f64| {
        move |report: &mut Report| {
            for row in &mut report.rows {
                row.samples.iter_mut().skip(8).for_each(|seconds| *seconds *= factor);
            }
        }
    };
    check(&slower(1.09), "");
    check(&slower(1.12), "the run's last third was 12% slower than its first");
    check(&slower(0.85), "the run's last third was 15% faster than its first");
}

#[test]
fn texts_that_are_no_reports_of_this_version_are_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(ranked(1.0)).unwrap();
        change(&mut value);
        Report::read(&value.to_string()).unwrap_err().to_string()
    };
    let none = "it is no report of `stepwise bench gpu`, and none of `llama-bench -o json`";
    assert_eq!(Report::read("").unwrap_err().to_string(), none);
    assert_eq!(Report::read("[1, 2").unwrap_err().to_string(), none);
    assert_eq!(Report::read("{}").unwrap_err().to_string(), none);
    assert_eq!(
        refused(&|value| value["stepwise_bench_gpu"] = json!(2)),
        "it is a report of version 2, and this program reads version 1; run the benchmark again"
    );
    let damaged = |change: &dyn Fn(&mut Value)| {
        let told = refused(change);
        assert!(told.starts_with("the report is damaged (") && !told.contains('\n'), "{told}");
    };
    damaged(&|value| value["rows"] = json!(null));
    damaged(&|value| value["rows"][0]["state"] = json!("fast"));
    damaged(&|value| value["rows"][0]["samples"][3] = json!(0.0));
    damaged(&|value| value["rows"][0]["samples"][3] = json!(-1.0));
    damaged(&|value| value["rows"][0]["samples"][3] = json!("1"));
    damaged(&|value| value["adapter"] = json!({}));
    // A row whose results were wrong has no speed.
    damaged(&|value| {
        value["rows"][2]["state"] = json!("wrong");
        value["rows"][2]["reason"] = json!("?");
    });
}

#[test]
fn a_reports_own_figures_and_verdict_are_not_believed() {
    let mut value = serde_json::to_value(ranked(1.0)).unwrap();
    value["adapter"]["is_software"] = json!(true);
    value["verdict"] = json!({ "ranked": true, "reasons": [] });
    value["rows"][2]["figures"]["median"] = json!(1e-12);
    let report = Report::read(&value.to_string()).unwrap();
    assert!(!report.verdict.ranked);
    assert_eq!(report.rows[2].figures, ranked(1.0).rows[2].figures);
}

#[test]
fn reports_of_one_plan_are_compared_row_by_row() {
    let mut other = ranked(2.0);
    other.kernels.insert("matvec".to_owned(), "def".to_owned());
    let comparison = compare(&[("a".to_owned(), ranked(1.0)), ("b".to_owned(), other)]).unwrap();
    let mut shown = text::compared_markdown(&comparison);
    // What the bootstrap draws is not what is shown here.
    for ratio in comparison.rows.iter().map(|row| row.ratios[0].unwrap()) {
        assert!((ratio.value - 2.0).abs() < 1e-9 && ratio.low < ratio.value && ratio.value < ratio.high, "{ratio:?}");
        shown = shown.replace(&format!("{:.2}, {:.2}", ratio.low, ratio.high), "..");
    }
    expect![[r"
        |  | a | b | times as fast |
        |---|--:|--:|--:|
        | copy | 1.01 µs | 0.50 µs | 2.00 \[..\] |
        | f32 multiply-add | 1.01 µs | 0.50 µs | 2.00 \[..\] |
        | narrow | 2.02 µs | 1.01 µs | 2.00 \[..\] |
        | wide | 10.1 µs | 5.05 µs | 2.00 \[..\] |
        | what models do, geometric mean |  |  | 2.00 \[2.00, 2.00\] |

        not the same kernels: matvec  
        in brackets the 95% interval of what a run's own samples leave open; another run may differ by more  
    "]]
    .assert_eq(&shown);
}

#[test]
fn an_unranked_report_is_compared_without_a_mean_and_with_its_reason() {
    let mut software = ranked(1.0);
    software.adapter.is_software = true;
    let software = software.completed();
    let comparison = compare(&[("gpu".to_owned(), ranked(1.0)), ("program".to_owned(), software)]).unwrap();
    assert_eq!(comparison.means, [None]);
    assert!(comparison.rows.iter().all(|row| row.ratios[0].is_some()));
    assert_eq!(text::compared_remarks(&comparison)[0], "program is not ranked: the adapter is a program on the CPU");
}

#[test]
fn runs_of_different_plans_are_not_compared() {
    let mut other = ranked(1.0);
    other.plan.name = "quick".to_owned();
    other.plan.hash = "9876543210".to_owned();
    let error = compare(&[("a".to_owned(), ranked(1.0)), ("b".to_owned(), other)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a ran the plan full (01234567) and b the plan quick (98765432); only runs of one plan can be compared"
    );
    assert_eq!(compare(&[("a".to_owned(), ranked(1.0))]), Err(CompareError::One));
}

#[test]
fn a_report_is_shown_with_its_device_its_run_and_its_rows() {
    let mut report = ranked(1.0);
    report.rows[3].state = State::Wrong { reason: "row 0 of column 0 is 1 and should be 2".to_owned() };
    report.rows[3].samples.clear();
    expect![[r"
        Some\_GPU (Vulkan, somedriver 1.2)  
        plan full in 90 s; stepwise 0.1.0 (release) on linux x86\_64, 8 cores  
        not ranked: 1 row computed wrongly  

        |  | median | spread | n | GB/s | Gop/s | of the peak | cold |  |
        |---|--:|--:|--:|--:|--:|--:|--:|---|
        | copy | 1.01 µs | 1.0% | 12 | 990 | - | - | 10.0 ms |  |
        | f32 multiply-add | 1.01 µs | 1.0% | 12 | - | 990 | - | 10.0 ms |  |
        | narrow | 2.02 µs | 1.0% | 12 | 495 | 49.5 | 50% memory | 10.0 ms |  |
        | wide | - | - | - | - | - | - | - | wrong: row 0 of column 0 is 1 and should be 2 |
    "]]
    .assert_eq(&text::markdown(&report.completed()));
}

#[test]
fn a_report_as_html_is_well_formed_and_what_comes_from_outside_is_text() {
    let mut report = ranked(1.0);
    report.adapter.name = "A & <b>".to_owned();
    report.rows[3].samples.clear();
    report.rows[3].state = State::Wrong { reason: "row 3 is <NaN>".to_owned() };
    let report = Report::read(&serde_json::to_string(&report).unwrap()).unwrap();
    let text = format!("<div>{}</div>", html(&[("<i>\"x\"".to_owned(), report)]));
    let document = roxmltree::Document::parse(&text).unwrap();
    let texts = |name: &str| -> Vec<String> {
        let of_name = document.descendants().filter(|node| node.has_tag_name(name));
        of_name
            .map(|node| node.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect())
            .collect()
    };
    assert_eq!(texts("h3"), ["<i>\"x\""]);
    assert_eq!(texts("dd")[0], "A & <b>");
    assert_eq!(texts("caption"), ["Rows of <i>\"x\""]);
    let groups = document.descendants().filter(|node| node.attribute("scope") == Some("rowgroup"));
    assert_eq!(groups.count(), 2, "the device, and products");
    assert!(text.contains("<span class=\"bad\">\u{2717} wrong: row 3 is &lt;NaN&gt;</span>"), "{text}");
    assert!(text.contains("50% memory <svg class=\"bar\"") && text.contains("<rect width=\"50.0\""), "{text}");
    assert_eq!(text.matches("<svg").count(), 1, "no bar without a share");
}

#[test]
fn reports_as_html_stand_side_by_side_or_say_why_not() {
    let named = |name: &str, report: Report| (name.to_owned(), report);
    let both = [named("slow", ranked(1.0)), named("fast", ranked(2.0))];
    let text = html(&both);
    assert!(text.contains("<h3 id=\"compared\">Side by side</h3>"), "{text}");
    assert!(text.contains("<td class=\"number\">2.00 ["), "{text}");
    assert!(text.contains("id=\"report-0\"") && text.contains("id=\"report-1\""), "{text}");
    roxmltree::Document::parse(&format!("<div>{text}</div>")).unwrap();

    let [slow, (name, mut other)] = both;
    other.plan.hash = "another".to_owned();
    let text = html(&[slow, (name, other)]);
    assert!(text.contains("only runs of one plan can be compared</p>"), "{text}");
    assert!(!html(&[named("alone", ranked(1.0))]).contains("Side by side"));
}

/// As llama-bench writes it, with a model of 1.9 billion parameters in 8.5 bits.
fn llama_bench() -> String {
    let test = |n_prompt: u32, n_gen: u32, n_threads: u32, samples_ns: [u64; 3]| {
        json!({
            "build_commit": "0123abcd", "build_number": 7000, "cpu_info": "A CPU", "gpu_info": "Some GPU",
            "backends": "Vulkan", "model_filename": "m.gguf", "model_type": "internlm2 1.8B Q8_0",
            "model_size": 2_010_000_000_u64, "model_n_params": 1_890_000_000_u64, "n_threads": n_threads,
            "n_gpu_layers": -1, "n_prompt": n_prompt, "n_gen": n_gen, "n_depth": 0, "avg_ns": samples_ns[1],
            "samples_ns": samples_ns, "samples_ts": [1.0, 1.0, 1.0],
        })
    };
    let second = 1_000_000_000;
    json!([
        test(512, 0, 8, [second / 4, second / 5, second / 4]),
        test(0, 128, 8, [2 * second, 2 * second, 3 * second]),
        test(0, 128, 16, [second, second, second]),
        test(512, 128, 8, [3 * second, 3 * second, 3 * second]),
    ])
    .to_string()
}

#[test]
fn what_llama_bench_measured_is_shown_as_a_report_that_is_not_ranked() {
    let report = Report::read(&llama_bench()).unwrap();
    let heading = text::heading(&report).join("\n");
    expect![[r#"
        Some GPU (Vulkan)
        llama-bench of llama.cpp 0123abcd in 20 s on A CPU
        not ranked: llama-bench measured it, whose rows are other work than this plan's"#]]
    .assert_eq(&heading);
    let rows: Vec<String> = text::rows(&report).iter().map(|cells| cells.join(" | ")).collect();
    expect![[r#"
        internlm2 1.8B Q8_0, pp512 | 250 ms | 8.0% | 3 | 8.04 | 7741 | - | - | 2048 tokens/s
        internlm2 1.8B Q8_0, tg128 | 15.6 ms | 20.0% | 3 | 129 | 242 | - | - | 64.0 tokens/s, drifted by +50%
        internlm2 1.8B Q8_0, tg128 (2) | 7.81 ms | 0.0% | 3 | 257 | 484 | - | - | 128 tokens/s
        internlm2 1.8B Q8_0, pp512+tg128 | 3.00 s | 0.0% | 3 | - | - | - | - | 213 tokens/s"#]]
    .assert_eq(&rows.join("\n"));
    // One object a line is the same.
    let lines: Vec<Value> = serde_json::from_str(&llama_bench()).unwrap();
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(Report::read(&lines).unwrap(), report);
}

#[test]
fn rows_of_llama_bench_stand_beside_ours_that_are_the_same_work() {
    let mut ours = ranked(1.0);
    for planned in Plan::full().rows.iter().filter(|row| row.name.starts_with("1.8B, D")) {
        let mut row = ours.rows[3].clone();
        row.name.clone_from(&planned.name);
        planned.work.kind().clone_into(&mut row.kind);
        (row.cost, row.tokens) = (planned.work.cost(), planned.work.n_tokens());
        row.samples = vec![0.01; 5];
        ours.rows.push(row);
    }
    let theirs = Report::read(&llama_bench()).unwrap();
    let reports = [("ours".to_owned(), ours.completed()), ("llama".to_owned(), theirs)];
    let beside = |reports: &[(String, Report)]| {
        let comparison = compare(reports).unwrap();
        let both = |row: &&super::compare::ComparedRow| row.medians.iter().all(Option::is_some);
        let names: Vec<String> = comparison.rows.iter().filter(both).map(|row| row.name.clone()).collect();
        (names, comparison.rows.len())
    };
    let (names, n_rows) = beside(&reports);
    assert_eq!(names, ["1.8B, D8, pp512", "1.8B, D8, tg128"]);
    assert_eq!(n_rows, reports[0].1.rows.len() + 2, "what stands beside nothing is shown too");
    let [ours, theirs] = reports;
    let (names, _) = beside(&[theirs, ours]);
    assert_eq!(names, ["internlm2 1.8B Q8_0, pp512", "internlm2 1.8B Q8_0, tg128"]);
}

#[test]
fn what_llama_bench_did_not_write_is_refused() {
    let read = |text: &str| Report::read(text).unwrap_err().to_string();
    let whole = llama_bench();
    let none = "it is no report of `stepwise bench gpu`, and none of `llama-bench -o json`";
    assert_eq!(read(&whole[..whole.len() / 2]), none);
    assert_eq!(read("[]"), none);
    assert_eq!(read("[1, 2]"), none);
    let said = read(&whole.replacen("\"model_size\":2010000000", "\"model_size\":-1", 1));
    assert!(said.starts_with("the report is damaged (as llama-bench's: invalid value"), "{said}");
    let said = read(&whole.replacen("[250000000,", "[0,", 1));
    assert_eq!(said, "the report is damaged (a time of \"internlm2 1.8B Q8_0, pp512\" is not above 0)");
}
