//! The default notation in front of a theorem, only as far as it is used.

use crate::problem::{CORE_NOTATION, Theorem};
use crate::syntax::{TokenKind, tokens};

/// The theorem without those lines of the default notation that neither it nor the proof uses. `None` when nothing is left
/// out: all lines are used, or the preamble does not begin with them.
///
/// Only for theorems that were given the notation by default: what somebody wrote in front of a statement stays.
#[must_use]
pub fn with_notation_used(theorem: &Theorem, proof: &[String]) -> Option<Theorem> {
    let own = theorem.preamble.strip_prefix(CORE_NOTATION)?;
    if !own.is_empty() && !own.starts_with("\n\n") {
        return None;
    }
    let mut texts = vec![own, theorem.statement.as_str()];
    texts.extend(proof.iter().map(String::as_str));
    let kept: Vec<&str> =
        CORE_NOTATION.lines().filter(|line| texts.iter().any(|text| uses(text, symbol(line)))).collect();
    if kept.len() == CORE_NOTATION.lines().count() {
        return None;
    }
    let preamble = format!("{}{own}", kept.join("\n")).trim_start_matches('\n').to_owned();
    Some(Theorem { preamble, ..theorem.clone() })
}

/// The symbol that a line of notation declares: what is in quotation marks.
fn symbol(line: &str) -> &str {
    line.split('"').nth(1).unwrap_or_default()
}

/// Whether a text uses a symbol: comments, strings and longer names that contain it do not. Where it cannot be told (a
/// string with holes, a text that breaks off) it does.
fn uses(text: &str, symbol: &str) -> bool {
    tokens(text).iter().any(|token| {
        let found = token.text(text);
        match token.kind {
            TokenKind::Comment | TokenKind::Char => false,
            TokenKind::Str => found.contains(symbol) && found.contains(['{', '}']),
            TokenKind::Word | TokenKind::Hash | TokenKind::Number => found == symbol,
            TokenKind::Symbol | TokenKind::Unclosed => found.contains(symbol),
        }
    })
}
