//! Loose tactics put under the goals that they close: the arms of an `induction`, or bullets.
//!
//! A search's proof is a flat list, in which each tactic works on the first open goal. How many goals are open behind each
//! tactic says which goal it worked on.

use super::cuts::Edit;
use super::script::{Arm, Block, Item, Kind, Script, reindent};
use crate::goal::Goal;

/// A tactic and the goals behind it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) tactic: String,
    pub(super) goals: Vec<Goal>,
}

/// Lines of a proof that are longer are not made of two.
const WIDTH: usize = 96;

/// A flat proof read as a tree.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Step(String),
    Split(Split),
}

/// A tactic with the tactics that close each of the goals that it leaves.
#[derive(Clone, Debug, PartialEq)]
struct Split {
    head: String,
    branches: Vec<Vec<Node>>,
    /// The last part of each goal's case tag.
    tags: Vec<Option<String>>,
}

/// How a split is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Arms,
    Bullets,
    Flat,
}

/// The proof with its structure visible, in several ways, the preferred one first. Empty where there is none to show.
pub(super) fn structured(steps: &[Step]) -> Vec<String> {
    let mut reader = Reader { steps, at: 0 };
    let Ok(nodes) = reader.frame(0) else { return Vec::new() };
    if reader.at < steps.len() {
        return Vec::new();
    }
    let n_splits = count_splits(&nodes);
    if n_splits == 0 {
        return Vec::new();
    }
    let flat = render(&nodes, &mut |_| Style::Flat);
    let mut styles: Vec<Vec<Style>> = vec![vec![Style::Arms; n_splits], vec![Style::Bullets; n_splits]];
    // One split that Lean does not take in its style should not spoil the others.
    for style in [Style::Bullets, Style::Flat] {
        for odd in 0..n_splits {
            styles.push((0..n_splits).map(|idx| if idx == odd { style } else { Style::Arms }).collect());
        }
    }
    let mut texts: Vec<String> = Vec::new();
    for styles in styles {
        let mut styles = styles.into_iter();
        let text = render(&nodes, &mut |_| styles.next().unwrap_or(Style::Flat));
        if text != flat && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// Blocks inside others in which two goals may have their tactics one after the other: nobody has counted the goals there,
/// so every way to divide the tactics is an edit.
pub(super) fn guessed(script: &Script) -> Vec<Edit> {
    const SPLITS: [&str; 9] =
        ["constructor", "cases", "rcases", "by_cases", "split", "induction", "refine", "apply", "ext"];
    let mut edits = Vec::new();
    script.visit(&mut |block, idx| {
        let items = &block.items[idx..];
        let is_inside =
            block.items.first().map(|item| item.span.start) != script.block.items.first().map(|item| item.span.start);
        let is_loose = items.iter().all(|item| !matches!(item.kind, Kind::Bullet | Kind::Case | Kind::Wrapper));
        let is_split = items[0].kind == Kind::Plain && SPLITS.contains(&script.token(items[0].tokens.start));
        if !is_inside || !is_loose || !is_split || !(3..=8).contains(&items.len()) {
            return;
        }
        let text = |items: &[Item]| {
            let one = |item: &Item| of_block(script, &Block { items: vec![item.clone()], column: block.column });
            let lines: Option<Vec<String>> = items.iter().map(one).collect();
            lines.map(|lines| reindent(&lines.join("\n"), 0, block.column + 2))
        };
        for n in 1..items.len() - 1 {
            let (Some(first), Some(second)) = (text(&items[1..=n]), text(&items[n + 1..])) else { return };
            let line = format!("\n{}· ", " ".repeat(block.column));
            edits.push((items[0].span.end..items[items.len() - 1].span.end, format!("{line}{first}{line}{second}")));
        }
    });
    edits
}

struct Reader<'a> {
    steps: &'a [Step],
    at: usize,
}

/// A tactic that works on more goals than the first: the frame that it breaks stays flat.
struct NotLocal;

impl Reader<'_> {
    fn goals(&self) -> &[Goal] {
        self.at.checked_sub(1).map_or(&[], |before| &self.steps[before].goals)
    }

    fn n_goals(&self) -> usize {
        if self.at == 0 { 1 } else { self.goals().len() }
    }

    /// Reads until only `outside` goals are left.
    fn frame(&mut self, outside: usize) -> Result<Vec<Node>, NotLocal> {
        let mut nodes = Vec::new();
        while self.n_goals() > outside {
            let Some(step) = self.steps.get(self.at) else { return Err(NotLocal) };
            let n_before = self.n_goals();
            let is_local = {
                let before = self.goals();
                let left_alone = &before[before.len() - outside.min(before.len())..];
                step.goals.len() >= outside && same(left_alone, &step.goals[step.goals.len() - outside..])
            };
            if !is_local {
                return Err(NotLocal);
            }
            self.at += 1;
            // With several goals open in one frame, who works on which is not told.
            let is_first = n_before == outside + 1;
            let n_new = step.goals.len() - outside;
            if is_first && (n_new >= 2 || n_new == 1 && holes(&step.tactic) == 1) {
                let begun = self.at;
                if let Some(split) = self.split(step, n_new, outside) {
                    nodes.push(Node::Split(split));
                    continue;
                }
                self.at = begun;
                if let Some(split) = self.handed_out(step, n_new, outside) {
                    nodes.push(Node::Split(split));
                    continue;
                }
            }
            nodes.push(Node::Step(step.tactic.clone()));
        }
        Ok(nodes)
    }

    fn split(&mut self, step: &Step, n_new: usize, outside: usize) -> Option<Split> {
        let mut branches = Vec::new();
        for idx in 0..n_new {
            branches.push(self.frame(outside + n_new - 1 - idx).ok()?);
        }
        Some(Split { head: step.tactic.clone(), branches, tags: tags(&step.goals[..n_new]) })
    }

    /// `all_goals tactic` behind a split, which closes each of its goals.
    fn handed_out(&mut self, step: &Step, n_new: usize, outside: usize) -> Option<Split> {
        let next = self.steps.get(self.at).filter(|next| next.goals.len() == outside)?;
        let is_local = same(&step.goals[n_new..], &next.goals);
        let script = Script::parse(&next.tactic);
        let [Item { kind: Kind::Wrapper, blocks, tokens, .. }] = script.block.items.as_slice() else { return None };
        if !is_local || script.token(tokens.start) != "all_goals" {
            return None;
        }
        let body = vec![Node::Step(of_block(&script, &blocks[0])?)];
        self.at += 1;
        Some(Split { head: step.tactic.clone(), branches: vec![body; n_new], tags: tags(&step.goals[..n_new]) })
    }
}

/// The last parts of the goals' case tags.
fn tags(goals: &[Goal]) -> Vec<Option<String>> {
    goals.iter().map(|goal| goal.case.as_ref()?.rsplit('.').next().map(str::to_owned)).collect()
}

/// The text of a block, moved to the margin.
fn of_block(script: &Script, block: &Block) -> Option<String> {
    let (first, last) = (block.items.first()?, block.items.last()?);
    Some(reindent(&script.text[first.span.start..last.span.end], block.column, 0))
}

fn same(left: &[Goal], right: &[Goal]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.text == right.text)
}

fn count_splits(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Step(_) => 0,
            Node::Split(split) => 1 + split.branches.iter().map(|branch| count_splits(branch)).sum::<usize>(),
        })
        .sum()
}

/// The holes of a tactic's arms.
fn holes(tactic: &str) -> usize {
    let script = Script::parse(tactic);
    match script.block.items.as_slice() {
        [Item { kind: Kind::Arms(arms), .. }] => arms.iter().filter(|arm| arm.is_hole).count(),
        _ => 0,
    }
}

/// The tree as text; `style` is asked for each split, outermost first.
fn render(nodes: &[Node], style: &mut dyn FnMut(&Split) -> Style) -> String {
    let lines: Vec<String> = nodes
        .iter()
        .map(|node| match node {
            Node::Step(tactic) => tactic.clone(),
            Node::Split(split) => {
                let own = style(split);
                let bodies: Vec<String> = split.branches.iter().map(|branch| render(branch, style)).collect();
                written(split, own, &bodies)
            }
        })
        .collect();
    lines.join("\n")
}

fn written(split: &Split, style: Style, bodies: &[String]) -> String {
    let with_arms = || filled(split, bodies).or_else(|| named(split, bodies));
    match style {
        Style::Arms => with_arms().unwrap_or_else(|| bulleted(split, bodies)),
        Style::Bullets => bulleted(split, bodies),
        Style::Flat => {
            let lines: Vec<&str> = [split.head.as_str()].into_iter().chain(bodies.iter().map(String::as_str)).collect();
            lines.join("\n")
        }
    }
}

/// Bodies in the holes of the arms that the tactic has already.
fn filled(split: &Split, bodies: &[String]) -> Option<String> {
    let script = Script::parse(&split.head);
    let [Item { kind: Kind::Arms(arms), blocks, .. }] = script.block.items.as_slice() else { return None };
    if arms.iter().filter(|arm| arm.is_hole).count() != bodies.len() {
        return None;
    }
    let mut bodies = bodies.iter();
    let mut out = script.text[..arms[0].head.start].trim_end().to_owned();
    for (Arm { head, is_hole }, block) in arms.iter().zip(blocks) {
        let body = if *is_hole { bodies.next().cloned() } else { of_block(&script, block) };
        out.push('\n');
        out.push_str(&arm(script.text[head.clone()].trim_end(), &body?));
    }
    Some(out)
}

/// Arms for an `induction` or `cases` that has none, by the tags of its goals.
fn named(split: &Split, bodies: &[String]) -> Option<String> {
    let script = Script::parse(&split.head);
    let [item] = script.block.items.as_slice() else { return None };
    let head = script.token(item.tokens.start);
    let has_with = item.tokens.clone().any(|idx| script.token(idx) == "with");
    if item.kind != Kind::Plain || !matches!(head, "induction" | "cases") || has_with {
        return None;
    }
    let tags: Vec<&String> = split.tags.iter().flatten().collect();
    let is_told_apart = tags.iter().enumerate().all(|(idx, tag)| !tags[..idx].contains(tag));
    if tags.len() != bodies.len() || !is_told_apart {
        return None;
    }
    let mut out = format!("{} with", split.head.trim_end());
    for (tag, body) in tags.into_iter().zip(bodies) {
        // The names that a first `rename_i` gives belong into the arm.
        let (names, body) = match body.strip_prefix("rename_i ").and_then(|rest| rest.split_once('\n')) {
            Some((names, rest)) => (format!(" {}", names.trim()), rest.to_owned()),
            None => (String::new(), body.clone()),
        };
        out.push('\n');
        out.push_str(&arm(&format!("| {tag}{names} =>"), &body));
    }
    Some(out)
}

fn arm(head: &str, body: &str) -> String {
    let is_short = !body.contains('\n') && head.chars().count() + 1 + body.chars().count() <= WIDTH;
    if is_short { format!("{head} {body}") } else { format!("{head}\n  {}", reindent(body, 0, 2)) }
}

fn bulleted(split: &Split, bodies: &[String]) -> String {
    let mut out = split.head.trim_end().to_owned();
    for body in bodies {
        out.push_str("\n· ");
        out.push_str(&reindent(body, 0, 2));
    }
    out
}
