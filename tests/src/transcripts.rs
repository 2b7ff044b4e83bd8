//! Sessions in the protocol of leanprover-community/repl: requests in `NAME.in`, answers in `NAME.expected.out`. Those of
//! the tests' own are fixtures; recordings of the real program lie beside the repository, where they are there at all.

use std::io;
use std::path::{Path, PathBuf};

/// One session.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// The file's name without its ending.
    pub name: String,
    /// Requests and their answers, in order.
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer, as the program reads and writes them, without the blank line that ends each.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request, its lines joined.
    pub request: String,
    /// The answer, with its line breaks.
    pub answer: String,
}

/// The tests' own sessions.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/repl")
}

/// Recordings of the real program, if they are here.
#[must_use]
pub fn recordings() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/repl-transcripts");
    folder.is_dir().then_some(folder)
}

/// All sessions of a folder, sorted by name.
pub fn load_all(folder: &Path) -> io::Result<Vec<Transcript>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if let Some(name) = entry?.file_name().to_str().and_then(|name| name.strip_suffix(".in")) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.iter().map(|name| load(folder, name)).collect()
}

/// One session. Fails when it has not as many answers as requests.
pub fn load(folder: &Path, name: &str) -> io::Result<Transcript> {
    let read = |ending: &str| std::fs::read_to_string(folder.join(format!("{name}.{ending}")));
    let requests: Vec<String> = blocks(&read("in")?).iter().map(|lines| joined(lines)).collect();
    let answers: Vec<String> = blocks(&read("expected.out")?).iter().map(|lines| lines.join("\n")).collect();
    if requests.len() != answers.len() {
        let counts = format!("{name} has {} requests and {} answers", requests.len(), answers.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, counts));
    }
    let exchanges = requests.into_iter().zip(answers).map(|(request, answer)| Exchange { request, answer }).collect();
    Ok(Transcript { name: name.to_owned(), exchanges })
}

/// Joins the lines of a request as the program does (`getLines` in its `REPL/Main.lean`): their ends are trimmed and no
/// line break is put between them, which is why a string may be broken over lines in the files.
#[must_use]
pub fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim_ascii_end()).collect()
}

/// The runs of lines between blank lines.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = vec![Vec::new()];
    for line in text.lines() {
        if !line.trim_ascii().is_empty() {
            if let Some(block) = blocks.last_mut() {
                block.push(line);
            }
        } else {
            blocks.push(Vec::new());
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}
