//! The time line: one stop per event, and following a search that runs.

use leptos::ev::Event;
use leptos::prelude::*;
use stepwise_core::words::count;

use super::page::Page;
use crate::status;
use crate::view::live::{Shown, kept, live, pressed};

pub(super) fn time_line(page: Page) -> impl IntoView {
    let position = move || page.read(|replay, _| replay.position());
    let n_events = move || page.read(|replay, _| replay.n_events());
    let place = kept(move || {
        page.read(|replay, _| format!("{} of {}: {}", replay.position(), replay.n_events(), replay.last_event()))
    });
    let standing = kept(move || page.read(|replay, _| status::of_search(replay.search())));
    let go_to = move |position| page.change(|replay| replay.go_to(position));
    let on_input = move |event: Event| {
        if let Ok(position) = event_target_value(&event).parse() {
            go_to(position);
        }
    };
    view! {
        <section aria-label="Time line" class="time-line">
            <div class="stops">
                {following(page)}
                <button type="button" aria-label="First event" on:click=pressed(move || go_to(0))>"|◀"</button>
                <button
                    type="button"
                    aria-label="Previous event"
                    on:click=pressed(move || go_to(untrack(position).saturating_sub(1)))
                >
                    "◀"
                </button>
                <input
                    type="range"
                    min="0"
                    max=live(move || n_events().to_string())
                    aria-label="Event"
                    aria-valuetext=place
                    prop:value=live(move || position().to_string())
                    on:input=on_input
                />
                <button type="button" aria-label="Next event" on:click=pressed(move || go_to(untrack(position) + 1))>
                    "▶"
                </button>
                <button type="button" aria-label="Last event" on:click=pressed(move || go_to(usize::MAX))>"▶|"</button>
            </div>
            <p class="standing" role="status">{standing}</p>
            <output>"event " {place}</output>
        </section>
    }
}

/// Follows a running search, or holds it while the visitor looks.
fn following(page: Page) -> impl IntoView {
    let is_live = kept(move || page.read(|replay, _| replay.is_live()));
    let is_following = move || page.read(|replay, _| replay.is_following());
    let new_events = move || {
        let n_new = page.read(|replay, _| replay.n_new());
        if n_new > 0 { count(n_new, "new event") } else { String::new() }
    };
    let toggle = move |_| {
        page.change(|replay| if replay.is_following() { replay.pause() } else { replay.follow() });
    };
    view! {
        <Shown when=is_live.into()>
            <button
                type="button"
                class="live"
                aria-pressed=live(move || is_following().to_string())
                title=live(move || (if is_following() { "Pause here" } else { "Go on with the search" }).to_owned())
                on:click=toggle
            >
                <span aria-hidden="true">{live(move || (if is_following() { "● " } else { "‖ " }).to_owned())}</span>
                "Live"
            </button>
            // No live region: it would speak at every event.
            <span class="new-events">{live(new_events)}</span>
        </Shown>
    }
}
