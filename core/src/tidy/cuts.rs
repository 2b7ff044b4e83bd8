//! Shorter texts by cutting: later tactics in place of earlier ones, tactics left out, wrappers and chains taken off.

use std::ops::Range;

use super::length::weight;
use super::script::{Block, Item, Kind, Script, reindent};

/// A place in the text and what is to stand there.
pub(super) type Edit = (Range<usize>, String);

/// Tactics without arguments that close many goals, tried in place of whole ends of blocks.
const CLOSERS: [&str; 5] = ["rfl", "simp", "omega", "grind", "simp_all"];
/// First words of tactics that close goals: only these are tried in place of what comes before them.
const CLOSING: [&str; 27] = [
    "omega",
    "grind",
    "simp",
    "simp_all",
    "simpa",
    "dsimp",
    "rfl",
    "decide",
    "exact",
    "exact_mod_cast",
    "assumption",
    "contradiction",
    "trivial",
    "linarith",
    "nlinarith",
    "norm_num",
    "ring",
    "ring_nf",
    "positivity",
    "tauto",
    "aesop",
    "rw",
    "apply",
    "ac_rfl",
    "nofun",
    "nomatch",
    "infer_instance",
];
/// Replacements of ends that are looked at.
const MAX_ENDS: usize = 1000;
/// Tactics of an end that are tried in its place.
const MAX_CLOSERS: usize = 16;
/// A single tactic shorter than this is left to the other edits: nobody reads `rfl` with more pleasure than `omega`.
const WORTH_CLOSING: usize = 12;

/// The ends of blocks that a tactic might close earlier: one of those in the end itself, or one that closes many goals.
pub(super) fn ends(script: &Script) -> Vec<Edit> {
    let mut edits = Vec::new();
    script.visit(&mut |block, idx| {
        let Some(last) = block.items.last().filter(|_| edits.len() < MAX_ENDS) else { return };
        let first = &block.items[idx];
        let span = first.span.start..last.span.end;
        let n_replaced = block.items.len() - idx;
        let here = weight(&script.text[span.clone()]);
        if n_replaced == 1 && here < WORTH_CLOSING {
            return;
        }
        let mut closers: Vec<String> = CLOSERS.iter().map(|closer| (*closer).to_owned()).collect();
        // The parts of what follows, chains and nested blocks included, in their own words.
        for item in block.items[idx..].iter().rev() {
            collect(script, item, block.column, &mut closers);
        }
        for (idx, closer) in closers.iter().enumerate().take(MAX_CLOSERS) {
            if weight(closer) < here && !closers[..idx].contains(closer) {
                edits.push((span.clone(), closer.clone()));
            }
        }
    });
    edits
}

fn collect(script: &Script, item: &Item, column: usize, closers: &mut Vec<String>) {
    if closers.len() >= MAX_CLOSERS {
        return;
    }
    if item.kind == Kind::Plain {
        if !CLOSING.contains(&script.token(item.tokens.start)) {
            return;
        }
        let line = script.text[..item.span.start].rfind('\n').map_or(0, |at| at + 1);
        let from = script.text[line..item.span.start].chars().count();
        closers.push(reindent(script.of(item), from, column));
    } else {
        let blocks = item.blocks.iter().flat_map(|block| &block.items);
        blocks.for_each(|item| collect(script, item, column, closers));
    }
}

/// Every tactic left out, where another one remains beside it.
pub(super) fn omissions(script: &Script) -> Vec<Edit> {
    let mut edits = Vec::new();
    script.visit(&mut |block, idx| {
        let items = &block.items;
        let span = match (items.get(idx + 1), idx.checked_sub(1)) {
            (Some(next), _) => items[idx].span.start..next.span.start,
            (None, Some(before)) => items[before].span.end..items[idx].span.end,
            (None, None) => return,
        };
        edits.push((span, String::new()));
    });
    edits
}

/// What is around tactics, taken off: parentheses, `try`, `all_goals`, all alternatives of `first` but one, links of chains.
pub(super) fn wrappers(script: &Script) -> Vec<Edit> {
    let mut edits = Vec::new();
    script.visit(&mut |block, idx| {
        let item = &block.items[idx];
        match item.kind {
            Kind::Parentheses | Kind::Wrapper => edits.extend(unwrapped(script, block, item, &item.blocks[0])),
            Kind::First => item.blocks.iter().for_each(|inner| edits.extend(unwrapped(script, block, item, inner))),
            Kind::Chain => chain(script, block, item, &mut edits),
            _ => {}
        }
    });
    edits
}

/// The item replaced by what is in one of its blocks.
fn unwrapped(script: &Script, outer: &Block, item: &Item, inner: &Block) -> Option<Edit> {
    let (first, last) = (inner.items.first()?, inner.items.last()?);
    // On one line behind other things, several lines would not be in one column.
    let text = &script.text[first.span.start..last.span.end];
    Some((item.span.clone(), reindent(text, inner.column, outer.column)))
}

fn chain(script: &Script, outer: &Block, item: &Item, edits: &mut Vec<Edit>) {
    let parts: Vec<&Item> = item.blocks.iter().filter_map(|block| block.items.first()).collect();
    for idx in 0..parts.len() {
        let span = match (parts.get(idx + 1), idx.checked_sub(1)) {
            (Some(next), _) => parts[idx].span.start..next.span.start,
            (None, Some(before)) => parts[before].span.end..parts[idx].span.end,
            (None, None) => continue,
        };
        edits.push((span, String::new()));
    }
    // One after the other, where the first leaves one goal.
    for pair in parts.windows(2) {
        let is_alone_on_line =
            script.text[..item.span.start].rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
        let between = if is_alone_on_line { format!("\n{}", " ".repeat(outer.column)) } else { "; ".to_owned() };
        edits.push((pair[0].span.end..pair[1].span.start, between));
    }
}

/// Neighbours that are one tactic: `intro x` and `intro y`, `rw [a]` and `rw [b]`.
pub(super) fn merges(script: &Script) -> Vec<Edit> {
    let mut edits = Vec::new();
    script.visit(&mut |block, idx| {
        let [Some(first), Some(second)] = [block.items.get(idx), block.items.get(idx + 1)] else { return };
        if first.kind != Kind::Plain || second.kind != Kind::Plain {
            return;
        }
        let head = script.token(first.tokens.start);
        if head != script.token(second.tokens.start) || second.tokens.len() < 2 {
            return;
        }
        let rest = script.span(second.tokens.start + 1).start;
        match head {
            "intro" | "rintro" | "revert" | "unfold" => edits.push((first.span.end..rest, " ".to_owned())),
            "rw" | "simp_rw"
                if script.token(first.tokens.end - 1) == "]" && script.token(second.tokens.end - 1) == "]" =>
            {
                let (close, inside) = (script.span(first.tokens.end - 1), script.span(second.tokens.start + 2));
                if script.token(second.tokens.start + 1) == "[" {
                    edits.push((close.start..inside.start, ", ".to_owned()));
                }
            }
            _ => {}
        }
    });
    edits
}

/// Splits whose branches all have the same body, as one chain: `constructor <;> omega`.
pub(super) fn joins(script: &Script) -> Vec<Edit> {
    let mut edits = Vec::new();
    script.visit(&mut |block, idx| {
        let split = &block.items[idx];
        if let Kind::Arms(arms) = &split.kind
            && arms.len() >= 2
            && let Some(body) = same_body(script, &split.blocks)
        {
            let before = script.text[..arms[0].head.start].trim_end();
            let before = before.strip_suffix("with").map_or(before, str::trim_end).len();
            edits.push((before..split.span.end, format!(" <;> {body}")));
        }
        let bullets: Vec<&Item> = block.items[idx + 1..].iter().take_while(|item| item.kind == Kind::Bullet).collect();
        let (Some(last), true) = (bullets.last(), split.kind == Kind::Plain && bullets.len() >= 2) else { return };
        if let Some(body) = same_body(script, bullets.iter().map(|bullet| &bullet.blocks[0])) {
            edits.push((split.span.end..last.span.end, format!(" <;> {body}")));
        }
    });
    edits
}

/// What all of these blocks are, where it is one plain tactic on one line.
fn same_body<'a>(script: &'a Script, blocks: impl IntoIterator<Item = &'a Block>) -> Option<&'a str> {
    let mut texts = blocks.into_iter().map(|block| only(script, block));
    let first = texts.next()??;
    (!first.contains('\n') && texts.all(|text| text == Some(first))).then_some(first)
}

/// The text of a block of one plain tactic.
fn only<'a>(script: &'a Script, block: &Block) -> Option<&'a str> {
    match block.items.as_slice() {
        [item] if item.kind == Kind::Plain => Some(script.of(item)),
        _ => None,
    }
}

/// The text with an edit made, without the blank lines that a cut leaves.
pub(super) fn edited(text: &str, (span, replacement): &Edit) -> String {
    let mut out = format!("{}{replacement}{}", &text[..span.start], &text[span.end..]);
    if replacement.is_empty() {
        let lines: Vec<&str> = out.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        out = lines.join("\n");
    }
    out
}
