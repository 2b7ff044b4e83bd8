//! The server as JavaScript sees it.

use wasm_bindgen::prelude::*;

use crate::server;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(text: &str);
}

/// Makes a panic say what it was.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| error(&panic.to_string())));
}

/// A server in the page. What is to be done comes as JSON: an array of `{"send": TEXT}`, `{"ask": LINE}`, `{"open": LINE}`,
/// `{"judge": LINE}`, `"dismiss"` and `"restart"`.
#[wasm_bindgen]
pub struct Server(server::Server);

#[wasm_bindgen]
impl Server {
    /// A server whose host is being started. `package` names Lean's.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(package: &str) -> Self {
        Self(server::Server::new(package))
    }

    /// Takes in a text of the page's. `now` is in milliseconds.
    pub fn hear(&mut self, text: &str, now: f64) -> String {
        self.0.hear(text, now as u64);
        self.actions()
    }

    /// Takes in a line of the host's.
    pub fn said(&mut self, line: &str, now: f64) -> String {
        self.0.said(line, now as u64);
        self.actions()
    }

    /// The host has ended by itself.
    pub fn died(&mut self, reason: &str, now: f64) -> String {
        self.0.died(reason, now as u64);
        self.actions()
    }

    /// Takes in a line of the judge's.
    pub fn judged(&mut self, line: &str, now: f64) -> String {
        self.0.judged(line, now as u64);
        self.actions()
    }

    /// The judge has ended by itself.
    #[wasm_bindgen(js_name = judgeDied)]
    pub fn judge_died(&mut self, reason: &str, now: f64) -> String {
        self.0.judge_died(reason, now as u64);
        self.actions()
    }

    /// Looks at the clock.
    pub fn late(&mut self, now: f64) -> String {
        self.0.late(now as u64);
        self.actions()
    }

    /// When it wants to look at it next, if it does.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn deadline(&self) -> Option<f64> {
        self.0.deadline().map(|deadline| deadline as f64)
    }

    fn actions(&mut self) -> String {
        // They are texts.
        serde_json::to_string(&self.0.take_actions()).unwrap_or_default()
    }
}
