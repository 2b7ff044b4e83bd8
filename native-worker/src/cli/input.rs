//! What is to be proved: from an argument, a file or standard input to theorems, with one clear line when it is none.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use stepwise_core::problem::{CORE_NOTATION, Defaults, Task, parse_statement, split_sorries};

use super::args::LeanArgs;
use super::lean::has_mathlib;

/// What the user wants proved.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One theorem, given as a statement.
    Statement {
        /// It.
        theorem: Box<stepwise_core::problem::Theorem>,
        /// Whether the notation in front of it is there by default.
        has_default_notation: bool,
    },
    /// Every `sorry` of a file.
    File {
        /// Its text.
        text: String,
        /// Its `sorry`s, in order.
        tasks: Vec<Task>,
    },
}

/// Reads what `prove` is given. `None` when nothing is given and standard input is a terminal.
///
/// # Errors
/// When it cannot be read or there is nothing to prove in it.
pub(super) fn wanted(input: Option<&str>, lean: &LeanArgs) -> anyhow::Result<Option<Wanted>> {
    let defaults = defaults(lean)?;
    match input {
        None if std::io::stdin().is_terminal() => Ok(None),
        None | Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            let text = utf8(bytes, "standard input")?;
            // A text with `sorry` is a file to be filled in; without, it is a statement.
            match split_sorries(&text) {
                Ok(tasks) if tasks.len() > 1 || has_header(&tasks) => Ok(Some(Wanted::File { text, tasks })),
                _ => statement(&text, &defaults, lean).map(Some),
            }
        }
        Some(path) if is_lean_path(path) => {
            let text = read_text(Path::new(path))?;
            let tasks = split_sorries(&text).with_context(|| path.to_owned())?;
            Ok(Some(Wanted::File { text, tasks }))
        }
        Some(text) => statement(text, &defaults, lean).map(Some),
    }
}

/// Reads a text file.
///
/// # Errors
/// When there is none or it is not UTF-8.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => bail!("no file {}", path.display()),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    utf8(bytes, &path.display().to_string())
}

/// What a statement gets that brings no header of its own.
///
/// # Errors
/// When the preamble's file cannot be read.
pub(super) fn defaults(lean: &LeanArgs) -> anyhow::Result<Defaults> {
    let text = match lean.preamble.as_str() {
        "none" => return Ok(Defaults::default()),
        "auto" => match &lean.lean_project {
            Some(project) if has_mathlib(project) => "import Mathlib".to_owned(),
            Some(_) => return Ok(Defaults::default()),
            None => CORE_NOTATION.to_owned(),
        },
        text => match text.strip_prefix('@') {
            Some(path) => read_text(Path::new(path)).context("--preamble")?,
            None => text.to_owned(),
        },
    };
    split_imports(&text).context("--preamble")
}

/// Whether what [`defaults`] gives is the notation for Lean without Mathlib, which nobody asked for.
pub(super) fn defaults_are_notation(lean: &LeanArgs) -> bool {
    lean.preamble == "auto" && lean.lean_project.is_none()
}

/// Tells a file's imports from its commands.
///
/// # Errors
/// When a comment or a string in it is never closed.
pub(super) fn split_imports(text: &str) -> anyhow::Result<Defaults> {
    // The parser of statements knows where imports end; the file becomes the header of a last statement.
    let probe = format!("{text}\n\ntheorem stepwise_probe : True");
    let theorem = parse_statement(&probe, &Defaults::default())?;
    Ok(Defaults { imports: theorem.imports, preamble: theorem.preamble })
}

/// Fails now, not after an hour of search, when a file cannot be written.
///
/// # Errors
/// When it cannot.
pub(super) fn check_writable(path: &Path) -> anyhow::Result<()> {
    let existed = path.exists();
    std::fs::OpenOptions::new().append(true).create(true).open(path).with_context(|| {
        format!("cannot write {}; name a file in a folder that exists and can be written", path.display())
    })?;
    if !existed {
        // An empty file left behind would look like a result.
        std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// `log.jsonl` for a single theorem; `log.2.jsonl` for the second of several.
pub(super) fn numbered(path: &Path, idx: usize, n: usize) -> PathBuf {
    if n == 1 {
        return path.to_owned();
    }
    let number = (idx + 1).to_string();
    match path.extension() {
        Some(extension) => path.with_extension(format!("{number}.{}", extension.to_string_lossy())),
        None => path.with_extension(number),
    }
}

fn statement(text: &str, defaults: &Defaults, lean: &LeanArgs) -> anyhow::Result<Wanted> {
    let theorem = parse_statement(text, defaults)?;
    let own = parse_statement(text, &Defaults::default())?;
    let has_default_notation = defaults_are_notation(lean) && own.preamble != theorem.preamble;
    Ok(Wanted::Statement { theorem: Box::new(theorem), has_default_notation })
}

/// A statement cannot hold a line break before `.lean` or spaces around it, and a file's name hardly does.
fn is_lean_path(input: &str) -> bool {
    let path = Path::new(input);
    path.extension().is_some_and(|extension| extension == "lean") && !input.contains('\n')
}

fn has_header(tasks: &[Task]) -> bool {
    tasks.iter().any(|task| !task.theorem.imports.is_empty() || !task.theorem.preamble.is_empty())
}

fn utf8(bytes: Vec<u8>, name: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        anyhow!("{name} is not UTF-8 (byte {}); save it as UTF-8, as Lean wants it", e.utf8_error().valid_up_to())
    })
}
