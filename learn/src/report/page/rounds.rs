//! The page's tables of numbers: a row per round, set, configuration or stage.

use super::super::html::Html;
use super::super::words::{counted, grouped, p_value, percent, points, rate, seconds};
use super::super::{Course, Paired, Report, SearchCosts};
use crate::run::StageCost;
use stepwise_core::stats::Estimate;

/// Stands where there is no number.
const NONE: &str = "–";

/// What the rounds did.
pub(super) fn table(report: &Report, html: &mut Html) {
    if report.rounds.is_empty() {
        return;
    }
    let row = |(number, round): (&u32, &crate::run::Round)| {
        let counts = [round.open, round.proved, round.disproved, round.shortened, round.solved_so_far];
        let mut cells = vec![number.to_string()];
        cells.extend(counts.map(grouped));
        cells.push(percent(if round.statements == 0 {
            0.0
        } else {
            round.solved_so_far as f64 / round.statements as f64
        }));
        cells
    };
    let n = report.solved.statements.map_or_else(String::new, |n| format!(" (n = {} statements)", grouped(n)));
    let head = ["round", "open before", "proved", "disproved", "shortened", "solved so far", "of all"];
    let rows: Vec<Vec<String>> = report.rounds.iter().map(row).collect();
    html.table(&format!("What each finished round did{n}"), &head, 1, &rows);
}

/// Every pass rate, against the baseline and against the first round.
pub(super) fn pass_rates(report: &Report, html: &mut Html) {
    let baseline = report.evals.baseline.as_deref().unwrap_or(NONE);
    let rows = report.evals.rows.iter().map(|row| {
        let mut cells = vec![
            row.set.clone(),
            row.configuration.clone(),
            row.round.to_string(),
            format!("{} of {}", row.solved, row.total),
            rate(row.pass_rate),
        ];
        cells.extend(difference(row.against_baseline.as_ref(), row.round));
        cells.push(cost_ratio(row.against_baseline.as_ref()));
        cells
    });
    let versus = format!("against {baseline}");
    let head = ["set", "configuration", "round", "proved", "pass rate", versus.as_str(), "p", "cost ratio"];
    html.table(
        "Pass rates in percent, and paired differences in percentage points",
        &head,
        2,
        &rows.collect::<Vec<_>>(),
    );
    let since_first = report.evals.rows.iter().filter(|row| row.against_first.is_some()).map(|row| {
        let mut cells = vec![row.set.clone(), row.configuration.clone(), row.round.to_string()];
        cells.extend(difference(row.against_first.as_ref(), row.round));
        cells
    });
    let since_first: Vec<Vec<String>> = since_first.collect();
    if !since_first.is_empty() {
        html.within("details", &[], |html| {
            html.leaf("summary", &[], "What each configuration gained since the first round that evaluated it");
            let head = ["set", "configuration", "round", "against its first round", "p"];
            html.table("Paired differences in percentage points", &head, 2, &since_first);
        });
    }
    html.leaf(
        "p",
        &[("class", "remark")],
        "Intervals are 95% intervals: Wilson's for a rate, Newcombe's for a difference over the n problems that both sides \
         have a result for. p is McNemar's exact test, not corrected for the number of rows. The cost ratio is the \
         geometric mean of Lean CPU and device time over the problems that both proved, with a bootstrap interval.",
    );
}

/// A difference with its n, and its p-value.
fn difference(paired: Option<&Paired>, round: u32) -> [String; 2] {
    let Some(paired) = paired else { return [NONE.to_owned(), NONE.to_owned()] };
    let Some(against) = &paired.against else {
        return [paired.problem.clone().unwrap_or_else(|| NONE.to_owned()), NONE.to_owned()];
    };
    let of_round = if paired.round == round { String::new() } else { format!(", round {}", paired.round) };
    let n = against.counts.total();
    [format!("{}, n = {n}{of_round}", points(against.difference)), p_value(against.mcnemar_p)]
}

fn cost_ratio(paired: Option<&Paired>) -> String {
    let against = paired.and_then(|paired| paired.against.as_ref());
    let Some((against, cost)) = against.and_then(|against| Some((against, against.cost?))) else {
        return NONE.to_owned();
    };
    match cost.ratio {
        Some(Estimate { value, low, high }) => {
            format!("{value:.2} ({low:.2} to {high:.2}), n = {}", against.counts.both)
        }
        None => format!("n = {}", against.counts.both),
    }
}

/// Mean lengths of the pairs of configurations.
pub(super) fn lengths(report: &Report, html: &mut Html) {
    let rows = report.evals.lengths.iter().flat_map(|pair| {
        [("best-first", &pair.best_first), ("critic-guided", &pair.critic_guided)].map(|(kind, lengths)| {
            let mean = |mean: Option<f64>| mean.map_or_else(|| NONE.to_owned(), |mean| format!("{mean:.2}"));
            vec![
                lengths.configuration.clone(),
                kind.to_owned(),
                pair.round.to_string(),
                format!("{}, n = {}", mean(lengths.mean), lengths.solved),
                format!("{}, n = {}", mean(lengths.mean_of_common), pair.n_common),
                lengths.counts.keys().next_back().map_or_else(|| NONE.to_owned(), u64::to_string),
            ]
        })
    });
    let head = ["configuration", "search", "round", "mean of all proved", "mean of those that both proved", "longest"];
    html.table("Tactics in a proof", &head, 2, &rows.collect::<Vec<_>>());
}

/// How the training of each round ended.
pub(super) fn training(report: &Report, html: &mut Html) {
    let models = [("policy", &report.training.policy), ("critic", &report.training.critic)];
    let rows = models.into_iter().flat_map(|(model, courses)| {
        courses.iter().map(move |(round, course)| {
            let mut cells = vec![model.to_owned(), round.to_string()];
            cells.extend(course_cells(course));
            cells
        })
    });
    let head = [
        "model",
        "round",
        "examples",
        "steps",
        "tokens",
        "seconds",
        "last loss",
        "validation loss",
        "validation accuracy",
        "kept",
    ];
    html.table("Training, as it stood at its last reading", &head, 1, &rows.collect::<Vec<_>>());
}

fn course_cells(course: &Course) -> [String; 8] {
    let none = || NONE.to_owned();
    let last = course.lines.last();
    let validation = course.last_validation();
    [
        course.examples.map_or_else(none, grouped),
        last.map_or_else(none, |line| format!("{} of {}", grouped(line.step), grouped(line.n_steps))),
        last.map_or_else(none, |line| grouped(line.tokens)),
        last.map_or_else(none, |line| seconds(line.seconds)),
        last.map_or_else(none, |line| format!("{:.3}", line.loss)),
        validation.map_or_else(none, |(loss, _)| format!("{loss:.3}")),
        validation.and_then(|(_, accuracy)| accuracy).map_or_else(none, percent),
        course.kept.map_or_else(none, |kept| if kept { "yes" } else { "no" }.to_owned()),
    ]
}

/// What went into searches that found a proof.
pub(super) fn search_costs(report: &Report, html: &mut Html) {
    let costs = &report.costs;
    let row = |name: String, costs: &SearchCosts| {
        let median = |median: Option<f64>| median.map_or_else(|| NONE.to_owned(), seconds);
        vec![
            name,
            grouped(costs.n),
            grouped(costs.n_succeeded),
            seconds(costs.cost_s),
            seconds(costs.succeeded_cost_s),
            costs.succeeded_share.map_or_else(|| NONE.to_owned(), percent),
            median(costs.median_success_s),
            median(costs.median_failure_s),
        ]
    };
    let mut rows: Vec<Vec<String>> =
        costs.searches.iter().map(|(round, costs)| row(round.to_string(), costs)).collect();
    rows.push(row("all".to_owned(), &costs.all_searches));
    let head = [
        "round",
        "searches",
        "found a proof",
        "cost in s",
        "of those that found one",
        "share",
        "median of those in s",
        "median of the others in s",
    ];
    let n = counted(costs.all_searches.n, "search", "searches");
    html.table(
        &format!("Cost of the searches (n = {n}): Lean's CPU time and the models' device time"),
        &head,
        1,
        &rows,
    );
}

/// Every stage of every finished round.
pub(super) fn stage_costs(report: &Report, html: &mut Html) {
    let costs = &report.costs;
    if costs.rounds.is_empty() {
        return;
    }
    let total = costs.total();
    let all = total.lean_cpu_s + total.device_s;
    let row = |round: String, stage: &str, cost: &StageCost| {
        let computing = cost.lean_cpu_s + cost.device_s;
        let share = if all > 0.0 { percent(computing / all) } else { NONE.to_owned() };
        vec![round, stage.to_owned(), seconds(cost.lean_cpu_s), seconds(cost.device_s), seconds(cost.wall_s), share]
    };
    let mut rows = Vec::new();
    for round in costs.rounds.keys() {
        for stage in &costs.stages {
            rows.push(row(round.to_string(), stage, &costs.of_stage(*round, stage)));
        }
    }
    rows.push(row("all".to_owned(), "all", &total));
    let head = ["round", "stage", "Lean CPU in s", "device in s", "wall in s", "share of Lean CPU and device"];
    let n = counted(costs.rounds.len() as u64, "finished round", "finished rounds");
    html.within("details", &[], |html| {
        html.leaf("summary", &[], &format!("Costs by stage of {n}, as a table"));
        html.table(&format!("Costs by round and stage (n = {n})"), &head, 2, &rows);
    });
}
