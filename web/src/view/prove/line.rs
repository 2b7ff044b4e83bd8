//! The tactic line.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::Prove;
use crate::proof::Proof;
use crate::view::browser;
use crate::view::field;
use crate::view::live::{kept, live, part, pressed};

/// The line's element id.
pub(super) const LINE_ID: &str = "tactic";

#[component]
pub(super) fn TacticLine(prove: Prove) -> impl IntoView {
    let apply = move || prove.apply(prove.script.line.get_untracked());
    let from_history = move |text: Option<String>| {
        if let Some(text) = text {
            prove.script.line.set(text);
        }
    };
    let on_key = move |event: KeyboardEvent| {
        if event.is_composing() || event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        match event.key().as_str() {
            "Enter" => {
                event.prevent_default();
                field::finish(&event);
                apply();
            }
            "ArrowUp" => {
                event.prevent_default();
                let current = prove.script.line.get_untracked();
                from_history(prove.script.history.try_update(|history| history.older(&current)).flatten());
            }
            "ArrowDown" => {
                event.prevent_default();
                from_history(prove.script.history.try_update(|history| history.newer()).flatten());
            }
            _ => field::tab(&event),
        }
    };
    let is_closed = kept(move || prove.script.proof.with(|proof| proof.as_ref().is_some_and(Proof::is_closed)));
    let working = move || prove.script.work.get().filter(|work| !work.is_empty());
    view! {
        <div class="card tactic-line">
            <label for=LINE_ID>"Next tactic"</label>
            <div class="row">
                <input
                    id=LINE_ID
                    type="text"
                    class="code grow"
                    spellcheck="false"
                    autocomplete="off"
                    autocapitalize="off"
                    aria-describedby="tactic-problem"
                    aria-invalid=live(move || prove.script.complaint.with(Option::is_some).to_string())
                    placeholder=live(move || (if is_closed.get() { "no goals are left" } else { "intro h" }).to_owned())
                    prop:value=prove.script.line
                    on:input=move |event| prove.script.line.set(field::typed(&event))
                    on:keydown=on_key
                />
                <button type="button" class:primary=live(move || !is_closed.get()) on:click=move |_| {
                    field::finish_in(LINE_ID);
                    apply();
                    browser::focus(LINE_ID);
                }>"Apply"</button>
                <button type="button" disabled=live(move || working().is_none()) on:click=pressed(move || prove.cancel())>"Cancel"</button>
            </div>
            // Only what takes long enough to be read is shown at all (the style sheet delays it).
            <p class="working" aria-hidden="true" class:busy=live(move || working().is_some())>
                {live(move || working().map_or(String::new(), |work| format!("{work}…")))}
            </p>
            <div id="tactic-problem" role="alert">
                {part(move || prove.script.complaint.get().map(|message| view! { <pre class="message">{message}</pre> }))}
            </div>
        </div>
    }
}
