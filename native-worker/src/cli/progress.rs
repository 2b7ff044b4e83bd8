//! Progress on standard error: a live line on a terminal, a line every 30 seconds elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;
use crate::setup;

/// How often a log file, as opposed to a person, is told how far the work is.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Tells how far something is; clones share the line.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    is_live: bool,
    last_line: std::sync::Arc<Mutex<Instant>>,
}

impl Progress {
    /// A live line when a person watches and no log lines (`-v`) would tear it up.
    pub(super) fn new(verbose: u8) -> Self {
        let is_live = verbose == 0 && output::is_watched();
        let bar = if is_live { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if is_live {
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, is_live, last_line: std::sync::Arc::new(Mutex::new(Instant::now())) }
    }

    /// Says how far the work is; `line` is only asked when it will be shown.
    pub(super) fn update(&self, line: impl FnOnce() -> String) {
        if self.is_live {
            self.bar.set_message(line());
            return;
        }
        let Ok(mut last) = self.last_line.lock() else { return };
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            output::eprint(&line());
        }
    }

    /// Prints a line that stays.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| output::eprint(line));
    }

    /// Takes the live line away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How a phase is shown that counts bytes, and one that counts nothing.
const IN_BYTES: &str = "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const UNCOUNTED: &str = "{spinner} {msg}, {elapsed}";

/// Set-up's progress: a bar per phase.
pub(super) struct SetupProgress {
    bar: ProgressBar,
    is_live: bool,
    phase: Mutex<Option<(setup::Phase, String)>>,
}

impl SetupProgress {
    pub(super) fn new() -> Self {
        let is_live = output::is_watched();
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if is_live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        bar.set_style(style(IN_BYTES));
        Self { bar, is_live, phase: Mutex::new(None) }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl setup::Progress for SetupProgress {
    fn report(&self, step: &setup::Step) {
        let Ok(mut phase) = self.phase.lock() else { return };
        let now = (step.phase, step.package.clone());
        if phase.as_ref() != Some(&now) {
            let message = format!("{} {}{}", step.phase, step.package, patience(step.phase));
            if self.is_live {
                if step.total == 0 {
                    self.bar.set_style(style(UNCOUNTED));
                    self.bar.enable_steady_tick(Duration::from_millis(120));
                } else {
                    self.bar.disable_steady_tick();
                    self.bar.set_style(style(IN_BYTES));
                }
                self.bar.set_message(message.trim_end().to_owned());
                self.bar.reset();
            } else if step.total > 0 {
                output::eprint(&format!("{message} ({} MB)", step.total.div_ceil(1_000_000)));
            } else {
                output::eprint(message.trim_end());
            }
            *phase = Some(now);
        }
        self.bar.set_length(step.total);
        self.bar.set_position(step.done);
    }
}

/// What to expect of a phase that takes long and cannot be counted.
fn patience(phase: setup::Phase) -> &'static str {
    if phase == setup::Phase::Compiling { " (a minute or two)" } else { "" }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
