//! What is to be proved: from an argument, a file or standard input to theorems, with one clear line when it is none.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use stepwise_core::problem::{
    CORE_NOTATION, Dataset, DatasetError, Defaults, Problem, Sorries, SplitFile, breaks_off, knows_lemma,
    lemmas_as_theorems, parse_statement, read_dataset, read_jsonl, split_file, split_sorries,
};

use super::args::LeanArgs;
use super::output;
use super::project::has_mathlib;

/// What the user wants proved.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One theorem, given as a statement.
    Statement(Box<stepwise_core::problem::Theorem>),
    /// Every `sorry` of a file.
    File {
        text: String,
        /// Its `sorry`s, in order.
        sorries: Sorries,
    },
}

/// What is to be proved, and what the user should know about how it was read.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) wanted: Wanted,
    /// Whether the notation in front of a statement is there by default.
    pub(super) has_default_notation: bool,
    pub(super) notes: Vec<String>,
}

impl From<Wanted> for Given {
    fn from(wanted: Wanted) -> Self {
        Self { wanted, has_default_notation: false, notes: Vec::new() }
    }
}

/// Reads what `prove` is given. `None` when nothing is given and standard input is a terminal.
///
/// # Errors
/// When it cannot be read or there is nothing to prove in it.
pub(super) fn wanted(input: Option<&str>, lean: &LeanArgs) -> anyhow::Result<Option<Given>> {
    let defaults = defaults(lean)?;
    match input {
        None if std::io::stdin().is_terminal() => Ok(None),
        None | Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            let text = utf8(bytes, "standard input")?;
            // A text with `sorry` is a file to be filled in; without, it is a statement.
            match split_sorries(&text) {
                Ok(sorries) if is_file(&sorries) => file(text, &defaults).map(Some),
                _ => statement(&text, &defaults, lean).map(Some),
            }
        }
        Some(path) if is_lean_path(path) => {
            let text = read_text(Path::new(path))?;
            file(text, &defaults).with_context(|| path.to_owned()).map(Some)
        }
        Some(text) => statement(text, &defaults, lean).map(Some),
    }
}

/// The file with `theorem` for each `lemma` that this Lean would not know, and the line that says so. `defaults` are
/// what a file without imports gets.
pub(super) fn without_lemma(text: String, imports: &[String], defaults: &Defaults) -> (String, Option<String>) {
    if knows_lemma(if imports.is_empty() { &defaults.imports } else { imports }) {
        return (text, None);
    }
    let plain = lemmas_as_theorems(&text);
    let note = lemma_note(&plain.lines);
    (plain.text, note)
}

/// Reads a problem file, and tells on standard error what of it cannot be read or was read otherwise than it is written:
/// the first few of each kind, then how many. With `strict` the first of them is an error. Returns how many problems
/// are left out.
///
/// # Errors
/// When there is no problem in it.
pub(super) fn problems(path: &Path, lean: &LeanArgs, strict: bool) -> anyhow::Result<(Vec<Problem>, usize)> {
    let text = read_text(path)?;
    let (name, defaults) = (path.display().to_string(), defaults(lean)?);
    if strict {
        return Ok((read_jsonl(&name, &text, &defaults)?, 0));
    }
    let Dataset { problems, unread, renamed, lemmas } = read_dataset(&name, &text, &defaults);
    if problems.is_empty() {
        return match unread.into_iter().next() {
            Some(first) => Err(first.into()),
            None => Err(DatasetError::Empty { file: name }.into()),
        };
    }
    tell_some(unread.iter().map(|error| format!("left out: {error}")), "problems are left out");
    let renamed = renamed
        .iter()
        .map(|r| format!("{}: the name {} is taken by {}: this one is {}", r.place, r.name, r.first, r.new_name));
    tell_some(renamed, "repeated names are numbered");
    let lemma =
        |name: &String| format!("{name}: this Lean does not know `lemma`, which is Mathlib's: taken for `theorem`");
    tell_some(lemmas.iter().map(lemma), "problems say `lemma`");
    Ok((problems, unread.len()))
}

/// The first few lines, and how many there are when that is not all.
fn tell_some(lines: impl ExactSizeIterator<Item = String>, what: &str) {
    const N_SHOWN: usize = 5;
    let n = lines.len();
    for line in lines.take(N_SHOWN) {
        output::eprint(&line);
    }
    if n > N_SHOWN {
        output::eprint(&format!("... {n} {what} in all"));
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
    let SplitFile { imports, commands } = split_file(&text).context("--preamble")?;
    // Statements are put behind it: an attribute at its end would become theirs.
    if let Some(broken) = breaks_off(&commands) {
        return Err(broken).context("--preamble");
    }
    Ok(Defaults { imports, preamble: commands.trim().to_owned() })
}

/// Whether what [`defaults`] gives is the notation for Lean without Mathlib, which nobody asked for.
pub(super) fn defaults_are_notation(lean: &LeanArgs) -> bool {
    lean.preamble == "auto" && lean.lean_project.is_none()
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

fn statement(text: &str, defaults: &Defaults, lean: &LeanArgs) -> anyhow::Result<Given> {
    let theorem = parse_statement(text, defaults)?;
    let own = parse_statement(text, &Defaults::default())?;
    let has_default_notation = defaults_are_notation(lean) && own.preamble != theorem.preamble;
    let note = if knows_lemma(&theorem.imports) { None } else { lemma_note(&lemmas_as_theorems(text).lines) };
    let wanted = Wanted::Statement(Box::new(theorem));
    Ok(Given { wanted, has_default_notation, notes: note.into_iter().collect() })
}

fn file(text: String, defaults: &Defaults) -> anyhow::Result<Given> {
    let imports = split_file(&text)?.imports;
    let (text, note) = without_lemma(text, &imports, defaults);
    let sorries = split_sorries(&text)?;
    let wanted = Wanted::File { text, sorries };
    Ok(Given { wanted, has_default_notation: false, notes: note.into_iter().collect() })
}

fn lemma_note(lines: &[u32]) -> Option<String> {
    let (first, n_more) = (lines.first()?, lines.len() - 1);
    let more = if n_more > 0 { format!(" and {n_more} more") } else { String::new() };
    Some(format!("line {first}{more}: this Lean does not know `lemma`, which is Mathlib's: taken for `theorem`"))
}

/// A statement cannot hold a line break before `.lean` or spaces around it, and a file's name hardly does.
fn is_lean_path(input: &str) -> bool {
    let path = Path::new(input);
    path.extension().is_some_and(|extension| extension == "lean") && !input.contains('\n')
}

/// Whether a text on standard input is a file to be filled in: a statement has one `sorry` at most, and no header.
fn is_file(sorries: &Sorries) -> bool {
    let has_header = |imports: &[String], preamble: &str| !imports.is_empty() || !preamble.is_empty();
    let Sorries { tasks, left } = sorries;
    tasks.len() + left.len() > 1
        || !left.is_empty()
        || tasks.iter().any(|task| has_header(&task.theorem.imports, &task.theorem.preamble))
}

fn utf8(bytes: Vec<u8>, name: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        anyhow!("{name} is not UTF-8 (byte {}); save it as UTF-8, as Lean wants it", e.utf8_error().valid_up_to())
    })
}
