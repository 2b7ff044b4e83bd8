//! Two small files by which a running donor and its owner's other commands know of each other: what the owner wants, and
//! what the donor does.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stepwise_core::wire::campaign::Side;

use super::account::Home;
use super::unix_ms;
use crate::small_file;

/// The version of both files that this code writes, and the only one that it reads.
const VERSION: u32 = 1;

/// How old the status of a running donor is at most.
const ALIVE_MS: u64 = 20_000;

/// What a donor's owner wants of it; nothing is written where it is to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum Wish {
    /// Search nothing.
    Pause {
        /// Until then, in milliseconds since 1970; otherwise until its owner says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<u64>,
    },
    /// Finish what is under way, and end.
    Finish,
}

#[derive(Serialize, Deserialize)]
struct Control {
    stepwise_control: u32,
    #[serde(flatten)]
    wish: Wish,
}

/// What a donor does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    stepwise_status: u32,
    /// When this was so, in milliseconds since 1970.
    pub at_ms: u64,
    /// The process.
    pub pid: u32,
    /// The campaign's name.
    pub campaign: String,
    pub state: State,
    /// Why it does not search, or what is wrong while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Searches at once.
    pub cores: usize,
    /// Searches under way.
    pub searches: Vec<Under>,
    /// Searches that wait for a core.
    pub waiting: usize,
    /// Results that wait to be sent.
    pub unsent: usize,
    /// What it has done in all, by this and earlier programs.
    pub done: Done,
}

/// A search under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Under {
    /// Its number.
    pub unit: u64,
    /// The theorem's name.
    pub theorem: String,
    pub side: Side,
    /// States expanded so far.
    pub expansions: u64,
    /// Since it began, in seconds.
    pub seconds: u64,
}

/// What a donor has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Searches that came to an end.
    pub searches: u64,
    /// Those among them that found a proof.
    pub proofs: u64,
}

/// What a donor does, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It starts Lean.
    Starting,
    Working,
    /// It would work, and cannot.
    Idle,
    /// Its owner, or the schedule, does not want it to work.
    Paused,
    /// It finishes what it has, and ends.
    Finishing,
    Ended,
}

impl State {
    /// The state for a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Starting => "starting Lean",
            Self::Working => "working",
            Self::Idle => "idle",
            Self::Paused => "paused",
            Self::Finishing => "finishing",
            Self::Ended => "ended",
        }
    }
}

impl Status {
    pub(super) fn new(campaign: &str, cores: usize, done: Done) -> Self {
        Self {
            stepwise_status: VERSION,
            at_ms: unix_ms(),
            pid: std::process::id(),
            campaign: campaign.to_owned(),
            state: State::Starting,
            reason: None,
            until_ms: None,
            cores,
            searches: Vec::new(),
            waiting: 0,
            unsent: 0,
            done,
        }
    }

    /// Whether its donor runs; one that was killed leaves a status that grows old.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state != State::Ended && unix_ms().saturating_sub(self.at_ms) < ALIVE_MS
    }
}

impl Home {
    /// Says what the owner wants; `None` takes back what was said before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn wish(&self, wish: Option<Wish>) -> io::Result<()> {
        match wish {
            Some(wish) => small_file::write(&self.control_path(), &Control { stepwise_control: VERSION, wish }),
            None => small_file::remove(&self.control_path()),
        }
    }

    /// What the owner wants now. A pause whose time is over is none.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub(super) fn wished(&self) -> io::Result<Option<Wish>> {
        let control =
            small_file::read::<Control>(&self.control_path())?.filter(|control| control.stepwise_control == VERSION);
        let is_over = |wish: &Wish| matches!(wish, Wish::Pause { until_ms: Some(until) } if *until <= unix_ms());
        Ok(control.map(|control| control.wish).filter(|wish| !is_over(wish)))
    }

    /// What the donor did last; `None` where none has run.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn status(&self) -> io::Result<Option<Status>> {
        small_file::read(&self.status_path())
    }

    pub(super) fn tell(&self, status: &Status) -> io::Result<()> {
        small_file::write_for_now(&self.status_path(), status)
    }

    fn control_path(&self) -> PathBuf {
        self.folder().join("control.json")
    }

    fn status_path(&self) -> PathBuf {
        self.folder().join("status.json")
    }
}

/// So long from now, in milliseconds since 1970.
#[must_use]
pub fn in_ms(wait: Duration) -> u64 {
    unix_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

/// A time in milliseconds since 1970 as a person reads it, by the machine's own clock: `07:00`, with the day where that
/// is not today.
#[must_use]
pub fn time_in_words(ms: u64) -> String {
    use chrono::{DateTime, Local};
    let time = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).map(|time| time.with_timezone(&Local));
    match time {
        Some(time) if time.date_naive() == Local::now().date_naive() => time.format("%H:%M:%S").to_string(),
        Some(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => "some day".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::account::{Account, Accounts};
    use super::super::link::Base;
    use super::*;

    fn home(folder: &std::path::Path) -> Home {
        let base = Base::parse("https://a.example").unwrap();
        let account = Account::new("c".to_owned(), base, 1, "t".to_owned());
        Accounts::open(Some(folder.to_owned())).unwrap().save(&account).unwrap()
    }

    #[test]
    fn wishes_are_seen_until_they_are_taken_back_or_over() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        assert_eq!(home.wished().unwrap(), None);
        for wish in [Wish::Finish, Wish::Pause { until_ms: None }, Wish::Pause { until_ms: Some(unix_ms() + 60_000) }] {
            home.wish(Some(wish)).unwrap();
            assert_eq!(home.wished().unwrap(), Some(wish));
        }
        home.wish(Some(Wish::Pause { until_ms: Some(unix_ms() - 1) })).unwrap();
        assert_eq!(home.wished().unwrap(), None);
        home.wish(Some(Wish::Pause { until_ms: None })).unwrap();
        expect![[r#"
            {"stepwise_control":1,"wish":"pause"}
        "#]]
        .assert_eq(&std::fs::read_to_string(home.control_path()).unwrap());
        home.wish(None).unwrap();
        home.wish(None).unwrap();
        assert_eq!(home.wished().unwrap(), None);
        std::fs::write(home.control_path(), "{").unwrap();
        assert!(home.wished().is_err());
    }

    #[test]
    fn a_status_grows_old_when_nobody_rewrites_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        assert_eq!(home.status().unwrap(), None);
        let mut status = Status::new("c", 4, Done { searches: 12, proofs: 3 });
        status.searches.push(Under {
            unit: 5,
            theorem: "t".to_owned(),
            side: Side::Negation,
            expansions: 9,
            seconds: 2,
        });
        home.tell(&status).unwrap();
        assert_eq!(home.status().unwrap(), Some(status.clone()));
        assert!(status.is_running());
        assert!(!Status { state: State::Ended, ..status.clone() }.is_running());
        assert!(!Status { at_ms: status.at_ms - ALIVE_MS, ..status }.is_running());
    }
}
