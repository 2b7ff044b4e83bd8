//! The statement: an example or the visitor's own text.

use leptos::ev::{Event, KeyboardEvent};
use leptos::prelude::*;

use super::Prove;
use crate::examples::EXAMPLES;
use crate::view::field;
use crate::view::live::{Shown, kept, live, part};

/// The box's element id.
const BOX_ID: &str = "statement";

#[component]
pub(super) fn StatementPane(prove: Prove) -> impl IntoView {
    let open = move || prove.open(prove.script.text.get_untracked(), Vec::new());
    let on_open = move |_| {
        field::finish_in(BOX_ID);
        open();
    };
    let on_example = move |event: Event| {
        let chosen = event_target_value(&event).parse::<usize>().ok().and_then(|idx| EXAMPLES.get(idx));
        if let Some(example) = chosen {
            prove.open(example.statement.to_owned(), Vec::new());
        }
    };
    let on_key = move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            field::finish(&event);
            open();
        } else {
            field::tab(&event);
        }
    };
    let options = EXAMPLES.iter().enumerate().map(|(idx, example)| {
        view! {
            <option value=idx.to_string() prop:selected=live(move || prove.script.text.with(|text| text == example.statement))>
                {example.name}
            </option>
        }
    });
    let is_own = move || prove.script.text.with(|text| EXAMPLES.iter().all(|example| example.statement != text));
    let is_open = kept(move || {
        prove.script.proof.with(Option::is_some)
            && prove.script.text.with(|text| prove.script.opened.with(|opened| opened == text))
    });
    let is_edited = kept(move || prove.script.proof.with(Option::is_some) && !is_open.get());
    let n_lines = move || prove.script.text.with(|text| text.lines().count().clamp(2, 10).to_string());
    view! {
        <section
            class="card"
            aria-labelledby="statement-title"
            on:pointerenter=move |_| prove.session.get_ready()
            on:focusin=move |_| prove.session.get_ready()
            on:input=move |_| prove.session.get_ready()
        >
            <div class="card-head">
                <h2 id="statement-title">"Statement"</h2>
                <div class="inline">
                    <label for="example">"Example"</label>
                    <select id="example" on:change=on_example>
                        <option value="" prop:selected=live(is_own)>"choose…"</option>
                        {options.collect_view()}
                    </select>
                </div>
            </div>
            <label class="spoken" for=BOX_ID>"Statement in Lean"</label>
            <textarea
                id=BOX_ID
                class="code"
                rows=live(n_lines)
                spellcheck="false"
                autocomplete="off"
                autocapitalize="off"
                placeholder="theorem and_swap (p q : Prop) (h : p \\and q) : q \\and p"
                aria-describedby="statement-hint statement-problem"
                aria-invalid=live(move || prove.script.rejected.with(Option::is_some).to_string())
                prop:value=prove.script.text
                on:input=move |event| prove.script.text.set(field::typed(&event))
                on:keydown=on_key
            ></textarea>
            <div class="row">
                <button type="button" class:primary=live(move || !is_open.get()) on:click=on_open>
                    {live(move || (if is_open.get() { "Open again" } else { "Open" }).to_owned())}
                </button>
                <span id="statement-hint" class="hint">
                    {part(move || {
                        if is_edited.get() {
                            view! { "Edited: the script below belongs to the statement that was opened" }.into_any()
                        } else {
                            view! {
                                "Symbols are typed as " <code>"\\and"</code> ", " <code>"\\forall"</code> ", "
                                <code>"\\to"</code>
                            }
                                .into_any()
                        }
                    })}
                </span>
            </div>
            <Shown when=live(move || prove.script.proof.with(Option::is_none))>
                <ul class="examples" aria-label="Statements to begin with">
                    {EXAMPLES
                        .iter()
                        .map(|example| {
                            let open = move |_| prove.open(example.statement.to_owned(), Vec::new());
                            view! {
                                <li>
                                    <button type="button" on:click=open>
                                        {example.name}
                                        <code>{example.statement}</code>
                                    </button>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </Shown>
            <div id="statement-problem" role="alert">
                {part(move || prove.script.rejected.get().map(|message| view! { <pre class="message">{message}</pre> }))}
            </div>
        </section>
    }
}
