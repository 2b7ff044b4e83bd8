//! A tactic block as a tree of blocks and items with their places in the text, so that edits can be made at the places.
//!
//! Lean's grammar grows with every import, so this reads only what tidying needs: where a tactic begins and ends, and which
//! blocks are inside it. What it reads wrongly becomes an edit that Lean refuses.

use std::ops::Range;

use crate::syntax::{Token, TokenKind, tokens};

/// A text with the block that it is.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) text: String,
    pub(super) block: Block,
    tokens: Vec<Token>,
}

/// Tactics that run one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Block {
    pub(super) items: Vec<Item>,
    /// The column of its tactics, in characters.
    pub(super) column: usize,
}

/// One tactic.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Its place, in bytes.
    pub(super) span: Range<usize>,
    pub(super) tokens: Range<usize>,
    pub(super) kind: Kind,
    /// The blocks inside it: bodies, alternatives, the parts of a chain, or what stands behind a `by`.
    pub(super) blocks: Vec<Block>,
}

/// What a tactic is, as far as its blocks go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Anything else; its blocks are those behind `by`.
    Plain,
    /// `a <;> b`; each part is a block of one tactic.
    Chain,
    /// `· block`.
    Bullet,
    /// `(block)`.
    Parentheses,
    /// `try block`, `all_goals block` and the like.
    Wrapper,
    /// `first | block | block`.
    First,
    /// `case tag => block`, `next => block`.
    Case,
    /// `induction x with | zero => block`.
    Arms(Vec<Arm>),
}

/// One arm of an `induction`, `cases` or `match`; its body is the block of the same number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arm {
    /// From the `|` to behind the `=>`.
    pub(super) head: Range<usize>,
    /// Whether the body is only a hole, `?_`, which leaves its goal to the tactics behind.
    pub(super) is_hole: bool,
}

/// Blocks inside blocks that are told apart: no person goes deeper.
const MAX_DEPTH: usize = 24;

const WRAPPERS: [&str; 6] = ["try", "all_goals", "any_goals", "repeat", "repeat'", "focus"];
const WITH_ARMS: [&str; 5] = ["induction", "cases", "match", "fun_induction", "fun_cases"];
const WITH_ARROW: [&str; 4] = ["case", "case'", "next", "on_goal"];
/// Words that begin a line and yet go on with the tactic of the line before.
const CONTINUES: [&str; 11] = ["|", "<", ")", "]", "⟩", "}", "else", "then", "with", "at", "using"];

impl Script {
    pub(super) fn parse(text: &str) -> Self {
        let mut tokens = tokens(text);
        tokens.retain(|token| token.kind != TokenKind::Comment);
        let mut script = Self { text: text.to_owned(), block: Block::default(), tokens };
        script.block = script.read_block(0, script.tokens.len(), 0);
        script
    }

    pub(super) fn token(&self, idx: usize) -> &str {
        self.tokens.get(idx).map_or("", |token| token.text(&self.text))
    }

    pub(super) fn span(&self, idx: usize) -> Range<usize> {
        self.tokens.get(idx).map_or(self.text.len()..self.text.len(), |token| token.span.clone())
    }

    /// The text of an item.
    pub(super) fn of(&self, item: &Item) -> &str {
        &self.text[item.span.clone()]
    }

    /// The tactics of the outermost block, each as a text of its own.
    pub(super) fn tactics(&self) -> Vec<String> {
        self.block.items.iter().map(|item| reindent(self.of(item), self.block.column, 0)).collect()
    }

    /// Whether lines may be moved: white space inside a string that goes over a line's end is not ours.
    pub(super) fn is_movable(&self) -> bool {
        self.tokens.iter().all(|token| match token.kind {
            TokenKind::Str | TokenKind::Char => !token.text(&self.text).contains('\n'),
            TokenKind::Unclosed => false,
            _ => true,
        })
    }

    /// Whether this token touches the one before it.
    pub(super) fn touches(&self, idx: usize) -> bool {
        idx > 0 && self.span(idx - 1).end == self.span(idx).start
    }

    /// Every item, outermost first, with the block that it is in and its place there.
    pub(super) fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Block, usize)) {
        visit(&self.block, see);
    }

    /// The index behind the bracket that closes the one at `open`.
    pub(super) fn behind_group(&self, open: usize, end: usize) -> usize {
        let mut depth = 0_usize;
        for idx in open..end {
            if opens(self.token(idx)) {
                depth += 1;
            } else if closes(self.token(idx)) {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return idx + 1;
                }
            }
        }
        end
    }

    /// The column of a token, in characters.
    fn column(&self, idx: usize) -> usize {
        let start = self.span(idx).start;
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        self.text[line..start].chars().count()
    }

    fn begins_line(&self, idx: usize) -> bool {
        self.tokens.get(idx).is_some_and(|token| token.begins_line)
    }

    /// Whether `<;>` stands here.
    fn is_chain_sign(&self, idx: usize) -> bool {
        self.token(idx) == "<" && self.token(idx + 1) == ";" && self.token(idx + 2) == ">" && self.touches(idx + 1)
    }

    fn read_block(&self, from: usize, end: usize, depth: usize) -> Block {
        let column = if from < end { self.column(from) } else { 0 };
        let mut items = Vec::new();
        let mut at = from;
        while at < end {
            if self.token(at) == ";" {
                at += 1;
                continue;
            }
            let stop = self.end_of_item(at, end, column);
            items.push(self.read_item(at, stop, depth + 1));
            at = stop;
        }
        Block { items, column }
    }

    /// The first token that is no longer part of the tactic at `from`.
    fn end_of_item(&self, from: usize, end: usize, column: usize) -> usize {
        let mut idx = from;
        let mut takes_rest = false;
        while idx < end {
            let word = self.token(idx);
            let is_new_line =
                idx > from && self.begins_line(idx) && self.column(idx) <= column && !CONTINUES.contains(&word);
            if is_new_line {
                return idx;
            }
            if self.is_chain_sign(idx) {
                idx += 3;
                continue;
            }
            if word == ";" && !takes_rest {
                return idx;
            }
            takes_rest |= self.takes_rest(from, idx);
            idx = if opens(word) { self.behind_group(idx, end) } else { idx + 1 };
        }
        end
    }

    /// Whether the word at `idx`, of the tactic at `from`, is followed by a block: what comes then is in that block.
    fn takes_rest(&self, from: usize, idx: usize) -> bool {
        let begins = idx == from || idx >= from + 3 && self.is_chain_sign(idx - 3);
        match self.token(idx) {
            "by" => true,
            "=>" => {
                WITH_ARROW.contains(&self.token(from))
                    || WITH_ARMS.contains(&self.token(from))
                    || self.token(from) == "conv"
            }
            "·" | "first" => begins,
            "." => begins && !self.touches(idx + 1),
            word => begins && WRAPPERS.contains(&word),
        }
    }

    fn read_item(&self, from: usize, end: usize, depth: usize) -> Item {
        let span = self.span(from).start..self.span(end - 1).end;
        let item = |kind, blocks| Item { span: span.clone(), tokens: from..end, kind, blocks };
        if depth > MAX_DEPTH {
            return item(Kind::Plain, Vec::new());
        }
        let head = self.token(from);
        if (head == "·" || head == "." && !self.touches(from + 1)) && from + 1 < end {
            return item(Kind::Bullet, vec![self.read_block(from + 1, end, depth)]);
        }
        let parts = self.chain(from, end);
        if parts.len() > 1 {
            let block = |part: &Range<usize>| Block {
                items: vec![self.read_item(part.start, part.end, depth + 1)],
                column: self.column(part.start),
            };
            return item(Kind::Chain, parts.iter().map(block).collect());
        }
        if head == "(" && from + 2 < end && self.behind_group(from, end) == end {
            return item(Kind::Parentheses, vec![self.read_block(from + 1, end - 1, depth)]);
        }
        if WRAPPERS.contains(&head) && from + 1 < end {
            return item(Kind::Wrapper, vec![self.read_block(from + 1, end, depth)]);
        }
        if head == "first" && self.token(from + 1) == "|" {
            let bars = self.bars(from + 1, end, None);
            let ends = bars.iter().skip(1).copied().chain([end]);
            let blocks: Vec<Block> = bars
                .iter()
                .zip(ends)
                .filter(|(bar, end)| *bar + 1 < *end)
                .map(|(bar, end)| self.read_block(bar + 1, end, depth))
                .collect();
            return item(Kind::First, blocks);
        }
        if WITH_ARROW.contains(&head)
            && let Some(arrow) = self.find(from, end, |word| word == "=>")
            && arrow + 1 < end
        {
            return item(Kind::Case, vec![self.read_block(arrow + 1, end, depth)]);
        }
        if WITH_ARMS.contains(&head)
            && let Some(with) = self.find(from, end, |word| word == "with")
            && self.token(with + 1) == "|"
            && let Some((arms, blocks)) = self.arms(with + 1, end, depth)
        {
            return item(Kind::Arms(arms), blocks);
        }
        item(Kind::Plain, self.blocks_behind_by(from, end, depth))
    }

    /// The parts of `a <;> b <;> c`.
    fn chain(&self, from: usize, end: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut start, mut idx) = (from, from);
        while idx < end {
            if self.is_chain_sign(idx) && idx > start && idx + 3 < end {
                parts.push(start..idx);
                idx += 3;
                start = idx;
                continue;
            }
            if self.takes_rest(start, idx) {
                break;
            }
            idx = if opens(self.token(idx)) { self.behind_group(idx, end) } else { idx + 1 };
        }
        parts.push(start..end);
        parts
    }

    fn find(&self, from: usize, end: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        let mut idx = from;
        while idx < end {
            if wanted(self.token(idx)) {
                return Some(idx);
            }
            idx = if opens(self.token(idx)) { self.behind_group(idx, end) } else { idx + 1 };
        }
        None
    }

    /// The bars outside brackets; with a column only those that begin a line there. Without one, what an inner `with` or
    /// `first` is followed by is the inner's.
    fn bars(&self, from: usize, end: usize, column: Option<usize>) -> Vec<usize> {
        let mut bars = Vec::new();
        let mut idx = from;
        while idx < end {
            let word = self.token(idx);
            match column {
                Some(column) if word == "|" && self.begins_line(idx) && self.column(idx) == column => bars.push(idx),
                None if word == "|" => bars.push(idx),
                None if matches!(word, "with" | "first") => break,
                _ => {}
            }
            idx = if opens(word) { self.behind_group(idx, end) } else { idx + 1 };
        }
        bars
    }

    fn arms(&self, from: usize, end: usize, depth: usize) -> Option<(Vec<Arm>, Vec<Block>)> {
        let column = self.begins_line(from).then(|| self.column(from));
        let bars = self.bars(from, end, column);
        let ends = bars.iter().skip(1).copied().chain([end]);
        let (mut arms, mut blocks) = (Vec::new(), Vec::new());
        let mut start = None;
        for (bar, end) in bars.iter().copied().zip(ends) {
            let start_of_arm = *start.get_or_insert(bar);
            // `| zero | succ n => body` is one arm.
            let Some(arrow) = self.find(bar, end, |word| word == "=>") else { continue };
            if arrow + 1 >= end {
                return None;
            }
            let is_hole = match end - arrow - 1 {
                1 => self.token(arrow + 1) == "_",
                2 => self.token(arrow + 1) == "?" && self.token(arrow + 2) == "_",
                _ => false,
            };
            arms.push(Arm { head: self.span(start_of_arm).start..self.span(arrow).end, is_hole });
            blocks.push(self.read_block(arrow + 1, end, depth));
            start = None;
        }
        (start.is_none() && !arms.is_empty()).then_some((arms, blocks))
    }

    /// The blocks behind every `by` of a plain tactic, brackets or not; not those inside these blocks.
    fn blocks_behind_by(&self, from: usize, end: usize, depth: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut idx = from;
        while idx < end {
            idx += 1;
            if self.token(idx - 1) != "by" || idx >= end {
                continue;
            }
            let stop = self.end_of_by(idx, end);
            if stop > idx {
                blocks.push(self.read_block(idx, stop, depth));
                idx = stop;
            }
        }
        blocks
    }

    /// Where the block that begins at `from` ends: at a comma or a bracket that is not its own, or at a line further left.
    fn end_of_by(&self, from: usize, end: usize) -> usize {
        let column = self.column(from);
        let mut idx = from;
        while idx < end {
            let word = self.token(idx);
            if closes(word) || word == "," || idx > from && self.begins_line(idx) && self.column(idx) < column {
                return idx;
            }
            idx = if opens(word) { self.behind_group(idx, end) } else { idx + 1 };
        }
        end
    }
}

fn visit<'a>(block: &'a Block, see: &mut dyn FnMut(&'a Block, usize)) {
    for (idx, item) in block.items.iter().enumerate() {
        see(block, idx);
        item.blocks.iter().for_each(|block| visit(block, see));
    }
}

/// Whether a token opens a group.
pub(super) fn opens(token: &str) -> bool {
    matches!(token, "(" | "[" | "{" | "⟨" | "⦃")
}

/// Whether a token closes one.
pub(super) fn closes(token: &str) -> bool {
    matches!(token, ")" | "]" | "}" | "⟩" | "⦄")
}

/// The text with the lines behind its first moved from one column to another.
pub(super) fn reindent(text: &str, from: usize, to: usize) -> String {
    let mut lines = text.lines();
    let mut out = lines.next().unwrap_or_default().trim_end().to_owned();
    for line in lines {
        out.push('\n');
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        if !body.trim().is_empty() {
            out.push_str(&" ".repeat((indent + to).saturating_sub(from)));
            out.push_str(body.trim_end());
        }
    }
    out
}
