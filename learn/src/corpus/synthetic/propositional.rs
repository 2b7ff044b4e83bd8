//! Propositional logic: random formulas that a truth table decides.

use super::dice::Dice;
use super::draft::Draft;
use super::logic::{Formula, Model, refutes, statement};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    let n_vars = [2, 3, 3, 4, 5][level as usize - 1];
    let depth = [2, 2, 3, 3, 4][level as usize - 1];
    let n_hypotheses = if dice.percent(35) { 0 } else { usize::try_from(dice.int(1, i64::from(level.min(4)))).ok()? };
    // Truth is rare among formulas, so that many are drawn for one that is kept.
    for _ in 0..400 {
        let hypotheses: Vec<Formula> = (0..n_hypotheses).map(|_| random(dice, n_vars, depth - 1)).collect();
        let goal = random(dice, n_vars, if n_hypotheses == 0 { depth } else { depth - 1 });
        if keep(&hypotheses, &goal, n_vars, holds) {
            return Some(statement(&hypotheses, &goal, level.div_ceil(2) + u32::from(level == 5), holds));
        }
    }
    None
}

/// Whether the truth table says what is wanted, and every hypothesis matters.
fn keep(hypotheses: &[Formula], goal: &Formula, n_vars: usize, holds: bool) -> bool {
    let rows = || (0..1_u64 << n_vars).map(|propositions| Model { size: 1, propositions, ..Model::default() });
    let follows = |hypotheses: &[Formula]| !rows().any(|row| refutes(&row, hypotheses, goal));
    if hypotheses.contains(goal) || goal.size() < 3 || follows(hypotheses) != holds {
        return false;
    }
    let others = |idx: usize| [&hypotheses[..idx], &hypotheses[idx + 1..]].concat();
    rows().any(|row| hypotheses.iter().all(|hypothesis| hypothesis.is_true(&row)))
        && (!holds || (0..hypotheses.len()).all(|idx| !follows(&others(idx))))
}

fn random(dice: &mut Dice, n_vars: usize, depth: u32) -> Formula {
    let variable = |dice: &mut Dice| Formula::Atom(dice.weighted(&vec![1; n_vars]), Vec::new());
    if depth == 0 {
        let variable = variable(dice);
        return if dice.percent(20) { variable.not() } else { variable };
    }
    let kind = dice.weighted(&[2, 3, 3, 5, 1, 2]);
    let left = random(dice, n_vars, depth - 1);
    if kind == 0 {
        return left.not();
    }
    let right = random(dice, n_vars, depth - 1);
    match kind {
        1 => left.and(right),
        2 => left.or(right),
        3 => left.implies(right),
        4 => left.iff(right),
        _ => left,
    }
}
