//! The page: what the report says, in the order in which a reader asks.

mod proofs;
mod rounds;

use super::figures::Part;
use super::html::Html;
use super::words::{counted, date, duration, grouped, percent};
use super::{Figure, Report};
use crate::plot;

/// The page's own style; the plots' is [`plot::STYLE`].
const STYLE: &str = include_str!("page.css");

/// What the browser may load: nothing, and styles only from the page itself. What a run's names hold cannot change that.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn of(report: &Report) -> String {
    let title = format!("Expert iteration, seed {}, started {}", report.manifest.seed, date(report.manifest.started_s));
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n");
    html.within("html", &[("lang", "en")], |html| {
        html.within("head", &[], |html| {
            html.empty("meta", &[("charset", "utf-8")]);
            html.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
            html.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            html.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            html.leaf("title", &[], &title);
            html.within("style", &[], |html| {
                html.raw("\n");
                html.raw(plot::STYLE);
                html.raw(STYLE);
            });
        });
        html.within("body", &[], |html| {
            html.within("main", &[], |html| sections(report, &title, html));
        });
    });
    html.into_text()
}

fn sections(report: &Report, title: &str, html: &mut Html) {
    let figures = report.figures();
    let figures = &figures;
    header(report, title, html);
    section(html, "Solved statements", |html| {
        if report.solved.growth.is_empty() {
            html.leaf("p", &[], "No statement is solved yet.");
        }
        place(html, figures, Part::Solved);
        rounds::table(report, html);
    });
    section(html, "Pass rates on held-out problems", |html| {
        if report.evals.rows.is_empty() {
            html.leaf("p", &[], "Nothing was evaluated yet.");
            return;
        }
        place(html, figures, Part::PassRates);
        rounds::pass_rates(report, html);
    });
    section(html, "Proof lengths by kind of search", |html| {
        if report.evals.lengths.is_empty() {
            html.leaf("p", &[], "No round evaluated both a best-first and a critic-guided configuration yet.");
            return;
        }
        place(html, figures, Part::Lengths);
        rounds::lengths(report, html);
    });
    section(html, "The critic", |html| {
        if report.training.critic_accuracy.is_empty() {
            html.leaf("p", &[], "No critic was tried on held-out pairs yet.");
        }
        place(html, figures, Part::Critic);
    });
    section(html, "Training", |html| {
        if report.training.policy.is_empty() && report.training.critic.is_empty() {
            html.leaf("p", &[], "Nothing was trained yet.");
            return;
        }
        place(html, figures, Part::Training);
        rounds::training(report, html);
    });
    section(html, "Costs", |html| {
        if report.costs.rounds.is_empty() {
            html.leaf("p", &[], "No round is finished yet, so that only the cost of its searches is known.");
        }
        place(html, figures, Part::Costs);
        rounds::search_costs(report, html);
        rounds::stage_costs(report, html);
    });
    section(html, "Longest proofs", |html| proofs::longest(report, html));
    section(html, "Disproved statements", |html| proofs::disproved(report, html));
}

fn section(html: &mut Html, heading: &str, content: impl FnOnce(&mut Html)) {
    html.within("section", &[], |html| {
        html.leaf("h2", &[], heading);
        content(html);
    });
}

/// The figures of a part, beside each other where there is room.
fn place(html: &mut Html, figures: &[Figure], part: Part) {
    if !figures.iter().any(|figure| figure.part == part) {
        return;
    }
    html.within("div", &[("class", "figures")], |html| {
        for (idx, figure) in figures.iter().enumerate().filter(|(_, figure)| figure.part == part) {
            html.within("figure", &[], |html| {
                html.raw(&figure.drawing.inline(&format!("figure-{}", idx + 1)));
                html.leaf("figcaption", &[], &figure.caption);
            });
        }
    });
}

fn header(report: &Report, title: &str, html: &mut Html) {
    let Report { manifest, solved, .. } = report;
    html.within("header", &[], |html| {
        html.leaf("h1", &[], title);
        let git = manifest.git.as_ref().map_or_else(String::new, |git| format!(" (git {git})"));
        html.leaf("p", &[], &format!("stepwise {}{git} on {}.", manifest.stepwise, manifest.lean));
        html.within("dl", &[("class", "facts")], |html| {
            let of = solved.statements.map_or_else(String::new, |n| format!(" of {}", grouped(n)));
            fact(html, "Statements solved", &format!("{}{of}", grouped(solved.total())));
            let sides = format!("{} and {}", grouped(solved.proved), grouped(solved.disproved));
            fact(html, "Proved and disproved", &sides);
            let running = match report.unfinished.len() {
                0 => String::new(),
                n => format!(", {n} unfinished"),
            };
            fact(html, "Rounds", &format!("{} finished{running}", report.rounds.len()));
            fact(html, "Lean CPU of the searches", &duration(solved.lean_cpu_s));
            let share = report.costs.all_searches.succeeded_share.map_or_else(|| "–".to_owned(), percent);
            fact(html, "Share of their cost that found proofs", &share);
        });
        if !report.notes.is_empty() {
            html.within("aside", &[("class", "notes"), ("aria-label", "What is missing or does not agree")], |html| {
                html.leaf("p", &[], "What is missing or does not agree:");
                html.within("ul", &[], |html| report.notes.iter().for_each(|note| html.leaf("li", &[], note)));
            });
        }
        html.within("details", &[], |html| {
            let n = manifest.config.len() as u64;
            html.leaf("summary", &[], &format!("How it was started: {}", counted(n, "setting", "settings")));
            let row = |(name, value): (&String, &serde_json::Value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                vec![name.clone(), value]
            };
            html.table("Settings", &["setting", "value"], 2, &manifest.config.iter().map(row).collect::<Vec<_>>());
            let row = |(name, n): (&String, &u64)| vec![name.clone(), grouped(*n)];
            html.table("Splits", &["split", "statements"], 1, &manifest.splits.iter().map(row).collect::<Vec<_>>());
            let row = |(name, hash): (&String, &String)| vec![name.clone(), hash.clone()];
            html.table(
                "Files of problems",
                &["file", "SHA-256"],
                2,
                &manifest.files.iter().map(row).collect::<Vec<_>>(),
            );
        });
    });
}

fn fact(html: &mut Html, name: &str, value: &str) {
    html.within("div", &[], |html| {
        html.leaf("dt", &[], name);
        html.leaf("dd", &[], value);
    });
}
