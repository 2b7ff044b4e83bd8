//! The shape of a problem file: one JSON object per line, or one JSON value that holds them.

use serde_json::{Map, Value};

use super::dataset::{DatasetError, Place, STATEMENT};

/// One problem's fields, or why there are none.
pub(super) struct Entry {
    /// The line, or the item where the file is one value (1-based).
    pub(super) number: usize,
    pub(super) is_item: bool,
    pub(super) fields: Result<Map<String, Value>, Bad>,
}

/// Why an entry is no object.
pub(super) enum Bad {
    Json(serde_json::Error),
    Kind(&'static str),
}

impl Bad {
    pub(super) fn at(self, place: Place) -> DatasetError {
        match self {
            Self::Json(source) => DatasetError::NotJson { place, source },
            Self::Kind(found) => DatasetError::NotAnObject { place, found },
        }
    }
}

/// Fields under which files keep the list of their problems.
const LISTS: [&str; 9] =
    ["problems", "data", "theorems", "statements", "examples", "items", "rows", "entries", "results"];

/// Splits a file into its problems.
///
/// As one value it may be an array; an object with an array under a usual name; an object of such arrays, one for each
/// split; an object whose keys are the problems' names; or objects that follow one another over several lines each. A
/// statement alone stands for an object that holds nothing else. What is no whole value is read line by line, so that
/// one damaged line costs itself only; of an array that is written so, brackets and commas are left out.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let text = text.trim_start_matches('\u{feff}');
    if !is_line_by_line(text) {
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
        if let Ok(values) = values {
            let is_one_problem = values.len() == 1 && items_of(values[0].clone()) == values;
            let items = values.into_iter().flat_map(items_of);
            return items.enumerate().map(|(idx, item)| entry(idx + 1, !is_one_problem, Ok(item))).collect();
        }
    }
    let lines = text.lines().enumerate().map(|(idx, line)| (idx + 1, line.trim()));
    lines.filter_map(|(number, line)| Some(entry(number, false, value_of(line)?))).collect()
}

/// True when the first line that says something is an object with a statement, or is followed by other lines.
fn is_line_by_line(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(Ok(Value::Object(first))) = lines.next().map(serde_json::from_str) else { return false };
    has_statement(&first) || lines.next().is_some()
}

/// The value on a line; `None` when there is none.
fn value_of(line: &str) -> Option<Result<Value, serde_json::Error>> {
    if matches!(line, "" | "[" | "]" | "],") {
        return None;
    }
    let value = serde_json::from_str(line);
    if value.is_ok() {
        return Some(value);
    }
    // A line of an array that is broken elsewhere.
    let item = line.trim_start_matches('[').trim_end_matches(']').trim_end_matches(',').trim();
    Some(serde_json::from_str(item).or(value))
}

fn entry(number: usize, is_item: bool, value: Result<Value, serde_json::Error>) -> Entry {
    let fields = match value {
        Ok(value) => fields_of(value),
        Err(error) => Err(Bad::Json(error)),
    };
    Entry { number, is_item, fields }
}

fn fields_of(value: Value) -> Result<Map<String, Value>, Bad> {
    match value {
        // The rows of a data set's viewer hold the row itself beside its number.
        Value::Object(mut fields) => match fields.remove("row") {
            Some(Value::Object(row)) if !has_statement(&fields) => Ok(row),
            Some(row) => {
                fields.insert("row".to_owned(), row);
                Ok(fields)
            }
            None => Ok(fields),
        },
        statement @ Value::String(_) => Ok(Map::from_iter([(STATEMENT[0].to_owned(), statement)])),
        Value::Array(_) => Err(Bad::Kind("an array")),
        Value::Number(_) => Err(Bad::Kind("a number")),
        Value::Bool(_) => Err(Bad::Kind("a truth value")),
        Value::Null => Err(Bad::Kind("null")),
    }
}

/// The problems that one value of a file holds.
fn items_of(value: Value) -> Vec<Value> {
    let mut fields = match value {
        Value::Array(items) => return items,
        Value::Object(fields) if !has_statement(&fields) => fields,
        other => return vec![other],
    };
    let list = LISTS.iter().find(|name| fields.get(**name).is_some_and(Value::is_array));
    if let Some(Value::Array(items)) = list.and_then(|name| fields.remove(*name)) {
        return items;
    }
    let all = |holds: &dyn Fn(&Value) -> bool| !fields.is_empty() && fields.values().all(holds);
    if all(&|value| value.as_array().is_some_and(|items| items.iter().all(Value::is_object))) {
        return fields.into_iter().flat_map(|(split, items)| with_field("split", split, items)).collect();
    }
    if all(&|value| value.as_object().is_some_and(has_statement)) {
        return fields
            .into_iter()
            .flat_map(|(name, item)| with_field("name", name, Value::Array(vec![item])))
            .collect();
    }
    vec![Value::Object(fields)]
}

/// The items, with a field that those get which lack it.
fn with_field(field: &str, text: String, items: Value) -> Vec<Value> {
    let Value::Array(mut items) = items else { return Vec::new() };
    for fields in items.iter_mut().filter_map(Value::as_object_mut) {
        fields.entry(field).or_insert_with(|| text.clone().into());
    }
    items
}

fn has_statement(fields: &Map<String, Value>) -> bool {
    STATEMENT.iter().any(|name| fields.get(*name).is_some_and(|value| !value.is_null()))
}
