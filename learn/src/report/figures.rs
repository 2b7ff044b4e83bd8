//! The report's plots: which numbers each one shows, and what is said about it.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{self, counted, fit, percent};
use super::{Course, EvalRow, LengthPair, Report};
use crate::plot::{Arrangement, BarPlot, BarSeries, Drawing, Look, Point, PointPlot, Scale, Series};
use crate::run::StageCost;
use stepwise_core::stats::Fit;

/// A plot and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its part of the page.
    pub(super) part: Part,
    /// The name of its files, without an ending: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What it shows and from how many cases.
    pub caption: String,
    pub drawing: Drawing,
}

/// Where a figure belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Solved,
    PassRates,
    Lengths,
    Critic,
    Training,
    Costs,
}

/// Configurations of one round stand this far from each other, so that their intervals can be told apart.
const SPREAD: f64 = 0.5;

/// Lengths beyond this many share the last bars: a histogram of a hundred bars shows less.
const MAX_LENGTH_BARS: u64 = 24;

pub(super) fn of(report: &Report) -> Vec<Figure> {
    let mut figures = solved(report);
    figures.extend(report.evals.sets().into_iter().map(|set| pass_rates(report, set)));
    figures.extend(report.evals.lengths.iter().map(lengths));
    figures.extend(critic_accuracy(report));
    figures.extend(training("policy", "token", &report.training.policy));
    figures.extend(training("critic", "pair", &report.training.critic));
    figures.extend(costs(report));
    // Names of sets and configurations come from outside: they may be alike once they are fit for a file.
    let mut taken = BTreeSet::new();
    for figure in &mut figures {
        let name = file_name(&figure.name);
        let mut candidates = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}")));
        figure.name = candidates.find(|name| !taken.contains(name)).unwrap_or(name);
        taken.insert(figure.name.clone());
    }
    figures
}

fn file_name(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    name.chars().take(80).map(|c| if is_safe(c) { c } else { '_' }).collect()
}

/// The fitted power law over the range of these points.
fn fitted(points: &[Point], fit: Option<&Fit>) -> Option<Series> {
    let fit = fit?;
    let places = points.iter().map(|point| point.x).filter(|x| *x > 0.0);
    let (low, high) = places.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    let points = [low, high].map(|x| Point::new(x, fit.power_at(x))).to_vec();
    Some(Series { name: "fitted power law".into(), note: words::fit(fit), look: Look::Fit, points })
}

/// What the caption says about a fit.
fn fit_in_words(fitted: Option<&Fit>) -> String {
    match fitted {
        Some(line) => format!(" The line is a least-squares fit on both logarithms: {}.", fit(line)),
        None => " There are too few points for a fitted line.".to_owned(),
    }
}

fn solved(report: &Report) -> Vec<Figure> {
    let solved = &report.solved;
    if solved.growth.is_empty() {
        return Vec::new();
    }
    let (n, of) = (solved.total(), solved.statements.map_or_else(String::new, |n| format!(" of {n}")));
    let growth: Vec<Point> = solved.growth.iter().map(|(cpu, n)| Point::new(*cpu, *n as f64)).collect();
    let ends = solved.round_ends.iter().map(|(_, cpu, n)| Point::new(*cpu, *n as f64)).collect();
    let line = fitted(&growth, solved.growth_fit.as_ref());
    let mut series = vec![
        Series { name: "solved".into(), note: format!("{n}{of}"), look: Look::Steps, points: growth },
        Series { name: "end of a round".into(), note: String::new(), look: Look::Marks, points: ends },
    ];
    series.extend(line);
    let caption = format!(
        "Statements proved or disproved (n = {n}{of}) as the CPU time that Lean spent on all searches grows to {}.{}",
        words::duration(solved.lean_cpu_s),
        fit_in_words(solved.growth_fit.as_ref())
    );
    let by_total = figure(
        Part::Solved,
        "solved-by-total-cpu",
        &caption,
        PointPlot {
            title: "Solved against Lean's CPU time".into(),
            subtitle: "All searches of the run, one after the other".into(),
            description: caption.clone(),
            x_label: "Lean CPU seconds of all searches so far, log scale".into(),
            x: Scale::Log,
            y_label: "statements solved, log scale".into(),
            y: Scale::Log,
            series,
            divisions: Vec::new(),
        }
        .draw(),
    );
    let each: Vec<Point> = solved.cpu_each_s.iter().zip(1..).map(|(cpu, n)| Point::new(*cpu, f64::from(n))).collect();
    let line = fitted(&each, solved.cpu_each_fit.as_ref());
    let mut series = vec![Series { name: "solved".into(), note: format!("{n}{of}"), look: Look::Steps, points: each }];
    series.extend(line);
    let half = stepwise_core::stats::median(&solved.cpu_each_s)
        .map_or_else(String::new, |median| format!(" Half of them took at most {}.", words::duration(median)));
    let caption = format!(
        "How many statements (n = {n}{of}) were solved by a search that took no more Lean CPU time than this.{half}{}",
        fit_in_words(solved.cpu_each_fit.as_ref())
    );
    let by_each = figure(
        Part::Solved,
        "solved-within-cpu",
        &caption,
        PointPlot {
            title: "Solved within a CPU time each".into(),
            subtitle: "The search that solved the statement first".into(),
            description: caption.clone(),
            x_label: "Lean CPU seconds of the search, log scale".into(),
            x: Scale::Log,
            y_label: "statements solved within it, log scale".into(),
            y: Scale::Log,
            series,
            divisions: Vec::new(),
        }
        .draw(),
    );
    let lengths: Vec<Point> = solved.lengths.iter().map(|(length, n)| Point::new(*length as f64, *n as f64)).collect();
    let n_proofs: u64 = solved.lengths.values().sum();
    let line = fitted(&lengths, solved.lengths_fit.as_ref());
    let note = counted(n_proofs, "proof", "proofs");
    let mut series = vec![Series { name: "solved".into(), note, look: Look::Marks, points: lengths }];
    series.extend(line);
    let caption = format!(
        "How many statements have a shortest proof (of the statement or its negation) of this many tactics; n = \
         {n_proofs} proofs, and the fit goes through the lengths that occur.{}",
        fit_in_words(solved.lengths_fit.as_ref())
    );
    let by_length = figure(
        Part::Solved,
        "solved-by-length",
        &caption,
        PointPlot {
            title: "Solved against proof length".into(),
            subtitle: "The shortest proof of each statement".into(),
            description: caption.clone(),
            x_label: "tactics in the proof, log scale".into(),
            x: Scale::Log,
            y_label: "statements with a proof of this length, log scale".into(),
            y: Scale::Log,
            series,
            divisions: Vec::new(),
        }
        .draw(),
    );
    vec![by_total, by_each, by_length]
}

fn figure(part: Part, name: &str, caption: &str, drawing: Drawing) -> Figure {
    Figure { part, name: name.to_owned(), caption: caption.to_owned(), drawing }
}

fn pass_rates(report: &Report, set: &str) -> Figure {
    let of_set: Vec<&EvalRow> = report.evals.rows.iter().filter(|row| row.set == set).collect();
    let by_configuration: Vec<&[&EvalRow]> = of_set.chunk_by(|a, b| a.configuration == b.configuration).collect();
    let n_configurations = by_configuration.len() as f64;
    let series = by_configuration.iter().enumerate().map(|(idx, rows)| {
        let shift = SPREAD * ((idx as f64 + 0.5) / n_configurations - 0.5);
        let point = |row: &&EvalRow| Point {
            x: f64::from(row.round) + shift,
            y: row.pass_rate.value,
            interval: Some((row.pass_rate.low, row.pass_rate.high)),
        };
        let last = rows
            .last()
            .map_or_else(String::new, |row| format!("{} of {} after round {}", row.solved, row.total, row.round));
        let name = rows.first().map_or_else(String::new, |row| row.configuration.clone());
        let points = rows.iter().map(point).collect();
        Series { name, note: last, look: Look::LineAndMarks, points }
    });
    let series: Vec<Series> = series.collect();
    let n_problems = of_set.iter().map(|row| row.total).max().unwrap_or(0);
    let caption = format!(
        "Share of the set {set} that each configuration proves after each round, with Wilson's 95% intervals; n = up to \
         {n_problems} problems. The table below has every number."
    );
    let plot = PointPlot {
        title: format!("Pass rate on {set}"),
        subtitle: "With 95% intervals; configurations are drawn side by side".into(),
        description: caption.clone(),
        x_label: "after round".into(),
        x: Scale::Whole,
        y_label: "problems proved".into(),
        y: Scale::Share,
        series,
        divisions: Vec::new(),
    };
    figure(Part::PassRates, &format!("pass-rate-{set}"), &caption, plot.draw())
}

fn lengths(pair: &LengthPair) -> Figure {
    let LengthPair { best_first, critic_guided, .. } = pair;
    let both = [best_first, critic_guided];
    let longest = both.iter().filter_map(|lengths| lengths.counts.keys().next_back()).max().copied().unwrap_or(1);
    let last_bar = longest.min(MAX_LENGTH_BARS);
    let place = |bar: u64| if bar == last_bar && longest > bar { format!("{bar}+") } else { bar.to_string() };
    let series = both.map(|lengths| {
        let count = |bar: u64| {
            let upto = if bar == last_bar { longest.max(bar) } else { bar };
            lengths.counts.range(bar..=upto).map(|(_, n)| *n).sum::<u64>() as f64
        };
        let mean = lengths.mean.map_or_else(|| "no proof".to_owned(), |mean| format!("mean {mean:.2} tactics"));
        let note = format!("{mean}, n = {}", lengths.solved);
        BarSeries { name: lengths.configuration.clone(), note, values: (1..=last_bar).map(count).collect() }
    });
    let caption = format!(
        "Tactics in the proofs of the best-first configuration {} (n = {}) and the critic-guided {} (n = {}) after round \
         {}, on {}.",
        best_first.configuration,
        best_first.solved,
        critic_guided.configuration,
        critic_guided.solved,
        pair.round,
        pair.sets.join(", ")
    );
    let plot = BarPlot {
        title: "Proof lengths: best-first and critic-guided".into(),
        subtitle: format!("After round {}, all evaluation sets together", pair.round),
        description: caption.clone(),
        x_label: "tactics in the proof".into(),
        y_label: "problems proved".into(),
        places: (1..=last_bar).map(place).collect(),
        series: series.to_vec(),
        arrangement: Arrangement::SideBySide,
    };
    figure(Part::Lengths, &format!("proof-lengths-{}", critic_guided.configuration), &caption, plot.draw())
}

fn critic_accuracy(report: &Report) -> Option<Figure> {
    let accuracy = &report.training.critic_accuracy;
    let (last_round, last) = accuracy.last_key_value()?;
    let points = accuracy.iter().map(|(round, share)| Point::new(f64::from(*round), *share)).collect();
    let caption = format!(
        "Share of held-out pairs of states that the critic of each round puts in the right order; {} after round \
         {last_round}, n = {}. A guess is right in 50%.",
        percent(*last),
        counted(accuracy.len() as u64, "round", "rounds")
    );
    let plot = PointPlot {
        title: "The critic's accuracy on held-out pairs".into(),
        subtitle: "Pairs of states of which one is known to be closer to done".into(),
        description: caption.clone(),
        x_label: "round".into(),
        x: Scale::Whole,
        y_label: "pairs in the right order".into(),
        y: Scale::Share,
        series: vec![Series { name: "critic".into(), note: percent(*last), look: Look::LineAndMarks, points }],
        divisions: Vec::new(),
    };
    Some(figure(Part::Critic, "critic-accuracy", &caption, plot.draw()))
}

/// Loss and learning rate of a model, the rounds side by side along the axis.
fn training(model: &str, unit: &str, courses: &BTreeMap<u32, Course>) -> Vec<Figure> {
    let (mut loss, mut validation, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let mut divisions = Vec::new();
    let mut before = 0;
    for (round, course) in courses {
        divisions.push((before as f64, round.to_string()));
        for line in &course.lines {
            let step = (before + line.step) as f64;
            loss.push(Point::new(step, line.loss));
            validation.extend(line.validation_loss.map(|loss| Point::new(step, loss)));
            rates.push(Point::new(step, line.learning_rate));
        }
        before += course.lines.last().map_or(0, |line| line.step);
        [&mut loss, &mut validation, &mut rates].into_iter().for_each(|points| points.push(Point::BREAK));
    }
    if courses.is_empty() {
        return Vec::new();
    }
    let rounds = counted(courses.len() as u64, "round", "rounds");
    let readings = |points: &[Point]| points.iter().filter(|point| !point.y.is_nan()).copied().collect::<Vec<_>>();
    let n = |points: &[Point]| counted(readings(points).len() as u64, "reading", "readings");
    let last = |points: &[Point]| {
        readings(points).last().map_or_else(String::new, |point| format!("{:.3} at the end", point.y))
    };
    let caption = format!(
        "Mean loss of the {model} in nats per {unit} on training examples ({}) and on held-out ones ({}), over {rounds}.",
        n(&loss),
        n(&validation),
    );
    let plot = |title: String, subtitle: &str, caption: &str, y_label: String, series| PointPlot {
        title,
        subtitle: subtitle.to_owned(),
        description: caption.to_owned(),
        x_label: "steps of the optimiser, the rounds one after the other".into(),
        x: Scale::FromZero,
        y_label,
        y: Scale::FromZero,
        series,
        divisions: divisions.clone(),
    };
    let series = vec![
        Series { name: "training".into(), note: last(&loss), look: Look::Line, points: loss },
        Series { name: "validation".into(), note: last(&validation), look: Look::Line, points: validation },
    ];
    let subtitle = "Upright lines with a number begin a round";
    let drawing = plot(format!("Loss of the {model}"), subtitle, &caption, format!("nats per {unit}"), series).draw();
    let loss = figure(Part::Training, &format!("{model}-loss"), &caption, drawing);
    let caption = format!("Learning rate of the {model}, over {rounds}.");
    let rates = vec![Series { name: "learning rate".into(), note: String::new(), look: Look::Line, points: rates }];
    let title = format!("Learning rate of the {model}");
    let drawing = plot(title, subtitle, &caption, "learning rate".into(), rates).draw();
    vec![loss, figure(Part::Training, &format!("{model}-learning-rate"), &caption, drawing)]
}

fn costs(report: &Report) -> Vec<Figure> {
    let costs = &report.costs;
    let total = costs.total();
    let bars = |name: &str, what: &str, of: fn(&StageCost) -> f64| {
        let all = of(&total);
        if all <= 0.0 {
            return None;
        }
        let highest = costs.rounds.values().map(|stages| of(&super::costs::sum(stages.values()))).fold(0.0, f64::max);
        let (unit, in_seconds) = words::unit(highest);
        let series = costs.stages.iter().map(|stage| {
            let seconds = |round: &u32| of(&costs.of_stage(*round, stage));
            let share = costs.rounds.keys().map(seconds).sum::<f64>() / all;
            let values = costs.rounds.keys().map(|round| seconds(round) / in_seconds).collect();
            BarSeries { name: stage.clone(), note: percent(share), values }
        });
        let caption = format!(
            "{what} of each finished round (n = {}) by stage; {} in all.",
            costs.rounds.len(),
            words::duration(all)
        );
        let plot = BarPlot {
            title: format!("{what} by stage"),
            subtitle: "Shares are of all rounds together".into(),
            description: caption.clone(),
            x_label: "round".into(),
            y_label: match unit {
                "s" => "seconds",
                "min" => "minutes",
                "h" => "hours",
                other => other,
            }
            .to_owned(),
            places: costs.rounds.keys().map(u32::to_string).collect(),
            series: series.collect(),
            arrangement: Arrangement::Stacked,
        };
        Some(figure(Part::Costs, name, &caption, plot.draw()))
    };
    let computing = bars("cost", "Lean CPU and device time", |cost| cost.lean_cpu_s + cost.device_s);
    computing.into_iter().chain(bars("wall-time", "Wall time", |cost| cost.wall_s)).collect()
}
