//! The page's shell: header, navigation, connection, colours, help, and the pages, which all stay alive.

use leptos::ev::{Event, KeyboardEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlSelectElement};

use crate::lean::{LeanPlace, loaded};
use crate::link::{self, PageName, Target};
use crate::replay::Replay;
use crate::view::benchmark::{Bench, BenchmarkPage};
use crate::view::browser;
use crate::view::campaign::{CampaignPage, Watch};
use crate::view::live::{Shown, kept, live, pressed};
use crate::view::prove::{KeyList, Prove, ProvePage, Shortcuts};
use crate::view::session::{Campaign, Connection, Session};
use crate::view::tree::TreePage;

/// Where the visitor's choice of colours is kept.
const THEME_KEY: &str = "stepwise-theme";

/// The help dialog's element id.
const HELP_ID: &str = "help";

/// Mounts the page into the document's body.
pub fn mount() {
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let target = link::read(&browser::hash());
    let token = keep_token(&target);
    let page = RwSignal::new(target.page.unwrap_or_default());
    let replay: RwSignal<Option<Replay>> = RwSignal::new(None);
    let session = Session::start(token.clone());
    let prove = Prove::new(session, page, replay);
    let watch = Watch::new(page, prove.said, token);
    let bench = Bench::new();
    watch.follow(&target);
    let shortcuts = Shortcuts::new();
    if let Some(statement) = target.statement.clone() {
        prove.open(statement, target.tactics.clone());
    }
    // Without a server only the Tree page is of use, and with a coordinator the Campaign page: those are shown to whoever
    // did not ask for another.
    let asked_for = target.page;
    Effect::new(move |_| {
        let use_of = match session.connection.get() {
            Connection::NoServer => PageName::Tree,
            Connection::Campaign => PageName::Campaign,
            _ => return,
        };
        if asked_for.is_none() {
            page.set(use_of);
        }
    });
    Effect::new(move |before: Option<bool>| {
        let campaign = session.campaign.get();
        let has_begun = before == Some(true);
        if let Some(campaign) = campaign.filter(|_| !has_begun) {
            watch.start(campaign == Campaign::WatchOnly);
        }
        has_begun || campaign.is_some()
    });
    let _ = window_event_listener_untyped("hashchange", move |_| {
        let hash = browser::hash();
        let target = link::read(&hash);
        if target.token.is_some() {
            keep_token(&target);
            return browser::reload();
        }
        let Some(next) = target.page else { return };
        page.set(next);
        watch.follow(&target);
        match target.statement {
            Some(statement) if !prove.is_own(&hash) => prove.follow(statement, target.tactics),
            _ => prove.update_address(),
        }
    });
    let _ = window_event_listener(leptos::ev::keydown, move |event: KeyboardEvent| {
        if event.default_prevented() || help().is_some_and(|dialog| dialog.open()) {
            return;
        }
        let bare = !event.ctrl_key() && !event.alt_key() && !event.meta_key() && !browser::is_typing();
        if bare && event.key() == "?" && shortcuts.bare.get_untracked() {
            event.prevent_default();
            show_help();
        } else if prove.press(&event, shortcuts) {
            event.prevent_default();
        }
    });
    let on_jump = Callback::new(move |tactics: Vec<String>| {
        let theorem = replay.with_untracked(|replay| replay.as_ref().map(|replay| replay.log().header.theorem.clone()));
        if let Some(theorem) = theorem {
            page.set(PageName::Prove);
            browser::replace_hash(PageName::Prove.hash());
            prove.jump(&theorem, tactics);
        }
    });
    let is_tree = kept(move || page.get() == PageName::Tree);
    Effect::new(move |_| document().set_title(&format!("{} · stepwise", page.get().title())));
    // A coordinator proves nothing, and a server that proves may have no campaign.
    let is_of_use = move |name: PageName| match name {
        PageName::Prove => session.connection.get() != Connection::Campaign,
        PageName::Tree | PageName::Benchmark => true,
        PageName::Campaign => session.campaign.get().is_some(),
    };
    let links = PageName::ALL.map(|name| {
        view! {
            <a href=name.hash() hidden=live(move || !is_of_use(name)) aria-current=move || (page.get() == name).then_some("page")>{name.title()}</a>
        }
    });
    view! {
        <div class="page">
            <a class="skip" href="#main" on:click=move |event| {
                event.prevent_default();
                browser::focus("main");
            }>"Skip to the content"</a>
            <header>
                <h1>"stepwise"</h1>
                <nav aria-label="Pages">{links.collect_view()}</nav>
                <ConnectionState session />
                <ThemeChoice />
                <button type="button" on:click=pressed(show_help)>"Help"</button>
            </header>
            <main id="main" tabindex="-1">
                <div hidden=live(move || page.get() != PageName::Prove)>
                    <ProvePage prove />
                </div>
                <div hidden=live(move || !is_tree.get())>
                    <TreePage replay is_shown=is_tree on_jump />
                </div>
                <div hidden=live(move || page.get() != PageName::Campaign)>
                    <CampaignPage watch />
                </div>
                <div hidden=live(move || page.get() != PageName::Benchmark)>
                    <BenchmarkPage bench />
                </div>
            </main>
            <p class="spoken" role="status" aria-label="News">{prove.said}</p>
            <Help shortcuts />
        </div>
    }
}

/// The tab's token. One in the address is kept and taken out of there: the visitor may pass the address on.
fn keep_token(target: &Target) -> Option<String> {
    if target.token.is_some() {
        let shown = match target.page {
            Some(page) if page != PageName::Prove => page.hash().to_owned(),
            _ => link::prove(target.statement.as_deref().unwrap_or_default(), &target.tactics),
        };
        browser::replace_hash(&shown);
    }
    browser::token(target.token.clone())
}

/// How the connection stands, with a way to try at once.
#[component]
fn ConnectionState(session: Session) -> impl IntoView {
    let connection = session.connection;
    // The countdown is for the eye only: a screen reader would say every second.
    let standing = kept(move || match connection.get() {
        Connection::Connecting => ("busy", "◐", "Connecting".to_owned()),
        Connection::Connected if session.place.get() == LeanPlace::Browser => {
            ("good", "●", "Connected: Lean runs in this browser".to_owned())
        }
        Connection::Connected => ("good", "●", "Connected".to_owned()),
        Connection::Loading { .. } => ("busy", "◐", "Loading Lean".to_owned()),
        Connection::Starting => ("busy", "◐", "Lean starts".to_owned()),
        Connection::NoLean(_) => ("bad", "✗", "No Lean".to_owned()),
        Connection::Waiting(_) => ("alarm", "○", "Reconnecting".to_owned()),
        Connection::NoServer => ("faint", "–", "No server".to_owned()),
        Connection::Campaign => ("good", "●", "Campaign".to_owned()),
        Connection::Refused(reason) => ("bad", "✗", format!("Refused: {reason}")),
    });
    let so_far = move || match connection.get() {
        Connection::Waiting(seconds) => Some(format!(" in {seconds} s")),
        Connection::Loading { done, total } => Some(format!(": {}", loaded(done, total))),
        _ => None,
    };
    let may_retry = kept(move || matches!(connection.get(), Connection::Waiting(_) | Connection::Refused(_)));
    view! {
        <div class="connection">
            <span role="status" aria-label="Connection" class=live(move || standing.get().0.to_owned())>
                <span aria-hidden="true">{live(move || standing.get().1.to_owned())} " "</span>
                {live(move || standing.get().2)}
            </span>
            <span aria-hidden="true" class=live(move || match connection.get() {
                Connection::Waiting(_) => "alarm",
                _ => "faint",
            })>{so_far}</span>
            <Shown when=may_retry.into()>
                <button type="button" class="quiet" on:click=pressed(move || session.connect())>"Connect now"</button>
            </Shown>
        </div>
    }
}

/// Light, dark, or what the system says.
#[component]
fn ThemeChoice() -> impl IntoView {
    let apply = |theme: &str| {
        if let Some(root) = document().document_element() {
            // The attribute only takes a name, which each of the three values is.
            let _ = root.set_attribute("data-theme", theme);
        }
    };
    let kept = browser::kept(THEME_KEY);
    let initial = kept.filter(|theme| ["light", "dark"].contains(&theme.as_str())).unwrap_or_else(|| "auto".into());
    apply(&initial);
    let on_change = move |event: Event| {
        let theme = event_target::<HtmlSelectElement>(&event).value();
        apply(&theme);
        browser::keep(THEME_KEY, &theme);
    };
    view! {
        <label>
            "Colours "
            <select on:change=on_change prop:value=initial>
                <option value="auto">"auto"</option>
                <option value="light">"light"</option>
                <option value="dark">"dark"</option>
            </select>
        </label>
    }
}

/// What the page is, and its keys.
#[component]
fn Help(shortcuts: Shortcuts) -> impl IntoView {
    view! {
        <dialog id=HELP_ID aria-labelledby="help-title">
            <h2 id="help-title">"Help"</h2>
            <p>
                "Open a statement, then close its goals tactic by tactic. Every suggestion was run by Lean before it is shown. "
                "Nothing is called proved before a Lean process that runs no search has accepted the whole file."
            </p>
            <KeyList shortcuts />
            <form method="dialog">
                <button class="primary">"Close"</button>
            </form>
        </dialog>
    }
}

fn help() -> Option<HtmlDialogElement> {
    document().get_element_by_id(HELP_ID)?.dyn_into().ok()
}

fn show_help() {
    if let Some(dialog) = help() {
        // It fails only where it is open already.
        let _ = dialog.show_modal();
    }
}
