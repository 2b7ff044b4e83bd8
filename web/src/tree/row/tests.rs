//! Rows as HTML: text that is no markup, and numbers that say what they are.

use expect_test::{Expect, expect};
use stepwise_core::search::EdgeId;

use super::*;
use crate::replay::Replay;
use crate::tree::outline::Outline;
use crate::tree::sample;

const RECORDED: &[u8] = include_bytes!("../../../../tests/web/recorded.jsonl");

fn check(replay: &Replay, item: Item, expected: Expect) {
    let tree = replay.search().tree();
    let family = Family::of(tree);
    let lines = Outline::default().lines(tree, &family);
    let at = lines.iter().position(|line| line.item == item).unwrap();
    let row = Row::of(at, &lines[at], tree, &family, "a < b");
    expected.assert_eq(&row.html().replace("</span><span", "</span>\n<span").replace("<code", "\n<code"));
}

#[test]
fn a_row_says_what_its_numbers_are() {
    let replay = Replay::open(RECORDED).unwrap();
    check(
        &replay,
        Item::Root,
        expect![[r#"
        <span class="row-text"><span class="fold" aria-hidden="true">▾</span>
        <span class="glyph" aria-hidden="true" title="leads to the proof">★</span>
        <span class="spoken">leads to the proof: </span>
        <code title="a &lt; b">a &lt; b</code><span class="hidden-count" title="4 hidden">+4<span class="spoken"> hidden</span></span></span>
        <span class="number"></span>
        <span class="number critic"></span>
        <span class="number"><span class="spoken">, visits </span>7</span>"#]],
    );
    check(
        &replay,
        Item::Tactic(EdgeId(0)),
        expect![[r#"
        <span class="row-text"><span class="fold" aria-hidden="true">▾</span>
        <span class="glyph" aria-hidden="true" title="expanded">●</span>
        <span class="spoken">expanded: </span>
        <code title="constructor">constructor</code><span class="hidden-count" title="5 hidden">+5<span class="spoken"> hidden</span></span></span>
        <span class="number"><span class="spoken">, log-probability </span>-1.16</span>
        <span class="number critic"></span>
        <span class="number"><span class="spoken">, visits </span>3</span>"#]],
    );
}

#[test]
fn a_row_for_more_has_neither_status_nor_numbers() {
    let (header, events) = sample::search(1, 40, false);
    let mut replay = Replay::begin(header);
    events.into_iter().for_each(|event| replay.push(event));
    check(
        &replay,
        Item::More(stepwise_core::search::NodeId(0)),
        expect![[r#"
        <span class="row-text"><span class="fold" aria-hidden="true">▸</span>
        <span class="glyph" aria-hidden="true" title="">⋯</span>
        <code title="9 more">9 more</code></span>
        <span class="number"></span>
        <span class="number critic"></span>
        <span class="number"></span>"#]],
    );
}
