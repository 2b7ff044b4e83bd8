//! Reports of one plan held against each other: how many times as fast each is as the first, row by row. Reports of
//! llama-bench stand beside any, their rows beside those of ours that are the same work, or below all others.

use stepwise_core::stats::{Estimate, mean_ratio, median_ratio};

use super::llama::is_same_work;
use super::report::{Report, Row, State};
use super::verdict::MAX_DRIFT;

/// Draws of the bootstrap.
const N_DRAWS: u32 = 2000;

/// Reports side by side; the first is what the others are held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What each report is called.
    pub names: Vec<String>,
    /// Why each is not ranked; empty for one that is.
    pub reasons: Vec<Vec<String>>,
    pub rows: Vec<ComparedRow>,
    /// For each report but the first, the geometric mean over what models do of how many times as fast it is; `None` when
    /// it or the first is not ranked.
    pub means: Vec<Option<Estimate>>,
    /// The kernels whose sources are not the same in all reports.
    pub other_kernels: Vec<String>,
}

/// A row of all reports.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedRow {
    pub name: String,
    /// Median seconds of an operation in each report, where it was measured.
    pub medians: Vec<Option<f64>>,
    /// For each report but the first, how many times as fast it is, where both were measured.
    pub ratios: Vec<Option<Estimate>>,
}

/// Why reports cannot be compared.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// There is nothing to compare with.
    #[error("one report cannot be compared; name two or more")]
    One,
    /// They measured something else.
    #[error(
        "{first} ran the plan {first_plan} and {other} the plan {other_plan}; only runs of one plan can be compared"
    )]
    OtherPlan { first: String, first_plan: String, other: String, other_plan: String },
}

/// Compares reports, each with its name.
///
/// # Errors
/// When there are fewer than two, or they ran different plans.
pub fn compare(reports: &[(String, Report)]) -> Result<Comparison, CompareError> {
    let [(_, first), others @ ..] = reports else { return Err(CompareError::One) };
    if others.is_empty() {
        return Err(CompareError::One);
    }
    // Reports of a plan, of which all must have run the same.
    let planned = || reports.iter().filter(|(_, report)| !report.is_of_llama_bench());
    let differs = |base: &Report| planned().find(|(_, other)| other.plan.hash != base.plan.hash);
    if let Some((first_name, first)) = planned().next()
        && let Some((name, other)) = differs(first)
    {
        return Err(CompareError::OtherPlan {
            first: first_name.clone(),
            first_plan: plan(first),
            other: name.clone(),
            other_plan: plan(other),
        });
    }
    let row = |base: &Row| {
        let all: Vec<Option<&Row>> = reports.iter().map(|(_, report)| measured(report, base)).collect();
        ComparedRow {
            name: base.name.clone(),
            medians: all.iter().map(|row| Some((*row)?.figures?.median)).collect(),
            ratios: all[1..].iter().map(|other| times_as_fast(all[0]?, (*other)?)).collect(),
        }
    };
    let mut rows: Vec<ComparedRow> = Vec::new();
    let mut bases: Vec<&Row> = Vec::new();
    for (_, report) in reports {
        for base in &report.rows {
            let stands_beside = |known: &&Row| measured(report, known).is_some_and(|found| std::ptr::eq(found, base));
            if !bases.iter().any(|known| known.name == base.name || stands_beside(known)) {
                bases.push(base);
                rows.push(row(base));
            }
        }
    }
    let kernels = planned().next().map(|(_, report)| &report.kernels);
    let mut other_kernels: Vec<String> = kernels.into_iter().flatten().map(|(kernel, _)| kernel.clone()).collect();
    other_kernels.retain(|kernel| {
        planned().any(|(_, other)| other.kernels.get(kernel) != kernels.and_then(|kernels| kernels.get(kernel)))
    });
    Ok(Comparison {
        names: reports.iter().map(|(name, _)| name.clone()).collect(),
        reasons: reports.iter().map(|(_, report)| report.verdict.reasons.clone()).collect(),
        rows,
        means: others.iter().map(|(_, other)| mean(first, other)).collect(),
        other_kernels,
    })
}

/// A report's plan as messages name it.
fn plan(report: &Report) -> String {
    let hash: String = report.plan.hash.chars().take(8).collect();
    format!("{} ({hash})", report.plan.name)
}

/// The report's row of that name or of the same work, if it was measured.
fn measured<'a>(report: &'a Report, base: &Row) -> Option<&'a Row> {
    let mut rows = report.rows.iter().filter(|row| row.state == State::Right && !row.samples.is_empty());
    rows.clone().find(|row| row.name == base.name).or_else(|| rows.find(|row| is_same_work(row, base)))
}

fn times_as_fast(first: &Row, other: &Row) -> Option<Estimate> {
    median_ratio(&first.samples, &other.samples, N_DRAWS, 0)
}

/// The geometric mean over what models do that was steady in both.
fn mean(first: &Report, other: &Report) -> Option<Estimate> {
    if !first.verdict.ranked || !other.verdict.ranked {
        return None;
    }
    let is_steady = |row: &Row| {
        row.is_of_models() && row.figures.and_then(|f| f.drift).is_some_and(|drift| (drift - 1.0).abs() <= MAX_DRIFT)
    };
    let ratios = first.rows.iter().filter(|row| is_steady(row)).filter_map(|row| {
        let there = measured(other, row).filter(|row| is_steady(row))?;
        Some(row.figures?.median / there.figures?.median)
    });
    mean_ratio(&ratios.collect::<Vec<_>>(), N_DRAWS, 0)
}
