//! Problem files as JSON, with the field names that miniF2F, ProofNet, PutnamBench and Lean-Workbook use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::dataset_shape::{self, Entry};
use super::lemma::{knows_lemma, lemmas_as_theorems};
use super::statement::{Source, join, parse_alone, split_header};
use super::{Defaults, StatementError, Theorem};

/// One problem of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The file's name for it, which need not be the theorem's.
    pub name: String,
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
    /// Where it stands in the file (1-based): its line, or which item it is of a file that is one JSON value.
    pub line: usize,
}

/// What a problem file holds.
#[derive(Debug, Default)]
pub struct Dataset {
    /// The problems, in the file's order, each with a name of its own.
    pub problems: Vec<Problem>,
    /// Why the others cannot be read, in the file's order.
    pub unread: Vec<DatasetError>,
    /// Problems whose name another had before them.
    pub renamed: Vec<Renamed>,
    /// Names of the problems that say `lemma` where Lean knows only `theorem`.
    pub lemmas: Vec<String>,
}

/// A problem that got another name than its file has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    pub place: Place,
    /// Where the name was given first.
    pub first: Place,
    /// The name that it shares.
    pub name: String,
    /// The one that it has now.
    pub new_name: String,
}

/// A place in a problem file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as the caller names it.
    pub file: String,
    /// 1-based: the line, or the item where the file is one JSON value.
    pub number: usize,
    /// Whether items are counted, not lines.
    pub is_item: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, number, is_item } = self;
        if *is_item { write!(f, "{file}, item {number}") } else { write!(f, "{file}:{number}") }
    }
}

/// Why a problem cannot be read, or a whole file; every message begins with the file and the place.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Not a JSON object.
    #[error("{place}: expected one JSON object per line: {source}")]
    NotJson {
        place: Place,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// JSON, but no object.
    #[error("{place}: expected a JSON object with a statement, found {found}")]
    NotAnObject {
        place: Place,
        /// What kind of value it is.
        found: &'static str,
    },
    /// No field with a statement.
    #[error("{place}: no statement: expected one of the fields {}", STATEMENT.join(", "))]
    NoStatement { place: Place },
    /// The statement or its header cannot be split.
    #[error("{place}: {source}")]
    Statement { place: Place, source: StatementError },
    /// Two problems of one name: their records could not be told apart.
    #[error("{place}: the name {name} is taken by {first}: give each problem its own")]
    DuplicateName {
        place: Place,
        /// Where it is taken.
        first: Place,
        name: String,
    },
    #[error("{file}: no problem in it: expected one JSON object per line, or a JSON array of them")]
    Empty {
        /// The file as the caller names it.
        file: String,
    },
}

/// Fields that may hold the name, best first. In miniF2F's Lean 4 file `id` is not the theorem's name but `name` is.
const NAME: [&str; 7] = ["full_name", "name", "problem_name", "theorem_name", "problem_id", "id", "uuid"];
pub(super) const STATEMENT: [&str; 4] = ["formal_statement", "lean4_statement", "lean4_formalization", "statement"];
const HEADER: [&str; 5] = ["header", "src_header", "lean4_src_header", "lean4_header", "preamble"];
const INFORMAL: [&str; 6] = [
    "informal_statement",
    "informal_stmt",
    "informal_prefix",
    "nl_statement",
    "natural_language_statement",
    "natural_language",
];

/// Reads a problem file as [`read_dataset`] does, and takes nothing that is wrong with it.
pub fn read_jsonl(file: &str, text: &str, defaults: &Defaults) -> Result<Vec<Problem>, DatasetError> {
    let Dataset { problems, unread, renamed, .. } = read_dataset(file, text, defaults);
    let duplicate = renamed.into_iter().next().map(|Renamed { place, first, name, .. }| {
        let place_number = place.number;
        (place_number, DatasetError::DuplicateName { place, first, name })
    });
    let unread = unread.into_iter().next().map(|error| (error.number(), error));
    match unread.into_iter().chain(duplicate).min_by_key(|(number, _)| *number) {
        Some((_, error)) => Err(error),
        None if problems.is_empty() => Err(DatasetError::Empty { file: file.to_owned() }),
        None => Ok(problems),
    }
}

/// Reads a problem file; `file` is its name for messages. It has one JSON object per line, or is one JSON value: an array
/// of objects, or an object that holds such an array. Blank lines, a byte order mark and CRLF are tolerated.
///
/// What cannot be read is told and left out. A name that an earlier problem has is numbered: `name#2`, `name#3`, past
/// those that are in the file themselves; the numbers depend on what precedes them only, so that a longer file keeps them.
///
/// A problem that imports nothing gets the defaults. PutnamBench's answers are put in: `abbrev x_solution : T := sorry`
/// followed by `-- answer` becomes `abbrev x_solution : T := answer`, as its own script does.
#[must_use]
pub fn read_dataset(file: &str, text: &str, defaults: &Defaults) -> Dataset {
    let mut dataset = Dataset::default();
    let place = |number, is_item| Place { file: file.to_owned(), number, is_item };
    let mut read = Vec::new();
    for Entry { number, is_item, fields } in dataset_shape::entries(text) {
        let place = place(number, is_item);
        match fields.map_err(|bad| bad.at(place.clone())).and_then(|fields| problem(&fields, &place, defaults)) {
            Ok((problem, has_lemma)) => read.push((place, problem, has_lemma)),
            Err(error) => dataset.unread.push(error),
        }
    }
    let in_file: BTreeSet<String> = read.iter().map(|(_, problem, _)| problem.name.clone()).collect();
    // Each name with the place that it was given at first, and the number that was given last.
    let mut taken: BTreeMap<String, (Place, u64)> = BTreeMap::new();
    for (place, mut problem, has_lemma) in read {
        if let Some((first, number)) = taken.get_mut(&problem.name) {
            let new_name = loop {
                *number += 1;
                let new_name = format!("{}#{number}", problem.name);
                if !in_file.contains(&new_name) {
                    break new_name;
                }
            };
            let name = std::mem::replace(&mut problem.name, new_name.clone());
            dataset.renamed.push(Renamed { place, first: first.clone(), name, new_name });
        } else {
            taken.insert(problem.name.clone(), (place, 1));
        }
        if has_lemma {
            dataset.lemmas.push(problem.name.clone());
        }
        dataset.problems.push(problem);
    }
    dataset
}

/// The problem in these fields, and whether its `lemma` was read as `theorem`.
fn problem(fields: &Map<String, Value>, place: &Place, defaults: &Defaults) -> Result<(Problem, bool), DatasetError> {
    let no_statement = || DatasetError::NoStatement { place: place.clone() };
    let theorem = theorem(fields, defaults).ok_or_else(no_statement)?;
    let (theorem, has_lemma) = theorem.map_err(|source| DatasetError::Statement { place: place.clone(), source })?;
    let problem = Problem {
        name: first_of(fields, &NAME).unwrap_or_else(|| theorem.name.clone()),
        theorem,
        split: first_of(fields, &["split"]),
        informal: first_of(fields, &INFORMAL),
        source: first_of(fields, &["source"]),
        difficulty: fields.get("difficulty").and_then(Value::as_u64).and_then(|level| u32::try_from(level).ok()),
        holds: fields.get("holds").and_then(Value::as_bool),
        line: place.number,
    };
    Ok((problem, has_lemma))
}

impl DatasetError {
    /// The line or the item that it is about.
    fn number(&self) -> usize {
        match self {
            Self::NotJson { place, .. }
            | Self::NotAnObject { place, .. }
            | Self::NoStatement { place }
            | Self::Statement { place, .. }
            | Self::DuplicateName { place, .. } => place.number,
            Self::Empty { .. } => 0,
        }
    }
}

/// `None` when no field holds a statement.
fn theorem(fields: &Map<String, Value>, defaults: &Defaults) -> Option<Result<(Theorem, bool), StatementError>> {
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
        let had_lemma = [&theorem.preamble, &theorem.statement].map(|text| !lemmas_as_theorems(text).lines.is_empty());
        let theorem = defaults.complete(theorem);
        let has_lemma = had_lemma.contains(&true) && !knows_lemma(&theorem.imports);
        Ok((theorem, has_lemma))
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
