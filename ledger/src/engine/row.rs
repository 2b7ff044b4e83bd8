//! Values in and out of a database: whole numbers and text, of which everything in a ledger is made.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Row as _, TypeInfo, ValueRef};

use crate::LedgerError;

/// A value of a statement or a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Int(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<u64> for Value {
    /// Numbers beyond those of databases become their largest.
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Int(i64::from(n))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Int(i64::from(is))
    }
}

impl From<&str> for Value {
    /// PostgreSQL keeps no NUL in text.
    fn from(text: &str) -> Self {
        Self::Text(text.replace('\0', "\u{fffd}"))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

/// A row of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Row(Vec<Value>);

impl Row {
    /// What the database gave.
    pub(super) fn of<R: DatabaseRow>(row: &R) -> Result<Self, LedgerError> {
        row.values().map(Self)
    }

    /// A column that holds a whole number.
    pub(crate) fn int(&self, column: usize) -> Result<i64, LedgerError> {
        match self.0.get(column) {
            Some(Value::Int(n)) => Ok(*n),
            other => Err(LedgerError::Damaged(format!("{other:?} stands where a number should"))),
        }
    }

    /// A column that holds a number that is not negative.
    pub(crate) fn count(&self, column: usize) -> Result<u64, LedgerError> {
        let n = self.int(column)?;
        u64::try_from(n).map_err(|_| LedgerError::Damaged(format!("{n} stands where a count should")))
    }

    /// A column that holds text.
    pub(crate) fn text(&self, column: usize) -> Result<&str, LedgerError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(LedgerError::Damaged(format!("{other:?} stands where a text should"))),
        }
    }

    /// A column that says yes or no.
    pub(crate) fn is(&self, column: usize) -> Result<bool, LedgerError> {
        Ok(self.int(column)? != 0)
    }
}

/// A row of either database.
pub(super) trait DatabaseRow {
    /// Its columns.
    fn values(&self) -> Result<Vec<Value>, LedgerError>;
}

impl DatabaseRow for SqliteRow {
    fn values(&self) -> Result<Vec<Value>, LedgerError> {
        let value = |column| {
            // Values have types of their own here, whatever their column says.
            let is_text = self.try_get_raw(column)?.type_info().name() == "TEXT";
            Ok(if is_text { Value::Text(self.try_get(column)?) } else { Value::Int(self.try_get_unchecked(column)?) })
        };
        (0..self.len()).map(value).collect()
    }
}

impl DatabaseRow for PgRow {
    fn values(&self) -> Result<Vec<Value>, LedgerError> {
        let value = |column: usize| {
            Ok(match self.column(column).type_info().name() {
                "TEXT" | "VARCHAR" => Value::Text(self.try_get(column)?),
                "BOOL" => Value::Int(i64::from(self.try_get::<bool, _>(column)?)),
                "INT4" => Value::Int(i64::from(self.try_get::<i32, _>(column)?)),
                _ => Value::Int(self.try_get(column)?),
            })
        };
        (0..self.len()).map(value).collect()
    }
}
