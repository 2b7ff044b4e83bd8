//! Text fields with unicode input: what [`crate::unicode`] says about a key, done to the element.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, EventTarget, HtmlDocument, HtmlElement, HtmlInputElement, HtmlTextAreaElement, KeyboardEvent};

use crate::unicode::{self, Edit};

/// A line or an area for text.
enum Field {
    Line(HtmlInputElement),
    Area(HtmlTextAreaElement),
}

/// After an `input` event: replaces an abbreviation that is complete, and returns the text as it was typed. The replacement
/// is an `input` event of its own, which must wait until this one has been handled.
pub(crate) fn typed(event: &web_sys::Event) -> String {
    let Some(field) = Field::of(event) else { return String::new() };
    let value = field.value();
    if value.contains('\\') {
        queue_microtask(move || {
            field.replace(unicode::typed);
        });
    }
    value
}

/// On Tab, and before a text is used: replaces what stands before the caret. True when there was something.
pub(crate) fn finish(event: &web_sys::Event) -> bool {
    Field::of(event).is_some_and(|field| field.replace(unicode::finished))
}

/// The same for the field of that id, which a button uses the text of.
pub(crate) fn finish_in(id: &str) {
    if let Some(field) = document().get_element_by_id(id).and_then(|element| Field::from(element.into())) {
        field.replace(unicode::finished);
    }
}

/// Tab completes an abbreviation where one is being typed, and moves on as everywhere else.
pub(crate) fn tab(event: &KeyboardEvent) {
    if event.key() == "Tab" && !event.shift_key() && finish(event) {
        event.prevent_default();
    }
}

impl Field {
    fn of(event: &web_sys::Event) -> Option<Self> {
        Self::from(event.target()?)
    }

    fn from(target: EventTarget) -> Option<Self> {
        match target.dyn_into::<HtmlInputElement>() {
            Ok(line) => Some(Self::Line(line)),
            Err(target) => target.dyn_into::<HtmlTextAreaElement>().ok().map(Self::Area),
        }
    }

    fn element(&self) -> &HtmlElement {
        match self {
            Self::Line(line) => line,
            Self::Area(area) => area,
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Line(line) => line.value(),
            Self::Area(area) => area.value(),
        }
    }

    fn caret(&self) -> Option<usize> {
        let caret = match self {
            Self::Line(line) => line.selection_start(),
            Self::Area(area) => area.selection_start(),
        };
        caret.ok().flatten().map(|caret| caret as usize)
    }

    fn select(&self, from: usize, to: usize) {
        let (from, to) = (from as u32, to as u32);
        let _ = match self {
            Self::Line(line) => line.set_selection_range(from, to),
            Self::Area(area) => area.set_selection_range(from, to),
        };
    }

    fn replace(&self, rule: fn(&str, usize) -> Option<Edit>) -> bool {
        let edit = self.caret().and_then(|caret| rule(&self.value(), caret));
        let Some(Edit { from, to, text, caret }) = edit else { return false };
        self.select(from, to);
        if !self.insert_as_typed(&text) {
            let _ = match self {
                Self::Line(line) => line.set_range_text(&text),
                Self::Area(area) => area.set_range_text(&text),
            };
            if let Ok(event) = web_sys::Event::new("input") {
                // It fails only for an event that is on its way already.
                let _ = self.element().dispatch_event(&event);
            }
        }
        self.select(caret, caret);
        true
    }

    /// Puts a text in the selection's place and tells the page by an `input` event; false when the field has no focus.
    /// Old, but the only way that leaves the field's own undo intact.
    fn insert_as_typed(&self, text: &str) -> bool {
        let element: &Element = self.element();
        let document = document();
        document.active_element().as_ref() == Some(element)
            && document.dyn_into::<HtmlDocument>().is_ok_and(|document| {
                document.exec_command_with_show_ui_and_value("insertText", false, text) == Ok(true)
            })
    }
}
