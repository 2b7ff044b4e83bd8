//! The page's keys, and the list of them.
//!
//! Keys without a modifier work only outside text fields, and can be turned off: whoever speaks to the computer would press
//! them by accident. A letter is the one that the keyboard has, whatever its layout; where it is none of ours, as with Alt on
//! a Mac or on a Greek keyboard, its place on the keyboard tells.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::Prove;
use crate::link::PageName;
use crate::view::browser;

/// Where the choice about keys without a modifier is kept.
const KEYS_KEY: &str = "stepwise-keys";

/// Whether keys without a modifier do something.
#[derive(Clone, Copy)]
pub(crate) struct Shortcuts {
    pub(crate) bare: RwSignal<bool>,
}

impl Shortcuts {
    /// As the visitor chose last.
    pub(crate) fn new() -> Self {
        Self { bare: RwSignal::new(browser::kept(KEYS_KEY).is_none_or(|kept| kept != "no")) }
    }
}

impl Prove {
    /// Does what a key means on this page; true when it means something.
    pub(crate) fn press(self, event: &KeyboardEvent, shortcuts: Shortcuts) -> bool {
        if self.page.get_untracked() != PageName::Prove || event.is_composing() {
            return false;
        }
        let typing = browser::is_typing();
        let (ctrl, alt, shift) = (event.ctrl_key() || event.meta_key(), event.alt_key(), event.shift_key());
        let code = event.code();
        let digit = code.strip_prefix("Digit").or_else(|| code.strip_prefix("Numpad"));
        let digit = digit.and_then(|digit| digit.parse::<usize>().ok()).filter(|digit| (1..=9).contains(digit));
        match letter(event).as_str() {
            "escape" if !ctrl && !alt => self.cancel(),
            // Many a Mac has brackets there.
            _ if alt && typing && is_punctuation(&event.key()) && browser::alt_types() => return false,
            "z" if (ctrl && !alt && !shift && !typing) || (alt && !ctrl) => self.undo(),
            "z" if ctrl && shift && !alt && !typing => self.redo(),
            "y" if (ctrl && !alt && !typing) || (alt && !ctrl) => self.redo(),
            "s" if alt && !ctrl => self.suggest(),
            "l" if alt && !ctrl => browser::focus(super::line::LINE_ID),
            _ if alt && !ctrl && digit.is_some() => self.take_suggestion(digit.unwrap_or_default()),
            _ if !ctrl && !alt && !typing && shortcuts.bare.get_untracked() => match (digit, event.key().as_str()) {
                (Some(digit), _) if !shift => self.take_suggestion(digit),
                (_, "/") => browser::focus(super::line::LINE_ID),
                _ => return false,
            },
            _ => return false,
        }
        true
    }
}

/// The letter that a key types, or the name of a key that types none. What is no ASCII character is told by the key's place
/// on an American keyboard.
fn letter(event: &KeyboardEvent) -> String {
    let key = event.key();
    let name = if key.is_ascii() { key } else { event.code().trim_start_matches("Key").to_owned() };
    name.to_ascii_lowercase()
}

fn is_punctuation(key: &str) -> bool {
    matches!(key.as_bytes(), [byte] if byte.is_ascii_punctuation())
}

/// The list of keys, for the help dialog.
#[component]
pub(crate) fn KeyList(shortcuts: Shortcuts) -> impl IntoView {
    let rows = [
        ("Enter", "apply the tactic in the tactic line"),
        ("↑ ↓", "in the tactic line: earlier and later tactics"),
        ("Tab", "while an abbreviation such as \\and is typed: complete it"),
        ("1 … 9", "take the suggestion of that number (outside text fields)"),
        ("Alt+1 … Alt+9", "the same, everywhere"),
        ("Ctrl+Z, Ctrl+Y", "undo and redo a step (outside text fields)"),
        ("Alt+Z, Alt+Y", "the same, everywhere"),
        ("Alt+S", "suggest tactics"),
        ("/ or Alt+L", "go to the tactic line"),
        ("Ctrl+Enter", "in the statement: open it"),
        ("Esc", "cancel what runs"),
        ("?", "this list (outside text fields)"),
    ];
    let on_change = move |_| {
        shortcuts.bare.update(|bare| *bare = !*bare);
        browser::keep(KEYS_KEY, if shortcuts.bare.get_untracked() { "yes" } else { "no" });
    };
    view! {
        <table class="keys">
            <thead class="spoken">
                <tr>
                    <th scope="col">"Key"</th>
                    <th scope="col">"Effect"</th>
                </tr>
            </thead>
            <tbody>
                {rows
                    .map(|(key, effect)| view! { <tr><th scope="row"><kbd>{key}</kbd></th><td>{effect}</td></tr> })
                    .collect_view()}
            </tbody>
        </table>
        <label class="check">
            <input type="checkbox" prop:checked=move || shortcuts.bare.get() on:change=on_change />
            " single keys (1 … 9, /, ?) do something"
        </label>
    }
}
