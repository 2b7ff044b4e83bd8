//! A file server for the packed page, for trying it out: the loopback interface, one folder, GET only.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

/// Where files are served unless another port is asked for.
pub(crate) const PORT: u16 = 8080;

/// Serves `folder` until the process ends. Port 0 picks a free one.
pub(crate) fn serve(folder: &Path, port: u16) -> Result<()> {
    let listener = listen(port)
        .with_context(|| format!("cannot listen on port {port}; choose another with `cargo xtask web --serve PORT`"))?;
    println!("http://{}/", listener.local_addr()?);
    answer_all(&listener, folder);
    Ok(())
}

/// Serves `folder` beside whatever else is done, on the usual port where it is free, and returns the address.
pub(crate) fn serve_beside(folder: &Path) -> Result<String> {
    let listener = listen(PORT).or_else(|_| listen(0)).context("cannot listen on the loopback interface")?;
    let address = format!("http://{}/", listener.local_addr()?);
    let folder = folder.to_owned();
    std::thread::spawn(move || answer_all(&listener, &folder));
    Ok(address)
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

fn answer_all(listener: &TcpListener, folder: &Path) {
    for stream in listener.incoming() {
        let folder = folder.to_owned();
        // Browsers open connections that they may need later, and ask nothing on them yet.
        std::thread::spawn(move || {
            // A browser that goes away in the middle of an answer is no reason to stop.
            if let Err(error) = stream.map_err(Into::into).and_then(|stream| answer(stream, &folder)) {
                eprintln!("{error:#}");
            }
        });
    }
}

fn answer(mut stream: TcpStream, folder: &Path) -> Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers are read to their end, or closing the connection would reset it under the browser's hands.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let content = file_of(&request).and_then(|file| {
        let bytes = std::fs::read(folder.join(&file)).ok()?;
        Some((media_type(&file), bytes))
    });
    let (status, kind, body) = match content {
        Some((kind, bytes)) => ("200 OK", kind, bytes),
        None => ("404 Not Found", "text/plain", b"not found\n".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    Ok(())
}

/// The file that a request line asks for, relative to the folder; `None` for anything but a plain path inside it.
fn file_of(request: &str) -> Option<PathBuf> {
    let path = request.strip_prefix("GET /")?.split([' ', '?']).next()?;
    let file = PathBuf::from(if path.is_empty() { "index.html" } else { path });
    file.components().all(|part| matches!(part, Component::Normal(_))).then_some(file)
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        // The worker unpacks it itself: no `Content-Encoding`.
        Some("gz") => "application/gzip",
        Some("css") => "text/css; charset=utf-8",
        // Browsers compile while they download only if the type is exactly this one.
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::file_of;

    fn check(request: &str, expected: Expect) {
        expected.assert_eq(&file_of(request).map_or_else(|| "none".into(), |file| file.display().to_string()));
    }

    #[test]
    fn only_files_inside_the_folder_are_served() {
        check("GET / HTTP/1.1", expect!["index.html"]);
        check("GET /style.css?v=1 HTTP/1.1", expect!["style.css"]);
        check("GET /../Cargo.toml HTTP/1.1", expect!["none"]);
        check("GET //etc/passwd HTTP/1.1", expect!["none"]);
        check("POST / HTTP/1.1", expect!["none"]);
    }
}
