//! Sums over `List.range` in closed form.

use super::dice::Dice;
use super::draft::{Draft, plus, times};

pub(super) fn draft(dice: &mut Dice, _level: u32, holds: bool) -> Option<Draft> {
    let n = dice.pick(&["n", "n", "k", "m"]);
    let (a, b, base) = (dice.int(1, 6), dice.int(0, 6), dice.int(2, 6));
    let wrong = if holds { 0 } else { dice.int(1, 3) };
    let (line, square) = (plus(&times(a, "i"), b), times(a, "i ^ 2"));
    let (n_square, n_cube) = (format!("{n} ^ 2"), format!("{n} ^ 3"));
    let folded = dice.percent(40);
    let total = |body: &str| match folded {
        true => format!("(List.range {n}).foldl (fun s i => s + ({body})) 0"),
        false => format!("((List.range {n}).map (fun i => {body})).sum"),
    };
    // Natural numbers lack subtraction, so that lower terms stand on the left.
    let (goal, level) = match dice.weighted(&[4, 4, 3, 3, 1]) {
        // 2 Σ_{i<n} (a i + b) + a n = a n² + 2 b n.
        0 => {
            let right =
                if b == 0 { times(a, &n_square) } else { format!("{} + {}", times(a, &n_square), times(2 * b, n)) };
            (format!("2 * {} + {} = {}", total(&line), times(a, n), plus(&right, wrong)), 4)
        }
        // 2 Σ_{i≤n} (a i + b) = a n² + (a + 2 b) n + 2 b.
        1 => {
            let left = format!("2 * ((List.range ({n} + 1)).map (fun i => {line})).sum");
            let right = format!("{} + {}", times(a, &n_square), times(a + 2 * b, n));
            (format!("{left} = {}", plus(&right, 2 * b + wrong)), 4)
        }
        // 6 Σ_{i<n} a i² + 3 a n² = 2 a n³ + a n.
        2 => {
            let left = format!("6 * {} + {}", total(&square), times(3 * a, &n_square));
            (format!("{left} = {} + {}", times(2 * a, &n_cube), times(a + wrong, n)), 5)
        }
        // (c - 1) Σ_{i<n} c^i + 1 = c^n.
        3 => {
            let left = times(base - 1, &total(&format!("{base} ^ i")));
            (format!("{left} + {} = {base} ^ {n}", 1 + wrong), 5)
        }
        _ => (format!("{} = {}", total(&(b + 1).to_string()), times(b + 1 + wrong, n)), 3),
    };
    Some(Draft { goal, level, holds, ..Draft::default().var(n, "Nat") })
}
