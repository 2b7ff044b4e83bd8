//! One WebSocket to the page's own server, and the two requests over HTTP that may precede it.

use leptos::prelude::window;
use stepwise_core::wire::{SUBPROTOCOL, Ticket};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, MessageEvent, RequestInit, Response, WebSocket};

use crate::json;

/// What happens to a connection.
pub(crate) enum Happening {
    Opened,
    Text(String),
    /// It is gone, or could not be made.
    Closed,
}

/// A connection; dropping it closes it, and nothing is heard of it any more.
pub(crate) struct Socket {
    socket: WebSocket,
    // The browser calls these as long as the socket lives.
    _on_event: Closure<dyn FnMut(web_sys::Event)>,
    _on_text: Closure<dyn FnMut(MessageEvent)>,
}

impl Socket {
    /// Begins to connect. `None` when the browser does not even try.
    pub(crate) fn open(ticket: Option<&str>, hear: impl Fn(Happening) + Clone + 'static) -> Option<Self> {
        let location = window().location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        let query = ticket.map(|ticket| format!("?ticket={ticket}")).unwrap_or_default();
        let url = format!("{scheme}://{}/api/v1/socket{query}", location.host().ok()?);
        let socket = WebSocket::new_with_str(&url, SUBPROTOCOL).ok()?;
        let on_text = {
            let hear = hear.clone();
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                if let Some(text) = event.data().as_string() {
                    hear(Happening::Text(text));
                }
            })
        };
        let on_event = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
            // An error is always followed by a close.
            match event.type_().as_str() {
                "open" => hear(Happening::Opened),
                "close" => hear(Happening::Closed),
                _ => {}
            }
        });
        socket.set_onmessage(Some(on_text.as_ref().unchecked_ref()));
        socket.set_onopen(Some(on_event.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_event.as_ref().unchecked_ref()));
        Some(Self { socket, _on_event: on_event, _on_text: on_text })
    }

    /// Sends a text. One that gets lost is sent again after the next greeting.
    pub(crate) fn send(&self, text: &str) {
        // The only error is that the socket is not open; its close is heard of in its own right.
        let _ = self.socket.send_with_str(text);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// What a request over HTTP came to.
pub(crate) enum Reply {
    /// The server answered with this status and body.
    Answer(u16, String),
    Unreachable,
}

/// Asks the server what it is: a plain file server answers something else.
pub(crate) async fn info(token: Option<&str>) -> Reply {
    fetch("GET", "/api/v1/info", token, None).await
}

/// Buys a pass for one connection.
pub(crate) async fn ticket(token: &str) -> Result<String, Reply> {
    match fetch("POST", "/api/v1/tickets", Some(token), None).await {
        Reply::Answer(status, body) if (200..300).contains(&status) => match json::read::<Ticket>(&body) {
            Ok(ticket) => Ok(ticket.ticket),
            Err(_) => Err(Reply::Answer(status, body)),
        },
        other => Err(other),
    }
}

/// Asks the page's own server.
pub(crate) async fn fetch(method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Reply {
    match try_fetch(method, path, token, body).await {
        Ok((status, body)) => Reply::Answer(status, body),
        Err(_) => Reply::Unreachable,
    }
}

async fn try_fetch(
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> Result<(u16, String), JsValue> {
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        init.set_body(&body.into());
    }
    if let Some(token) = token {
        let headers = Headers::new()?;
        headers.set("Authorization", &format!("Bearer {token}"))?;
        init.set_headers(&headers);
    }
    let response: Response = JsFuture::from(window().fetch_with_str_and_init(path, &init)).await?.dyn_into()?;
    let body = JsFuture::from(response.text()?).await?;
    Ok((response.status(), body.as_string().unwrap_or_default()))
}
