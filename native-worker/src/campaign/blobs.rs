//! `GET /blobs/SHA256`: the files of models that recipes name, a piece at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path as FilePath;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::coordinator::App;
use super::http::{MESSAGE_BYTES, authenticate};
use crate::serve::problem::Problem;

/// Answers with the range of a file that is asked for, or with its beginning where that is more than a message may have.
pub(super) async fn blob(
    State(app): State<App>,
    headers: HeaderMap,
    Path(sha256): Path<String>,
) -> Result<Response, Problem> {
    authenticate(&app, &headers).await?;
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(range);
    let Some((first, last)) = range else {
        return Err(Problem::bad_message("say which bytes of the file, as `Range: bytes=0-4194303`"));
    };
    let Some(path) = app.blobs.find(&sha256) else {
        return Err(Problem::not_found(
            "this coordinator has no such file; each that serves the campaign needs its folder `blobs`",
        ));
    };
    let read = tokio::task::spawn_blocking(move || piece(&path, first, last)).await;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!("the file {sha256} cannot be read: {error}");
        Problem::machine("the file cannot be read, which the operator's log explains")
    };
    let (piece, total) = read.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    if piece.is_empty() {
        return Err(Problem::bad_message(format!("the file has {total} bytes")));
    }
    let content_range = format!("bytes {first}-{}/{total}", first + piece.len() as u64 - 1);
    let response = Response::builder()
        .status(StatusCode::PARTIAL_CONTENT)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_RANGE, content_range)
        .body(Body::from(piece));
    response.map_err(|error| failed(&error))
}

/// The first and the last byte of a range that has both.
fn range(value: &str) -> Option<(u64, u64)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// The bytes of a file from `first` up to and including `last`, as far as they are there and fit into a message; and how
/// many it has.
fn piece(path: &FilePath, first: u64, last: u64) -> io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let total = file.metadata()?.len();
    file.seek(SeekFrom::Start(first))?;
    let mut piece = Vec::new();
    file.take((last - first).saturating_add(1).min(MESSAGE_BYTES as u64)).read_to_end(&mut piece)?;
    Ok((piece, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_far_as_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let read = |header: &str| {
            let (first, last) = range(header)?;
            Some(piece(&path, first, last).unwrap())
        };
        assert_eq!(read("bytes=2-4"), Some((b"234".to_vec(), 10)));
        assert_eq!(read("bytes=8-99"), Some((b"89".to_vec(), 10)));
        assert_eq!(read("bytes=10-11"), Some((Vec::new(), 10)));
        assert_eq!(read(&format!("bytes=0-{}", u64::MAX)), Some((b"0123456789".to_vec(), 10)));
        for header in ["bytes=4-2", "bytes=-5", "bytes=5-", "bytes=0-1,3-4", "lines=0-1"] {
            assert_eq!(read(header), None, "{header}");
        }
    }
}
