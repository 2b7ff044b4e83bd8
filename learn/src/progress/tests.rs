//! Which statements go on: the best ones first.

use super::*;

#[test]
fn the_best_part_comes_first_and_what_has_no_score_last() {
    let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let score = |name: &str| match name {
        "b" => Some(2.0),
        "d" => Some(3.0),
        "e" => Some(2.0),
        _ => None,
    };
    assert_eq!(best(names.clone(), score, 0.5), ["d", "b", "e"]);
    assert_eq!(best(names.clone(), score, 1.0), ["d", "b", "e", "a", "c"]);
    assert!(best(names, score, 0.0).is_empty());
}
