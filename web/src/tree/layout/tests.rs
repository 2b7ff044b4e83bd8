//! The layout's promises, on invented trees: nothing overlaps, parents are in the middle, and no depth is too deep.

use expect_test::expect;

use super::*;
use crate::tree::outline::Item;
use stepwise_core::random::SplitMix64;

/// Lines of a tree that is told by the parent of each line, parents first, depth first.
fn lines(parents: &[u32]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (at, parent) in parents.iter().enumerate() {
        let level = if at == 0 { 1 } else { lines[*parent as usize].level + 1 };
        let n_before = parents[..at].iter().skip(1).filter(|other| *other == parent).count();
        let place = if at == 0 { 1 } else { n_before as u32 + 1 };
        lines.push(Line {
            item: Item::Root,
            parent: *parent,
            level,
            place,
            n_siblings: 0,
            unfolded: None,
            n_hidden: 0,
        });
    }
    lines
}

fn check_promises(lines: &[Line]) {
    let layout = Layout::of(lines);
    let mut last_on_level: Vec<Option<f64>> = vec![None; layout.n_layers as usize];
    let mut ends: Vec<Option<(f64, f64)>> = vec![None; lines.len()];
    for (at, line) in lines.iter().enumerate() {
        let across = layout.across[at];
        // Depth first, the lines of a level come in their order.
        if let Some(last) = last_on_level[line.level as usize - 1].replace(across) {
            assert!(across - last >= 1.0 - 1e-9, "line {at} lies at {across}, right behind {last}");
        }
        if at > 0 {
            let (least, _) = ends[line.parent as usize].unwrap_or((across, across));
            ends[line.parent as usize] = Some((least, across));
        }
    }
    for (at, ends) in ends.iter().enumerate() {
        if let Some((least, most)) = ends {
            assert!((f64::midpoint(*least, *most) - layout.across[at]).abs() < 1e-6, "line {at} is off its middle");
        }
    }
    assert!(layout.across.iter().all(|across| (0.0..=layout.breadth).contains(across)));
}

#[test]
fn siblings_are_spread_evenly_around_a_large_one() {
    // The second of three children is broad: the third moves away, and the first ones stay at even distances.
    let layout = Layout::of(&lines(&[0, 0, 0, 2, 2, 2, 2, 2, 0, 8, 8, 8]));
    let places: Vec<String> = layout.across.iter().map(|across| format!("{across:.2}")).collect();
    expect!["3.50 1.00 2.00 0.00 1.00 2.00 3.00 4.00 6.00 5.00 6.00 7.00"].assert_eq(&places.join(" "));
}

#[test]
fn nothing_and_a_root_alone_have_a_place() {
    assert_eq!(Layout::of(&[]), Layout::default());
    assert_eq!(Layout::of(&lines(&[0])).across, [0.0]);
}

#[test]
fn random_trees_keep_the_promises() {
    for seed in 0..300 {
        let mut random = SplitMix64::new(seed);
        let n_lines = 1 + random.next_u64() % 60;
        // The path to the last line: the next one hangs on one of it, which makes the order depth first.
        let (mut path, mut parents) = (vec![0_u32], vec![0_u32]);
        for at in 1..n_lines as u32 {
            let keep = 1 + (random.next_u64() % path.len() as u64) as usize;
            path.truncate(keep);
            parents.push(path[keep - 1]);
            path.push(at);
        }
        check_promises(&lines(&parents));
    }
}

#[test]
fn a_chain_of_a_hundred_thousand_does_not_overflow() {
    let line = |at: u32| Line {
        item: Item::Root,
        parent: at.saturating_sub(1),
        level: at + 1,
        place: 1,
        n_siblings: 1,
        unfolded: None,
        n_hidden: 0,
    };
    let layout = Layout::of(&(0..100_000).map(line).collect::<Vec<_>>());
    assert!(layout.across.iter().all(|across| *across == 0.0));
    assert_eq!(layout.n_layers, 100_000);
}
