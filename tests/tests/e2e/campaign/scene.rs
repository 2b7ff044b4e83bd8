//! A campaign of real processes whose network and machines a test may disturb.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::relay::Relay;
use super::{Process, invite, join, run, serve, status, stepwise};

/// A machine that is slow, as those are that tests run on, needs less.
const PATIENCE: Duration = Duration::from_secs(120);

/// A campaign whose donors reach its coordinator through a relay.
pub(super) struct Scene {
    dir: TempDir,
    pub(super) relay: Relay,
}

impl Scene {
    pub(super) fn of(statements: &[&str], init: &[&str]) -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap(), relay: Relay::start() };
        let line = |statement: &&str| {
            let name = statement.split(' ').nth(1).unwrap();
            json!({ "name": name, "formal_statement": format!("{statement} := by sorry") }).to_string() + "\n"
        };
        let problems: String = statements.iter().map(line).collect();
        std::fs::write(scene.dir().join("problems.jsonl"), problems).unwrap();
        scene.tell(&[&["campaign", "init", "shared", "problems.jsonl"], init].concat());
        scene
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a command that succeeds.
    pub(super) fn tell(&self, args: &[&str]) -> String {
        let output = run(self.dir(), args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A coordinator behind the relay that wants to hear of its donors every second, and its own address.
    pub(super) fn serve(&self, more: &[&str]) -> (Process, String) {
        let (process, url) = serve(self.dir(), &[&["--lost-after", "4s"], more].concat());
        self.relay.carry_to(&url);
        (process, url)
    }

    pub(super) fn join(&self, name: &str) {
        join(self.dir(), name, &invite(self.dir(), &self.relay.url(), &[]));
    }

    /// A donor with two cores, because who is new gets as many searches; its lines are kept.
    pub(super) fn donor(&self, name: &str) -> Donor {
        let mut command = stepwise(self.dir(), &["donate", "--cores", "2"]);
        command.env("STEPWISE_DONATE_DIR", self.dir().join(name)).stdout(Stdio::null());
        Donor::spawn(command)
    }

    /// What is in a donor's spool.
    pub(super) fn spooled(&self, name: &str) -> Vec<PathBuf> {
        let folder = self.dir().join(name).join("shared/spool");
        let names = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
    }

    pub(super) fn overview(&self) -> Value {
        status(self.dir())["overview"].clone()
    }

    pub(super) fn sessions(&self) -> Vec<Value> {
        status(self.dir())["sessions"].as_array().unwrap().clone()
    }
}

/// A donor's process, and what it says.
pub(super) struct Donor {
    pub(super) process: Process,
    says: std::thread::JoinHandle<String>,
}

impl Donor {
    pub(super) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let says = std::thread::spawn(move || {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            said
        });
        Self { process: Process(child), says }
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.process.0
    }

    /// Ends it the hard way.
    pub(super) fn killed(self) -> String {
        drop(self.process);
        self.says.join().unwrap()
    }

    /// Waits until it ends by itself; with what it has said.
    pub(super) fn ended(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        while self.child().try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "the donor does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        let code = self.child().wait().unwrap().code();
        (code, self.says.join().unwrap())
    }
}

pub(super) fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
