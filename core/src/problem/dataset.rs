//! Problem files as JSON lines, with the field names that miniF2F, ProofNet, PutnamBench and Lean-Workbook use.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::statement::{Source, join, parse_alone, split_header};
use super::{Defaults, StatementError, Theorem};

/// One problem of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The file's name for it, which need not be the theorem's.
    pub name: String,
    /// What is to be proved.
    pub theorem: Theorem,
    /// The split it belongs to (`test`, `valid`), when the file says so.
    pub split: Option<String>,
    /// The problem in words, when the file has it.
    pub informal: Option<String>,
    /// Where it was taken or how it was made, when the file says so: `library`, or the family of a generator.
    pub source: Option<String>,
    /// How hard its maker thinks it is, from 1 (easy), when the file says so.
    pub difficulty: Option<u32>,
    /// Whether it is known to be true (`true`, as what a library has proved is) or false; `None` when it is not known.
    pub holds: Option<bool>,
    /// Where it stands in the file (1-based).
    pub line: usize,
}

/// Why a problem file cannot be read; every message begins with the file and the line.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Not a JSON object.
    #[error("{file}:{line}: expected one JSON object per line: {source}")]
    NotJson {
        /// The file as the caller names it.
        file: String,
        /// 1-based.
        line: usize,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// No field with a statement.
    #[error("{file}:{line}: no statement: expected one of the fields {}", STATEMENT.join(", "))]
    NoStatement {
        /// The file as the caller names it.
        file: String,
        /// 1-based.
        line: usize,
    },
    /// The statement or its header cannot be split.
    #[error("{file}:{line}: {source}")]
    Statement {
        /// The file as the caller names it.
        file: String,
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        source: StatementError,
    },
    /// Two problems of one name: their records could not be told apart.
    #[error("{file}:{line}: the name {name} is taken by line {first}: give each problem its own")]
    DuplicateName {
        /// The file as the caller names it.
        file: String,
        /// 1-based.
        line: usize,
        /// The line that has it already.
        first: usize,
        /// The name.
        name: String,
    },
    /// Nothing in it.
    #[error("{file}: no problem in it: expected one JSON object per line")]
    Empty {
        /// The file as the caller names it.
        file: String,
    },
}

/// Fields that may hold the name, best first. In miniF2F's Lean 4 file `id` is not the theorem's name but `name` is.
const NAME: [&str; 7] = ["full_name", "name", "problem_name", "theorem_name", "problem_id", "id", "uuid"];
const STATEMENT: [&str; 4] = ["formal_statement", "lean4_statement", "lean4_formalization", "statement"];
const HEADER: [&str; 5] = ["header", "src_header", "lean4_src_header", "lean4_header", "preamble"];
const INFORMAL: [&str; 6] = [
    "informal_statement",
    "informal_stmt",
    "informal_prefix",
    "nl_statement",
    "natural_language_statement",
    "natural_language",
];

/// Reads a problem file; `file` is its name for messages. Blank lines, a byte order mark and CRLF are tolerated.
///
/// A problem that imports nothing gets the defaults. PutnamBench's answers are put in: `abbrev x_solution : T := sorry`
/// followed by `-- answer` becomes `abbrev x_solution : T := answer`, as its own script does.
pub fn read_jsonl(file: &str, text: &str, defaults: &Defaults) -> Result<Vec<Problem>, DatasetError> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut lines_of_names: BTreeMap<String, usize> = BTreeMap::new();
    for (line_idx, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line_idx + 1;
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let file = || file.to_owned();
        let fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|source| DatasetError::NotJson { file: file(), line, source })?;
        let theorem = theorem(&fields, defaults)
            .ok_or_else(|| DatasetError::NoStatement { file: file(), line })?
            .map_err(|source| DatasetError::Statement { file: file(), line, source })?;
        let name = first_of(&fields, &NAME).unwrap_or_else(|| theorem.name.clone());
        if let Some(first) = lines_of_names.insert(name.clone(), line) {
            return Err(DatasetError::DuplicateName { file: file(), line, first, name });
        }
        let informal = first_of(&fields, &INFORMAL);
        problems.push(Problem {
            name,
            theorem,
            split: first_of(&fields, &["split"]),
            informal,
            source: first_of(&fields, &["source"]),
            difficulty: fields.get("difficulty").and_then(Value::as_u64).and_then(|level| u32::try_from(level).ok()),
            holds: fields.get("holds").and_then(Value::as_bool),
            line,
        });
    }
    if problems.is_empty() {
        return Err(DatasetError::Empty { file: file.to_owned() });
    }
    Ok(problems)
}

/// `None` when no field holds a statement.
fn theorem(fields: &Map<String, Value>, defaults: &Defaults) -> Option<Result<Theorem, StatementError>> {
    let statement = first_of(fields, &STATEMENT)?;
    let parse = || {
        let mut theorem = parse_alone(&with_answers(&statement))?;
        if let Some(header) = first_of(fields, &HEADER) {
            // A statement may bring commands of its own, even imports; the header's come first.
            let (imports, preamble) = split_header(&header)?;
            theorem.imports = [imports, theorem.imports].concat();
            theorem.preamble = join(&preamble, &theorem.preamble);
        }
        theorem.without = texts_of(fields, "without");
        Ok(defaults.complete(theorem))
    };
    Some(parse())
}

/// The first of these fields that holds something; numbers count, as some files number their problems.
fn first_of(fields: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match fields.get(*name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The texts in a list.
fn texts_of(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = fields.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Problem {
    /// The problem as a line of a file that [`read_jsonl`] reads, line feed included. Imports and preamble are its header.
    #[must_use]
    pub fn to_line(&self) -> String {
        let Theorem { imports, preamble, statement, without, .. } = &self.theorem;
        let header: Vec<String> = imports.iter().map(|module| format!("import {module}")).collect();
        let header = join(&header.join("\n"), preamble);
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        put("name", Some(self.name.clone().into()));
        put("statement", Some(statement.clone().into()));
        put("header", (!header.is_empty()).then(|| header.into()));
        put("without", (!without.is_empty()).then(|| without.clone().into()));
        put("split", self.split.clone().map(Value::from));
        put("source", self.source.clone().map(Value::from));
        put("difficulty", self.difficulty.map(Value::from));
        put("holds", self.holds.map(Value::from));
        put("informal_statement", self.informal.clone().map(Value::from));
        format!("{}\n", Value::Object(fields))
    }
}

/// Puts the answers of PutnamBench's `.._solution` declarations in the place of their `sorry`.
fn with_answers(statement: &str) -> String {
    let Ok(source) = Source::new(statement) else { return statement.to_owned() };
    let mut filled = String::new();
    let mut done = 0;
    for idx in 2..source.tokens.len() {
        if source.text(idx) != "sorry" || source.text(idx - 1) != ":=" || !is_solution(&source, idx) {
            continue;
        }
        let span = source.tokens[idx].span.clone();
        let behind = &statement[span.end..source.start_of(idx + 1)];
        let comments = behind.trim_start().lines().map_while(|line| line.trim_start().strip_prefix("--"));
        let answer = comments.map(str::trim).collect::<Vec<_>>().join("\n  ");
        if !answer.is_empty() {
            filled.push_str(&statement[done..span.start]);
            filled.push_str(&answer);
            done = span.end;
        }
    }
    filled.push_str(&statement[done..]);
    filled
}

/// True when the declaration that the token `body` belongs to is an `abbrev` or `def` named `.._solution`.
fn is_solution(source: &Source<'_>, body: usize) -> bool {
    let keyword = (0..body).rev().find(|idx| matches!(source.text(*idx), "abbrev" | "def" | "theorem" | "lemma"));
    keyword
        .is_some_and(|idx| matches!(source.text(idx), "abbrev" | "def") && source.text(idx + 1).ends_with("_solution"))
}
