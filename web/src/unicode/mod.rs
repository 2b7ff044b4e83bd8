//! Unicode input: `\and` becomes `∧` while one types, as in the Lean extension of VS Code.
//!
//! Nothing is kept between key presses: what stands before the caret says whether an abbreviation is being typed.
//! Offsets are in UTF-16 code units, because a text field counts in them.

/// What is typed behind the backslash, and the symbol; the file's header names its source.
const TABLE: &str = include_str!("abbreviations.txt");

/// Where the caret goes in a symbol that is a pair of brackets.
const CARET: char = '¦';

/// A change to a text field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where the replaced part begins.
    pub from: usize,
    pub to: usize,
    /// What stands there instead.
    pub text: String,
    /// Where the caret goes.
    pub caret: usize,
}

/// What to replace after a key was pressed, if anything: an abbreviation that is complete and the beginning of no other
/// one, or one that the last character has ended.
#[must_use]
pub fn typed(text: &str, caret: usize) -> Option<Edit> {
    let pending = Pending::before(text, caret)?;
    if let Some(symbol) = only(pending.body) {
        return Some(pending.edit(symbol, ""));
    }
    if is_begun(pending.body) {
        return None;
    }
    let (last_at, _) = pending.body.char_indices().next_back()?;
    let (abbreviation, last) = pending.body.split_at(last_at);
    Some(pending.edit(best(abbreviation)?, last))
}

/// What to replace when the visitor is done with the field, or asks for it with Tab: the abbreviation before the caret,
/// complete or not.
#[must_use]
pub fn finished(text: &str, caret: usize) -> Option<Edit> {
    let pending = Pending::before(text, caret)?;
    Some(pending.edit(best(pending.body)?, ""))
}

/// What stands between a backslash and the caret.
struct Pending<'a> {
    /// The backslash's place.
    from: usize,
    caret: usize,
    body: &'a str,
}

impl<'a> Pending<'a> {
    fn before(text: &'a str, caret: usize) -> Option<Self> {
        let head = &text[..byte_offset(text, caret)?];
        let backslash = head.rfind('\\')?;
        let body = &head[backslash + 1..];
        let from = caret - utf16_len(body) - 1;
        (!body.is_empty()).then_some(Self { from, caret, body })
    }

    fn edit(&self, symbol: &str, behind: &str) -> Edit {
        let (before, after) = symbol.split_once(CARET).unwrap_or((symbol, ""));
        let text = format!("{before}{after}{behind}");
        let back = if after.is_empty() { 0 } else { utf16_len(after) + utf16_len(behind) };
        Edit { from: self.from, to: self.caret, caret: self.from + utf16_len(&text) - back, text }
    }
}

fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with("# ") || line.ends_with('♯')).filter_map(|line| line.split_once(' '))
}

fn beginning_with<'a>(abbreviation: &'a str) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    entries().filter(move |(long, _)| long.starts_with(abbreviation))
}

fn is_begun(abbreviation: &str) -> bool {
    beginning_with(abbreviation).next().is_some()
}

/// The symbol of a complete abbreviation that no other one begins with.
fn only(abbreviation: &str) -> Option<&'static str> {
    let mut all = beginning_with(abbreviation);
    let (long, symbol) = all.next()?;
    (long == abbreviation && all.next().is_none()).then_some(symbol)
}

/// The symbol of the shortest abbreviation that begins so, the first of several.
fn best(abbreviation: &str) -> Option<&'static str> {
    if abbreviation.is_empty() {
        return None;
    }
    beginning_with(abbreviation).min_by_key(|(long, _)| long.chars().count()).map(|(_, symbol)| symbol)
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn byte_offset(text: &str, utf16: usize) -> Option<usize> {
    let mut at = 0;
    for (offset, c) in text.char_indices() {
        if at >= utf16 {
            return (at == utf16).then_some(offset);
        }
        at += c.len_utf16();
    }
    (at == utf16).then_some(text.len())
}

#[cfg(test)]
mod tests;
