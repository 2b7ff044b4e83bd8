//! The Tree page as a whole: opens a log, and lays out time line, outline, drawing and details.

#![allow(unreachable_pub, reason = "the component macro writes public items that only the view macro uses")]

mod drawing;
mod page;
mod pane;
mod side;
mod time_line;

use leptos::ev::{DragEvent, Event};
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use self::drawing::drawing;
use self::page::Page;
use self::pane::outline_pane;
use self::side::{detail_pane, ledger, legend};
use self::time_line::time_line;
use crate::replay::Replay;
use crate::view::live::{Shown, kept};

/// The page, which stays alive while it is not shown. `on_jump` is told the tactics from the statement to a state that the
/// visitor wants to prove on from.
#[component]
pub fn TreePage(
    replay: RwSignal<Option<Replay>>,
    is_shown: Memo<bool>,
    on_jump: Callback<Vec<String>>,
) -> impl IntoView {
    let page = Page::new(replay, is_shown, on_jump);
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
    let is_open = kept(move || page.serial().is_some());
    let save_log = move |_| {
        let bytes = page.read_untracked(|replay, _| replay.to_log_bytes());
        page.save("search.jsonl", "application/jsonl", &bytes);
    };
    view! {
        <div class="tree-page" on:dragover=|event: DragEvent| event.prevent_default() on:drop=on_drop>
            <div class="tree-tools">
                <label class="file">
                    "Open a search log "
                    <input type="file" accept=".jsonl,.json" on:change=on_choose />
                </label>
                <Shown when=is_open.into()>
                    <button type="button" on:click=save_log>"Save log (JSON lines)"</button>
                </Shown>
                <p class="notice" role="status">{page.notice}</p>
            </div>
            <Shown
                when=is_open.into()
                fallback=|| view! {
                    <div class="empty">
                        <p>"Drop a log here, or open one above, to see how the search went."</p>
                        <p>"A search writes its log with " <code>"stepwise prove --log FILE.jsonl"</code> "."</p>
                    </div>
                }
            >
                {time_line(page)}
                <div class="tree-columns">
                    {outline_pane(page)}
                    {drawing(page)}
                    <div class="side">
                        {detail_pane(page)}
                        {ledger(page)}
                    </div>
                </div>
                {legend()}
            </Shown>
        </div>
    }
}
