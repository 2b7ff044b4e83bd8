//! Goals as Lean prints them, kept verbatim and parsed into case tag, hypotheses and target.

use std::collections::HashMap;
use std::sync::Arc;

use crate::facts::GoalFacts;
use crate::syntax::name::{is_name_part, is_name_start};

/// One hypothesis line of a goal: `x y : Nat`, `h : x = y` or `n : Nat := 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypothesis {
    /// The names that share the type, in Lean's order; an inaccessible name keeps its dagger (`n✝`).
    pub names: Vec<String>,
    /// The type as Lean prints it, continuation lines included.
    pub ty: String,
    /// The value of a `let` hypothesis.
    pub value: Option<String>,
}

/// One open goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The `case` tag, when Lean prints one.
    pub case: Option<String>,
    /// The local context, oldest first.
    pub hypotheses: Vec<Hypothesis>,
    /// What is to be shown: the text behind `⊢`.
    pub target: String,
    /// Exactly what Lean printed.
    pub text: String,
    /// What Lean knows of it besides, where the backend tells that.
    pub facts: Option<Arc<GoalFacts>>,
}

impl Goal {
    /// Parses one goal as `Lean.Meta.ppGoal` prints it.
    ///
    /// Never fails: text without a `⊢` line becomes the target of a goal without hypotheses,
    /// because Lean's own text is the truth and the parse is only a help for policies and pages.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let Some(turnstile) = lines.iter().position(|line| turnstile_rest(line).is_some()) else {
            return Self {
                case: None,
                hypotheses: Vec::new(),
                target: text.trim().to_owned(),
                text: text.to_owned(),
                facts: None,
            };
        };
        let mut target = turnstile_rest(lines[turnstile]).unwrap_or_default().to_owned();
        for line in &lines[turnstile + 1..] {
            target.push('\n');
            target.push_str(line);
        }
        let mut context = &lines[..turnstile];
        while context.first().is_some_and(|line| line.trim().is_empty()) {
            context = &context[1..];
        }
        let case = context.first().and_then(|line| line.strip_prefix("case ")).map(|tag| tag.trim().to_owned());
        if case.is_some() {
            context = &context[1..];
        }
        Self {
            case,
            hypotheses: parse_context(context),
            target: target.trim().to_owned(),
            text: text.to_owned(),
            facts: None,
        }
    }
}

/// The goals in a text that lists several, as Lean's `unsolved goals` error and the `repl` print them: one block per
/// goal, blocks separated by blank lines. A position and the words `unsolved goals` before the first goal are skipped,
/// and so is a text that holds no goal at all (`no goals`).
#[must_use]
pub fn split_goals(text: &str) -> Vec<Goal> {
    let body = match text.find("unsolved goals\n") {
        Some(at) => &text[at + "unsolved goals\n".len()..],
        None => text,
    };
    let mut goals = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    // A blank line ends a goal only once its `⊢` was seen: a string literal in a hypothesis may hold a blank line.
    let mut closed = false;
    for line in body.lines().chain(std::iter::once("")) {
        if line.trim().is_empty() && (closed || block.is_empty()) {
            if closed {
                goals.push(Goal::parse(&block.join("\n")));
            }
            block.clear();
            closed = false;
            continue;
        }
        closed |= turnstile_rest(line).is_some();
        block.push(line);
    }
    goals
}

/// The key under which two proof states count as the same: the goals' texts with case tags dropped, runs of white
/// space folded, and inaccessible names and metavariables renumbered in order of appearance.
///
/// Inaccessible names are numbered within their goal, metavariables across all goals, because goals share the latter.
#[must_use]
pub fn state_key(goals: &[Goal]) -> String {
    let mut key = String::new();
    let mut metavariables = Numbering::default();
    for goal in goals {
        if !key.is_empty() {
            key.push('\n');
        }
        let mut inaccessible = Numbering::default();
        let body = without_case_line(&goal.text);
        let mut pending_space = false;
        for token in tokens(body) {
            match token {
                Token::Space => {
                    pending_space = true;
                    continue;
                }
                token => {
                    if pending_space && !key.is_empty() && !key.ends_with('\n') {
                        key.push(' ');
                    }
                    pending_space = false;
                    match token {
                        Token::Inaccessible(name) => {
                            key.push('✝');
                            key.push_str(&inaccessible.number(name).to_string());
                        }
                        Token::Metavariable(name) => {
                            key.push('?');
                            key.push_str(&metavariables.number(name).to_string());
                        }
                        Token::Other(text) => key.push_str(text),
                        Token::Space => {}
                    }
                }
            }
        }
    }
    key
}

/// Numbers names in order of appearance.
#[derive(Default)]
struct Numbering<'a>(HashMap<&'a str, usize>);

impl<'a> Numbering<'a> {
    fn number(&mut self, name: &'a str) -> usize {
        let next = self.0.len();
        *self.0.entry(name).or_insert(next)
    }
}

/// What the state key distinguishes in a goal's text.
enum Token<'a> {
    Space,
    /// A name with a dagger, superscript digits included.
    Inaccessible(&'a str),
    /// `?m.12`, `?w`; without the question mark.
    Metavariable(&'a str),
    Other(&'a str),
}

/// Splits a goal's text into the tokens of the state key; their texts cover everything but the `?` of metavariables.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    // `l[i]?` and `head?` end in a question mark too: a metavariable's follows neither a name nor a bracket.
    let mut after_term = false;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            let end = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            out.push(Token::Space);
            rest = &rest[end..];
            after_term = false;
        } else if is_name_part(first) {
            let end = rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len());
            let (name, tail) = rest.split_at(end);
            if let Some(tail) = tail.strip_prefix('✝') {
                let superscripts = tail.find(|c: char| !is_superscript_digit(c)).unwrap_or(tail.len());
                let whole = end + '✝'.len_utf8() + superscripts;
                out.push(Token::Inaccessible(&rest[..whole]));
                rest = &rest[whole..];
            } else {
                out.push(Token::Other(name));
                rest = tail;
            }
            after_term = true;
        } else if first == '?' && !after_term && rest[1..].starts_with(is_name_start) {
            let name = &rest[1..];
            let mut end = name.find(|c: char| !is_name_part(c) && c != '✝').unwrap_or(name.len());
            end += name[end..].find(|c: char| !is_superscript_digit(c)).unwrap_or(name.len() - end);
            out.push(Token::Metavariable(&name[..end]));
            rest = &name[end..];
            after_term = true;
        } else {
            out.push(Token::Other(&rest[..first.len_utf8()]));
            rest = &rest[first.len_utf8()..];
            after_term = matches!(first, ']' | ')' | '?' | '!');
        }
    }
    out
}

fn is_superscript_digit(c: char) -> bool {
    matches!(c, '⁰' | '¹' | '²' | '³' | '⁴'..='⁹')
}

fn without_case_line(text: &str) -> &str {
    let trimmed = text.trim_start();
    match trimmed.strip_prefix("case ") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, body)| body),
        None => trimmed,
    }
}

/// The text behind the `⊢` (in conversion mode `|`) that opens a target line.
fn turnstile_rest(line: &str) -> Option<&str> {
    line.strip_prefix('⊢').or_else(|| line.strip_prefix("| "))
}

/// Hypotheses from the lines between case tag and target. A line that is indented continues the one before it.
fn parse_context(lines: &[&str]) -> Vec<Hypothesis> {
    let mut blocks: Vec<String> = Vec::new();
    for line in lines {
        match blocks.last_mut() {
            Some(block) if line.starts_with(char::is_whitespace) || line.is_empty() => {
                block.push('\n');
                block.push_str(line);
            }
            _ => blocks.push((*line).to_owned()),
        }
    }
    blocks.iter().map(|block| parse_hypothesis(block)).collect()
}

fn parse_hypothesis(block: &str) -> Hypothesis {
    let Some(colon) = find_colon(block) else {
        // Not a shape that `ppGoal` prints; the text is kept as a nameless type.
        return Hypothesis { names: Vec::new(), ty: block.trim().to_owned(), value: None };
    };
    let names = split_names(&block[..colon]);
    let (ty, value) = split_value(&block[colon + 1..]);
    Hypothesis { names, ty: ty.trim().to_owned(), value: value.map(|value| value.trim().to_owned()) }
}

/// The byte offset of the colon behind the names; `«a : b»` is one name.
fn find_colon(block: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in block.char_indices() {
        match c {
            '«' => quoted = true,
            '»' => quoted = false,
            ':' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn split_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut current = String::new();
    for c in text.chars() {
        match c {
            '«' => quoted = true,
            '»' => quoted = false,
            _ => {}
        }
        if c.is_whitespace() && !quoted {
            if !current.is_empty() {
                names.push(std::mem::take(&mut current));
            }
        } else {
            current.push(c);
        }
    }
    if !current.is_empty() {
        names.push(current);
    }
    names
}

/// Splits `type := value` at the first `:=` outside brackets that no `let` or `have` of the type owns.
fn split_value(text: &str) -> (&str, Option<&str>) {
    let mut depth = 0_i32;
    let mut word_start = None;
    for (at, c) in text.char_indices() {
        if is_name_part(c) {
            word_start.get_or_insert(at);
            continue;
        }
        if let Some(start) = word_start.take()
            && depth == 0
            && matches!(&text[start..at], "let" | "have" | "letI" | "haveI" | "let_fun")
        {
            return (text, None);
        }
        match c {
            '(' | '[' | '{' | '⟨' => depth += 1,
            ')' | ']' | '}' | '⟩' => depth -= 1,
            ':' if depth == 0 && text[at + 1..].starts_with('=') => return (&text[..at], Some(&text[at + 2..])),
            _ => {}
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests;
