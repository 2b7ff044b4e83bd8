//! A statement in parts, before it has its name.

use super::dice::Dice;
use super::term::{Env, Prop, Sort};

/// What a family drafts.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// Binders that stay left of the colon, as they are written: `(α : Type) [Inhabited α]`.
    pub(super) fixed: Vec<String>,
    /// Variables with their types.
    pub(super) variables: Vec<(String, String)>,
    pub(super) hypotheses: Vec<String>,
    /// What is claimed.
    pub(super) goal: String,
    /// From 1 (easy) to 5.
    pub(super) level: u32,
    /// Whether it is true.
    pub(super) holds: bool,
}

impl Draft {
    /// A statement without variables.
    pub(super) fn closed(goal: impl ToString, level: u32, holds: bool) -> Self {
        Self { goal: goal.to_string(), level, holds, ..Self::default() }
    }

    pub(super) fn fixed(mut self, binder: impl Into<String>) -> Self {
        self.fixed.push(binder.into());
        self
    }

    pub(super) fn var(mut self, name: &str, ty: impl ToString) -> Self {
        self.variables.push((name.to_owned(), ty.to_string()));
        self
    }

    pub(super) fn given(mut self, hypothesis: impl ToString) -> Self {
        self.hypotheses.push(hypothesis.to_string());
        self
    }

    /// Everything behind the theorem's name: mostly in binders, as miniF2F writes it, sometimes as one `∀`.
    pub(super) fn text(&self, dice: &mut Dice) -> String {
        let mut text = String::new();
        for binder in &self.fixed {
            text.push_str(&format!(" {binder}"));
        }
        let groups = self.groups();
        let quantified = !(groups.is_empty() && self.hypotheses.is_empty()) && dice.percent(12);
        if quantified {
            text.push_str(" : ");
            let binders: Vec<String> = match groups.as_slice() {
                [(names, ty)] => vec![format!("{names} : {ty}")],
                groups => groups.iter().map(|(names, ty)| format!("({names} : {ty})")).collect(),
            };
            if !binders.is_empty() {
                text.push_str(&format!("∀ {}, ", binders.join(" ")));
            }
            for hypothesis in &self.hypotheses {
                text.push_str(&format!("{} → ", bracketed(hypothesis)));
            }
            let ends_weakly = !self.hypotheses.is_empty() && self.goal.contains('↔');
            text.push_str(&if ends_weakly { bracketed(&self.goal) } else { self.goal.clone() });
            return text;
        }
        for (names, ty) in groups {
            text.push_str(&format!(" ({names} : {ty})"));
        }
        let names = hypothesis_names(self.hypotheses.len(), dice);
        for (name, hypothesis) in names.iter().zip(&self.hypotheses) {
            text.push_str(&format!(" ({name} : {hypothesis})"));
        }
        text.push_str(&format!(" : {}", self.goal));
        text
    }

    /// Neighbouring variables of one type, together.
    fn groups(&self) -> Vec<(String, String)> {
        let mut groups: Vec<(String, String)> = Vec::new();
        for (name, ty) in &self.variables {
            match groups.last_mut() {
                Some((names, last)) if last == ty => {
                    names.push(' ');
                    names.push_str(name);
                }
                _ => groups.push((name.clone(), ty.clone())),
            }
        }
        groups
    }
}

/// `3 * t`, and `t` for `1 * t`.
pub(super) fn times(factor: i64, term: &str) -> String {
    if factor == 1 { term.to_owned() } else { format!("{factor} * {term}") }
}

/// `t + 3`, and `t` for `t + 0`.
pub(super) fn plus(term: &str, constant: i64) -> String {
    if constant == 0 { term.to_owned() } else { format!("{term} + {constant}") }
}

/// In brackets when it could not stand left of an arrow without them.
fn bracketed(prop: &str) -> String {
    if prop.contains(['→', '↔', '∀', '∃']) { format!("({prop})") } else { prop.to_owned() }
}

fn hypothesis_names(n: usize, dice: &mut Dice) -> Vec<String> {
    const DIGITS: [&str; 10] = ["₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"];
    if n == 1 && dice.percent(50) {
        return vec!["h".to_owned()];
    }
    let subscripts = n <= 10 && dice.percent(70);
    (0..n).map(|idx| if subscripts { format!("h{}", DIGITS[idx]) } else { format!("h{}", idx + 1) }).collect()
}

/// A claim about numbers, which can be put to the test.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) sort: Sort,
    pub(super) variables: Vec<String>,
    pub(super) hypotheses: Vec<Prop>,
    pub(super) goal: Prop,
}

impl Claim {
    pub(super) fn new(sort: Sort, variables: &[String], hypotheses: Vec<Prop>, goal: Prop) -> Self {
        Self { sort, variables: variables.to_vec(), hypotheses, goal }
    }

    /// A claim without variables.
    pub(super) fn closed(goal: Prop) -> Self {
        Self::new(Sort::Nat, &[], Vec::new(), goal)
    }

    /// Whether the hypotheses and the goal hold for these values; `None` when they cannot be computed.
    pub(super) fn at(&self, values: &[i128]) -> Option<(bool, bool)> {
        let values = self.variables.iter().cloned().zip(values.iter().copied()).collect();
        let env = Env { sort: self.sort, values };
        let mut given = true;
        for hypothesis in &self.hypotheses {
            given &= hypothesis.eval(&env)?;
        }
        Some((given, self.goal.eval(&env)?))
    }

    /// Whether these values satisfy the hypotheses but not the goal.
    pub(super) fn refuted_by(&self, values: &[i128]) -> bool {
        self.at(values) == Some((true, false))
    }

    /// Whether some values refute it: all small ones are tried, and larger ones at random.
    pub(super) fn is_refuted(&self, dice: &mut Dice) -> bool {
        let n = self.variables.len();
        let low = if self.sort == Sort::Nat { 0 } else { -6 };
        let high: i128 = match n {
            0 | 1 => 400,
            2 => 24,
            3 => 9,
            _ => 4,
        };
        let low = if n <= 1 && self.sort == Sort::Int { -400 } else { low.max(-high) };
        let mut values = vec![low; n];
        loop {
            if self.refuted_by(&values) {
                return true;
            }
            let Some(idx) = values.iter().position(|value| *value < high) else { break };
            values[idx] += 1;
            values[..idx].fill(low);
        }
        let wide = |dice: &mut Dice| i128::from(dice.int(if self.sort == Sort::Nat { 0 } else { -60 }, 60));
        (0..200).any(|_| {
            let values: Vec<i128> = (0..n).map(|_| wide(dice)).collect();
            self.refuted_by(&values)
        })
    }

    /// The statement, if what is said about its truth stands the test: a false one must be refuted, and a true one must
    /// not be, where it can be computed.
    pub(super) fn draft(&self, level: u32, holds: bool, dice: &mut Dice) -> Option<Draft> {
        if self.variables.is_empty() {
            // What has no variables is simply computed.
            if self.at(&[]).is_some_and(|(given, goal)| (!given || goal) != holds) {
                return None;
            }
        } else if self.is_refuted(dice) == holds {
            return None;
        }
        Some(self.write(level, holds))
    }

    /// The statement, false because of these values.
    pub(super) fn draft_refuted_by(&self, values: &[i128], level: u32) -> Option<Draft> {
        self.refuted_by(values).then(|| self.write(level, false))
    }

    fn write(&self, level: u32, holds: bool) -> Draft {
        let mut draft = Draft::closed(&self.goal, level, holds);
        for name in &self.variables {
            draft = draft.var(name, self.sort);
        }
        for hypothesis in &self.hypotheses {
            draft = draft.given(hypothesis);
        }
        draft
    }
}
