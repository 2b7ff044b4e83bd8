//! Shorter texts by leaving out arguments: lemmas in brackets, options, locations, names.

use std::ops::Range;

use super::cuts::Edit;
use super::script::{Item, Kind, Script};

/// Tactics whose list in brackets holds lemmas that may be more than are needed.
const WITH_LIST: [&str; 21] = [
    "simp",
    "simp_all",
    "simpa",
    "dsimp",
    "grind",
    "rw",
    "rewrite",
    "erw",
    "simp_rw",
    "simp_arith",
    "norm_num",
    "nlinarith",
    "linarith",
    "positivity",
    "field_simp",
    "push_cast",
    "norm_cast",
    "exact_mod_cast",
    "solve_by_elim",
    "gcongr",
    "aesop",
];
/// Those among them that mean nothing without a list.
const WANTS_LIST: [&str; 4] = ["rw", "rewrite", "erw", "simp_rw"];
/// Tactics that take options.
const WITH_OPTIONS: [&str; 3] = ["decide", "omega", "rfl"];
/// Tactics followed by names, of which some may not be needed.
const WITH_NAMES: [&str; 3] = ["unfold", "delta", "clear"];

/// Every argument, or several of a list at once, left out.
pub(super) fn omissions(script: &Script) -> Vec<Edit> {
    let mut spans = Vec::new();
    script.visit(&mut |block, idx| {
        let item = &block.items[idx];
        if item.kind == Kind::Plain || matches!(item.kind, Kind::Arms(_)) {
            of_item(script, item, &mut spans);
        }
    });
    spans.into_iter().map(|span| (span, String::new())).collect()
}

fn of_item(script: &Script, item: &Item, spans: &mut Vec<Range<usize>>) {
    let Range { start, end } = item.tokens.clone();
    // The arguments end where a block begins.
    let end =
        item.blocks.first().and_then(|block| block.items.first()).map_or(end, |first| first.tokens.start.min(end));
    let head = script.token(start);
    let has_list = WITH_LIST.contains(&head);
    let mut idx = start + 1;
    while idx < end {
        let word = script.token(idx);
        let next = if super::script::opens(word) { script.behind_group(idx, end) } else { idx + 1 };
        if word == "[" && has_list && !script.touches(idx) {
            list(script, idx, next, WANTS_LIST.contains(&head), spans);
        } else if matches!(word, "+" | "-")
            && script.touches(idx + 1)
            && !script.touches(idx)
            && is_option(head, has_list)
        {
            spans.push(with_space_before(script, idx..idx + 2));
        } else if word == "(" && script.token(idx + 2) == ":=" && is_option(head, has_list) {
            spans.push(with_space_before(script, idx..next));
        } else if word == "generalizing" || word == "at" && (has_list || head == "split") {
            let stop = names_end(script, idx + 1, end);
            names(script, idx..stop, spans);
        } else if idx == start + 1 && WITH_NAMES.contains(&head) {
            let stop = names_end(script, idx, end);
            singles(script, idx..stop, spans);
        }
        idx = next;
    }
}

fn is_option(head: &str, has_list: bool) -> bool {
    has_list || WITH_OPTIONS.contains(&head)
}

fn names_end(script: &Script, from: usize, end: usize) -> usize {
    (from..end).find(|idx| matches!(script.token(*idx), "using" | "with" | "at" | "[" | "generalizing")).unwrap_or(end)
}

/// A keyword with names behind it: all of it, and each name where there are more.
fn names(script: &Script, tokens: Range<usize>, spans: &mut Vec<Range<usize>>) {
    spans.push(with_space_before(script, tokens.clone()));
    singles(script, tokens.start + 1..tokens.end, spans);
}

fn singles(script: &Script, tokens: Range<usize>, spans: &mut Vec<Range<usize>>) {
    // A name may be more than one token (`⊢` is none); only plain ones are told apart.
    if tokens.len() >= 2 {
        spans.extend(tokens.map(|idx| with_space_before(script, idx..idx + 1)));
    }
}

/// A bracket's entries: all with the bracket, each half, each quarter, each alone.
fn list(script: &Script, open: usize, end: usize, is_wanted: bool, spans: &mut Vec<Range<usize>>) {
    let entries = entries(script, open, end);
    if !is_wanted {
        spans.push(with_space_before(script, open..end));
    }
    let n = entries.len();
    let mut size = n.div_ceil(2);
    while size >= 1 && n >= 2 {
        let mut from = 0;
        while from < n {
            let to = (from + size).min(n);
            // The comma behind goes too, or that before where none is behind.
            let span = if to < n {
                script.span(entries[from].start).start..script.span(entries[to].start).start
            } else if from > 0 {
                script.span(entries[from - 1].end - 1).end..script.span(entries[n - 1].end - 1).end
            } else {
                break;
            };
            spans.push(span);
            from = to;
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}

/// The tokens of each entry.
fn entries(script: &Script, open: usize, end: usize) -> Vec<Range<usize>> {
    let close = end - 1;
    let mut entries = Vec::new();
    let (mut start, mut idx) = (open + 1, open + 1);
    while idx < close {
        let word = script.token(idx);
        if word == "," {
            entries.push(start..idx);
            start = idx + 1;
        }
        idx = if super::script::opens(word) { script.behind_group(idx, close) } else { idx + 1 };
    }
    entries.push(start..close);
    entries.retain(|entry| !entry.is_empty());
    entries
}

fn with_space_before(script: &Script, tokens: Range<usize>) -> Range<usize> {
    let end = script.span(tokens.end - 1).end;
    let start = script.span(tokens.start).start;
    let before = script.text[..start].trim_end().len();
    before..end
}
