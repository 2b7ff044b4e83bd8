//! The outline over a recorded search: rows, folding, filter and keys.

use expect_test::{Expect, expect};

use super::*;
use crate::replay::Replay;

/// A search with real Lean, recorded with `stepwise prove --log`; the browser test opens the same file.
const RECORDED: &[u8] = include_bytes!("../../../tests/web/recorded.jsonl");

fn replay_at(position: usize) -> Replay {
    let mut replay = Replay::open(RECORDED).unwrap();
    replay.go_to(position);
    replay
}

fn drawn(outline: &Outline, replay: &Replay) -> String {
    let rows = outline.rows(replay.search().tree(), &replay.log().header.theorem.name);
    let line = |row: &Row| {
        let mark = if row.item == outline.selected { '>' } else { ' ' };
        let fold = row.unfolded.map_or(' ', |unfolded| if unfolded { '-' } else { '+' });
        let indent = "  ".repeat(row.level as usize - 1);
        let hidden = if row.n_hidden > 0 { format!(" (+{} hidden)", row.n_hidden) } else { String::new() };
        format!("{mark}{indent}{fold} {} {} [{}/{}]{hidden}", row.status.glyph(), row.text, row.place, row.n_siblings)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn press(outline: &mut Outline, replay: &Replay, keys: &[&str]) {
    for key in keys {
        let rows = outline.rows(replay.search().tree(), &replay.log().header.theorem.name);
        assert!(outline.press(key, &rows), "{key}");
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
    let rows = outline.rows(replay.search().tree(), "t");
    assert!(!outline.press("x", &rows), "a letter is left to the browser");
}

#[test]
fn a_selection_that_is_gone_falls_back_to_the_root() {
    let mut outline = Outline { show_dead_ends: true, ..Outline::default() };
    press(&mut outline, &replay_at(usize::MAX), &["End"]);
    press(&mut outline, &replay_at(2), &["ArrowUp"]);
    assert_eq!(outline.selected, Item::Root);
}

#[test]
fn scrubbing_shows_what_a_fresh_replay_shows() {
    let mut scrubbed = replay_at(usize::MAX);
    let n_events = scrubbed.n_events();
    // Back and forth over the whole recording, by uneven steps.
    for step in 0..=2 * n_events {
        let position = (step * 7) % (n_events + 1);
        scrubbed.go_to(position);
        let mut fresh = Replay::open(RECORDED).unwrap();
        fresh.go_to(0);
        fresh.go_to(position);
        assert_eq!(scrubbed.search(), fresh.search(), "after {position} events");
        assert_eq!(scrubbed.last_event(), fresh.last_event());
    }
    assert_eq!(drawn(&Outline::default(), &replay_at(0)), "");
}
