//! Where Lean runs, and what the worker that serves a Lean in the browser (`web/lean.js`) says to the page.

/// Where Lean runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeanPlace {
    /// Behind the server that the page comes from.
    Server,
    /// In workers of the page.
    Browser,
}

stepwise_core::tagged! { "type" of "FromLean" in "kebab-case";
    /// What the worker tells the page.
    #[derive(Clone, Debug, PartialEq)]
    pub enum FromLean {
        /// Its files are on the way.
        Loading {
            /// Bytes that are there.
            done: u64,
            /// Bytes of all files.
            total: u64,
        },
        /// They are there, and Lean starts.
        Starting,
        /// It hears the protocol.
        Opened,
        /// A text of the protocol.
        Text { text: String },
        /// There will be no Lean.
        Failed { reason: String },
    }
}

/// Whether a text is the list of what a Lean for browsers consists of: a server that has none may answer with its page.
#[must_use]
pub fn is_listing(text: &str) -> bool {
    text.trim_start().starts_with("{\"files\"")
}

/// How far loading is, for people.
#[must_use]
pub fn loaded(done: u64, total: u64) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!("{:.1} of {:.1} MB", megabytes(done), megabytes(total))
}

#[cfg(test)]
mod tests {
    use super::{FromLean, is_listing, loaded};
    use crate::json;

    #[test]
    fn what_the_worker_says_is_read() {
        let read = |text: &str| json::read::<FromLean>(text).unwrap();
        assert_eq!(read(r#"{"type":"loading","done":1,"total":2}"#), FromLean::Loading { done: 1, total: 2 });
        assert_eq!(read(r#"{"type":"opened"}"#), FromLean::Opened);
        assert_eq!(read(r#"{"type":"text","text":"{}"}"#), FromLean::Text { text: "{}".to_owned() });
        assert!(json::read::<FromLean>(r#"{"type":"else"}"#).is_err());
    }

    #[test]
    fn a_page_in_the_place_of_a_list_is_none() {
        assert!(is_listing(r#"{"files":{}}"#));
        assert!(!is_listing("<!doctype html>"));
        assert_eq!(loaded(1_250_000, 50_000_000), "1.2 of 50.0 MB");
    }
}
