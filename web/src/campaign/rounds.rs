//! Rounds of expert iteration: a row per round, and how pass rates go from round to round.

use stepwise_core::stats::wilson;
use stepwise_core::wire::campaign::{Measured, Mode, ModelRole, RoundView, TrainedModel};

use super::words::{cpu, number};
use stepwise_core::markup::escape_into;
use stepwise_core::markup::table::{Cell, Table};

/// Characters of a hash that are shown.
const SHORT: usize = 12;

/// The ways of searching, each with the head of its column.
const MODES: [(Mode, &str); 3] =
    [(Mode::Portfolio, "solved by portfolio#"), (Mode::BestFirst, "by best-first#"), (Mode::Critic, "by critic#")];

/// A row per round; nothing where there is none.
#[must_use]
pub fn table(rounds: &[RoundView]) -> String {
    if rounds.is_empty() {
        return String::new();
    }
    // Of the ways of searching only those that some round went.
    let is_gone = |mode| rounds.iter().any(|round| of_mode(round, mode).is_some());
    let modes: Vec<_> = MODES.into_iter().filter(|(mode, _)| is_gone(*mode)).collect();
    let mut heads = vec!["round", "searched#"];
    heads.extend(modes.iter().map(|(_, head)| *head));
    heads.extend(["trained", "pass rate (95% interval)", "CPU time#"]);
    let mut table = Table::new("Rounds: what was searched, solved, trained and measured", &heads);
    for round in rounds {
        let mut cells = vec![name(round), searched(round)];
        cells.extend(modes.iter().map(|(mode, _)| of_mode(round, *mode).unwrap_or(Cell::Number("–".to_owned()))));
        cells.push(lines("whole", round.models.iter().map(model)));
        cells.push(lines("rate", round.measured.iter().map(|measured| rate_of(measured, has_sets(rounds)))));
        cells.push(Cell::Number(cpu(round.lean_cpu_ms + round.device_ms + round.training_ms.unwrap_or(0))));
        table.row(cells);
    }
    table.end()
}

/// What the last round that is over came to, for the ear; nothing before one is.
#[must_use]
pub fn spoken(rounds: &[RoundView]) -> Option<String> {
    let last = rounds.iter().rfind(|round| round.is_over)?;
    let rates: Vec<String> = last
        .measured
        .iter()
        .map(|one| format!("{} {} of {}", configuration(&one.configuration), number(one.proved), number(one.tried)))
        .collect();
    let rates = if rates.is_empty() { String::new() } else { format!(": {}", rates.join(", ")) };
    Some(format!("Round {} has ended{rates}", last.round))
}

fn name(round: &RoundView) -> Cell {
    let now = if round.is_over { "" } else { " <span class=\"busy\">under way</span>" };
    Cell::Html(format!("{}{now}", round.round))
}

fn searched(round: &RoundView) -> Cell {
    Cell::Number(match round.searches - round.ended.min(round.searches) {
        0 => number(round.ended),
        _ => format!("{} of {}", number(round.ended), number(round.searches)),
    })
}

/// What was solved in one way: proofs, and disproofs where there are any.
fn of_mode(round: &RoundView, mode: Mode) -> Option<Cell> {
    let solved = round.solved.iter().find(|solved| solved.mode == mode)?;
    Some(Cell::Number(match solved.disproved {
        0 => number(solved.proved),
        disproved => format!("{} + {} disproved", number(solved.proved), number(disproved)),
    }))
}

fn model(model: &TrainedModel) -> String {
    let role = match model.role {
        ModelRole::Policy => "policy",
        ModelRole::Critic => "critic",
    };
    let short = short(&model.name);
    let name = short.strip_prefix(role).map_or(short.as_str(), str::trim_start);
    let fate = match model.kept {
        Some(false) => ", not kept",
        Some(true) | None => "",
    };
    format!("{role} {name}{fate}")
}

/// A model's name without what was mixed in, its hash short.
fn short(name: &str) -> String {
    let own = name.split(" + ").next().unwrap_or(name);
    let is_hash = |word: &str| word.len() > SHORT && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = own.split(' ').map(|word| if is_hash(word) { &word[..SHORT] } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether models are measured with more than one set.
fn has_sets(rounds: &[RoundView]) -> bool {
    sets(rounds).len() > 1
}

/// The sets that models are measured with.
pub(super) fn sets(rounds: &[RoundView]) -> Vec<&str> {
    let mut sets: Vec<&str> = Vec::new();
    for measured in rounds.iter().flat_map(|round| &round.measured) {
        if !sets.contains(&measured.set.as_str()) {
            sets.push(&measured.set);
        }
    }
    sets
}

/// A pass rate with its interval: `best-first: 30% (18–45%), 12 of 40`.
fn rate_of(measured: &Measured, with_set: bool) -> String {
    let Measured { set, configuration: name, proved, tried, problems } = measured;
    let set = if with_set { format!("{set}, ") } else { String::new() };
    let of = if tried < problems { format!("{} (of {})", number(*tried), number(*problems)) } else { number(*tried) };
    let counts = format!("{} of {of}", number(*proved));
    match tried {
        0 => format!("{set}{}: {counts}", configuration(name)),
        _ => {
            let (low, high) = wilson(*proved, *tried);
            let [rate, low, high] = [*proved as f64 / *tried as f64, low, high].map(percent);
            format!("{set}{}: {rate}% ({low}–{high}%), {counts}", configuration(name))
        }
    }
}

/// A share in whole percent.
pub(super) fn percent(share: f64) -> f64 {
    (100.0 * share).round()
}

/// A configuration in words.
pub(super) fn configuration(name: &str) -> &str {
    match name {
        "bf" => "best-first",
        "cg" => "critic-guided",
        "bf+cg" => "with critic",
        other => other,
    }
}

/// Texts, each on a line of its own.
fn lines(class: &str, lines: impl Iterator<Item = String>) -> Cell {
    let mut html = String::new();
    for line in lines {
        html.push_str(&format!("<span class=\"{class}\">"));
        escape_into(&mut html, &line);
        html.push_str("</span> ");
    }
    Cell::Html(if html.is_empty() { "–".to_owned() } else { html })
}

#[cfg(test)]
pub(super) mod tests {
    use stepwise_core::wire::campaign::SolvedBy;

    use super::*;

    pub(in super::super) fn measured(configuration: &str, proved: u64) -> Measured {
        Measured {
            set: "held-out".to_owned(),
            configuration: configuration.to_owned(),
            proved,
            tried: 40,
            problems: 40,
        }
    }

    pub(in super::super) fn round(number: u64, measured: Vec<Measured>) -> RoundView {
        RoundView {
            round: number,
            is_over: true,
            searches: 240,
            ended: 240,
            solved: vec![SolvedBy { mode: Mode::Portfolio, proved: 31, disproved: 4 }],
            measured,
            lean_cpu_ms: 3_600_000,
            device_ms: 1000,
            ..RoundView::default()
        }
    }

    /// The texts of a row's cells.
    fn cells(html: &str, row: usize) -> Vec<String> {
        let read = roxmltree::Document::parse(html).unwrap();
        let row = read.descendants().filter(|node| node.has_tag_name("tr")).nth(row).unwrap();
        let text = |node: roxmltree::Node<'_, '_>| {
            node.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect::<String>()
        };
        row.children().map(text).collect()
    }

    #[test]
    fn a_round_has_a_row_with_what_it_solved_trained_and_measured() {
        let hash = "5d0c1e3f7a92".repeat(5);
        let models = vec![
            TrainedModel { role: ModelRole::Policy, name: format!("policy {hash} + 0.5 of x"), kept: Some(true) },
            TrainedModel { role: ModelRole::Critic, name: "<b> 9b1f".to_owned(), kept: Some(false) },
        ];
        let first = RoundView { models, ..round(1, vec![measured("bf", 12), measured("portfolio", 0)]) };
        let under_way = Measured { tried: 0, proved: 0, ..measured("bf", 0) };
        let second = RoundView {
            is_over: false,
            ended: 12,
            solved: vec![SolvedBy { mode: Mode::Critic, proved: 0, disproved: 0 }],
            ..round(2, vec![under_way])
        };
        let html = table(&[first, second]);
        assert_eq!(
            cells(&html, 0),
            [
                "round",
                "searched",
                "solved by portfolio",
                "by critic",
                "trained",
                "pass rate (95% interval)",
                "CPU time"
            ]
        );
        let rates = "best-first: 30% (18–45%), 12 of 40 portfolio: 0% (0–9%), 0 of 40 ";
        let models = "policy 5d0c1e3f7a92 critic <b> 9b1f, not kept ";
        assert_eq!(cells(&html, 1), ["1", "240", "31 + 4 disproved", "–", models, rates, "1.0 h"]);
        assert_eq!(
            cells(&html, 2),
            ["2 under way", "12 of 240", "–", "0", "–", "best-first: 0 of 0 (of 40) ", "1.0 h"]
        );
    }

    #[test]
    fn no_round_has_no_table_and_nothing_is_said() {
        assert_eq!(table(&[]), "");
        assert_eq!(spoken(&[]), None);
    }

    #[test]
    fn the_round_that_is_over_is_said() {
        let open = RoundView { is_over: false, ..round(2, Vec::new()) };
        assert_eq!(
            spoken(&[round(1, vec![measured("bf", 12)]), open]).as_deref(),
            Some("Round 1 has ended: best-first 12 of 40")
        );
    }
}
