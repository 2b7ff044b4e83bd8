//! Recorded and running searches: the machine after any event, and the log that comes out again.

use stepwise_core::search::Event;

use super::*;
use crate::tree::sample;

/// A search with real Lean, recorded with `stepwise prove --log`; the browser test opens the same file.
const RECORDED: &[u8] = include_bytes!("../../../tests/web/recorded.jsonl");

#[test]
fn scrubbing_shows_what_a_fresh_replay_shows() {
    let mut scrubbed = Replay::open(RECORDED).unwrap();
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
}

#[test]
fn copies_stay_few_and_lead_back_to_the_same_tree() {
    let (header, events) = sample::search(1500, 3, true);
    let mut replay = Replay::begin(header.clone());
    for event in &events {
        replay.push(event.clone());
        // Ticks belong to the event before them, wherever a copy was kept.
        replay.push(TimedEvent { at_ms: event.at_ms + 1, event: Event::Tick });
    }
    assert!(replay.copies.len() <= MAX_COPIES && replay.copies.len() >= MAX_COPIES / 2, "{}", replay.copies.len());
    for position in [0, 1, 255, 256, 257, 1024, 2000, 511, 2047] {
        replay.go_to(position);
        let mut fresh = header.search();
        for line in &replay.log.events[..replay.ends[position]] {
            fresh.handle(line.clone());
        }
        assert!(*replay.search() == fresh, "after {position} events");
    }
}

#[test]
fn a_log_comes_out_as_it_went_in() {
    let replay = Replay::open(RECORDED).unwrap();
    let written = String::from_utf8(replay.to_log_bytes()).unwrap();
    assert_eq!(written, String::from_utf8_lossy(RECORDED));
    assert!(!replay.is_live());
}

#[test]
fn a_running_search_is_followed_until_the_visitor_pauses() {
    let (header, events) = sample::search(20, 3, true);
    let mut replay = Replay::begin(header);
    let (first, rest) = events.split_at(10);
    first.iter().for_each(|event| replay.push(event.clone()));
    assert!(replay.is_following());
    assert_eq!((replay.position(), replay.n_events(), replay.n_new()), (10, 10, 0));

    replay.pause();
    let (second, rest) = rest.split_at(5);
    second.iter().for_each(|event| replay.push(event.clone()));
    assert_eq!((replay.position(), replay.n_events(), replay.n_new()), (10, 15, 5));
    assert!(!replay.is_following() && replay.is_live());

    // Looking back does not make events new that were seen.
    replay.go_to(3);
    assert_eq!((replay.position(), replay.n_new()), (3, 5));

    replay.follow();
    assert_eq!((replay.position(), replay.n_new()), (15, 0));
    let before_end = replay.version();
    rest.iter().for_each(|event| replay.push(event.clone()));
    assert_ne!(replay.version(), before_end);
    assert!(replay.search().end().is_some());
    assert!(!replay.is_live() && !replay.is_following(), "nothing follows the end");
    replay.go_to(0);
    assert!(!replay.is_live(), "going back does not bring a search to life");
}

#[test]
fn every_edge_knows_when_it_was_run() {
    let (header, events) = sample::search(20, 3, false);
    let mut replay = Replay::begin(header);
    events.iter().for_each(|event| replay.push(event.clone()));
    replay.go_to(5);
    replay.go_to(usize::MAX);
    let check = |edge| replay.check_of(EdgeId(edge)).map(|check| (check.first.0, check.n_tactics, check.at_ms));
    // Started, opened, and then proposals and checks in turn, 20 ms each.
    assert_eq!(check(0), Some((0, 3, 60)));
    assert_eq!(check(2), Some((0, 3, 60)));
    assert_eq!(check(3), Some((3, 3, 100)));
    assert_eq!(replay.checks.len(), 20);
}
