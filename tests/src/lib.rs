//! What the end-to-end tests in tests/tests share with the programs that they talk to.

pub mod random_model;
pub mod sample_run;
pub mod transcripts;

use std::io::Write;

/// Says on one line that a test was left out, and why. The harness swallows what passing tests print through the macros,
/// so this writes to standard error itself.
pub fn say_skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {why}");
}
