//! Reads the arithmetic in a goal's text: terms and propositions over `+ - * / % ^`, comparisons, `∣` and connectives.
//!
//! Only a help for choosing tactics: what does not parse is an opaque atom or `None`, and Lean decides what is true.

use crate::syntax::name::{is_name_part, is_name_start};

/// A binary arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

/// An arithmetic term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Term {
    Num(i128),
    /// A name, or an application kept as the text that Lean printed.
    Atom(String),
    /// `↑t`.
    Cast(Box<Term>),
    Neg(Box<Term>),
    Bin(Op, Box<Term>, Box<Term>),
}

/// A relation between two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rel {
    Eq,
    Ne,
    Lt,
    Le,
    Dvd,
}

/// A proposition. `>` and `≥` are turned round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prop {
    Rel(Rel, Term, Term),
    And(Box<Prop>, Box<Prop>),
    Or(Box<Prop>, Box<Prop>),
    Iff(Box<Prop>, Box<Prop>),
    Imp(Box<Prop>, Box<Prop>),
    Not(Box<Prop>),
    /// A proposition that is not arithmetic.
    Atom(String),
}

impl Prop {
    /// Parses `text`; `None` when it is not a quantifier-free proposition of this grammar.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tokens = lex(text)?;
        let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0 };
        let prop = parser.prop(0)?;
        (parser.at == tokens.len()).then_some(prop)
    }

    /// The conjuncts, in order.
    pub(super) fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::And(left, right) => {
                let mut all = left.conjuncts();
                all.extend(right.conjuncts());
                all
            }
            other => vec![other],
        }
    }

    /// Calls `visit` on every term of the proposition, subterms included, outermost first.
    pub(super) fn visit_terms<'a>(&'a self, visit: &mut impl FnMut(&'a Term)) {
        match self {
            Self::Rel(_, left, right) => {
                left.visit(visit);
                right.visit(visit);
            }
            Self::And(left, right) | Self::Or(left, right) | Self::Iff(left, right) | Self::Imp(left, right) => {
                left.visit_terms(visit);
                right.visit_terms(visit);
            }
            Self::Not(inner) => inner.visit_terms(visit),
            Self::Atom(_) => {}
        }
    }

    /// Calls `visit` on every relation of the proposition.
    pub(super) fn visit_relations<'a>(&'a self, visit: &mut impl FnMut(Rel, &'a Term, &'a Term)) {
        match self {
            Self::Rel(rel, left, right) => visit(*rel, left, right),
            Self::And(left, right) | Self::Or(left, right) | Self::Iff(left, right) | Self::Imp(left, right) => {
                left.visit_relations(visit);
                right.visit_relations(visit);
            }
            Self::Not(inner) => inner.visit_relations(visit),
            Self::Atom(_) => {}
        }
    }
}

impl Term {
    /// Parses a term; `None` when `text` is not one of this grammar.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tokens = lex(text)?;
        let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0 };
        let term = parser.term(0)?;
        (parser.at == tokens.len()).then_some(term)
    }

    /// Calls `visit` on this term and all its subterms, outermost first.
    pub(super) fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Cast(inner) | Self::Neg(inner) => inner.visit(visit),
            Self::Bin(_, left, right) => {
                left.visit(visit);
                right.visit(visit);
            }
            Self::Num(_) | Self::Atom(_) => {}
        }
    }

    /// The number, when the term is a numeral.
    pub(super) fn numeral(&self) -> Option<i128> {
        match self {
            Self::Num(n) => Some(*n),
            _ => None,
        }
    }

    /// True when the term has no atom.
    pub(super) fn is_closed(&self) -> bool {
        let mut closed = true;
        self.visit(&mut |term| closed &= !matches!(term, Self::Atom(_)));
        closed
    }

    /// The value of a closed term of natural numbers modulo `modulus`; `None` for anything that the reduction does
    /// not commute with (subtraction, division) and for exponents that are not numerals.
    pub(super) fn residue(&self, modulus: i128) -> Option<i128> {
        match self {
            Self::Num(n) => Some(n.rem_euclid(modulus)),
            Self::Cast(inner) => inner.residue(modulus),
            Self::Bin(Op::Add, a, b) => Some((a.residue(modulus)? + b.residue(modulus)?) % modulus),
            Self::Bin(Op::Mul, a, b) => Some((a.residue(modulus)? * b.residue(modulus)?) % modulus),
            Self::Bin(Op::Pow, base, exponent) => {
                let (mut base, mut exponent, mut out) = (base.residue(modulus)?, exponent.numeral()?, 1 % modulus);
                while exponent > 0 {
                    if exponent % 2 == 1 {
                        out = out * base % modulus;
                    }
                    base = base * base % modulus;
                    exponent /= 2;
                }
                Some(out)
            }
            _ => None,
        }
    }

    /// The term as Lean text, with brackets where precedence wants them.
    pub(super) fn show(&self) -> String {
        self.show_at(0)
    }

    fn show_at(&self, outer: u8) -> String {
        let (text, level) = match self {
            Self::Num(n) => (n.to_string(), if *n < 0 { 65 } else { 100 }),
            Self::Atom(text) if text.contains(' ') => (text.clone(), 90),
            Self::Atom(text) => (text.clone(), 100),
            Self::Cast(inner) => (format!("↑{}", inner.show_at(100)), 95),
            Self::Neg(inner) => (format!("-{}", inner.show_at(75)), 65),
            Self::Bin(op, left, right) => {
                let (symbol, level) = match op {
                    Op::Add => ("+", 65),
                    Op::Sub => ("-", 65),
                    Op::Mul => ("*", 70),
                    Op::Div => ("/", 70),
                    Op::Mod => ("%", 70),
                    Op::Pow => ("^", 75),
                };
                let (at_left, at_right) = if *op == Op::Pow { (level + 1, level) } else { (level, level + 1) };
                (format!("{} {symbol} {}", left.show_at(at_left), right.show_at(at_right)), level)
            }
        };
        if level < outer { format!("({text})") } else { text }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Number,
    Symbol,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    end: usize,
}

/// Symbols that begin what this grammar has no words for; their presence makes a text unreadable.
const FOREIGN: &[char] = &['∀', '∃', 'λ', 'Σ', '"', '⟨', '{', '∑', '∏', '⋃', '⋂', '▸'];

fn lex(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if FOREIGN.contains(&c) {
            return None;
        } else if c.is_ascii_digit() {
            (Kind::Number, rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()))
        } else if is_name_start(c) {
            (Kind::Name, rest.find(|c: char| !is_name_part(c) && c != '✝').unwrap_or(rest.len()))
        } else {
            (Kind::Symbol, if rest.starts_with("++") || rest.starts_with("&&") { 2 } else { c.len_utf8() })
        };
        let word = &rest[..length];
        if matches!(word, "fun" | "let" | "have" | "if" | "match" | "do") {
            return None;
        }
        tokens.push(Token { kind, text: word, start: at, end: at + length });
        at += length;
    }
    Some(tokens)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    at: usize,
    depth: u32,
}

/// Nesting beyond this is not worth reading, and must not overflow the stack.
const MAX_DEPTH: u32 = 60;

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(|token| token.text)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let hit = self.peek() == Some(symbol);
        self.at += usize::from(hit);
        hit
    }

    fn descend<T>(&mut self, parse: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let out = parse(self);
        self.depth -= 1;
        out
    }

    /// Propositions by Lean's precedences: `↔` 20, `→` 25, `∨` 30, `∧` 35; `∧`, `∨` and `→` lean to the right.
    fn prop(&mut self, least: u8) -> Option<Prop> {
        self.descend(|this| {
            let mut left = this.prop_atom()?;
            loop {
                let (level, right_level) = match this.peek() {
                    Some("↔") => (20, 21),
                    Some("→") => (25, 25),
                    Some("∨") => (30, 30),
                    Some("∧") => (35, 35),
                    _ => return Some(left),
                };
                if level < least {
                    return Some(left);
                }
                this.at += 1;
                let right = Box::new(this.prop(right_level)?);
                let boxed = Box::new(left);
                left = match level {
                    20 => Prop::Iff(boxed, right),
                    25 => Prop::Imp(boxed, right),
                    30 => Prop::Or(boxed, right),
                    _ => Prop::And(boxed, right),
                };
            }
        })
    }

    fn prop_atom(&mut self) -> Option<Prop> {
        if self.eat("¬") {
            return Some(Prop::Not(Box::new(self.descend(|this| this.prop_not_argument())?)));
        }
        // A bracket may hold a proposition or begin a term: try the term first and fall back.
        let start = self.at;
        if let Some(relation) = self.relation() {
            return Some(relation);
        }
        self.at = start;
        if self.eat("(") {
            let inner = self.prop(0)?;
            return self.eat(")").then_some(inner);
        }
        None
    }

    /// `¬` binds tighter than the connectives and looser than relations.
    fn prop_not_argument(&mut self) -> Option<Prop> {
        self.prop_atom()
    }

    fn relation(&mut self) -> Option<Prop> {
        let start = self.at;
        let left = self.term(0)?;
        let symbol = self.peek().unwrap_or("").to_owned();
        let (rel, turned) = match symbol.as_str() {
            "=" => (Rel::Eq, false),
            "≠" => (Rel::Ne, false),
            "<" => (Rel::Lt, false),
            "≤" => (Rel::Le, false),
            ">" => (Rel::Lt, true),
            "≥" => (Rel::Le, true),
            "∣" => (Rel::Dvd, false),
            "" | "∧" | "∨" | "→" | "↔" | ")" => {
                // A bare proposition such as `p` or `Even n`; a bracketed one is left to the caller.
                return match left {
                    Term::Atom(_) if self.tokens[start].text != "(" => Some(Prop::Atom(self.slice(start, self.at))),
                    _ => None,
                };
            }
            _ => return None,
        };
        self.at += 1;
        let right = self.term(0)?;
        // `a = b ∣ c` and the like do not chain.
        Some(if turned { Prop::Rel(rel, right, left) } else { Prop::Rel(rel, left, right) })
    }

    fn slice(&self, from: usize, to: usize) -> String {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) => self.text[first.start..last.end].to_owned(),
            _ => String::new(),
        }
    }

    fn term(&mut self, least: u8) -> Option<Term> {
        self.descend(|this| {
            let mut left = if this.eat("-") { Term::Neg(Box::new(this.term(75)?)) } else { this.application()? };
            loop {
                let (op, level, right_level) = match this.peek() {
                    Some("+") => (Op::Add, 65, 66),
                    Some("-") => (Op::Sub, 65, 66),
                    Some("*") => (Op::Mul, 70, 71),
                    Some("/") => (Op::Div, 70, 71),
                    Some("%") => (Op::Mod, 70, 71),
                    Some("^") => (Op::Pow, 75, 75),
                    _ => return Some(left),
                };
                if level < least {
                    return Some(left);
                }
                this.at += 1;
                let right = this.term(right_level)?;
                left = Term::Bin(op, Box::new(left), Box::new(right));
            }
        })
    }

    /// A primary, or a name applied to primaries, which becomes one atom.
    fn application(&mut self) -> Option<Term> {
        let start = self.at;
        let head = self.primary()?;
        let mut head_is_name = self.tokens[start].kind == Kind::Name && matches!(head, Term::Atom(_));
        let mut arguments = 0;
        // `(n + 7).gcd`: a function in the name space of the bracket's type.
        while self.peek() == Some(".") && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == Kind::Name) {
            self.at += 2;
            head_is_name = true;
            arguments += 1;
        }
        if !head_is_name {
            return Some(head);
        }
        while let Some(token) = self.tokens.get(self.at) {
            let starts_argument = matches!(token.kind, Kind::Name | Kind::Number) || matches!(token.text, "(" | "↑");
            if !starts_argument {
                break;
            }
            self.primary()?;
            arguments += 1;
        }
        if arguments == 0 { Some(head) } else { Some(Term::Atom(self.slice(start, self.at))) }
    }

    fn primary(&mut self) -> Option<Term> {
        let token = *self.tokens.get(self.at)?;
        self.at += 1;
        match (token.kind, token.text) {
            (Kind::Number, digits) => digits.parse().ok().map(Term::Num),
            (Kind::Name, name) => Some(Term::Atom(name.to_owned())),
            (_, "↑") => Some(Term::Cast(Box::new(self.descend(Self::primary)?))),
            (_, "(") => {
                let inner = self.term(0)?;
                if self.eat(":") {
                    // A type ascription: `(3 : Rat)`; the type is of no use here.
                    while self.peek().is_some_and(|text| text != ")") {
                        self.at += 1;
                    }
                }
                self.eat(")").then_some(inner)
            }
            _ => None,
        }
    }
}
