//! Characters of names: as Lean's own tokenizer has them, and as its printed goals are read.
//!
//! What Lean prints is cut into names more generously than what is given to Lean: a letter of any script may be part of one,
//! and dots belong to it. A state's key depends on that reading, and keys are in records.

/// True for a character that may begin a name in a printed goal.
pub(crate) fn is_name_start(c: char) -> bool {
    (c.is_alphabetic() && c != 'λ') || c == '_' || c == '«'
}

/// True for a character that may stand inside a name in a printed goal; dots count, so that `Nat.succ` is one name.
pub(crate) fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || matches!(c, '\'' | '.' | '»') || ('₀'..='₉').contains(&c)
}

/// Lean's `isIdFirst`.
pub(super) fn is_id_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || is_letter_like(c)
}

/// Lean's `isIdRest`.
pub(super) fn is_id_rest(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '!' | '?') || is_letter_like(c) || is_subscript(c)
}

/// Lean's `isLetterLike`: Greek without `λ`, `Π` and `Σ`, Coptic, polytonic Greek, letter-like symbols, script and
/// fraktur letters, and Latin letters with marks.
fn is_letter_like(c: char) -> bool {
    match c {
        'λ' | 'Π' | 'Σ' | '×' | '÷' => false,
        'α'..='ω' | 'Α'..='Ω' | '\u{3ca}'..='\u{3fb}' | '\u{1f00}'..='\u{1ffe}' => true,
        '\u{2100}'..='\u{214f}' | '\u{1d49c}'..='\u{1d59f}' | '\u{c0}'..='\u{17f}' => true,
        _ => false,
    }
}

/// Lean's `isSubScriptAlnum`.
fn is_subscript(c: char) -> bool {
    matches!(c, '\u{2080}'..='\u{2089}' | '\u{2090}'..='\u{209c}' | '\u{1d62}'..='\u{1d6a}' | '\u{2c7c}')
}
