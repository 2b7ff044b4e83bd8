//! The search: its options, how far it is, and how it ended.

use leptos::ev::Event;
use leptos::prelude::*;
use stepwise_core::wire::Order;

use super::Prove;
use crate::driver::Progress;
use crate::models::Place;
use crate::view::live::{Shown, kept, live, part, pressed};

#[component]
pub(super) fn SearchPane(prove: Prove) -> impl IntoView {
    let search = prove.search;
    let is_open = kept(move || prove.script.proof.with(|proof| proof.as_ref().is_some_and(|proof| !proof.is_closed())));
    let has_critic = kept(move || {
        prove.place.choice.get() != Place::Server
            || prove.session.info.with(|info| info.as_ref().is_none_or(|info| info.critic.is_some()))
    });
    let on_order = move |event: Event| {
        search.order.set(match event_target_value(&event).as_str() {
            "cg" => Order::CriticGuided,
            "bf+cg" => Order::Both,
            _ => Order::BestFirst,
        });
    };
    let number = move |label: &'static str, signal: RwSignal<u32>, most: u32| {
        let on_change = move |event: Event| {
            if let Ok(n) = event_target_value(&event).parse::<u32>() {
                signal.set(n.clamp(1, most));
            }
        };
        view! {
            <label>
                {label}
                <input type="number" min="1" max=most.to_string() prop:value=live(move || signal.get().to_string()) on:change=on_change />
            </label>
        }
    };
    let expansions =
        move || search.progress.with(|progress| progress.as_ref().map_or(0, |progress| progress.expansions));
    view! {
        <section class="card" aria-labelledby="search-title">
            <div class="card-head">
                <h2 id="search-title">"Search"</h2>
                <div class="row">
                    <button
                        type="button"
                        disabled=live(move || !is_open.get() || search.running.get())
                        on:click=pressed(move || prove.start_search())
                    >
                        "Search for a proof"
                    </button>
                    <button
                        type="button"
                        disabled=live(move || !search.running.get() && !prove.disproof.is_searching())
                        on:click=pressed(move || prove.cancel())
                    >
                        "Cancel"
                    </button>
                </div>
            </div>
            <details class="options">
                <summary>"Options"</summary>
                <div class="grid">
                    <label>
                        "Order"
                        <select on:change=on_order>
                            <option value="bf">"best-first"</option>
                            <option value="cg" disabled=live(move || !has_critic.get())>"critic-guided"</option>
                            <option value="bf+cg" disabled=live(move || !has_critic.get())>"both"</option>
                        </select>
                    </label>
                    {number("Candidates", search.samples, 64)}
                    {number("Expansions", search.expansions, 10_000)}
                    {number("Seconds", search.seconds, 3600)}
                </div>
            </details>
            <Shown when=live(move || search.progress.with(Option::is_some))>
                <progress
                    aria-label="Expansions"
                    max=live(move || search.expansions.get().to_string())
                    prop:value=live(move || expansions().to_string())
                ></progress>
                <dl class="numbers">
                    {part(move || search.progress.get().map(|progress| numbers(progress, search.elapsed_ms.get())))}
                </dl>
                {part(move || search.progress.with(|progress| best(progress.as_ref())))}
            </Shown>
            {part(move || search.ended.get().map(|ended| view! { <p class="standing">{ended}</p> }))}
            {part(move || prove.disproof.note.get().map(|note| view! { <p class="hint negation">{note}</p> }))}
            <Shown when=live(move || search.progress.with(Option::is_some))>
                <p><a href="#/tree">"See the tree"</a></p>
            </Shown>
        </section>
    }
}

fn numbers(progress: Progress, elapsed_ms: f64) -> impl IntoView {
    [
        ("expansions", progress.expansions.to_string()),
        ("tactics", progress.tactics.to_string()),
        ("states", progress.states.to_string()),
        ("elapsed", format!("{:.1} s", elapsed_ms / 1000.0)),
    ]
    .map(|(label, value)| view! { <div><dt>{label}</dt><dd>{value}</dd></div> })
    .collect_view()
}

fn best(progress: Option<&Progress>) -> Option<impl IntoView + use<>> {
    let (path, worth) = progress?.best.clone()?;
    let path = if path.is_empty() { "the beginning".to_owned() } else { path };
    Some(view! { <p class="best">"Best open state (" {format!("{worth:.2}")} "): " <code>{path}</code></p> })
}
