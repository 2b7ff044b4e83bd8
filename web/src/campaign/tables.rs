//! How a campaign stands: its counts, stages, workers and problems, and an account's own numbers.

use stepwise_core::wire::campaign::{Effort, Me, Overview, ProblemRow, StageView, Worker, Workers};
use stepwise_core::words::of_number;

use super::words::{self, badge, cpu, number, span};
use stepwise_core::markup::escape_into;
use stepwise_core::markup::table::{Cell, Table};

/// The campaign's name, its state, and why.
#[must_use]
pub fn head(overview: &Overview) -> String {
    let mut html = String::from("<h2>");
    escape_into(&mut html, &overview.campaign);
    html.push_str(&format!("</h2><p class=\"state\">{}", badge(words::campaign(overview.state))));
    if let Some(reason) = &overview.reason {
        html.push_str(": ");
        escape_into(&mut html, reason);
    }
    html.push_str("</p><p class=\"hint\">");
    escape_into(&mut html, &overview.lean);
    html.push_str("</p>");
    html
}

/// The state in one sentence, for the ear.
#[must_use]
pub fn spoken_state(overview: &Overview) -> String {
    format!("The campaign is {}", words::campaign(overview.state).2)
}

/// What was solved so far, for the ear.
#[must_use]
pub fn spoken_counts(overview: &Overview) -> String {
    let problems = overview.problems;
    format!("{} proved, {} disproved, {} open", problems.proved, problems.disproved, problems.open)
}

/// Searches of an effort that ended in one way.
type Count = fn(&Effort) -> u64;

/// Problems by standing and searches by how they ended: ever, in 7 days, in 24 hours.
#[must_use]
pub fn counts(overview: &Overview) -> String {
    let Overview { problems, solved_week, solved_day, cost, week, day, .. } = overview;
    let mut table = Table::new("Problems and searches", &["number of", "all time#", "7 days#", "24 hours#"]);
    table.group("Problems", 4);
    table.row(["proved".into(), problems.proved.into(), solved_week.proved.into(), solved_day.proved.into()]);
    table.row([
        "disproved".into(),
        problems.disproved.into(),
        solved_week.disproved.into(),
        solved_day.disproved.into(),
    ]);
    let none = || Cell::Number("–".to_owned());
    table.row(["open".into(), problems.open.into(), none(), none()]);
    table.group("Searches", 4);
    let rows: [(&str, Count); 7] = [
        ("with a proof", |effort| effort.proofs),
        ("exhausted", |effort| effort.exhausted),
        ("out of budget", |effort| effort.out_of_budget),
        ("timed out", |effort| effort.timed_out),
        ("bad statement", |effort| effort.bad_statement),
        ("crashed", |effort| effort.crashed),
        ("all", |effort| effort.searches),
    ];
    for (name, of) in rows {
        table.row([name.into(), of(cost).into(), of(week).into(), of(day).into()]);
    }
    let time = |effort: &Effort| Cell::Number(cpu(effort.lean_cpu_ms + effort.device_ms));
    table.row(["CPU time".into(), time(cost), time(week), time(day)]);
    table.end()
}

/// How fast it goes, what waits, and how long it may still take.
#[must_use]
pub fn pace(overview: &Overview) -> String {
    let Overview { hour, waiting, waiting_s, sessions, cores, queued_s, left, .. } = overview;
    let queue = queued_s.map_or_else(|| "all is given out".to_owned(), span);
    let verify = match waiting {
        0 => "no proof waits".to_owned(),
        n => format!("{} waiting, the oldest for {}", count(*n, "proof"), span(*waiting_s)),
    };
    facts(&[
        (
            "In the last hour",
            format!("{}, {} of CPU", count(hour.searches, "search"), cpu(hour.lean_cpu_ms + hour.device_ms)),
        ),
        ("Oldest in the queue", queue),
        ("To verify", verify),
        ("Left in this stage", words::left(*left)),
        ("Lent", format!("{} on {}", count(*cores, "core"), count(*sessions, "worker"))),
    ])
}

/// So many of something: `1 core`, `12 345 searches`.
fn count(n: u64, noun: &str) -> String {
    format!("{} {}", number(n), of_number(n, noun))
}

/// Facts, each under its name.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let mut html = String::from("<dl>");
    for (name, value) in facts {
        html.push_str("<div><dt>");
        escape_into(&mut html, name);
        html.push_str("</dt><dd>");
        escape_into(&mut html, value);
        html.push_str("</dd></div>");
    }
    html.push_str("</dl>");
    html
}

/// Stages and their searches by how they stand.
#[must_use]
pub fn stages(stages: &[StageView], caption: &str) -> String {
    let heads = ["stage", "state", "to do#", "under way#", "done#", "not wanted#", "given up#"];
    let mut table = Table::new(caption, &heads);
    for StageView { name, state, ready, leased, done, cancelled, dead, .. } in stages {
        table.row([
            name.as_str().into(),
            state.in_words().into(),
            (*ready).into(),
            (*leased).into(),
            (*done).into(),
            (*cancelled).into(),
            (*dead).into(),
        ]);
    }
    table.end()
}

/// A row per worker.
#[must_use]
pub fn workers(workers: &Workers) -> String {
    if workers.workers.is_empty() {
        return "<p>Nobody lends a machine just now.</p>".to_owned();
    }
    let mut html = worker_rows(&workers.workers, "Who works");
    let hidden = workers.total.saturating_sub(workers.workers.len() as u64);
    if hidden > 0 {
        html.push_str(&format!("<p class=\"hint\">and {} more</p>", number(hidden)));
    }
    html
}

fn worker_rows(workers: &[Worker], caption: &str) -> String {
    let mut table = Table::new(caption, &["worker", "state", "for", "searches#", "cores#"]);
    for worker in workers {
        let who = worker.name.clone().unwrap_or_else(|| format!("account {}", worker.account));
        let mut name = String::new();
        escape_into(&mut name, &who);
        name.push_str(&format!(" <span class=\"faint\">#{}", worker.session));
        if let Some(label) = &worker.label {
            name.push_str(", ");
            escape_into(&mut name, label);
        }
        name.push_str("</span>");
        let mut state = badge(words::worker(worker.state));
        if let Some(reason) = &worker.reason {
            state.push_str(": ");
            escape_into(&mut state, reason);
        }
        table.row([
            Cell::Html(name),
            Cell::Html(state),
            span(worker.since_s).into(),
            worker.held.into(),
            worker.cores.into(),
        ]);
    }
    table.end()
}

/// A row per problem, each with a link to its page.
#[must_use]
pub fn problems(rows: &[ProblemRow]) -> String {
    if rows.is_empty() {
        return "<p>No problem is so.</p>".to_owned();
    }
    let mut table = Table::new("Problems", &["problem", "standing", "searches#", "CPU time#"]);
    for row in rows {
        let mut link = format!("<a href=\"{}\">", crate::link::problem(row.id));
        escape_into(&mut link, &row.name);
        link.push_str("</a>");
        table.row([
            Cell::Html(link),
            Cell::Html(badge(words::standing(row.standing))),
            row.searches.into(),
            Cell::Number(cpu(row.cpu_ms)),
        ]);
    }
    table.end()
}

/// An account's own numbers.
#[must_use]
pub fn own(me: &Me) -> String {
    let who = me.name.clone().map_or_else(String::new, |name| format!("{name}, "));
    let ended = |effort: &Effort| {
        format!("{}, {} of CPU", count(effort.searches, "search"), cpu(effort.lean_cpu_ms + effort.device_ms))
    };
    let mut rows = vec![
        ("You are", format!("{who}account {}{}", me.account, if me.operator { ", an operator" } else { "" })),
        ("All time", ended(&me.cost)),
        ("24 hours", ended(&me.day)),
        ("Proofs accepted", number(me.accepted)),
        ("Proofs refused", number(me.refused)),
        ("Proofs waiting", number(me.waiting)),
    ];
    if let Some(message) = &me.blocked {
        rows.insert(1, ("Blocked", message.clone()));
    }
    let mut html = facts(&rows);
    if !me.workers.is_empty() {
        html.push_str(&worker_rows(&me.workers, "Your machines"));
    }
    html
}
