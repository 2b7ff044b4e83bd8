//! Whether a report may be ranked against others, and if not, why.

use serde::Serialize;
use stepwise_core::stats::median;

use super::report::{Report, Row, State};

/// How far the last third of a run may be from the first.
pub(super) const MAX_DRIFT: f64 = 0.10;

/// Whether a report may be ranked, and all that speaks against it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub ranked: bool,
    /// Each a clause; none in a report that is ranked.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Looks at the whole report; its rows have their figures already.
    #[must_use]
    pub(super) fn of(report: &Report) -> Self {
        let mut reasons = Vec::new();
        if report.is_of_llama_bench() {
            let reasons = vec!["llama-bench measured it, whose rows are other work than this plan's".to_owned()];
            return Self { ranked: false, reasons };
        }
        if report.adapter.is_software {
            reasons.push("the adapter is a program on the CPU".to_owned());
        }
        if report.plan.name != "full" {
            reasons.push(format!("the {} plan is too short to rank", report.plan.name));
        }
        if let Some(edited) = &report.plan.edited {
            reasons.push(format!("the plan was edited ({edited})"));
        }
        if report.build != "release" {
            reasons.push("the program is a development build, which takes longer for each dispatch".to_owned());
        }
        if report.interrupted {
            reasons.push("the run was interrupted".to_owned());
        }
        let count = |is_it: fn(&Row) -> bool| report.rows.iter().filter(|row| is_it(row)).count();
        let wrong = count(|row| matches!(row.state, State::Wrong { .. }));
        if wrong > 0 {
            reasons.push(format!("{} computed wrongly", rows(wrong)));
        }
        // Devices are ranked by what they have the memory for.
        let missing = count(|row| matches!(row.state, State::NotMeasured { .. }) && !row.is_whole());
        if missing > 0 {
            reasons.push(format!("{} could not be measured", rows(missing)));
        }
        if let Some(drift) = drift(report).filter(|drift| drift.abs() > MAX_DRIFT) {
            let way = if drift > 0.0 { "slower" } else { "faster" };
            let percent = 100.0 * drift.abs();
            reasons.push(format!("the run's last third was {percent:.0}% {way} than its first"));
        }
        Self { ranked: reasons.is_empty(), reasons }
    }
}

/// The median over all rows of how much longer each took in the last third of its samples than in the first.
fn drift(report: &Report) -> Option<f64> {
    let drifts: Vec<f64> = report.rows.iter().filter_map(|row| row.figures?.drift).collect();
    median(&drifts).map(|drift| drift - 1.0)
}

fn rows(n: usize) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}
