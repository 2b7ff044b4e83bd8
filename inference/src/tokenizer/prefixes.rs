//! Strings with values, searched by what a text begins with.

/// A sorted list that answers as a trie does: every step along the text narrows the range of strings that still fit.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    entries: Vec<(Box<str>, u32)>,
}

impl FromIterator<(Box<str>, u32)> for Prefixes {
    /// Empty strings are left out, because every text begins with them; of equal strings the first stays.
    fn from_iter<I: IntoIterator<Item = (Box<str>, u32)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().filter(|(key, _)| !key.is_empty()).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, first| later.0 == first.0);
        Self { entries }
    }
}

impl Prefixes {
    /// The value of `key` itself.
    pub(super) fn get(&self, key: &str) -> Option<u32> {
        self.entries.binary_search_by(|(entry, _)| (**entry).cmp(key)).ok().map(|idx| self.entries[idx].1)
    }

    /// All strings that `text` begins with, shortest first, as length in bytes and value.
    pub(super) fn of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, u32)> + 'a {
        let mut range = self.entries.as_slice();
        let mut length = 0;
        std::iter::from_fn(move || {
            while let Some(&byte) = text.as_bytes().get(length) {
                // All of `range` shares the text's first `length` bytes; none of it is exactly that long any more.
                let at = |entry: &(Box<str>, u32)| entry.0.as_bytes()[length];
                range = &range[range.partition_point(|entry| at(entry) < byte)..];
                range = &range[..range.partition_point(|entry| at(entry) <= byte)];
                length += 1;
                let (first, rest) = range.split_first()?;
                if first.0.len() == length {
                    range = rest;
                    return Some((length, first.1));
                }
            }
            None
        })
    }

    /// Drops every string whose value does not pass.
    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.entries.retain(|&(_, value)| keep(value));
    }
}
