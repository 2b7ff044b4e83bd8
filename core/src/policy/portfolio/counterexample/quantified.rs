//! Reads the statement that a goal refutes: its variables with their types, its premises, and its conclusion.

use crate::goal::Goal;
use crate::syntax::printed::{find_top_level, fold};

/// A statement to be refuted, or an existence to be shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantified {
    pub(super) form: Form,
    /// Variables and premises, in order.
    pub(super) items: Vec<Item>,
    pub(super) conclusion: String,
}

/// Where the statement stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// The goal is `¬∀ .., P`.
    Negation,
    /// The goal is `False`, and this hypothesis is the statement.
    Hypothesis(String),
    /// The goal is `∃ .., P`, and values are to make `P` true.
    Exists,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Variable(Variable),
    Premise(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) is_explicit: bool,
    /// Lean finds it: `[Inhabited α]`.
    pub(super) is_instance: bool,
}

impl Quantified {
    /// The statement of a goal; `None` when the goal refutes none.
    pub(super) fn of_goal(goal: &Goal) -> Option<Self> {
        let target = fold(&goal.target);
        if target == "False" {
            // The one that was taken in last.
            return goal
                .hypotheses
                .iter()
                .rev()
                .flat_map(|hyp| hyp.names.iter().map(move |name| (name, hyp)))
                .find_map(|(name, hyp)| {
                    let ty = fold(&hyp.ty);
                    let is_usable = !name.contains('✝') && ty.starts_with('∀');
                    is_usable.then(|| Self::read(Form::Hypothesis(name.clone()), &ty)).flatten()
                });
        }
        if target.starts_with("∃ ") {
            return Self::read_exists(&target);
        }
        let statement = target.strip_prefix('¬')?;
        // The rest of a conjunction is no part of what is negated.
        if [" ∧ ", " ∨ ", " ↔ "].iter().any(|symbol| find_top_level(statement, symbol).is_some())
            && !statement.starts_with('∀')
        {
            return None;
        }
        Self::read(Form::Negation, without_brackets(statement))
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.items.iter().filter_map(|item| match item {
            Item::Variable(variable) => Some(variable),
            Item::Premise(_) => None,
        })
    }

    pub(super) fn premises(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            Item::Premise(premise) => Some(premise.as_str()),
            Item::Variable(_) => None,
        })
    }

    fn read(form: Form, text: &str) -> Option<Self> {
        let mut items = Vec::new();
        let mut rest = text.trim();
        loop {
            if let Some(body) = rest.strip_prefix("∀ ") {
                let comma = find_top_level(body, ",")?;
                items.extend(binders(&body[..comma])?);
                rest = body[comma + 1..].trim_start();
                continue;
            }
            // Each takes everything to its right.
            if ["∃", "fun ", "let ", "if "].iter().any(|word| rest.starts_with(word)) {
                break;
            }
            let Some(arrow) = find_top_level(rest, " → ") else { break };
            if find_top_level(rest, " ↔ ").is_some_and(|iff| iff < arrow) {
                break;
            }
            let premise = rest[..arrow].trim();
            if find_top_level(premise, "∃").is_some() || find_top_level(premise, "∀").is_some() {
                break;
            }
            items.push(Item::Premise(premise.to_owned()));
            rest = rest[arrow + " → ".len()..].trim_start();
        }
        let has_variable = items.iter().any(|item| matches!(item, Item::Variable(_)));
        has_variable.then(|| Self { form, items, conclusion: rest.to_owned() })
    }

    fn read_exists(text: &str) -> Option<Self> {
        let mut items = Vec::new();
        let mut rest = text;
        while let Some(body) = rest.strip_prefix("∃ ") {
            let comma = find_top_level(body, ",")?;
            items.extend(binders(&body[..comma])?);
            rest = body[comma + 1..].trim_start();
        }
        // `∃ x > 3, P` has a premise, which would be a part of the witness.
        let is_plain = items.iter().all(|item| matches!(item, Item::Variable(variable) if !variable.ty.is_empty()));
        is_plain.then(|| Self { form: Form::Exists, items, conclusion: rest.to_owned() })
    }
}

/// The binders between a quantifier and its comma, as Lean prints them with their types.
fn binders(text: &str) -> Option<Vec<Item>> {
    let text = text.trim();
    let variables = |inside: &str, is_explicit: bool| -> Option<Vec<Item>> {
        let colon = find_top_level(inside, " : ")?;
        let ty = inside[colon + " : ".len()..].trim();
        let variable = |name: &str| {
            let (name, ty) = (name.to_owned(), ty.to_owned());
            Item::Variable(Variable { name, ty, is_explicit, is_instance: false })
        };
        Some(inside[..colon].split_whitespace().map(variable).collect())
    };
    if !text.starts_with(['(', '{', '[', '⦃']) {
        return variables(text, true);
    }
    let mut items = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.chars().next() {
        let close = closing(rest)?;
        let inside = rest[open.len_utf8()..close].trim();
        match open {
            '(' => items.extend(variables(inside, true)?),
            '{' | '⦃' => items.extend(variables(inside, false)?),
            '[' => items.push(Item::Variable(Variable {
                name: inside.split_once(" : ").map_or("_", |(name, _)| name).to_owned(),
                ty: inside.to_owned(),
                is_explicit: false,
                is_instance: true,
            })),
            _ => return None,
        }
        let after = rest[close..].chars().next()?.len_utf8();
        rest = rest[close + after..].trim_start();
    }
    Some(items)
}

/// The byte offset of the bracket that closes the one with which the text begins.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' | '⟨' | '⦃' => depth += 1,
            ')' | ']' | '}' | '⟩' | '⦄' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// `(P)` without its brackets, when they hold all of it.
fn without_brackets(text: &str) -> &str {
    match closing(text) {
        Some(close) if text.starts_with('(') && close + 1 == text.len() => text[1..close].trim(),
        _ => text,
    }
}
