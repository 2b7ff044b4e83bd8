//! The prefixes that are kept between prompts: those of one search share their header and most of their history.

use super::network::Prefix;

/// What can be kept of a text that was read.
pub(super) trait Beginning: Clone + Default {
    fn tokens(&self) -> &[u32];

    /// The first `n` tokens' part.
    fn first(&self, n: usize) -> Self;

    /// The memory that it takes, in bytes.
    fn n_bytes(&self) -> usize;
}

impl Beginning for Prefix {
    fn tokens(&self) -> &[u32] {
        self.tokens()
    }

    fn first(&self, n: usize) -> Self {
        self.first(n)
    }

    fn n_bytes(&self) -> usize {
        self.n_bytes()
    }
}

/// Prefixes within a memory budget; the least recently used go first.
#[derive(Debug)]
pub(super) struct Prefixes<P = Prefix> {
    max_bytes: usize,
    /// Least recently used first.
    kept: Vec<P>,
}

impl<P: Beginning> Prefixes<P> {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, kept: Vec::new() }
    }

    /// The longest kept beginning of `tokens` that leaves at least one of them to be read.
    pub(super) fn longest(&mut self, tokens: &[u32]) -> P {
        let readable = &tokens[..tokens.len().saturating_sub(1)];
        let common = |prefix: &P| prefix.tokens().iter().zip(readable).take_while(|(a, b)| a == b).count();
        let best = self.kept.iter().enumerate().map(|(idx, prefix)| (common(prefix), idx)).max();
        let Some((n @ 1.., idx)) = best else { return P::default() };
        let prefix = self.kept.remove(idx);
        let first = prefix.first(n);
        self.kept.push(prefix);
        first
    }

    /// Keeps a prefix; others that it continues are dropped, and the oldest while there is too much.
    pub(super) fn keep(&mut self, prefix: P) {
        self.kept.retain(|other| !prefix.tokens().starts_with(other.tokens()));
        self.kept.push(prefix);
        let mut n_bytes: usize = self.kept.iter().map(P::n_bytes).sum();
        let surplus = self.kept.iter().take_while(|oldest| {
            let is_surplus = n_bytes > self.max_bytes;
            n_bytes -= if is_surplus { oldest.n_bytes() } else { 0 };
            is_surplus
        });
        let surplus = surplus.count();
        self.kept.drain(..surplus);
    }
}
