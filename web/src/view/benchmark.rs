//! The Benchmark page: measures the GPU of this browser, and shows reports wherever they come from.

#![allow(unreachable_pub, reason = "the component macro writes public items that only the view macro uses")]

use leptos::ev::{DragEvent, Event};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{FileList, HtmlInputElement};

use crate::benchmark::{FromBenchmark, ToBenchmark, progress};
use crate::view::browser;
use crate::view::live::{live, pressed};
use crate::view::worker::PageWorker;

/// The worker's address, beside the page's.
const WORKER: &str = "benchmark.js";

const WHAT_IT_IS: &str = "The same measurements as <code>stepwise bench gpu</code>, by the same code: what memory and \
    arithmetic give, and how much of it the kernels of language models reach. Every row is checked before it is timed. \
    Nothing leaves this browser. Reports of other machines can be added, or dropped here: \
    <code>stepwise bench gpu --json FILE</code> writes one.";

/// What the page knows of its benchmark.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    /// Started when it is first wanted.
    worker: StoredValue<Option<PageWorker>, LocalStorage>,
    /// How far a run is, as HTML; empty where none is under way.
    progress: RwSignal<String>,
    /// The reports, as HTML.
    reports: RwSignal<String>,
    /// Whether one of them was measured here.
    has_own: RwSignal<bool>,
    notice: RwSignal<String>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            worker: StoredValue::new_local(None),
            progress: RwSignal::new(String::new()),
            reports: RwSignal::new(String::new()),
            has_own: RwSignal::new(false),
            notice: RwSignal::new(String::new()),
        }
    }

    fn run(self, plan: &str) {
        self.progress.set(progress(0.0, "loading the module"));
        self.notice.set(String::new());
        self.tell("run", plan, "");
    }

    /// Reads files that the visitor chose or dropped.
    fn read(self, files: Option<FileList>) {
        let Some(files) = files else { return };
        for file in (0..files.length()).filter_map(|idx| files.get(idx)) {
            spawn_local(async move {
                let name = file.name();
                match browser::content(&file).await {
                    // What is no text is no report either.
                    Some(bytes) => self.tell("read", &name, &String::from_utf8_lossy(&bytes)),
                    None => self.notice.set(format!("{name} cannot be read; choose it again")),
                }
            });
        }
    }

    /// Tells the worker something, which is started for it where there is none.
    fn tell(self, wish: &str, name: &str, text: &str) {
        let told = self.worker.try_update_value(|worker| {
            if worker.is_none() {
                *worker = Some(PageWorker::start(WORKER, move |said| self.hear(said))?);
            }
            worker.as_ref().map_or(Ok(()), |worker| worker.say(&ToBenchmark { wish, name, text }))
        });
        if let Some(Err(reason)) = told {
            self.fail(reason);
        }
    }

    fn hear(self, said: Result<FromBenchmark, String>) {
        let said = match said {
            Ok(said) => said,
            Err(reason) => return self.fail(reason),
        };
        if let Some([name, text]) = said.file {
            return self.give(name, text);
        }
        self.progress.set(said.share.map(|share| progress(share, &said.row)).unwrap_or_default());
        if let Some(notice) = said.notice {
            self.reports.set(said.html);
            self.has_own.set(said.own);
            self.notice.set(notice);
        }
    }

    /// Gives the visitor what was asked for.
    fn give(self, name: String, text: String) {
        spawn_local(async move {
            let is_given = match name.as_str() {
                "" => browser::copy(&text).await,
                name => browser::save(name, "application/json", text.as_bytes()),
            };
            let notice = match (is_given, name.as_str()) {
                (true, "") => "Copied.".to_owned(),
                (false, "") => "This browser lets no page copy.".to_owned(),
                (true, name) => format!("{name} was saved"),
                (false, name) => format!("this browser cannot save {name}"),
            };
            self.notice.set(notice);
        });
    }

    /// The worker will say nothing any more; the next wish starts another.
    fn fail(self, reason: String) {
        self.worker.set_value(None);
        self.progress.set(String::new());
        self.notice.set(reason);
    }
}

/// The page, which stays alive while it is not shown.
#[component]
pub(crate) fn BenchmarkPage(bench: Bench) -> impl IntoView {
    let is_running = live(move || bench.progress.with(|progress| !progress.is_empty()));
    let is_empty = live(move || bench.reports.with(String::is_empty));
    let on_drop = move |event: DragEvent| {
        event.prevent_default();
        bench.read(event.data_transfer().and_then(|data| data.files()));
    };
    let on_choose = move |event: Event| {
        let input: HtmlInputElement = event_target(&event);
        bench.read(input.files());
        // Choosing the same file once more has to count as a change.
        input.set_value("");
    };
    let button = |name: &'static str, is_off: Signal<bool>, act: Box<dyn Fn()>| {
        view! { <button type="button" disabled=is_off on:click=pressed(act)>{name}</button> }
    };
    let has_no_own = live(move || !bench.has_own.get());
    let buttons = [
        button("Measure (minutes)", is_running, Box::new(move || bench.run("full"))),
        button("Only check (seconds)", is_running, Box::new(move || bench.run("quick"))),
        button("Stop", live(move || !is_running.get()), Box::new(move || bench.tell("stop", "", ""))),
        button("Save the report (JSON)", has_no_own, Box::new(move || bench.tell("save", "", ""))),
        button("Copy as Markdown", is_empty, Box::new(move || bench.tell("markdown", "", ""))),
        button("Clear", is_empty, Box::new(move || bench.tell("clear", "", ""))),
    ];
    view! {
        <div class="benchmark" on:dragover=|event: DragEvent| event.prevent_default() on:drop=on_drop>
            <section class="card" aria-labelledby="benchmark-title">
                <h2 id="benchmark-title">"How fast is this GPU?"</h2>
                <p inner_html=WHAT_IT_IS></p>
                <div class="row">
                    {buttons.into_iter().collect_view()}
                    <label class="file">"Add reports " <input type="file" accept=".json" multiple on:change=on_choose /></label>
                </div>
                <p class="row" inner_html=bench.progress></p>
                <p class="notice" role="status" aria-label="Benchmark">{bench.notice}</p>
            </section>
            <div inner_html=bench.reports></div>
        </div>
    }
}
