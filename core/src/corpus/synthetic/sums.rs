//! Sums over `List.range` in closed form.

use super::dice::Dice;
use super::draft::Draft;

pub(super) fn draft(dice: &mut Dice, _level: u32, holds: bool) -> Option<Draft> {
    let n = dice.pick(&["n", "n", "k", "m"]);
    let (a, b) = (dice.int(1, 6), dice.int(0, 6));
    let wrong = if holds { 0 } else { dice.int(1, 3) };
    let body = match (a, b) {
        (1, 0) => "i".to_owned(),
        (1, b) => format!("i + {b}"),
        (a, 0) => format!("{a} * i"),
        (a, b) => format!("{a} * i + {b}"),
    };
    let square = if a == 1 { "i ^ 2".to_owned() } else { format!("{a} * i ^ 2") };
    let base = dice.int(2, 6);
    let form = dice.int(0, 2);
    let total = |body: &str| match form {
        0 => format!("((List.range {n}).map (fun i => {body})).sum"),
        1 => format!("(List.range {n}).foldl (fun s i => s + ({body})) 0"),
        _ => format!("((List.range ({n} + 1)).map (fun i => {body})).sum"),
    };
    // How many terms there are, as text.
    let whole = form == 2;
    let plus = |constant: i64| if constant == 0 { String::new() } else { format!(" + {constant}") };
    let times = |factor: i64, term: &str| if factor == 1 { term.to_owned() } else { format!("{factor} * {term}") };
    let (goal, level) = match dice.int(0, 3) {
        // 2 Σ_{i<n} (a i + b) + a n = a n² + 2 b n, and with the term of n as well 2 Σ = a n² + (a + 2 b) n + 2 b.
        0 if whole => {
            let linear = times(a + 2 * b, n);
            let square = times(a, &format!("{n} ^ 2"));
            (format!("2 * {} = {square} + {linear}{}", total(&body), plus(2 * b + wrong)), 4)
        }
        0 => {
            let linear = if b == 0 { String::new() } else { format!(" + {}", times(2 * b, n)) };
            let square = times(a, &format!("{n} ^ 2"));
            (format!("2 * {} + {} = {square}{linear}{}", total(&body), times(a, n), plus(wrong)), 4)
        }
        // 6 Σ_{i<n} a i² + 3 a n² = 2 a n³ + a n.
        1 if !whole => {
            let left = format!("6 * {} + {}", total(&square), times(3 * a, &format!("{n} ^ 2")));
            (format!("{left} = {} + {}", times(2 * a, &format!("{n} ^ 3")), times(a + wrong, n)), 5)
        }
        // (c - 1) Σ_{i<n} c^i + 1 = c^n.
        2 if !whole => {
            let left = times(base - 1, &total(&format!("{base} ^ i")));
            (format!("{left} + {} = {base} ^ {n}", 1 + wrong), 5)
        }
        _ if !whole => (format!("{} = {} * {n}", total(&b.to_string()), b + wrong), 4),
        _ => return None,
    };
    Some(Draft { goal, level, holds, ..Draft::default().var(n, "Nat") })
}
