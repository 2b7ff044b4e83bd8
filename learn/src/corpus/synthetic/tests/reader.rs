//! Reads statements about `Nat` and `Int` back from their text and evaluates them by Lean's rules.

use stepwise_core::syntax::{TokenKind, tokens};

/// A statement that could be read.
pub(super) struct Reading {
    is_nat: bool,
    variables: Vec<String>,
    /// The hypotheses and the claim as one implication.
    claim: Node,
}

enum Node {
    Num(i128),
    Var(String),
    Apply(String, Vec<Node>),
    /// `∀` or `∃`, a variable, and the body, which bounds it.
    Quantified(bool, String, Box<Node>),
}

impl Reading {
    /// `None` for a statement that speaks of more than numbers.
    pub(super) fn of(statement: &str) -> Option<Self> {
        let words: Vec<(TokenKind, &str)> =
            tokens(statement).iter().map(|token| (token.kind, token.text(statement))).collect();
        let mut reader = Reader { words: &words, at: 2 };
        let (mut is_nat, mut variables, mut hypotheses) = (true, Vec::new(), Vec::new());
        while reader.takes("(") {
            let names = reader.names();
            reader.takes(":").then_some(())?;
            match (reader.word(), reader.words.get(reader.at + 1).map(|word| word.1)) {
                (ty @ ("Nat" | "Int"), Some(")")) => {
                    is_nat = ty == "Nat";
                    variables.extend(names);
                    reader.at += 1;
                }
                _ => hypotheses.push(reader.binary(0)?),
            }
            reader.takes(")").then_some(())?;
        }
        reader.takes(":").then_some(())?;
        if reader.word() == "∀" && reader.words[reader.at..].iter().all(|word| word.1 != "∃") {
            let start = reader.at;
            reader.at += 1;
            let bracketed = reader.takes("(");
            let names = reader.names();
            reader.takes(":").then_some(())?;
            let ty = reader.word();
            reader.at += 1;
            let ends = reader.takes(if bracketed { ")" } else { "," });
            // A bounded quantifier is left to the expression's own rules.
            let bounded = names.len() == 1 && reader.word() == names[0] && reader.words[reader.at + 1].1 == "<";
            if bounded || !ends {
                reader.at = start;
            } else {
                if !matches!(ty, "Nat" | "Int") || bracketed {
                    return None;
                }
                is_nat = ty == "Nat";
                variables.extend(names);
            }
        }
        let goal = reader.binary(0)?;
        let both = |left, right| Node::Apply("→".to_owned(), vec![left, right]);
        let claim = hypotheses.into_iter().rev().fold(goal, |claim, hypothesis| both(hypothesis, claim));
        (reader.at == words.len()).then_some(Self { is_nat, variables, claim })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.variables.is_empty()
    }

    /// Whether it holds for these values; `None` when the numbers grow too large.
    pub(super) fn at(&self, values: &[i128]) -> Option<bool> {
        let mut env: Vec<(&str, i128)> =
            self.variables.iter().map(String::as_str).zip(values.iter().copied()).collect();
        Some(self.value(&self.claim, &mut env)? != 0)
    }

    /// Values among small ones for which it fails.
    pub(super) fn counterexample(&self) -> Option<Vec<i128>> {
        let n = self.variables.len();
        let (low, high) = [(0, 0), (-60, 420), (-12, 25), (-5, 8), (-3, 4)][n.min(4)];
        let low = if self.is_nat { 0 } else { low };
        let mut values = vec![low; n];
        loop {
            if self.at(&values) == Some(false) {
                return Some(values);
            }
            let idx = values.iter().position(|value| *value < high)?;
            values[idx] += 1;
            values[..idx].fill(low);
        }
    }

    fn value<'a>(&'a self, node: &'a Node, env: &mut Vec<(&'a str, i128)>) -> Option<i128> {
        let (name, parts) = match node {
            Node::Num(value) => return Some(*value),
            Node::Var(name) => return env.iter().rev().find(|(other, _)| other == name).map(|(_, value)| *value),
            Node::Quantified(all, name, body) => return self.quantified(*all, name, body, env),
            Node::Apply(name, parts) => (name.as_str(), parts),
        };
        let left = self.value(&parts[0], env)?;
        let right = match (name, parts.get(1)) {
            // What follows from a falsehood need not be computed, nor what stands beside a truth.
            ("→", _) if left == 0 => return Some(1),
            ("¬", _) => return Some(i128::from(left == 0)),
            ("-", None) => return Some(-left),
            (_, right) => self.value(right?, env)?,
        };
        let truth = |truth: bool| Some(i128::from(truth));
        match name {
            "→" => Some(right),
            "↔" => truth(left == right),
            "∧" => Some(left & right),
            "∨" => Some(left | right),
            "=" => truth(left == right),
            "≠" => truth(left != right),
            "<" => truth(left < right),
            "≤" => truth(left <= right),
            ">" => truth(left > right),
            "≥" => truth(left >= right),
            "∣" => truth(if left == 0 { right == 0 } else { right % left == 0 }),
            "+" => left.checked_add(right),
            "-" if self.is_nat => Some((left - right).max(0)),
            "-" => left.checked_sub(right),
            "*" => left.checked_mul(right),
            "/" => Some(if right == 0 { 0 } else { left.div_euclid(right) }),
            "%" => Some(if right == 0 { left } else { left.rem_euclid(right) }),
            "^" => left.checked_pow(u32::try_from(right).ok()?),
            "min" => Some(left.min(right)),
            "max" => Some(left.max(right)),
            "Nat.gcd" => Some((1..=left.max(right)).rev().find(|d| left % d == 0 && right % d == 0).unwrap_or(0)),
            "Nat.lcm" => (1..=right).map(|factor| factor * left).find(|multiple| multiple % right == 0).or(Some(0)),
            _ => None,
        }
    }

    /// `∀ x, x < n → body` and `∃ x, x < n ∧ body`.
    fn quantified<'a>(
        &'a self,
        all: bool,
        name: &'a str,
        body: &'a Node,
        env: &mut Vec<(&'a str, i128)>,
    ) -> Option<i128> {
        let Node::Apply(_, parts) = body else { return None };
        let Node::Apply(below, bounds) = &parts[0] else { return None };
        (below == "<" && matches!(&bounds[0], Node::Var(bounded) if bounded == name)).then_some(())?;
        let bound = self.value(&bounds[1], env)?;
        let mut truth = all;
        for value in 0..bound {
            env.push((name, value));
            let here = self.value(&parts[1], env);
            env.pop();
            truth = if all { truth & (here? != 0) } else { truth | (here? != 0) };
        }
        Some(i128::from(truth))
    }
}

struct Reader<'a> {
    words: &'a [(TokenKind, &'a str)],
    at: usize,
}

impl<'a> Reader<'a> {
    fn word(&self) -> &'a str {
        self.words.get(self.at).map_or("", |word| word.1)
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.word() == word;
        self.at += usize::from(there);
        there
    }

    fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while self.words.get(self.at).is_some_and(|word| word.0 == TokenKind::Word) {
            names.push(self.word().to_owned());
            self.at += 1;
        }
        names
    }

    /// An expression whose operators bind at least this tightly.
    fn binary(&mut self, least: u32) -> Option<Node> {
        let mut left = self.prefix()?;
        loop {
            let operator = self.word();
            // How tightly it binds, and how tightly what is on its right must.
            let (level, right) = match operator {
                "↔" => (20, 21),
                "→" => (25, 25),
                "∨" => (30, 30),
                "∧" => (35, 35),
                "=" | "≠" | "<" | "≤" | ">" | "≥" | "∣" => (50, 51),
                "+" | "-" => (65, 66),
                "*" | "/" | "%" => (70, 71),
                "^" => (75, 75),
                _ => return Some(left),
            };
            if level < least {
                return Some(left);
            }
            self.at += 1;
            left = Node::Apply(operator.to_owned(), vec![left, self.binary(right)?]);
        }
    }

    fn prefix(&mut self) -> Option<Node> {
        match self.word() {
            "¬" => {
                self.at += 1;
                Some(Node::Apply("¬".to_owned(), vec![self.binary(40)?]))
            }
            "-" => {
                self.at += 1;
                Some(Node::Apply("-".to_owned(), vec![self.binary(75)?]))
            }
            quantifier @ ("∀" | "∃") => {
                self.at += 1;
                let names = self.names();
                (self.takes(":") && self.takes("Nat") && self.takes(",") && names.len() == 1).then_some(())?;
                Some(Node::Quantified(quantifier == "∀", names.into_iter().next()?, Box::new(self.binary(0)?)))
            }
            name @ ("Nat.gcd" | "Nat.lcm" | "min" | "max") => {
                self.at += 1;
                Some(Node::Apply(name.to_owned(), vec![self.atom()?, self.atom()?]))
            }
            _ => self.atom(),
        }
    }

    fn atom(&mut self) -> Option<Node> {
        let (kind, word) = *self.words.get(self.at)?;
        self.at += 1;
        match kind {
            TokenKind::Number => Some(Node::Num(word.parse().ok()?)),
            TokenKind::Word if word.chars().count() == 1 => {
                // A name before another name or a bracket is a function.
                let applied = self.words.get(self.at).is_some_and(|next| next.0 == TokenKind::Word || next.1 == "(");
                (!applied).then(|| Node::Var(word.to_owned()))
            }
            _ if word == "(" => {
                let inner = self.binary(0)?;
                self.takes(")").then_some(inner)
            }
            _ => None,
        }
    }
}
