//! Finding and starting a repl for a Lake project, with messages that say what to do when there is none.
//!
//! `lake env repl` would work too, but then the process that we measure and wait for is Lake's and not Lean's, and every
//! start evaluates the project's configuration again. So Lake is asked once for its environment (a bare `lake env`
//! prints it), and the repl is started in that environment directly.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::conversation::Conversation;
use super::host::{HostConfig, ReplHost};
use super::protocol::Request;
use super::reading::{self, CommandFailure};
use crate::lean::host::{HostDown, Judge, Launch, LeanHost, Library};
use crate::process::{ProcessError, Spec, run_to_end};

/// The environment variable that names the repl's binary.
pub const REPL_VARIABLE: &str = "STEPWISE_REPL";

/// Lake may have to fetch a toolchain or clone dependencies before it can answer.
const LAKE_LIMIT: Duration = Duration::from_secs(600);
/// A repl that imports nothing answers at once; this leaves room for a cold disk.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Starts repl hosts.
#[derive(Debug)]
pub struct ReplLauncher {
    source: Source,
    imports: Vec<String>,
    import_limit: Duration,
    memory_limit: Option<u64>,
    command: OnceCell<Spec>,
}

#[derive(Debug)]
enum Source {
    Project { dir: PathBuf, repl: Option<PathBuf> },
    Command { spec: Spec, lean_version: Option<String> },
}

impl ReplLauncher {
    /// In the Lake project `dir`. The binary is `repl` when given, else what `STEPWISE_REPL` names, else the one that
    /// the project built for itself, else a `repl` on Lake's `PATH`.
    #[must_use]
    pub fn in_project(dir: impl Into<PathBuf>, repl: Option<PathBuf>) -> Self {
        let repl = repl.or_else(|| std::env::var_os(REPL_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from));
        Self::new(Source::Project { dir: dir.into(), repl })
    }

    /// Exactly this command, without Lake: a container, a wrapper, a recording. With a version given, nothing is asked
    /// of the process before its first theorem.
    #[must_use]
    pub fn with_command(spec: Spec, lean_version: Option<String>) -> Self {
        Self::new(Source::Command { spec, lean_version })
    }

    /// Modules for theorems that name none; loaded before a host counts as ready.
    #[must_use]
    pub fn imports(mut self, imports: Vec<String>) -> Self {
        self.imports = imports;
        self
    }

    /// What importing may take (two minutes unless told).
    #[must_use]
    pub fn import_limit(mut self, limit: Duration) -> Self {
        self.import_limit = limit;
        self
    }

    /// Resident memory that ends a host in the middle of a tactic, in bytes. Mapped `.olean` files do not count: those of
    /// Mathlib are gigabytes, and shared.
    #[must_use]
    pub fn memory_limit(mut self, bytes: Option<u64>) -> Self {
        self.memory_limit = bytes;
        self
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            imports: Vec::new(),
            import_limit: Duration::from_secs(120),
            memory_limit: None,
            command: OnceCell::new(),
        }
    }

    async fn resolve(&self) -> Result<Spec, HostDown> {
        let mut spec = match &self.source {
            Source::Command { spec, .. } => spec.clone(),
            Source::Project { dir, repl } => in_lake_project(dir, repl.as_deref()).await.map_err(cannot_start)?,
        };
        spec.memory_limit = self.memory_limit.or(spec.memory_limit);
        Ok(spec)
    }

    async fn start(&self) -> Result<ReplHost, HostDown> {
        let spec = self.command.get_or_try_init(|| self.resolve()).await?.clone();
        let mut process = Conversation::start(&spec)?;
        let lean_version = match &self.source {
            Source::Command { lean_version: Some(version), .. } => version.clone(),
            _ => ask_version(&mut process, &spec).await?,
        };
        let config = HostConfig { spec, imports: self.imports.clone(), import_limit: self.import_limit, lean_version };
        let mut host = ReplHost::new(config, process);
        match host.import_defaults().await {
            Ok(Ok(())) => Ok(host),
            Ok(Err(message)) => Err(cannot_start(format!(
                "the project cannot import {}: {message}; run `lake build` in it (for Mathlib also `lake exe cache get`), \
                 with the toolchain that the repl was built with",
                self.imports.join(", ")
            ))),
            Err(HostDown::Timeout) => Err(cannot_start(format!(
                "importing {} took more than {} s; build the project first, or give it more time",
                self.imports.join(", "),
                self.import_limit.as_secs()
            ))),
            Err(down) => Err(down),
        }
    }
}

#[async_trait]
impl Launch for ReplLauncher {
    async fn host(&self) -> Result<Box<dyn LeanHost>, HostDown> {
        Ok(Box::new(self.start().await?))
    }

    async fn judge(&self) -> Result<Box<dyn Judge>, HostDown> {
        Ok(Box::new(self.start().await?))
    }

    async fn library(&self) -> Result<Box<dyn Library>, HostDown> {
        let message = "lean-repl cannot list its library; leave out --lean-project, the built-in Lean can";
        Err(cannot_start(message.to_owned()))
    }
}

/// The first exchange: shows that it is a repl, and which Lean it has.
async fn ask_version(process: &mut Conversation, spec: &Spec) -> Result<String, HostDown> {
    let program = spec.program.to_string_lossy();
    let hint = "try it by hand in the project with `lake env`; it has to be a build of leanprover-community/repl for the \
                project's own toolchain";
    let asked = process.ask(&Request::command("#eval Lean.versionString", None), READY_LIMIT).await;
    match asked.answer.map(reading::command) {
        Ok(Ok(answer)) => Ok(answer
            .messages
            .first()
            .map_or_else(|| "unknown".to_owned(), |message| message.data.trim_matches('"').to_owned())),
        Ok(Err(CommandFailure::Rejected { message } | CommandFailure::Confused { detail: message })) => {
            Err(cannot_start(format!("{program} does not work: {message}; {hint}")))
        }
        Err(down) => Err(cannot_start(format!("{program} does not work: {down}; {hint}"))),
    }
}

async fn in_lake_project(dir: &Path, repl: Option<&Path>) -> Result<Spec, String> {
    let shown = dir.display();
    if !dir.is_dir() {
        return Err(format!("there is no folder {shown}: give that of your Lake project"));
    }
    if !["lakefile.toml", "lakefile.lean"].iter().any(|file| dir.join(file).is_file()) {
        return Err(format!(
            "{shown} is not a Lake project: it has no lakefile.toml or lakefile.lean; give the folder that has one"
        ));
    }
    // The working directory will be the project's, so a relative path has to be resolved against ours first.
    let repl = match repl {
        Some(path) => Some(std::fs::canonicalize(path).map_err(|error| {
            format!("cannot use {} as the repl: {error}; name its binary, .lake/build/bin/repl", path.display())
        })?),
        None => None,
    };
    let env = lake_env(dir).await?;
    let path_list = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let program = repl.or_else(|| find_repl(dir, path_list)).ok_or_else(|| {
        format!(
            "the project {shown} has no repl: require leanprover-community/repl in its lakefile at the tag of its \
             lean-toolchain and run `lake build repl` there, or build one elsewhere and name it with {REPL_VARIABLE} or \
             --repl"
        )
    })?;
    let mut spec = Spec::new(program);
    spec.env = env;
    spec.cwd = Some(dir.to_owned());
    Ok(spec)
}

/// What a bare `lake env` prints: `NAME=VALUE` lines.
async fn lake_env(dir: &Path) -> Result<Vec<(OsString, OsString)>, String> {
    let elan = std::env::home_dir().map(|home| home.join(".elan").join("bin").join("lake"));
    let programs = [Some(PathBuf::from("lake")), elan];
    for program in programs.into_iter().flatten() {
        let mut spec = Spec::new(program);
        spec.args = vec!["env".into()];
        spec.cwd = Some(dir.to_owned());
        match run_to_end(&spec, Instant::now() + LAKE_LIMIT).await {
            Ok(finished) if finished.status.success() => return Ok(parse_env(&finished.stdout)),
            Ok(finished) => {
                return Err(format!(
                    "`lake env` failed in {} ({}): {}; run `lake build` there until it works",
                    dir.display(),
                    finished.status,
                    finished.last_words
                ));
            }
            Err(ProcessError::Spawn { .. }) => {}
            Err(error) => return Err(format!("`lake env` in {}: {error}; run it there by hand", dir.display())),
        }
    }
    Err("there is no `lake` on PATH nor in ~/.elan/bin: install Lean with elan (https://lean-lang.org/install), or use \
         the zero-install backend, which needs none"
        .to_owned())
}

fn parse_env(text: &str) -> Vec<(OsString, OsString)> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// A repl that the project built as a dependency, or is itself, or that lies on Lake's `PATH`.
fn find_repl(dir: &Path, path_list: Option<OsString>) -> Option<PathBuf> {
    let binary = format!("repl{}", std::env::consts::EXE_SUFFIX);
    let built = |package: &Path| package.join(".lake").join("build").join("bin").join(&binary);
    let mut packages: Vec<PathBuf> = std::fs::read_dir(dir.join(".lake").join("packages"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    packages.sort();
    let places = packages.iter().map(|package| built(package)).chain([built(dir)]);
    let on_path = path_list.map(|list| std::env::split_paths(&list).map(|dir| dir.join(&binary)).collect());
    let on_path: Vec<PathBuf> = on_path.unwrap_or_default();
    let found = places.chain(on_path).find(|place| place.is_file())?;
    // The process runs in the project's folder, where a path relative to ours would point elsewhere.
    std::fs::canonicalize(&found).ok()
}

fn cannot_start(message: String) -> HostDown {
    HostDown::CannotStart { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_say_what_to_do() {
        let message = |dir: &Path, repl: Option<&str>| {
            let launcher = ReplLauncher::in_project(dir, repl.map(PathBuf::from));
            async move { launcher.host().await.err().unwrap().to_string() }
        };
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert!(message(&missing, None).await.ends_with("missing: give that of your Lake project"));
        assert!(message(dir.path(), None).await.contains("is not a Lake project"));
        std::fs::write(dir.path().join("lakefile.toml"), "").unwrap();
        assert!(message(dir.path(), Some("no/such/repl")).await.contains("cannot use no/such/repl as the repl"));
    }

    #[test]
    fn the_environment_is_read_and_the_built_repl_found() {
        let env = parse_env("LEAN_PATH=/a:/b\nnoise\n=x\nA B=c\nPATH=/bin=odd\n");
        let pairs = [("LEAN_PATH", "/a:/b"), ("PATH", "/bin=odd")];
        assert_eq!(env, pairs.map(|(name, value)| (OsString::from(name), OsString::from(value))));
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find_repl(dir.path(), None), None);
        let bin = dir.path().join(".lake/packages/REPL/.lake/build/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let binary = bin.join(format!("repl{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&binary, "").unwrap();
        assert_eq!(find_repl(dir.path(), None), Some(std::fs::canonicalize(binary).unwrap()));
    }
}
