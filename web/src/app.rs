//! The page around the Tree page: its head, and the choice of colours.

use leptos::ev::Event;
use leptos::prelude::*;
use web_sys::HtmlSelectElement;

use crate::replay::Replay;
use crate::tree::TreePage;

/// Where the visitor's choice of colours is kept.
const THEME_KEY: &str = "stepwise-theme";

/// Mounts the page into the document's body.
pub fn mount() {
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let replay = RwSignal::new(None::<Replay>);
    let way = RwSignal::new(String::new());
    let on_jump = Callback::new(move |tactics: Vec<String>| way.set(tactics.join("; ")));
    view! {
        <div class="page">
            <header>
                <h1>"stepwise"</h1>
                <ThemeChoice />
            </header>
            <main>
                <TreePage replay on_jump />
                <output id="way">{way}</output>
            </main>
        </div>
    }
}

/// Light, dark, or what the system says.
#[component]
fn ThemeChoice() -> impl IntoView {
    let storage = || window().local_storage().ok().flatten();
    let apply = |theme: &str| {
        if let Some(root) = document().document_element() {
            // The attribute only takes a name, which each of the three values is.
            let _ = root.set_attribute("data-theme", theme);
        }
    };
    let kept = storage().and_then(|storage| storage.get_item(THEME_KEY).ok().flatten());
    let initial = kept.filter(|theme| ["light", "dark"].contains(&theme.as_str())).unwrap_or_else(|| "auto".into());
    apply(&initial);
    let on_change = move |event: Event| {
        let theme = event_target::<HtmlSelectElement>(&event).value();
        apply(&theme);
        if let Some(storage) = storage() {
            // A visitor who forbids storage keeps the choice until the page is closed.
            let _ = storage.set_item(THEME_KEY, &theme);
        }
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
