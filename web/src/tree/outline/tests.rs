//! The outline over a recorded search: rows, folding, filter and keys.

use expect_test::{Expect, expect};

use super::*;
use crate::replay::Replay;
use crate::tree::row::Row;
use crate::tree::sample;

/// A search with real Lean, recorded with `stepwise prove --log`; the browser test opens the same file.
const RECORDED: &[u8] = include_bytes!("../../../../tests/web/recorded.jsonl");

fn replay_at(position: usize) -> Replay {
    let mut replay = Replay::open(RECORDED).unwrap();
    replay.go_to(position);
    replay
}

fn lines(outline: &Outline, replay: &Replay) -> Vec<Line> {
    let tree = replay.search().tree();
    outline.lines(tree, &Family::of(tree))
}

fn drawn(outline: &Outline, replay: &Replay) -> String {
    let tree = replay.search().tree();
    let family = Family::of(tree);
    let lines = lines(outline, replay);
    let line = |(at, line): (usize, &Line)| {
        let row = Row::of(at, line, tree, &family, &replay.log().header.theorem.name);
        let mark = if line.item == outline.selected { '>' } else { ' ' };
        let fold = line.unfolded.map_or(' ', |unfolded| if unfolded { '-' } else { '+' });
        let indent = "  ".repeat(line.level as usize - 1);
        let is_state = line.n_hidden > 0 && row.status.is_some();
        let hidden = if is_state { format!(" (+{} hidden)", line.n_hidden) } else { String::new() };
        format!("{mark}{indent}{fold} {} {} [{}/{}]{hidden}", row.glyph(), row.text, line.place, line.n_siblings)
    };
    lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn press(outline: &mut Outline, replay: &Replay, keys: &[&str]) {
    for key in keys {
        let lines = lines(outline, replay);
        assert!(outline.press(key, replay.search().tree(), &lines), "{key}");
    }
}

fn check(outline: &Outline, replay: &Replay, expected: Expect) {
    expected.assert_eq(&drawn(outline, replay));
}

#[test]
fn the_proof_is_marked_and_dead_ends_are_counted() {
    let replay = replay_at(usize::MAX);
    check(
        &Outline::default(),
        &replay,
        expect![[r#"
        >- ★ even_product [1/1] (+4 hidden)
           - ● constructor [1/2] (+5 hidden)
             - ● constructor [1/1] (+5 hidden)
                 ● exact hp [1/1] (+5 hidden)
           - ★ simp_all [2/2] (+4 hidden)
               ● refine ⟨n, ?_⟩ [1/2] (+6 hidden)
             - ★ refine ⟨n * (n + 1) / 2, ?_⟩ [2/2] (+5 hidden)
                 ✔ induction n with
        | zero => simp_all
        | succ n ih => grind [1/1]"#]],
    );
}

#[test]
fn keys_fold_and_walk() {
    let replay = replay_at(usize::MAX);
    let mut outline = Outline::default();
    press(&mut outline, &replay, &["ArrowDown", "ArrowLeft"]);
    check(
        &outline,
        &replay,
        expect![[r#"
         - ★ even_product [1/1] (+4 hidden)
        >  + ● constructor [1/2] (+5 hidden)
           - ★ simp_all [2/2] (+4 hidden)
               ● refine ⟨n, ?_⟩ [1/2] (+6 hidden)
             - ★ refine ⟨n * (n + 1) / 2, ?_⟩ [2/2] (+5 hidden)
                 ✔ induction n with
        | zero => simp_all
        | succ n ih => grind [1/1]"#]],
    );
    press(&mut outline, &replay, &["*", "ArrowRight", "End", "ArrowLeft"]);
    check(
        &outline,
        &replay,
        expect![[r#"
         - ★ even_product [1/1] (+4 hidden)
           - ● constructor [1/2] (+5 hidden)
             - ● constructor [1/1] (+5 hidden)
                 ● exact hp [1/1] (+5 hidden)
           - ★ simp_all [2/2] (+4 hidden)
               ● refine ⟨n, ?_⟩ [1/2] (+6 hidden)
        >    - ★ refine ⟨n * (n + 1) / 2, ?_⟩ [2/2] (+5 hidden)
                 ✔ induction n with
        | zero => simp_all
        | succ n ih => grind [1/1]"#]],
    );
    press(&mut outline, &replay, &["Home", "Enter"]);
    check(&outline, &replay, expect![">+ ★ even_product [1/1] (+4 hidden)"]);
    let lines = lines(&outline, &replay);
    assert!(!outline.press("x", replay.search().tree(), &lines), "a letter is for seeking");
}

#[test]
fn a_selection_that_is_gone_falls_back_to_the_root() {
    let mut outline = Outline { show_dead_ends: true, ..Outline::default() };
    press(&mut outline, &replay_at(usize::MAX), &["End"]);
    press(&mut outline, &replay_at(2), &["ArrowUp"]);
    assert_eq!(outline.selected, Item::Root);
}

#[test]
fn nothing_is_drawn_before_the_statement_is_opened() {
    check(&Outline::default(), &replay_at(0), expect![""]);
}

#[test]
fn a_fold_that_hides_the_selection_stands_for_it() {
    let replay = replay_at(usize::MAX);
    let tree = replay.search().tree();
    let mut outline = Outline::default();
    press(&mut outline, &replay, &["ArrowDown", "ArrowDown", "ArrowDown"]);
    outline.fold_all(tree, &Family::of(tree), &lines(&outline, &replay));
    let folded = lines(&outline, &replay);
    assert_eq!(outline.active(tree, &folded), 1, "the branch that was folded");
    check(
        &outline,
        &replay,
        expect![[r#"
         - ★ even_product [1/1] (+4 hidden)
           + ● constructor [1/2] (+5 hidden)
           - ★ simp_all [2/2] (+4 hidden)
               ● refine ⟨n, ?_⟩ [1/2] (+6 hidden)
             - ★ refine ⟨n * (n + 1) / 2, ?_⟩ [2/2] (+5 hidden)
                 ✔ induction n with
        | zero => simp_all
        | succ n ih => grind [1/1]"#]],
    );
    outline.unfold_all();
    assert_eq!(lines(&outline, &replay).len(), lines(&Outline::default(), &replay).len());
}

#[test]
fn letters_seek_and_wrap() {
    let replay = replay_at(usize::MAX);
    let lines = lines(&Outline::default(), &replay);
    let mut outline = Outline::default();
    let mut seek = |letter| {
        let found = outline.seek(letter, replay.search().tree(), &lines, "even_product");
        found.then(|| outline.active(replay.search().tree(), &lines))
    };
    assert_eq!([seek('r'), seek('R'), seek('r'), seek('c'), seek('y')], [Some(5), Some(6), Some(5), Some(1), None]);
}

#[test]
fn the_best_tactics_are_shown_and_the_others_unfold() {
    let (header, events) = sample::search(2, 40, false);
    let mut replay = Replay::begin(header);
    events.into_iter().for_each(|event| replay.push(event));
    let mut outline = Outline::default();
    // The root's tactics alone.
    press(&mut outline, &replay, &["ArrowDown", "ArrowLeft", "*", "Home"]);
    outline.fold_all(replay.search().tree(), &Family::default(), &lines(&outline, &replay));
    check(
        &outline,
        &replay,
        expect![[r#"
        >- ● large [1/1] (+23 hidden)
             ○ rw [lemma_0_0] [1/9]
             ○ rw [lemma_0_4] [2/9]
             ○ rw [lemma_0_16] [3/9]
             ○ rw [lemma_0_20] [4/9]
             ○ rw [lemma_0_23] [5/9]
             ○ rw [lemma_0_25] [6/9]
             ○ rw [lemma_0_26] [7/9]
           + ● rw [lemma_0_34] [8/9] (+24 hidden)
           + ⋯ 9 more [9/9]"#]],
    );
    press(&mut outline, &replay, &["End", "ArrowRight", "ArrowRight"]);
    check(
        &outline,
        &replay,
        expect![[r#"
         - ● large [1/1] (+23 hidden)
             ○ rw [lemma_0_0] [1/9]
             ○ rw [lemma_0_4] [2/9]
             ○ rw [lemma_0_16] [3/9]
             ○ rw [lemma_0_20] [4/9]
             ○ rw [lemma_0_23] [5/9]
             ○ rw [lemma_0_25] [6/9]
             ○ rw [lemma_0_26] [7/9]
           + ● rw [lemma_0_34] [8/9] (+24 hidden)
           - ⋯ 9 more [9/9]
        >      ○ rw [lemma_0_6] [1/9]
               ○ rw [lemma_0_7] [2/9]
               ○ rw [lemma_0_8] [3/9]
               ○ rw [lemma_0_10] [4/9]
               ○ rw [lemma_0_19] [5/9]
               ○ rw [lemma_0_21] [6/9]
               ○ rw [lemma_0_24] [7/9]
               ○ rw [lemma_0_36] [8/9]
               ○ rw [lemma_0_39] [9/9]"#]],
    );
    press(&mut outline, &replay, &["ArrowLeft", "ArrowLeft"]);
    let n_lines = lines(&outline, &replay).len();
    outline.set_dead_ends(true);
    assert_eq!(lines(&outline, &replay).len(), n_lines, "failed tactics do not push out what opened a state");
}

#[test]
fn a_family_grows_as_if_it_were_new() {
    let mut family = Family::default();
    let n_events = replay_at(0).n_events();
    for position in (0..=n_events).chain([3, n_events, n_events - 1, n_events]) {
        let replay = replay_at(position);
        family.update(replay.search().tree());
        assert_eq!(family, Family::of(replay.search().tree()), "after {position} events");
    }
    assert!(family.is_on_proof(NodeId(0)));
    assert_eq!(family.visits(NodeId(0)), 7);
}
