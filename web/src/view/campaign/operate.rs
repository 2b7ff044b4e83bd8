//! What a token is for: an account's own numbers, and the operator's buttons.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use stepwise_core::wire::campaign::Instruction;

use super::watch::Watch;
use crate::view::live::{Shown, pressed};

/// What a button asks before it does something that cannot be undone.
const STOP: &str = "End the campaign at once? What is under way is given up, and it cannot go on afterwards.";

/// The operator's buttons, for whoever has shown an operator's token.
#[component]
pub(super) fn Operate(watch: Watch) -> impl IntoView {
    let (account, message) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let on_block = move |event: SubmitEvent| {
        event.prevent_default();
        if let Ok(account) = account.get_untracked().trim().parse() {
            watch.instruct(Instruction::Block { account, message: message.get_untracked() });
        }
    };
    let on_stop = move |_| {
        if window().confirm_with_message(STOP).unwrap_or(false) {
            watch.instruct(Instruction::Stop);
        }
    };
    view! {
        <Shown when=watch.is_operator.into()>
            <div class="operate" role="group" aria-label="Operator">
                <div class="row">
                    <button type="button" on:click=pressed(move || watch.invite())>"Invite a machine"</button>
                    <button type="button" on:click=pressed(move || watch.instruct(Instruction::Pause))>"Pause"</button>
                    <button type="button" on:click=pressed(move || watch.instruct(Instruction::Resume))>"Resume"</button>
                    <button type="button" on:click=pressed(move || watch.instruct(Instruction::Finish))>"Finish"</button>
                    <button type="button" on:click=on_stop>"Stop"</button>
                </div>
                <form class="row" on:submit=on_block>
                    <label class="inline">
                        "Block account "
                        <input type="number" min="1" required on:input=move |event| account.set(event_target_value(&event)) />
                    </label>
                    <label class="inline grow">
                        "and say "
                        <input class="grow" required maxlength="500" on:input=move |event| message.set(event_target_value(&event)) />
                    </label>
                    <button type="submit">"Block"</button>
                </form>
            </div>
        </Shown>
    }
}

/// Where a token is entered, and what it shows.
#[component]
pub(super) fn Account(watch: Watch) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        watch.sign_in(typed.get_untracked().trim().to_owned());
        typed.set(String::new());
    };
    view! {
        <Shown when=watch.is_known.into() fallback=move || view! {
            <form class="row" on:submit=on_submit>
                <label class="inline grow">
                    "Token "
                    <input
                        class="grow"
                        type="password"
                        autocomplete="off"
                        required
                        prop:value=typed
                        on:input=move |event| typed.set(event_target_value(&event))
                    />
                </label>
                <button type="submit">"Show my numbers"</button>
            </form>
            <p class="hint">
                <code>"stepwise donate page"</code> " prints the address of this page with a donor's token, "
                <code>"stepwise campaign token"</code> " with an operator's. This tab keeps it until it is closed."
            </p>
        }>
            <div inner_html=watch.own></div>
            <p class="row"><button type="button" on:click=pressed(move || watch.sign_out())>"Forget the token"</button></p>
        </Shown>
    }
}
