//! Where Lean runs: the visitor's choice, and how far it is.

use leptos::prelude::*;

use super::Prove;
use crate::lean::{LeanPlace, loaded};
use crate::view::live::{kept, live, part};
use crate::view::session::Connection;

const PLACES: [(LeanPlace, &str); 2] = [(LeanPlace::Server, "on the server"), (LeanPlace::Browser, "in this browser")];

#[component]
pub(super) fn LeanPane(prove: Prove) -> impl IntoView {
    let session = prove.session;
    let choices = PLACES.map(|(place, title)| {
        view! {
            <label class="check">
                <input
                    type="radio"
                    name="lean-place"
                    prop:checked=live(move || session.place.get() == place)
                    on:change=move |_| session.choose(place)
                />
                " "
                {title}
            </label>
        }
    });
    let here = move || session.place.get() == LeanPlace::Browser;
    let loading = kept(move || match session.connection.get() {
        Connection::Loading { done, total } if total > 0 => Some((done, total)),
        _ => None,
    });
    let standing = move || match session.connection.get() {
        Connection::Loading { done, total } => format!("Loading Lean: {}", loaded(done, total)),
        Connection::Starting => "Lean starts…".into(),
        Connection::NoLean(reason) => format!("Lean cannot run in this browser: {reason}"),
        Connection::Connected if here() => {
            session.info.with(|info| info.as_ref().map(|info| info.lean.clone())).unwrap_or_default()
        }
        _ => String::new(),
    };
    view! {
        <section class="card" aria-labelledby="lean-title">
            <h2 id="lean-title">"Where Lean runs"</h2>
            <fieldset class="places">
                <legend class="spoken">"Where Lean runs"</legend>
                {choices.collect_view()}
            </fieldset>
            {part(move || loading.get().map(|(done, total)| view! {
                <progress aria-label="Lean loaded" max=total.to_string() value=done.to_string()></progress>
            }))}
            <p class="hint">{live(standing)}</p>
        </section>
    }
}
