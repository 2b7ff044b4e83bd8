//! The one place in the workspace that spawns processes: children that speak in lines and die with their whole group.
//!
//! A child gets its own process group, so that whatever it starts dies with it: on [`Child::kill`], when the [`Child`]
//! is dropped, and, on Unix, when this process itself is killed. For the last case a one-line shell sits in the child's
//! group with its standard input tied to us; it reads the end of file that the kernel delivers however we die, and
//! kills the group. (`PR_SET_PDEATHSIG` would need unsafe code between fork and exec, and fires when the *thread* that
//! spawned the child ends, which is wrong under an async runtime.)

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

/// What the environment may hold that no child needs to know: a database with its password, a server's token, keys of
/// model servers.
const SECRETS: [&str; 3] = ["STEPWISE_DATABASE", "STEPWISE_TOKEN", "STEPWISE_API_KEY"];

/// How much of the end of standard error is kept for error reports, in bytes.
const LAST_WORDS: usize = 4096;
/// How often the memory of a child is looked at while we wait for its answer.
const MEMORY_WATCH: Duration = Duration::from_millis(50);
/// How long a dying child may take to be reaped, and its standard error to be drained.
const REAP: Duration = Duration::from_millis(500);

/// What to run.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The program: a path, or a name to be found on `PATH`.
    pub program: OsString,
    pub args: Vec<OsString>,
    /// Variables set on top of the inherited environment.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory; ours when `None`.
    pub cwd: Option<PathBuf>,
    /// The longest line that is taken from standard output, in bytes without the line end.
    pub max_line: usize,
    /// [Memory of its own](Child::memory) that ends the child while we wait for a line, in bytes. Only watched where it
    /// can be read.
    pub memory_limit: Option<u64>,
}

impl Spec {
    /// `program` without arguments, in our directory and environment, with lines of up to 16 MiB.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            max_line: 16 << 20,
            memory_limit: None,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for secret in SECRETS {
            command.env_remove(secret);
        }
        command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v))).kill_on_drop(true);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        #[cfg(unix)]
        command.process_group(0);
        command
    }

    fn display(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

/// Why a child could not be started or spoken with.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The deadline passed. The child still runs, and its answer may still come.
    #[error("no answer before the deadline")]
    Deadline,
    /// The child closed its output: it has ended or is about to.
    #[error("the process ended{}{}", status.map(|s| format!(" ({s})")).unwrap_or_default(), said(last_words))]
    Ended {
        /// How it ended, if that is known.
        status: Option<ExitStatus>,
        /// The end of its standard error.
        last_words: String,
    },
    /// A line was longer than [`Spec::max_line`]; the rest of it is skipped, so that the next line can be read.
    #[error("a line of more than {limit} bytes")]
    LineTooLong { limit: usize },
    /// It went past [`Spec::memory_limit`] and was killed.
    #[error("the process used {used} bytes of memory, more than its limit of {limit}, and was stopped")]
    OutOfMemory {
        /// Bytes in use when it was caught.
        used: u64,
        limit: u64,
    },
    /// A write was abandoned half-way, so the child has read a torn line; it has to be killed.
    #[error("an earlier write to the process was abandoned half-way")]
    Torn,
    /// Reading or writing failed otherwise.
    #[error("cannot talk to the process: {0}")]
    Io(#[from] io::Error),
}

/// Has this thread, those that it starts, and their children work only when nobody else wants the processor. Before there
/// are any other threads that is the whole program. Does nothing where the system has no such thing.
///
/// # Errors
/// The system refuses it.
pub fn give_way() -> io::Result<()> {
    #[cfg(unix)]
    rustix::process::nice(19)?;
    Ok(())
}

/// Lets this program have so many files and connections open, or as many as the system allows; gives how many.
pub fn open_files(wanted: u64) -> u64 {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        match current {
            Some(current) if current < allowed => {
                let raised = Rlimit { current: Some(allowed), maximum };
                if setrlimit(Resource::Nofile, raised).is_ok() { allowed } else { current }
            }
            _ => wanted,
        }
    }
    #[cfg(not(unix))]
    wanted
}

fn said(last_words: &str) -> String {
    if last_words.is_empty() { String::new() } else { format!("; it said: {last_words}") }
}

/// What a program that ran to its end left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub last_words: String,
}

/// Runs a short program to its end: no input, its output collected up to [`Spec::max_line`] bytes.
pub async fn run_to_end(spec: &Spec, deadline: Instant) -> Result<Finished, ProcessError> {
    let mut child = Child::spawn(spec)?;
    child.stdin = None;
    let mut stdout = String::new();
    loop {
        match child.next_line(deadline).await {
            Ok(line) if stdout.len() + line.len() > spec.max_line => {
                return Err(ProcessError::LineTooLong { limit: spec.max_line });
            }
            Ok(line) => {
                stdout.push_str(&line);
                stdout.push('\n');
            }
            Err(ProcessError::Ended { status: Some(status), last_words }) => {
                return Ok(Finished { status, stdout, last_words });
            }
            Err(error) => return Err(error),
        }
    }
}

/// A running child that is spoken with line by line.
///
/// Every method may be dropped half-way: a read loses nothing (the buffer lives here), and a torn write is remembered
/// and reported by the next one.
#[derive(Debug)]
pub struct Child {
    child: tokio::process::Child,
    guard: Option<tokio::process::Child>,
    pid: u32,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Arc<Mutex<Vec<u8>>>,
    stderr_done: Option<tokio::task::JoinHandle<()>>,
    /// Bytes read and not yet handed out; the first `scanned` of them hold no line end.
    buffer: Vec<u8>,
    scanned: usize,
    /// The head of the current line was dropped because it was too long.
    skipping: bool,
    torn: bool,
    max_line: usize,
    memory_limit: Option<u64>,
}

impl Child {
    /// Starts the program in its own process group. Needs a Tokio runtime.
    pub fn spawn(spec: &Spec) -> Result<Self, ProcessError> {
        let fail = |source| ProcessError::Spawn { program: spec.display(), source };
        let mut command = spec.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(fail)?;
        let missing = || fail(io::Error::other("the process has no pipes or no id"));
        let pid = child.id().ok_or_else(missing)?;
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr_pipe = child.stderr.take().ok_or_else(missing)?;
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let stderr_done = tokio::spawn(keep_tail(stderr_pipe, Arc::clone(&stderr)));
        Ok(Self {
            guard: spawn_guard(pid),
            child,
            pid,
            stdin: Some(stdin),
            stdout,
            stderr,
            stderr_done: Some(stderr_done),
            buffer: Vec::new(),
            scanned: 0,
            skipping: false,
            torn: false,
            max_line: spec.max_line,
            memory_limit: spec.memory_limit,
        })
    }

    /// Writes `line` and a line end. A child that has stopped reading makes this wait: hence the deadline.
    pub async fn send_line(&mut self, line: &str, deadline: Instant) -> Result<(), ProcessError> {
        if self.torn {
            return Err(ProcessError::Torn);
        }
        let Some(stdin) = self.stdin.as_mut() else {
            return Err(ProcessError::Torn);
        };
        self.torn = true;
        let write = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.write_all(b"\n").await?;
            stdin.flush().await
        };
        match tokio::time::timeout_at(deadline, write).await {
            Err(_) => Err(ProcessError::Deadline),
            Ok(Ok(())) => {
                self.torn = false;
                Ok(())
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.ended().await),
            Ok(Err(error)) => Err(error.into()),
        }
    }

    /// The next line of standard output without its line end. Bytes that are not UTF-8 are replaced.
    ///
    /// Text before an end of file without a line end is a line too; [`ProcessError::Ended`] follows it.
    pub async fn next_line(&mut self, deadline: Instant) -> Result<String, ProcessError> {
        loop {
            if let Some(line) = self.take_line()? {
                return Ok(line);
            }
            let watch_until = match self.memory_limit {
                Some(_) => deadline.min(Instant::now() + MEMORY_WATCH),
                None => deadline,
            };
            match tokio::time::timeout_at(watch_until, self.stdout.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => {
                    if !self.skipping && !self.buffer.is_empty() {
                        self.scanned = 0;
                        return Ok(lossy(std::mem::take(&mut self.buffer)));
                    }
                    return Err(self.ended().await);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    if let (Some(limit), Some(used)) = (self.memory_limit, self.memory())
                        && used > limit
                    {
                        self.kill().await;
                        return Err(ProcessError::OutOfMemory { used, limit });
                    }
                    if Instant::now() >= deadline {
                        return Err(ProcessError::Deadline);
                    }
                }
            }
        }
    }

    /// Kills the child and everything in its process group, and reaps it.
    pub async fn kill(&mut self) {
        self.kill_group();
        let _ = tokio::time::timeout(REAP, self.child.wait()).await;
        if let Some(mut guard) = self.guard.take() {
            let _ = guard.start_kill();
            let _ = tokio::time::timeout(REAP, guard.wait()).await;
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Resident memory without the pages that are shared with files and other processes (mapped `.olean` files, the
    /// program's own text), in bytes; `None` where it cannot be read.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        measure::resident(self.pid).map(|(resident, shared)| resident.saturating_sub(shared))
    }

    /// CPU time that the child (not its group) has used so far, over all its threads; `None` where it cannot be read.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        measure::cpu_time(self.pid)
    }

    /// How it ended, once it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The end of what it wrote to standard error, at most 4 KiB.
    #[must_use]
    pub fn last_words(&self) -> String {
        let tail = self.stderr.lock();
        String::from_utf8_lossy(&tail).trim().to_owned()
    }

    fn take_line(&mut self) -> Result<Option<String>, ProcessError> {
        while let Some(offset) = self.buffer[self.scanned..].iter().position(|&b| b == b'\n') {
            let end = self.scanned + offset;
            self.scanned = 0;
            let rest = self.buffer.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.buffer, rest);
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if line.len() > self.max_line {
                return Err(ProcessError::LineTooLong { limit: self.max_line });
            }
            return Ok(Some(lossy(line)));
        }
        self.scanned = self.buffer.len();
        if self.skipping || self.buffer.len() > self.max_line {
            self.buffer.clear();
            self.scanned = 0;
            if !std::mem::replace(&mut self.skipping, true) {
                return Err(ProcessError::LineTooLong { limit: self.max_line });
            }
        }
        Ok(None)
    }

    /// The output is at its end: waits a moment for the exit status and the last words. Descendants may hold the pipes
    /// open for ever, which is why both waits are bounded.
    async fn ended(&mut self) -> ProcessError {
        let status = tokio::time::timeout(REAP, self.child.wait()).await.ok().and_then(Result::ok);
        if let Some(done) = self.stderr_done.as_mut() {
            let finished = tokio::time::timeout(REAP, done).await.is_ok();
            if finished {
                self.stderr_done = None;
            }
        }
        ProcessError::Ended { status, last_words: self.last_words() }
    }

    #[cfg(unix)]
    fn kill_group(&mut self) {
        // A group's number cannot be given to anyone else while a process is in it or its leader is not reaped. Once
        // both the child and its guard are gone it can, and must not be signalled.
        let child_unreaped = self.child.id().is_some();
        let guard_unreaped = self.guard.as_ref().is_some_and(|guard| guard.id().is_some());
        if let (true, Ok(pid)) = (child_unreaped || guard_unreaped, i32::try_from(self.pid)) {
            let group = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }

    #[cfg(not(unix))]
    fn kill_group(&mut self) {
        let _ = self.child.start_kill();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

async fn keep_tail(mut pipe: ChildStderr, tail: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; LAST_WORDS];
    while let Ok(n) = pipe.read(&mut chunk).await {
        if n == 0 {
            return;
        }
        let mut tail = tail.lock();
        tail.extend_from_slice(&chunk[..n]);
        let excess = tail.len().saturating_sub(LAST_WORDS);
        tail.drain(..excess);
    }
}

/// Puts the shell that outlives us for a moment into the child's group. Without a shell, or when the child is gone
/// already, there is none: the child still ends when its input does.
#[cfg(unix)]
fn spawn_guard(group: u32) -> Option<tokio::process::Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -9 0"])
        .process_group(i32::try_from(group).ok()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()
}

#[cfg(not(unix))]
fn spawn_guard(_group: u32) -> Option<tokio::process::Child> {
    None
}

#[cfg(target_os = "linux")]
mod measure {
    use std::time::Duration;

    use nix::sys::time::TimeSpec;
    use nix::time::{clock_getcpuclockid, clock_gettime};
    use nix::unistd::{Pid, SysconfVar, sysconf};

    /// Resident and shared memory in bytes, from `/proc/PID/statm` (proc_pid_statm(5)).
    pub(super) fn resident(pid: u32) -> Option<(u64, u64)> {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut pages = statm.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
        let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
        Some((pages.next()?.ok()? * page, pages.next()?.ok()? * page))
    }

    /// The process's CPU clock: nanoseconds where `/proc/PID/stat` counts in ticks of 10 ms.
    pub(super) fn cpu_time(pid: u32) -> Option<Duration> {
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
        clock_gettime(clock).ok().map(|time: TimeSpec| time.into())
    }
}

#[cfg(not(target_os = "linux"))]
mod measure {
    use std::time::Duration;

    pub(super) fn resident(_pid: u32) -> Option<(u64, u64)> {
        None
    }

    pub(super) fn cpu_time(_pid: u32) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests;
