//! The Campaign page: how a campaign stands, its problems, who works, what happened, and what its operator can do.

#![allow(unreachable_pub, reason = "the component macro writes public items that only the view macro uses")]

mod operate;
mod watch;

use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use self::operate::{Account, Operate};
pub(crate) use self::watch::Watch;
use crate::link::PageName;
use crate::view::live::{Shown, live, pressed};

/// Where files to keep are, and what each is.
const FILES: [(&str, &str); 4] = [
    ("problems.csv", "Problems as CSV"),
    ("problems.json", "as JSON"),
    ("effort.csv", "Effort over time as CSV"),
    ("effort.json", "as JSON"),
];

/// The page, which stays alive while it is not shown.
#[component]
pub(crate) fn CampaignPage(watch: Watch) -> impl IntoView {
    view! {
        <div class="campaign">
            <p class="notice alarm" role="status" aria-label="Coordinator">{watch.notice}</p>
            <div class="campaign-columns" hidden=live(move || watch.open.get().is_some())>
                <section class="card wide" aria-label="State">
                    <div class="campaign-head" inner_html=watch.head></div>
                    <div inner_html=watch.pace></div>
                    <Operate watch />
                </section>
                <section class="card" aria-labelledby="counts-title">
                    <h3 id="counts-title">"Results"</h3>
                    <Scrolled id="counts" label="Results" html=watch.counts />
                </section>
                <section class="card" aria-labelledby="plot-heading">
                    <h3 id="plot-heading">"Solved against cost"</h3>
                    <div class="plot" inner_html=watch.plot></div>
                    <p class="row">{FILES.map(|(file, name)| view! {
                        <a href=format!("{}{file}", watch::API) download>{name}</a>
                    }).collect_view()}</p>
                </section>
                <section class="card wide" aria-labelledby="rounds-title" hidden=live(move || watch.rounds.get().is_empty())>
                    <h3 id="rounds-title">"Rounds"</h3>
                    <Scrolled id="rounds" label="Rounds" html=watch.rounds />
                    <div class="plot rates" inner_html=watch.rates></div>
                </section>
                <section class="card wide" aria-labelledby="stages-title">
                    <h3 id="stages-title">"Stages"</h3>
                    <Scrolled id="stages" label="Stages" html=watch.stages />
                </section>
                <section class="card wide" aria-labelledby="workers-title">
                    <h3 id="workers-title">"Workers"</h3>
                    <Scrolled id="workers" label="Workers" html=watch.workers />
                </section>
                <section class="card" aria-labelledby="problems-title">
                    <h3 id="problems-title" tabindex="-1">"Problems"</h3>
                    <Filter watch />
                    <Scrolled id=watch::PROBLEMS label="Problems" html=watch.problems />
                    <Shown when=watch.has_more.into()>
                        <p class="row"><button type="button" on:click=pressed(move || watch.more_problems())>"More"</button></p>
                    </Shown>
                </section>
                <section class="card" aria-labelledby="feed-title">
                    <h3 id="feed-title">"What happened"</h3>
                    <Scrolled id=watch::FEED label="What happened" html=watch.feed />
                </section>
                <section class="card" aria-labelledby="join-title" hidden=live(move || watch.is_watch_only.get())>
                    <h3 id="join-title" tabindex="-1">"Lend a machine"</h3>
                    <Join watch />
                </section>
                <section class="card" aria-labelledby="account-title" hidden=live(move || watch.is_watch_only.get())>
                    <h3 id="account-title">"Your account"</h3>
                    <Account watch />
                </section>
            </div>
            <section class="card" aria-labelledby="problem-title" hidden=live(move || watch.open.get().is_none())>
                <p class="row"><a class="button" href=PageName::Campaign.hash()>"Back to the campaign"</a></p>
                <div id=watch::PROBLEM inner_html=watch.problem></div>
            </section>
        </div>
    }
}

/// What may be larger than its place: a box that scrolls, with the keyboard too.
#[component]
fn Scrolled(id: &'static str, label: &'static str, html: RwSignal<String>) -> impl IntoView {
    view! {
        <div class="scroll" id=id role="group" aria-label=label tabindex="0" inner_html=html></div>
    }
}

/// Which problems are listed.
#[component]
fn Filter(watch: Watch) -> impl IntoView {
    let (standing, name) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        watch.list_problems(standing.get_untracked(), name.get_untracked());
    };
    view! {
        <form class="row" on:submit=on_submit>
            <label class="inline">
                "Standing "
                <select on:change=move |event| {
                    standing.set(event_target_value(&event));
                    watch.list_problems(standing.get_untracked(), name.get_untracked());
                }>
                    <option value="">"all"</option>
                    <option value="open">"open"</option>
                    <option value="proved">"proved"</option>
                    <option value="disproved">"disproved"</option>
                </select>
            </label>
            <label class="inline">
                "Name has "
                <input type="search" maxlength="200" on:input=move |event| name.set(event_target_value(&event)) />
            </label>
            <button type="submit">"Show"</button>
        </form>
    }
}

/// How somebody lends a machine.
#[component]
fn Join(watch: Watch) -> impl IntoView {
    view! {
        <Shown when=live(move || watch.invitation.get().is_some()) fallback=|| view! {
            <p>"The operator gives you a link, which is good for one account. With it, in a terminal:"</p>
        }>
            <p>"You are invited. In a terminal, on the machine that you lend:"</p>
        </Shown>
        <pre class="code" tabindex="0">{live(move || watch.commands())}</pre>
        <Shown when=live(move || watch.invitation.get().is_some())>
            <p class="row"><button type="button" on:click=pressed(move || watch.copy_commands())>"Copy the commands"</button></p>
        </Shown>
        <p class="hint">
            "In a folder with stepwise's source, " <code>"cargo run --"</code> " stands for " <code>"stepwise"</code> ". "
            "It works with the lowest priority and stops when you say so. "
            "Others see a number, and a pseudonym if you give one; no address is stored."
        </p>
    }
}
