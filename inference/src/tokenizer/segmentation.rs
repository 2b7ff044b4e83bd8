//! SentencePiece's two ways to cut normalised text into pieces: byte-pair merges and the unigram model.
//!
//! Both follow `bpe_model.cc` and `unigram_model.cc` of <https://github.com/google/sentencepiece> (Apache-2.0) to the
//! last tie. Rebuilding merge rules for the `tokenizers` crate, as converters do, would not: SentencePiece ranks a merge
//! by the piece that it makes, so several pairs share a rank and the leftmost wins, where a merge list ranks every pair
//! apart. Runs of spaces, which Lean's indentation is made of, show the difference.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::prefixes::Prefixes;

/// The pieces that text can be cut into.
#[derive(Debug)]
pub(super) struct Lexicon {
    /// Normal, user-defined and unused pieces by text.
    pub(super) pieces: Prefixes,
    /// User-defined pieces that count as text; they are never cut and never merged.
    pub(super) frozen: Prefixes,
    /// Each piece's score by id.
    pub(super) scores: Vec<f32>,
    /// Which pieces are unused: they may be passed through on the way to a longer piece, but do not come out.
    pub(super) unused: Vec<bool>,
}

/// A piece of the text and its id; `None` for text that no piece covers.
pub(super) type Cut<'a> = (&'a str, Option<u32>);

/// Merges neighbours, best score first and leftmost among equals, until no two make a piece.
///
/// Takes O(n log n) for a text of n characters.
pub(super) fn merge<'a>(lexicon: &Lexicon, text: &'a str) -> Vec<Cut<'a>> {
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let frozen = lexicon.frozen.of(&text[at..]).last();
        let end = at + frozen.map_or(c.len_utf8(), |(length, _)| length);
        let idx = symbols.len();
        symbols.push(Symbol { start: at, end, prev: idx.checked_sub(1), next: idx + 1, frozen: frozen.is_some() });
        at = end;
    }
    let mut queue = BinaryHeap::new();
    // How each unused piece came about, as the length of its left half, to take it apart again.
    let mut halves: HashMap<&str, usize> = HashMap::new();
    let mut propose = |queue: &mut BinaryHeap<Merge>, symbols: &[Symbol], left: usize, right: usize| {
        let (Some(l), Some(r)) = (symbols.get(left), symbols.get(right)) else { return };
        if l.frozen || r.frozen {
            return;
        }
        let piece = &text[l.start..r.end];
        let Some(id) = lexicon.pieces.get(piece) else { return };
        if lexicon.unused[id as usize] {
            halves.insert(piece, l.end - l.start);
        }
        queue.push(Merge { score: lexicon.scores[id as usize], left, right, length: piece.len() });
    };
    for right in 1..symbols.len() {
        propose(&mut queue, &symbols, right - 1, right);
    }
    while let Some(Merge { left, right, length, .. }) = queue.pop() {
        let (l, r) = (symbols[left], symbols[right]);
        // A half that has been merged meanwhile has another length, or none.
        if l.is_gone() || r.is_gone() || r.end - l.start != length {
            continue;
        }
        symbols[left].end = r.end;
        symbols[left].next = r.next;
        symbols[right].end = r.start;
        if let Some(next) = symbols.get_mut(r.next) {
            next.prev = Some(left);
        }
        if let Some(prev) = l.prev {
            propose(&mut queue, &symbols, prev, left);
        }
        propose(&mut queue, &symbols, left, r.next);
    }
    let mut cuts = Vec::new();
    let mut stack: Vec<&str> = Vec::new();
    for symbol in symbols.iter().filter(|symbol| !symbol.is_gone()) {
        stack.push(&text[symbol.start..symbol.end]);
        while let Some(piece) = stack.pop() {
            let id = lexicon.pieces.get(piece);
            match halves.get(piece) {
                Some(&left) if id.is_some_and(|id| lexicon.unused[id as usize]) => {
                    let (left, right) = piece.split_at(left);
                    stack.extend([right, left]);
                }
                _ => cuts.push((piece, id)),
            }
        }
    }
    cuts
}

/// Characters of the text that have become one; neighbours are linked by index.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    end: usize,
    prev: Option<usize>,
    next: usize,
    frozen: bool,
}

impl Symbol {
    fn is_gone(self) -> bool {
        self.start == self.end
    }
}

/// A possible merge; the greatest is the one to make next.
struct Merge {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl Ord for Merge {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Merge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Merge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Merge {}

/// The most probable cut under the unigram model (Kudo 2018): the path of the greatest sum of scores.
///
/// Sums are kept in `f32`, because the library does and a tie must break as it does there. `unknown_score` is what a
/// character costs that no piece covers.
pub(super) fn most_probable<'a>(lexicon: &Lexicon, unknown_score: f32, text: &'a str) -> Vec<Cut<'a>> {
    #[derive(Clone, Copy, Default)]
    struct Best {
        score: f32,
        /// Where the last piece begins, and which it is.
        last: Option<(usize, Option<u32>)>,
    }
    let mut best = vec![Best::default(); text.len() + 1];
    let reach = |best: &mut [Best], start: usize, end: usize, score: f32, id: Option<u32>| {
        let score = score + best[start].score;
        let target = &mut best[end];
        if target.last.is_none() || score > target.score {
            *target = Best { score, last: Some((start, id)) };
        }
    };
    for (start, c) in text.char_indices() {
        let mut has_single = false;
        for (length, id) in lexicon.pieces.of(&text[start..]) {
            if lexicon.unused[id as usize] {
                continue;
            }
            let is_user_defined = lexicon.frozen.get(&text[start..start + length]).is_some();
            // The bonus with which a user-defined piece is chosen: that of release 0.2.3, found by weighing made-up models
            // against it. Earlier ones gave -0.1 whatever the length, and none looks at the file's own score.
            let score = if is_user_defined { 0.1 * (length - 1) as f32 } else { lexicon.scores[id as usize] };
            reach(&mut best, start, start + length, score, Some(id));
            has_single |= length == c.len_utf8();
        }
        if !has_single {
            reach(&mut best, start, start + c.len_utf8(), unknown_score, None);
        }
    }
    let mut cuts = Vec::new();
    let mut end = text.len();
    while let Some((start, id)) = best[end].last {
        cuts.push((&text[start..end], id));
        end = start;
    }
    cuts.reverse();
    cuts
}

/// How much worse than the worst piece a character is that no piece covers (`kUnkPenalty`).
pub(super) const UNKNOWN_PENALTY: f32 = 10.0;
