//! Comparisons: pairs, what is left out of them, and input that does not belong together.

use expect_test::{Expect, expect};

use super::*;

fn run(samples: u32) -> Run {
    Run {
        config: serde_json::json!({ "samples": samples }),
        policy: "portfolio 1".into(),
        critic: None,
        lean: "lean 4".into(),
        disprove: stepwise_core::search::sides::Disprove::Never,
    }
}

/// One character per problem: `+` proved, `-` not, `c` cancelled, a space for no record. The cost of problem i is
/// `(i + 1) * samples` seconds.
fn results(name: &str, samples: u32, outcomes: &str) -> Results {
    let run = run(samples);
    let record = |(idx, outcome): (usize, char)| {
        let status = match outcome {
            '+' => Status::Proved,
            '-' => Status::Exhausted,
            'c' => Status::Cancelled,
            _ => return None,
        };
        let ledger = CostLedger {
            lean_cpu_us: (idx as u64 + 1) * u64::from(samples) * 1_000_000,
            tokens: 10,
            ..CostLedger::default()
        };
        Some(ProblemRecord {
            stepwise_record: stepwise_core::record::VERSION,
            name: format!("p{idx}"),
            statement_sha256: format!("s{idx}"),
            config_sha256: run.hash(),
            status,
            detail: None,
            proof: None,
            proof_length: None,
            file: None,
            verdict: None,
            disproof: None,
            refusals: Vec::new(),
            tidy: None,
            ledger,
            seconds: 1.0,
            run: run.clone(),
        })
    };
    Results { name: name.into(), records: outcomes.chars().enumerate().filter_map(record).collect() }
}

fn check(results: &[Results], expected: Expect) {
    let text = match Comparison::of(results) {
        Err(error) => error.to_string(),
        Ok(comparison) => {
            let mut text = format!("{} in common\n", comparison.n_common);
            for c in &comparison.configurations {
                text += &format!("{}: {}/{}, {} s, {:?}\n", c.name, c.solved, c.total, c.cost_s, c.solved_costs_s);
                if let Some(a) = &c.against_baseline {
                    let PairedCounts { both, only_here, only_there, neither } = a.counts;
                    text += &format!(
                        "  both {both}, here {only_here}, there {only_there}, neither {neither}; unpaired {} and {}\n  \
                         {:+.3}, p {:.3}\n",
                        a.n_unpaired_here, a.n_unpaired_there, a.difference.value, a.mcnemar_p
                    );
                    if let Some(PairedCost { median_here_s, median_there_s, ratio }) = a.cost {
                        let ratio = ratio.map(|ratio| format!("{:.3}", ratio.value));
                        text += &format!("  {median_here_s} s against {median_there_s} s, ratio {ratio:?}\n");
                    }
                }
            }
            text
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn each_is_held_against_the_first() {
    check(
        &[results("base", 1, "++-+-"), results("wide", 4, "+++--"), results("again", 1, "++-+-")],
        expect![[r#"
            5 in common
            base: 3/5, 15 s, [1.0, 2.0, 4.0]
            wide: 3/5, 60 s, [4.0, 8.0, 12.0]
              both 2, here 1, there 1, neither 1; unpaired 0 and 0
              +0.000, p 1.000
              6 s against 1.5 s, ratio Some("4.000")
            again: 3/5, 15 s, [1.0, 2.0, 4.0]
              both 3, here 0, there 0, neither 2; unpaired 0 and 0
              +0.000, p 1.000
              2 s against 2 s, ratio Some("1.000")
        "#]],
    );
}

#[test]
fn what_one_lacks_is_left_out_and_counted() {
    check(
        &[results("base", 1, "+++  -"), results("wide", 2, " +c-+-")],
        expect![[r#"
            2 in common
            base: 3/4, 12 s, [2.0]
            wide: 2/4, 34 s, [4.0]
              both 1, here 0, there 0, neither 1; unpaired 2 and 2
              +0.000, p 1.000
              4 s against 2 s, ratio None
        "#]],
    );
}

#[test]
fn one_problem_and_none_solved() {
    check(
        &[results("a", 1, "-"), results("b", 2, "-")],
        expect![[r#"
        1 in common
        a: 0/1, 1 s, []
        b: 0/1, 2 s, []
          both 0, here 0, there 0, neither 1; unpaired 0 and 0
          +0.000, p 1.000
    "#]],
    );
    check(
        &[results("a", 1, "-"), results("b", 2, "+")],
        expect![[r#"
        1 in common
        a: 0/1, 1 s, []
        b: 1/1, 2 s, [2.0]
          both 0, here 1, there 0, neither 0; unpaired 0 and 0
          +1.000, p 1.000
    "#]],
    );
}

#[test]
fn what_does_not_belong_together_is_refused() {
    check(&[], expect!["there is nothing to compare with: give at least two configurations"]);
    check(&[results("a", 1, "+")], expect!["there is nothing to compare with: give at least two configurations"]);
    check(
        &[results("a", 1, "+"), results("a", 2, "+")],
        expect!["two configurations are called a: give each its own name"],
    );
    check(&[results("a", 1, "+"), results("b", 2, "")], expect!["b has no result: run it to its end first"]);
    check(&[results("a", 1, "+"), results("b", 2, "cc")], expect!["b has no result: run it to its end first"]);
    check(
        &[results("a", 1, "+"), results("b", 2, " +")],
        expect!["b has no problem in common with a: give results of the same problems"],
    );
    let mut other_statement = results("b", 2, "+");
    other_statement.records[0].statement_sha256 = "another".into();
    check(
        &[results("a", 1, "+"), other_statement],
        expect!["b has no problem in common with a: give results of the same problems"],
    );
    let mut mixed = results("b", 2, "++");
    mixed.records[1].config_sha256 = "another".into();
    check(
        &[results("a", 1, "++"), mixed],
        expect!["b holds results of several configurations, policies or Leans: give each its own file"],
    );
}

#[test]
fn the_later_record_of_a_problem_counts() {
    let mut twice = results("a", 1, "-");
    twice.records.extend(results("a", 1, "+").records);
    check(
        &[results("base", 1, "-"), twice],
        expect![[r#"
        1 in common
        base: 0/1, 1 s, []
        a: 1/1, 1 s, [1.0]
          both 0, here 1, there 0, neither 0; unpaired 0 and 0
          +1.000, p 1.000
    "#]],
    );
}

#[test]
fn turns_alternate() {
    let order = |n_problems, n_configurations, seed| -> String {
        turns(n_problems, n_configurations, seed).map(|(problem, who)| format!("{problem}{who} ")).collect()
    };
    expect!["00 01 11 10 20 21 31 30 "].assert_eq(&order(4, 2, 0));
    expect!["01 00 02 10 12 11 22 21 20 "].assert_eq(&order(3, 3, 0));
    assert!((0..20).any(|seed| order(1, 2, seed) != order(1, 2, 0)), "the seed says who begins");
    assert_eq!(order(3, 0, 0), "");
}

#[test]
fn a_comparison_is_written_and_plotted() {
    let comparison = Comparison::of(&[results("base", 1, "++"), results("wide", 2, "+-")]).unwrap();
    expect![[r#"{"counts":{"both":1,"only_here":0,"only_there":1,"neither":0},"n_unpaired_here":0,"n_unpaired_there":0,"difference":{"value":-0.5,"low":-0.9054687942657693,"high":0.2725727851131815},"mcnemar_p":1.0,"cost":{"median_here_s":2.0,"median_there_s":1.0,"ratio":null}}"#]].assert_eq(&serde_json::to_string(&comparison.configurations[1].against_baseline).unwrap());
    let read: Comparison = serde_json::from_str(&serde_json::to_string(&comparison).unwrap()).unwrap();
    assert_eq!(read, comparison);
    let plot = comparison.plot();
    assert_eq!((plot.total, plot.curves.len()), (2, 2));
    expect!["base proved 2 of 2, half of these within 1.50 seconds each. wide proved 1 of 2, half of these within 2.00 seconds each."].assert_eq(&plot.description);
}
