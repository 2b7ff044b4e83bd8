//! The outline on the screen: only the rows in sight are there, and assistive technology is told of all of them.

use leptos::attr::custom::custom_attribute;
use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlElement;

use super::page::Page;
use crate::tree::outline::{Item, Line};
use crate::tree::row::Row;
use crate::view::live::{kept, live, pressed};

/// Rows above and below those in sight, so that scrolling shows no gap before the next frame.
const N_BEYOND: usize = 12;

/// Rows come and go by so many at a time.
const N_TOGETHER: usize = 6;

/// What the list measures before the browser has told: a usual screen, so that no row in sight is missing.
const HEIGHT: f64 = 700.0;
const ROW_HEIGHT: f64 = 28.0;

pub(super) fn outline_pane(page: Page) -> impl IntoView {
    let list = NodeRef::<html::Div>::new();
    let scrolled = RwSignal::new(0.0);
    let height = RwSignal::new(HEIGHT);
    let row_height = RwSignal::new(ROW_HEIGHT);
    let measure = move || {
        if let Some(list) = list.get_untracked() {
            scrolled.set(f64::from(list.scroll_top()));
            height.set(f64::from(list.client_height()).max(HEIGHT));
            // Rows grow with the visitor's font size.
            let row = list.query_selector("[role=treeitem]").ok().flatten().map(|row| row.get_bounding_client_rect());
            if let Some(row) = row.filter(|row| row.height() > 0.0) {
                row_height.set(row.height());
            }
        }
    };
    let resized = window_event_listener(leptos::ev::resize, move |_| measure());
    on_cleanup(move || resized.remove());
    let n_lines = move || page.lines.with(|lines| lines.len());
    let drawn = kept(move || {
        let first = (scrolled.get() / row_height.get()) as usize;
        let n_rows = (height.get() / row_height.get()) as usize + 1;
        let first = first.saturating_sub(N_BEYOND) / N_TOGETHER * N_TOGETHER;
        let range = first.min(n_lines())..(first + n_rows + 2 * N_BEYOND + N_TOGETHER).min(n_lines());
        // The active row is always there: `aria-activedescendant` refers to it.
        let (active, _) = page.active.get();
        let before = (active < range.start).then_some(active);
        let after = (active >= range.end).then_some(active);
        before.into_iter().chain(range).chain(after).collect::<Vec<usize>>()
    });
    let rows = kept(move || {
        page.lines.with(|lines| {
            page.read(|replay, family| {
                let (tree, name) = (replay.search().tree(), &replay.log().header.theorem.name);
                let row = |at: usize| {
                    let line = lines.get(at)?;
                    let row = Row::of(at, line, tree, family, name);
                    Some(Drawn { at, line: *line, class: row.class(), html: row.html() })
                };
                drawn.with(|drawn| drawn.iter().filter_map(|at| row(*at)).collect::<Vec<_>>())
            })
        })
    });
    let active_id = move || (n_lines() > 0).then(|| row_id(page.active.get().1));
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let is_meant = if event.shift_key() && event.key() == "Enter" {
            page.open_on_prove_page();
            true
        } else {
            page.press(&event.key())
        };
        if is_meant {
            event.prevent_default();
        }
    };
    // Focus stays on the tree itself, so the browser does not scroll to the selected row by itself. Rows that come in
    // above it while a search runs do not count: the visitor may be looking elsewhere.
    Effect::new(move |before: Option<(Option<u64>, Item)>| {
        let selected = (page.serial(), page.active.get().1);
        if let Some(list) = list.get().filter(|_| before != Some(selected)) {
            bring_into_sight(&list, page.active.get_untracked().0, row_height.get_untracked());
            measure();
        }
        selected
    });
    let toggle_filter = move |_| page.outline.update(|outline| outline.set_dead_ends(!outline.shows_dead_ends()));
    let fold_all = move |_| {
        page.lines.with_untracked(|lines| {
            page.read_untracked(|replay, family| {
                page.outline.update(|outline| outline.fold_all(replay.search().tree(), family, lines));
            });
        });
    };
    let has_critic = kept(move || page.read(|replay, _| replay.log().header.critic.is_some()));
    view! {
        <section class="tree-pane" class:has-critic=has_critic aria-label="Outline">
            <div class="pane-tools">
                <label class="filter">
                    <input
                        type="checkbox"
                        prop:checked=live(move || page.outline.with(|outline| outline.shows_dead_ends()))
                        on:change=toggle_filter
                    />
                    " show failed and duplicate tactics"
                </label>
            </div>
            // Each row says what its numbers are.
            <div class="row-head" aria-hidden="true">
                <span class="row-text">"tactic"</span>
                <span class="number">"log p"</span>
                <span class="number critic">"critic"</span>
                <span class="number">"visits"</span>
            </div>
            <div
                role="tree"
                tabindex="0"
                aria-label="Search tree"
                aria-activedescendant=active_id
                node_ref=list
                on:keydown=on_key
                on:scroll=move |_| measure()
            >
                <div class="rows" role="presentation" style=live(move || format!("--n:{}", n_lines()))>
                    <For each=move || rows.get() key=Clone::clone let:row>
                        {tree_row(page, row)}
                    </For>
                </div>
            </div>
            <div class="pane-tools">
                <button type="button" on:click=fold_all>"Fold all but the proof"</button>
                <button type="button" on:click=pressed(move || page.outline.update(|outline| outline.unfold_all()))>
                    "Unfold all"
                </button>
                <span class="n-rows">{live(move || format!("{} rows", n_lines()))}</span>
            </div>
        </section>
    }
}

/// A row that is in the document. One that shows the same keeps its element, and with it its place in the accessibility
/// tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Drawn {
    at: usize,
    line: Line,
    class: &'static str,
    html: String,
}

fn tree_row(page: Page, Drawn { at, line, class, html }: Drawn) -> impl IntoView {
    let item = line.item;
    let on_click = move |event: MouseEvent| {
        let is_fold = event_target::<web_sys::Element>(&event).class_name() == "fold";
        page.outline.update(|outline| {
            if is_fold {
                outline.selected = item;
                outline.toggle(&line);
            } else {
                outline.click(&line);
            }
        });
    };
    // The library has no name for this attribute.
    let level = custom_attribute("aria-level", line.level.to_string());
    view! {
        <div
            role="treeitem"
            id=row_id(item)
            class=class
            style=format!("--at:{at};--level:{}", line.level - 1)
            {..level}
            aria-posinset=line.place
            aria-setsize=line.n_siblings
            aria-expanded=line.unfolded.map(|unfolded| unfolded.to_string())
            aria-selected=live(move || (page.active.get().1 == item).to_string())
            on:click=on_click
            inner_html=html
        />
    }
}

fn bring_into_sight(list: &HtmlElement, at: usize, row_height: f64) {
    let (top, view) = (f64::from(list.scroll_top()), f64::from(list.client_height()));
    let (row_top, row_bottom) = (at as f64 * row_height, (at + 1) as f64 * row_height);
    if row_top < top {
        list.set_scroll_top(row_top.floor() as i32);
    } else if row_bottom > top + view {
        list.set_scroll_top((row_bottom - view).ceil() as i32);
    }
}

/// A row's element id, which `aria-activedescendant` refers to.
fn row_id(item: Item) -> String {
    match item {
        Item::Root => "root".into(),
        Item::Tactic(edge) => format!("tactic-{}", edge.0),
        Item::More(state) => format!("more-{}", state.0),
    }
}
