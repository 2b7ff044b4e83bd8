//! Small things that only a browser can do: clock, clipboard, storage, address, downloads.

use std::time::Duration;

use leptos::prelude::*;
use leptos::web_sys::js_sys;
use leptos::web_sys::js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, File, HtmlAnchorElement, HtmlElement, Url};

/// Milliseconds on a clock that only goes forward.
pub(crate) fn now() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

/// A number from 0 to 1.
pub(crate) fn random() -> f64 {
    js_sys::Math::random()
}

/// Puts a text into the clipboard; false when the browser does not let the page.
pub(crate) async fn copy(text: &str) -> bool {
    // Outside https and localhost there is no clipboard at all.
    if !window().is_secure_context() {
        return false;
    }
    JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok()
}

/// Lets the visitor save bytes as a file; false where the browser cannot.
pub(crate) fn save(name: &str, media_type: &str, bytes: &[u8]) -> bool {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = Array::of1(&Uint8Array::from(bytes));
    let url = Blob::new_with_u8_array_sequence_and_options(&parts, &options)
        .and_then(|blob| Url::create_object_url_with_blob(&blob));
    let link = document().create_element("a").map(JsCast::dyn_into::<HtmlAnchorElement>);
    let (Ok(url), Ok(Ok(link))) = (url, link) else { return false };
    link.set_href(&url);
    link.set_download(name);
    link.click();
    // The browser reads the bytes after the click; without this they would stay for as long as the page.
    set_timeout(move || drop(Url::revoke_object_url(&url)), Duration::from_secs(60));
    true
}

/// The content of a file that the visitor chose or dropped; nothing where it cannot be read.
pub(crate) async fn content(file: &File) -> Option<Vec<u8>> {
    let buffer = JsFuture::from(file.array_buffer()).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

/// Has the browser keep the page's files, so that it opens without a network.
pub(crate) fn keep_for_offline() {
    // Outside https and localhost there are no service workers at all. Without one the page needs a network.
    if window().is_secure_context() {
        let _ = window().navigator().service_worker().register("offline.js");
    }
}

/// What is kept under a name; nothing where the visitor forbids storage.
pub(crate) fn kept(name: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(name).ok().flatten()
}

/// Keeps a value under a name. A visitor who forbids storage keeps the choice until the page is closed.
pub(crate) fn keep(name: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(name, value);
    }
}

/// Where a tab's token is kept.
const TOKEN: &str = "stepwise-token";

/// The token that this tab was opened with, which is kept for a reload; a new one takes its place.
pub(crate) fn token(new: Option<String>) -> Option<String> {
    let storage = window().session_storage().ok().flatten();
    if let (Some(new), Some(storage)) = (&new, &storage) {
        let _ = storage.set_item(TOKEN, new);
    }
    new.or_else(|| storage?.get_item(TOKEN).ok().flatten())
}

/// Forgets the token that this tab was opened with.
pub(crate) fn forget_token() {
    if let Some(storage) = window().session_storage().ok().flatten() {
        let _ = storage.remove_item(TOKEN);
    }
}

/// A time in milliseconds since 1970 by the visitor's clock: `2026-11-30 09:05`.
pub(crate) fn time(ms: u64) -> String {
    let time = js_sys::Date::new(&JsValue::from_f64(ms as f64));
    let (year, month, day) = (time.get_full_year(), time.get_month() + 1, time.get_date());
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", time.get_hours(), time.get_minutes())
}

/// Whether the focus is in something within the element of that id, which itself does not count.
pub(crate) fn has_focus_inside(id: &str) -> bool {
    let outer = document().get_element_by_id(id);
    let focused = document().active_element();
    outer.zip(focused).is_some_and(|(outer, focused)| outer != focused && outer.contains(Some(&focused)))
}

/// The address's part from `#` on.
pub(crate) fn hash() -> String {
    window().location().hash().unwrap_or_default()
}

/// Changes the address's part from `#` on, without a new entry in the browser's history.
pub(crate) fn replace_hash(hash: &str) {
    if let Ok(history) = window().history() {
        // A browser that is asked too often refuses; the next change sets it right.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(hash));
    }
}

/// Loads the page anew.
pub(crate) fn reload() {
    // It fails only for a page of another origin.
    let _ = window().location().reload();
}

/// The whole address.
pub(crate) fn address() -> String {
    window().location().href().unwrap_or_default()
}

/// Where the page comes from, without a path.
pub(crate) fn origin() -> String {
    window().location().origin().unwrap_or_default()
}

/// Moves the focus to the element of that id.
pub(crate) fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id).and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Whether a key types another character with Alt, as on Apple's keyboards.
pub(crate) fn alt_types() -> bool {
    window().navigator().platform().is_ok_and(|platform| platform.starts_with("Mac") || platform.starts_with("iP"))
}

/// Whether the focus is in something that takes text.
pub(crate) fn is_typing() -> bool {
    document().active_element().is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            && element
                .get_attribute("type")
                .is_none_or(|kind| !["checkbox", "radio", "range", "file"].contains(&kind.as_str()))
    })
}
