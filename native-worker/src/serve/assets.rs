//! The files of the page: its wasm, scripts and styles, and the models that it can load.
//!
//! A development build reads them from `dist/`, where `cargo xtask web` packs them; a release carries them inside.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Component, Path};
use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::models::shipped;

/// What `build.rs` put into the program: nothing in development.
static CARRIED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Where a development build finds the page.
const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist");

/// Where the models' files begin.
const MODELS: &str = "models/";

/// Whether the page is there.
#[must_use]
pub fn has_page() -> bool {
    find("index.html", &[]).is_some()
}

/// Answers with a file of the page.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Problem::not_found("only GET is answered here; the API is under /api/v1/").into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes = |coding: &str| accepted.split(',').any(|one| one.trim().split(';').next() == Some(coding));
    let codings: Vec<Coding> = CODINGS.into_iter().filter(|coding| takes(coding.name)).collect();
    let wanted = path.to_owned();
    // Reading, unpacking and hashing take their time.
    let found = tokio::task::spawn_blocking(move || find(&wanted, &codings)).await;
    let Some(File { bytes, coding, tag }) = found.ok().flatten() else {
        return if path == "index.html" {
            Problem::not_found("the page is not built: run `cargo xtask web`, then ask again").into_response()
        } else {
            Problem::not_found(format!("there is no file `{path}`")).into_response()
        };
    };
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response =
        if is_known { axum::http::StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(bytes)) };
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, media_type(path));
    set(header::ETAG, &tag);
    // Asked for again every time, and sent only when it changed: no page is older than its server.
    set(header::CACHE_CONTROL, "no-cache");
    set(header::VARY, "accept-encoding");
    if let Some(coding) = coding {
        set(header::CONTENT_ENCODING, coding);
    }
    response
}

/// A way to compress, and the ending of its twins.
#[derive(Clone, Copy)]
struct Coding {
    name: &'static str,
    ending: &'static str,
}

/// The better one first.
const CODINGS: [Coding; 2] = [Coding { name: "br", ending: "br" }, Coding { name: "gzip", ending: "gz" }];

/// A file in one coding.
#[derive(Clone)]
struct File {
    bytes: Bytes,
    /// How they are compressed.
    coding: Option<&'static str>,
    /// What tells them from other bytes.
    tag: String,
}

/// A file, or its compressed twin for those who take it.
fn find(path: &str, codings: &[Coding]) -> Option<File> {
    codings.iter().copied().map(Some).chain([None]).find_map(|coding| in_coding(path, coding))
}

/// A file in this coding. What the program carries never changes, so it is unpacked and hashed once.
fn in_coding(path: &str, coding: Option<Coding>) -> Option<File> {
    static CARRIED_FILES: LazyLock<Mutex<HashMap<String, File>>> = LazyLock::new(Mutex::default);
    let known = || CARRIED_FILES.lock();
    let name = coding.map_or_else(|| path.to_owned(), |coding| format!("{path}.{}", coding.ending));
    if let Some(file) = known().get(&name) {
        return Some(file.clone());
    }
    let model = path.strip_prefix(MODELS);
    let bytes = match (model, coding) {
        (Some(model), None) => Bytes::from_static(shipped::file(model)?),
        (Some(_), Some(_)) => return None,
        (None, Some(_)) => page_file(&name)?,
        // Hardly anybody asks for nothing compressed, and a release need not carry everything once more for them.
        (None, None) => page_file(path).or_else(|| unzipped(&page_file(&format!("{path}.gz"))?))?,
    };
    let hash = hex::encode(&Sha256::digest(&bytes)[..16]);
    let file = File { bytes, coding: coding.map(|coding| coding.name), tag: format!("\"{hash}\"") };
    if model.is_some() || !CARRIED.is_empty() {
        known().insert(name, file.clone());
    }
    Some(file)
}

fn page_file(path: &str) -> Option<Bytes> {
    if !CARRIED.is_empty() {
        return CARRIED.iter().find(|(name, _)| *name == path).map(|(_, bytes)| Bytes::from_static(bytes));
    }
    let path = Path::new(path);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    is_inside.then(|| std::fs::read(Path::new(DIST).join(path)).ok()).flatten().map(Bytes::from)
}

fn unzipped(bytes: &[u8]) -> Option<Bytes> {
    let mut unzipped = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unzipped).ok()?;
    Some(unzipped.into())
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        // Browsers compile while they download only if the type is exactly this one.
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
