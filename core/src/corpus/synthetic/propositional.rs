//! Propositional logic: random formulas that a truth table decides.

use super::dice::Dice;
use super::draft::Draft;

/// A formula over the variables `p`, `q`, ..
#[derive(Clone, Debug, PartialEq)]
enum Formula {
    Var(usize),
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
    Imp(Box<Formula>, Box<Formula>),
    Iff(Box<Formula>, Box<Formula>),
}

const NAMES: [&str; 5] = ["p", "q", "r", "s", "t"];

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n_vars = [2, 3, 3, 4, 5][level as usize - 1];
    let depth = [2, 2, 3, 3, 4][level as usize - 1];
    let n_hypotheses = if dice.percent(35) { 0 } else { usize::try_from(dice.int(1, i64::from(level.min(4)))).ok()? };
    // Truth is rare among formulas, so that many are drawn for one that is kept.
    for _ in 0..400 {
        let hypotheses: Vec<Formula> = (0..n_hypotheses).map(|_| random(dice, n_vars, depth - 1)).collect();
        let goal = random(dice, n_vars, if n_hypotheses == 0 { depth } else { depth - 1 });
        if keep(&hypotheses, &goal, n_vars, holds) {
            let mut used = vec![false; n_vars];
            hypotheses.iter().chain([&goal]).for_each(|formula| formula.mark(&mut used));
            let mut draft = Draft::closed(goal.text(0), level, holds);
            for idx in (0..n_vars).filter(|idx| used[*idx]) {
                draft = draft.var(NAMES[idx], "Prop");
            }
            return Some(hypotheses.iter().fold(draft, |draft, hypothesis| draft.given(hypothesis.text(0))));
        }
    }
    None
}

/// Whether the truth table says what is wanted, and every hypothesis matters.
fn keep(hypotheses: &[Formula], goal: &Formula, n_vars: usize, holds: bool) -> bool {
    let follows = |without: Option<usize>| {
        (0..1_u32 << n_vars).all(|row| {
            let mut given = hypotheses.iter().enumerate().filter(|(idx, _)| Some(*idx) != without);
            !given.all(|(_, hypothesis)| hypothesis.at(row)) || goal.at(row)
        })
    };
    if hypotheses.contains(goal) || follows(None) != holds {
        return false;
    }
    let consistent = (0..1_u32 << n_vars).any(|row| hypotheses.iter().all(|hypothesis| hypothesis.at(row)));
    // A goal or a hypothesis that is always true teaches nothing beside others.
    consistent && (!holds || (0..hypotheses.len()).all(|idx| !follows(Some(idx)))) && goal.size() >= 2
}

fn random(dice: &mut Dice, n_vars: usize, depth: u32) -> Formula {
    let variable = |dice: &mut Dice| Formula::Var(dice.weighted(&vec![1; n_vars]));
    if depth == 0 {
        let variable = variable(dice);
        return if dice.percent(20) { Formula::Not(Box::new(variable)) } else { variable };
    }
    let kind = dice.weighted(&[2, 3, 3, 5, 1, 2]);
    let left = Box::new(random(dice, n_vars, depth - 1));
    if kind == 0 {
        return Formula::Not(left);
    }
    let right = Box::new(random(dice, n_vars, depth - 1));
    match kind {
        1 => Formula::And(left, right),
        2 => Formula::Or(left, right),
        3 => Formula::Imp(left, right),
        4 => Formula::Iff(left, right),
        _ => *left,
    }
}

impl Formula {
    /// Its truth where bit `idx` of `row` says whether variable `idx` is true.
    fn at(&self, row: u32) -> bool {
        match self {
            Self::Var(idx) => row >> idx & 1 == 1,
            Self::Not(inner) => !inner.at(row),
            Self::And(left, right) => left.at(row) && right.at(row),
            Self::Or(left, right) => left.at(row) || right.at(row),
            Self::Imp(left, right) => !left.at(row) || right.at(row),
            Self::Iff(left, right) => left.at(row) == right.at(row),
        }
    }

    fn mark(&self, used: &mut [bool]) {
        match self {
            Self::Var(idx) => used[*idx] = true,
            Self::Not(inner) => inner.mark(used),
            Self::And(left, right) | Self::Or(left, right) | Self::Imp(left, right) | Self::Iff(left, right) => {
                left.mark(used);
                right.mark(used);
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Var(_) => 1,
            Self::Not(inner) => 1 + inner.size(),
            Self::And(left, right) | Self::Or(left, right) | Self::Imp(left, right) | Self::Iff(left, right) => {
                1 + left.size() + right.size()
            }
        }
    }

    fn text(&self, outer: u32) -> String {
        let (symbol, level, left, right) = match self {
            Self::Var(idx) => return NAMES[*idx].to_owned(),
            Self::Not(inner) => return format!("¬{}", inner.text(40)),
            Self::And(left, right) => ("∧", 35, left.text(36), right.text(35)),
            Self::Or(left, right) => ("∨", 30, left.text(31), right.text(30)),
            Self::Imp(left, right) => ("→", 25, left.text(26), right.text(25)),
            Self::Iff(left, right) => ("↔", 20, left.text(21), right.text(21)),
        };
        let text = format!("{left} {symbol} {right}");
        if outer > level { format!("({text})") } else { text }
    }
}
