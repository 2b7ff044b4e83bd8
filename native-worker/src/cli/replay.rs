//! `stepwise replay`: rebuilds a search's tree from its log, prints it as an outline, and verifies the log.

use std::fmt::Write as _;

use stepwise_core::search::{EdgeOutcome, Guide, NodeId, NodeStatus, RecheckState, Search, SearchEnd, TimedEvent};
use stepwise_core::words;

use super::args::ReplayArgs;
use super::outcome::Outcome;
use super::output::{self, BAD, FAINT, GOOD, styled};
use crate::run::{is_asked_for, log_file};

/// Longer lines of Lean's text would make the outline unreadable; `--json` has them in full.
const LINE_CHARS: usize = 100;

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<Outcome> {
    let mut log = log_file::read(&args.log)?;
    let n_events = log.events.len();
    let is_cut = args.at.is_some_and(|at| at < n_events);
    if let Some(at) = args.at {
        log.events.truncate(at);
    }
    let mut search = log.header.search();
    let mut problem = None;
    for (event_idx, TimedEvent { at_ms, event }) in log.events.into_iter().enumerate() {
        // The executor logs only what the search asked for, so anything else was not written by it.
        if problem.is_none() && (search.end().is_some() || !is_asked_for(&search, &event)) {
            problem = Some(format!("line {} is nothing that the search waited for", event_idx + 2));
        }
        search.handle(TimedEvent { at_ms, event });
    }
    if args.json {
        output::print_json(&json(&search, n_events, is_cut, log.torn, problem.as_deref()))?;
    } else {
        let mut text = outline(&search);
        let _ = writeln!(text);
        let end = match words::of_search(&search) {
            Some(end) => end,
            None if is_cut => format!("stopped after {} of {n_events} events, as asked", args.at.unwrap_or(n_events)),
            None => "not ended: `stepwise prove --log FILE --resume` goes on from here".to_owned(),
        };
        let _ = writeln!(text, "{end}");
        if log.torn {
            let _ = writeln!(text, "the last line is torn and left out: the search was killed while it wrote");
        }
        text.push_str(&output::ledger_line(&search.ledger()));
        output::print(&text)?;
    }
    if let Some(problem) = problem {
        anyhow::bail!("the log does not replay: {problem}; it was edited or two searches wrote into it");
    }
    Ok(match search.end() {
        Some(SearchEnd::Proved { .. }) => Outcome::Proved,
        _ => Outcome::NotProved,
    })
}

/// The tree as an indented outline, depth first, in the order in which the tactics were tried.
fn outline(search: &Search) -> String {
    let mut text = format!("{}\n", search.theorem().statement);
    if search.tree().nodes().is_empty() {
        return text;
    }
    let mut stack: Vec<(usize, Line)> = vec![(0, Line::Node(NodeId(0)))];
    let mut edges_of: std::collections::HashMap<NodeId, Vec<usize>> = std::collections::HashMap::new();
    for (edge_idx, edge) in search.tree().edges().iter().enumerate() {
        edges_of.entry(edge.parent).or_default().push(edge_idx);
    }
    while let Some((depth, line)) = stack.pop() {
        let indent = "  ".repeat(depth);
        match line {
            Line::Node(id) => {
                let Some(node) = search.tree().node(id) else { continue };
                let score = node.score.map_or_else(String::new, |score| format!(", score {score:.2}"));
                let goals: Vec<String> = node.goals.iter().map(|g| format!("⊢ {}", short(&g.target))).collect();
                let _ = writeln!(
                    text,
                    "{indent}#{} {} {}",
                    id.0,
                    goals.join(" | "),
                    styled(FAINT, format!("{:.2}{score}{}", node.priority, status(node.status)))
                );
                let edges = edges_of.get(&id).map_or(&[][..], Vec::as_slice);
                stack.extend(edges.iter().rev().map(|edge_idx| (depth + 1, Line::Edge(*edge_idx))));
            }
            Line::Edge(edge_idx) => {
                let edge = &search.tree().edges()[edge_idx];
                let (outcome, child) = match &edge.outcome {
                    EdgeOutcome::Child(child) => (String::new(), Some(*child)),
                    EdgeOutcome::Duplicate(known) => (styled(FAINT, format!("same as #{}", known.0)), None),
                    EdgeOutcome::Proved(RecheckState::Accepted) => (styled(GOOD, "proved"), None),
                    EdgeOutcome::Proved(RecheckState::Waiting) => ("no goals, not rechecked".to_owned(), None),
                    EdgeOutcome::Proved(RecheckState::Refused { reasons }) => {
                        (styled(BAD, format!("recheck refused: {}", short(&reasons.join("; ")))), None)
                    }
                    EdgeOutcome::Failed { message } => (styled(FAINT, format!("failed: {}", short(message))), None),
                    EdgeOutcome::Timeout => (styled(BAD, "timed out"), None),
                    EdgeOutcome::Crashed { detail } => (styled(BAD, format!("crashed: {}", short(detail))), None),
                    EdgeOutcome::OutOfMemory => (styled(BAD, "out of memory"), None),
                };
                let _ = writeln!(text, "{}", format!("{indent}{}  {outcome}", short(&edge.tactic)).trim_end());
                stack.extend(child.map(|child| (depth + 1, Line::Node(child))));
            }
        }
    }
    text
}

enum Line {
    Node(NodeId),
    Edge(usize),
}

fn status(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Open => ", open",
        NodeStatus::InFlight => ", in flight",
        NodeStatus::Expanded => "",
    }
}

/// One line of at most [`LINE_CHARS`] characters.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LINE_CHARS) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

fn json(search: &Search, n_events: usize, is_cut: bool, torn: bool, problem: Option<&str>) -> serde_json::Value {
    let tree = search.tree();
    let nodes: Vec<_> = tree
        .nodes()
        .iter()
        .map(|node| {
            serde_json::json!({
                "id": node.id.0,
                "pass": node.pass,
                "depth": node.depth,
                "parent": node.parent.map(|edge| edge.0),
                "priority": node.priority,
                "score": node.score,
                "status": match node.status {
                    NodeStatus::Open => "open",
                    NodeStatus::InFlight => "in_flight",
                    NodeStatus::Expanded => "expanded",
                },
                "goals": node.goals.iter().map(|goal| &goal.text).collect::<Vec<_>>(),
            })
        })
        .collect();
    let edges: Vec<_> = tree
        .edges()
        .iter()
        .map(|edge| {
            let (outcome, detail) = match &edge.outcome {
                EdgeOutcome::Child(child) => ("open", serde_json::json!(child.0)),
                EdgeOutcome::Duplicate(known) => ("duplicate", serde_json::json!(known.0)),
                EdgeOutcome::Proved(RecheckState::Waiting) => ("proved", serde_json::json!("waiting")),
                EdgeOutcome::Proved(RecheckState::Accepted) => ("proved", serde_json::json!("accepted")),
                EdgeOutcome::Proved(RecheckState::Refused { reasons }) => ("refused", serde_json::json!(reasons)),
                EdgeOutcome::Failed { message } => ("failed", serde_json::json!(message)),
                EdgeOutcome::Timeout => ("timeout", serde_json::Value::Null),
                EdgeOutcome::Crashed { detail } => ("crashed", serde_json::json!(detail)),
                EdgeOutcome::OutOfMemory => ("out_of_memory", serde_json::Value::Null),
            };
            serde_json::json!({
                "id": edge.id.0,
                "pass": edge.pass,
                "guide": match edge.guide {
                    Guide::BestFirst => "best_first",
                    Guide::Critic => "critic",
                },
                "parent": edge.parent.0,
                "tactic": edge.tactic,
                "logprob": edge.logprob,
                "outcome": outcome,
                "detail": detail,
            })
        })
        .collect();
    let proof = match search.end() {
        Some(SearchEnd::Proved { proof, .. }) => Some(proof),
        _ => None,
    };
    serde_json::json!({
        "stepwise_replay": 1,
        "theorem": search.theorem(),
        "events": n_events,
        "cut": is_cut,
        "torn": torn,
        "end": search.end().map_or("open", words::name_of_end),
        "end_text": words::of_search(search),
        "proof": proof,
        "ledger": search.ledger(),
        "problem": problem,
        "nodes": nodes,
        "edges": edges,
    })
}
