//! The worker that serves a Lean in the browser, as the page holds it: a connection like that to a server.

use crate::lean::FromLean;
use crate::view::worker::PageWorker;

/// The worker's address, beside the page's.
const WORKER: &str = "lean.js";

/// The list of Lean's files, beside the page's.
pub(crate) const LISTING: &str = "lean/packed/manifest.json";

/// What it is told when a statement is about to be opened.
pub(crate) const SOON: &str = "soon";

/// Starts it, and it begins to load Lean.
///
/// # Errors
/// This browser starts no worker.
pub(crate) fn start(hear: impl Fn(FromLean) + Clone + 'static) -> Result<PageWorker, String> {
    PageWorker::start(WORKER, move |said| hear(said.unwrap_or_else(|reason| FromLean::Failed { reason })))
}
