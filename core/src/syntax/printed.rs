//! Propositions as Lean prints them, read as slices of the text: words, what stands outside brackets, leading binders.
//!
//! Whoever needs a spelling that does not matter reads [`lexemes`](super::lexeme::lexemes) and
//! [`Signature`](super::signature::Signature) instead; these here keep the text, so that tactics can be made of its pieces.

use super::name::is_name_part;

/// A leading binder of a proposition: `∀ (x : T), `, `A → `, `¬ `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binder {
    /// The name that Lean printed, if any.
    pub(crate) name: Option<String>,
    /// The type, or the premise.
    pub(crate) ty: String,
}

/// Folds white space, so that a text that Lean broke over lines is one line.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// True when `name` stands in `text` as a whole word; `n` is not mentioned by `n✝` or `h.n`, but it is by `n.succ`.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    !name.is_empty() && places(text, name).next().is_some()
}

/// Where `name` stands in `text` as a whole word, as [`mentions`] has it: byte offsets.
pub(crate) fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_name_part) && !after.is_some_and(|c| (is_name_part(c) && c != '.') || c == '✝')
    })
}

/// The byte offset of `needle` in `text` outside all brackets.
pub(crate) fn find_top_level(text: &str, needle: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        if depth == 0 && text[at..].starts_with(needle) {
            return Some(at);
        }
        match c {
            '(' | '[' | '{' | '⟨' => depth += 1,
            ')' | ']' | '}' | '⟩' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The byte offset of a connective or relation at the top of a proposition: outside all brackets, and not in what a
/// quantifier or `fun` takes, which is everything to its right: `¬∃ n, p n ∧ q n` is no conjunction.
pub(crate) fn find_connective(text: &str, symbol: &str) -> Option<usize> {
    let at = find_top_level(text, symbol)?;
    let takes_all = |binder: &&str| find_top_level(&text[..at], binder).is_some();
    let is_taken = text.starts_with("fun ") || ["∃", "∀", " fun "].iter().any(takes_all);
    (!is_taken).then_some(at)
}

/// Splits `∃ x y, body` or `∃ (x : T), body` into binder names and body.
pub(crate) fn split_exists(text: &str) -> Option<(Vec<Binder>, &str)> {
    let rest = text.strip_prefix("∃ ")?;
    let comma = find_top_level(rest, ",")?;
    Some((parse_binders(&rest[..comma]), rest[comma + 1..].trim_start()))
}

/// Takes the leading binders off a proposition: `∀ x, `, `∀ x ≥ 3, `, `A → `; a final `¬` or `≠` is left alone.
pub(crate) fn telescope(text: &str) -> (Vec<Binder>, &str) {
    let mut binders = Vec::new();
    let mut rest = text.trim();
    loop {
        if let Some(body) = rest.strip_prefix("∀ ") {
            let Some(comma) = find_top_level(body, ",") else { break };
            binders.extend(parse_binders(&body[..comma]));
            rest = body[comma + 1..].trim_start();
            continue;
        }
        // A quantifier or `fun` takes everything to its right, arrows included; `↔` binds looser than `→`.
        if rest.starts_with('∃') || rest.starts_with("fun ") || rest.starts_with("let ") || rest.starts_with("if ") {
            break;
        }
        let Some(arrow) = find_top_level(rest, " → ") else { break };
        let premise = &rest[..arrow];
        if find_top_level(rest, " ↔ ").is_some_and(|iff| iff < arrow)
            || find_top_level(premise, "∃").is_some()
            || find_top_level(premise, "∀").is_some()
        {
            break;
        }
        binders.push(Binder { name: None, ty: premise.trim().to_owned() });
        rest = rest[arrow + " → ".len()..].trim_start();
    }
    (binders, rest)
}

/// Binders between a quantifier and its comma: `x y`, `(x y : T) {z : U}`, `x : T`, `n ≥ 3`, `x ∈ l`.
fn parse_binders(text: &str) -> Vec<Binder> {
    let text = text.trim();
    let mut out = Vec::new();
    if text.starts_with(['(', '{', '[', '⦃']) {
        for group in text.split(['(', ')', '{', '}', '⦃', '⦄']).map(str::trim).filter(|group| !group.is_empty()) {
            match group.split_once(" : ") {
                Some((names, ty)) => out.extend(
                    names
                        .split_whitespace()
                        .map(|name| Binder { name: Some(name.to_owned()), ty: ty.trim().to_owned() }),
                ),
                None => out.push(Binder { name: None, ty: group.to_owned() }),
            }
        }
        return out;
    }
    if let Some((names, ty)) = text.split_once(" : ") {
        return names
            .split_whitespace()
            .map(|name| Binder { name: Some(name.to_owned()), ty: ty.trim().to_owned() })
            .collect();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() > 2 && words[1..].iter().any(|word| matches!(*word, "≥" | "≤" | "<" | ">" | "∈" | "≠" | "∉" | "⊆"))
    {
        out.push(Binder { name: Some(words[0].to_owned()), ty: String::new() });
        out.push(Binder { name: None, ty: text.to_owned() });
        return out;
    }
    words.iter().map(|name| Binder { name: Some((*name).to_owned()), ty: String::new() }).collect()
}
