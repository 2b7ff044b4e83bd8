//! The view: opens a log, scrubs through it, and draws outline, details and costs.

use leptos::ev::{DragEvent, Event, KeyboardEvent};
use leptos::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{File, HtmlInputElement, HtmlSelectElement, ScrollIntoViewOptions, ScrollLogicalPosition};

use crate::detail::detail;
use crate::outline::{Item, MAX_ROWS, Outline, Row};
use crate::replay::{Replay, count, seconds};
use crate::status::{self, Status};

/// Where the visitor's choice of colours is kept.
const THEME_KEY: &str = "stepwise-theme";

/// Mounts the page into the document's body.
pub fn mount() {
    mount_to_body(App);
}

/// What the visitor looks at.
#[derive(Clone, Copy)]
struct Page {
    replay: RwSignal<Option<Replay>>,
    outline: RwSignal<Outline>,
    /// What the live region says: the file's name after opening, or why it could not be opened.
    notice: RwSignal<String>,
}

impl Page {
    fn new() -> Self {
        Self {
            replay: RwSignal::new(None),
            outline: RwSignal::new(Outline::default()),
            notice: RwSignal::new(String::new()),
        }
    }

    fn rows(self) -> Vec<Row> {
        self.outline.with(|outline| {
            self.replay.with(|replay| {
                replay.as_ref().map_or_else(Vec::new, |replay| {
                    outline.rows(replay.search().tree(), &replay.log().header.theorem.name)
                })
            })
        })
    }

    fn go_to(self, position: usize) {
        self.replay.update(|replay| {
            if let Some(replay) = replay {
                replay.go_to(position);
            }
        });
    }

    /// Reads a file that the visitor chose or dropped. A file that is no log leaves the page as it is.
    fn open(self, file: File) {
        spawn_local(async move {
            let name = file.name();
            let Ok(buffer) = JsFuture::from(file.array_buffer()).await else {
                self.notice.set(format!("{name} cannot be read; choose it again"));
                return;
            };
            let bytes = leptos::web_sys::js_sys::Uint8Array::new(&buffer).to_vec();
            match Replay::open(&bytes) {
                Ok(replay) => {
                    let torn = if replay.log().torn { "; its last line is torn and was left out" } else { "" };
                    self.notice.set(format!("{name}: {}{torn}", count(replay.n_events(), "event")));
                    self.outline.set(Outline::default());
                    self.replay.set(Some(replay));
                }
                Err(error) => self.notice.set(format!("{name}: {error}")),
            }
        });
    }
}

#[component]
fn App() -> impl IntoView {
    let page = Page::new();
    let on_drop = move |event: DragEvent| {
        event.prevent_default();
        if let Some(file) = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)) {
            page.open(file);
        }
    };
    let on_choose = move |event: Event| {
        let input: HtmlInputElement = event_target(&event);
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            page.open(file);
        }
        // Choosing the same file once more has to count as a change.
        input.set_value("");
    };
    view! {
        <div class="page" on:dragover=|event: DragEvent| event.prevent_default() on:drop=on_drop>
            <header>
                <h1>"stepwise"</h1>
                <label class="file">
                    "Open a search log "
                    <input type="file" accept=".jsonl,.json" on:change=on_choose />
                </label>
                <ThemeChoice />
            </header>
            <p class="notice" role="status">{move || page.notice.get()}</p>
            <Show
                when=move || page.replay.with(Option::is_some)
                fallback=|| view! {
                    <main class="empty">
                        <p>"Drop a log here, or open one above, to see how the search went."</p>
                        <p>"A search writes its log with " <code>"stepwise prove --log FILE.jsonl"</code> "."</p>
                    </main>
                }
            >
                <main>
                    <Scrubber page />
                    <div class="columns">
                        <TreePane page />
                        <div class="side">
                            <DetailPane page />
                            <Ledger page />
                        </div>
                    </div>
                    <Legend />
                </main>
            </Show>
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

/// The time line: one stop per recorded event.
#[component]
fn Scrubber(page: Page) -> impl IntoView {
    let of = move |read: fn(&Replay) -> usize| page.replay.with(|replay| replay.as_ref().map_or(0, read));
    let position = move || of(Replay::position);
    let n_events = move || of(Replay::n_events);
    let last_event = move || page.replay.with(|replay| replay.as_ref().map_or_else(String::new, Replay::last_event));
    let standing =
        move || page.replay.with(|replay| replay.as_ref().map_or_else(String::new, |r| status::of_search(r.search())));
    let on_input = move |event: Event| {
        if let Ok(position) = event_target_value(&event).parse() {
            page.go_to(position);
        }
    };
    view! {
        <section aria-label="Time line" class="scrubber">
            <button type="button" aria-label="First event" on:click=move |_| page.go_to(0)>"|◀"</button>
            <button type="button" aria-label="Previous event" on:click=move |_| page.go_to(position().saturating_sub(1))>
                "◀"
            </button>
            <input
                type="range"
                min="0"
                max=n_events
                aria-label="Event"
                aria-valuetext=move || format!("{} of {}: {}", position(), n_events(), last_event())
                prop:value=position
                on:input=on_input
            />
            <button type="button" aria-label="Next event" on:click=move |_| page.go_to(position() + 1)>"▶"</button>
            <button type="button" aria-label="Last event" on:click=move |_| page.go_to(usize::MAX)>"▶|"</button>
            <output>{move || format!("event {} of {}: {}", position(), n_events(), last_event())}</output>
            <p class="standing" role="status">{standing}</p>
        </section>
    }
}

#[component]
fn TreePane(page: Page) -> impl IntoView {
    let rows = Memo::new(move |_| page.rows());
    let selected = Memo::new(move |_| page.outline.with(|outline| outline.selected));
    let active = move || {
        let row_idx = rows.with(|rows| rows.iter().position(|row| row.item == selected.get()));
        row_idx.map(|_| row_id(selected.get()))
    };
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let mut outline = page.outline.get_untracked();
        if rows.with_untracked(|rows| outline.press(&event.key(), rows)) {
            event.prevent_default();
            page.outline.set(outline);
        }
    };
    // Focus stays on the tree itself, so the browser does not scroll to the selected row by itself.
    Effect::new(move |_| {
        if let Some(row) = active().and_then(|id| document().get_element_by_id(&id)) {
            let options = ScrollIntoViewOptions::new();
            options.set_block(ScrollLogicalPosition::Nearest);
            row.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
    let toggle_filter = move |_| page.outline.update(|outline| outline.show_dead_ends = !outline.show_dead_ends);
    view! {
        <section class="tree-pane" aria-label="Search tree">
            <label class="filter">
                <input
                    type="checkbox"
                    prop:checked=move || page.outline.with(|outline| outline.show_dead_ends)
                    on:change=toggle_filter
                />
                " show failed and duplicate tactics"
            </label>
            <div role="tree" tabindex="0" aria-label="Search tree" aria-activedescendant=active on:keydown=on_key>
                <For each=move || rows.get() key=row_key let:row>
                    <TreeRow page row selected />
                </For>
            </div>
            <Show when=move || rows.with(|rows| rows.len() == MAX_ROWS)>
                <p>{format!("Only the first {MAX_ROWS} rows are drawn; fold a branch to see what follows it.")}</p>
            </Show>
        </section>
    }
}

#[component]
fn TreeRow(page: Page, row: Row, selected: Memo<Item>) -> impl IntoView {
    let item = row.item;
    let fold = match row.unfolded {
        Some(true) => "▾",
        Some(false) => "▸",
        None => " ",
    };
    let hidden = (row.n_hidden > 0).then(|| format!("+{} hidden", row.n_hidden));
    let on_click = {
        let row = row.clone();
        move |_| {
            page.outline.update(|outline| {
                // The first click selects, the next one folds: a click must not hide what the visitor looks at.
                if outline.selected == item {
                    outline.toggle(&row);
                } else {
                    outline.selected = item;
                }
            });
        }
    };
    view! {
        <div
            role="treeitem"
            id=row_id(item)
            class=row.status.class()
            style=format!("--level:{}", row.level - 1)
            attr:aria-level=row.level
            aria-posinset=row.place
            aria-setsize=row.n_siblings
            aria-expanded=row.unfolded.map(|unfolded| unfolded.to_string())
            aria-selected=move || (selected.get() == item).to_string()
            on:click=on_click
        >
            <span class="fold" aria-hidden="true">{fold}</span>
            <StatusMark status=row.status />
            <code>{row.text}</code>
            <span class="hidden-count">{hidden}</span>
        </div>
    }
}

/// The glyph for the eye and the word for the ear.
#[component]
fn StatusMark(status: Status) -> impl IntoView {
    view! {
        <span class="glyph" aria-hidden="true" title=status.word()>{status.glyph().to_string()}</span>
        <span class="spoken">{format!("{}: ", status.word())}</span>
    }
}

#[component]
fn DetailPane(page: Page) -> impl IntoView {
    let shown = Memo::new(move |_| {
        let item = page.outline.with(|outline| outline.selected);
        page.replay
            .with(|replay| replay.as_ref().map(|replay| detail(replay.search().tree(), item)).unwrap_or_default())
    });
    let statement = move || {
        page.replay
            .with(|replay| replay.as_ref().map_or_else(String::new, |r| r.log().header.theorem.statement.clone()))
    };
    let goals = move || {
        let goals = shown.with(|detail| detail.goals.clone());
        let n_goals = goals.len();
        let heading = if n_goals == 0 { "No goals".to_owned() } else { count(n_goals, "goal") };
        view! {
            <h3>{heading}</h3>
            {goals.into_iter().map(|goal| view! { <pre class="goal">{goal.text}</pre> }).collect_view()}
        }
    };
    view! {
        <section aria-label="Selected state" class="detail">
            <h2>"Selected"</h2>
            <pre class="script">
                {move || {
                    let script = shown.with(|detail| detail.script.join("\n").replace('\n', "\n  "));
                    if script.is_empty() { statement() } else { format!("{} := by\n  {script}", statement()) }
                }}
            </pre>
            {move || shown.with(|detail| detail.message.clone()).map(|message| view! { <pre class="message">{message}</pre> })}
            {goals}
            <dl>{move || pairs(shown.with(|detail| detail.facts.clone()))}</dl>
        </section>
    }
}

/// What the search had spent at this point of the recording.
#[component]
fn Ledger(page: Page) -> impl IntoView {
    let facts = move || {
        page.replay.with(|replay| {
            let Some(replay) = replay else { return Vec::new() };
            let ledger = replay.search().ledger();
            let header = &replay.log().header;
            vec![
                ("policy", header.policy.clone()),
                ("Lean", header.lean.clone()),
                ("states", replay.search().tree().nodes().len().to_string()),
                ("expansions", ledger.expansions.to_string()),
                ("tactics", ledger.tactics.to_string()),
                ("tokens", ledger.tokens.to_string()),
                ("Lean CPU", seconds(ledger.lean_cpu_us / 1000)),
                ("wall time", seconds(ledger.wall_ms)),
                ("time-outs", ledger.timeouts.to_string()),
                ("crashes", ledger.crashes.to_string()),
                ("rechecks", ledger.rechecks.to_string()),
            ]
        })
    };
    view! {
        <section aria-label="Cost" class="ledger">
            <h2>"Cost"</h2>
            <dl>{move || pairs(facts())}</dl>
        </section>
    }
}

/// Which glyph means what, and the keys.
#[component]
fn Legend() -> impl IntoView {
    let entry = |status: Status| view! { <li class=status.class()><span class="glyph">{status.glyph().to_string()}</span> {status.word()}</li> };
    view! {
        <details class="legend">
            <summary>"Signs and keys"</summary>
            <ul>{Status::ALL.map(entry).collect_view()}</ul>
            <p>
                <kbd>"↑"</kbd> " " <kbd>"↓"</kbd> " move, " <kbd>"→"</kbd> " unfolds or enters, " <kbd>"←"</kbd>
                " folds or leaves, " <kbd>"Enter"</kbd> " folds and unfolds, " <kbd>"*"</kbd> " unfolds all siblings, "
                <kbd>"Home"</kbd> " " <kbd>"End"</kbd> " go to the ends."
            </p>
        </details>
    }
}

fn pairs(facts: Vec<(&'static str, String)>) -> impl IntoView {
    facts.into_iter().map(|(label, value)| view! { <div><dt>{label}</dt><dd>{value}</dd></div> }).collect_view()
}

/// A row's element id, which `aria-activedescendant` refers to.
fn row_id(item: Item) -> String {
    match item {
        Item::Root => "root".into(),
        Item::Tactic(edge) => format!("tactic-{}", edge.0),
    }
}

/// Rows with the same key keep their element, so the key holds all that a row shows.
fn row_key(row: &Row) -> (Item, Status, Option<bool>, usize, usize, usize, String) {
    (row.item, row.status, row.unfolded, row.n_hidden, row.place, row.n_siblings, row.text.clone())
}
