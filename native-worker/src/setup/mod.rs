//! Set-up: brings Lean compiled to WebAssembly into the user's cache folder, once, and prepares it for this machine.
//!
//! The cache holds the verified tarball (`downloads/`), a folder with the code of Lean's that is needed first as it was
//! compiled for this machine, one with the rest of it, and one for each choice of modules with the memory that hosts begin
//! with. The names of these carry the hash of what made them, so that a newer stepwise, another processor or another
//! wasmtime makes its own. The tarball is kept, so that a new preparation or a repair needs no network.
//!
//! Lean can be used when the rest is not there yet ([`ensure`]); [`complete`] makes that, a matter of a minute.
//! Every folder appears by one rename when it is complete; a process that is killed at any moment leaves a partial
//! download that the next run goes on with, or a temporary folder that it removes.

mod cache;
mod download;
mod error;
mod inspect;
mod prepare;
mod progress;
mod registry;
#[cfg(test)]
mod tests;
mod unpack;
mod web;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache::{Cache, Condition, Staging};
pub use error::SetupError;
pub use inspect::{Part, Report};
pub use prepare::{LIBRARIES, Modules};
pub use progress::{Phase, Progress, Silent, Step};
pub use registry::{LEAN, Package};

use prepare::{Preparation, Wanted, Wasmtime};
use registry::Registry;
use stepwise_lean_wasmtime::{Folders, Part as CodePart};

/// Where things come from and where they go.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The cache folder; the user's own (for example `~/.cache/stepwise`) if absent.
    pub cache_dir: Option<PathBuf>,
    /// The npm registry's address; the one of the user's npm configuration if absent.
    pub registry: Option<String>,
    /// The user's npm configuration file; `~/.npmrc` if absent.
    pub npmrc: Option<PathBuf>,
    /// What Lean shall have imported when it starts.
    pub modules: Modules,
    /// Compiled code to use instead of compiling.
    pub code: Option<PackedCode>,
    /// Compare the contents of all files with what was installed, not their sizes only (about a second).
    pub check_contents: bool,
}

impl Options {
    /// What the environment says: STEPWISE_CACHE_DIR, npm_config_registry, npm_config_userconfig.
    pub fn from_env() -> Self {
        let get = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        // npm takes its own variables in either case.
        let npm = |name: &str| {
            get(&format!("npm_config_{name}")).or_else(|| get(&format!("NPM_CONFIG_{}", name.to_uppercase())))
        };
        Self {
            cache_dir: get("STEPWISE_CACHE_DIR").map(PathBuf::from),
            registry: npm("registry").and_then(|value| value.into_string().ok()),
            npmrc: npm("userconfig").map(PathBuf::from),
            modules: Modules::default(),
            code: None,
            check_contents: false,
        }
    }
}

/// Compiled code that comes from elsewhere, as [`pack`] writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedCode {
    pub path: PathBuf,
    /// Its SHA-256 in hexadecimal digits, from a source that the user trusts: code that is loaded can do anything.
    pub sha256: String,
}

/// Everything that a WebAssembly host needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The folder with the code of Lean's that is needed first.
    pub code: PathBuf,
    /// The folder with the rest of it, which may be missing yet.
    pub rest: PathBuf,
    /// The folder with the memory that hosts begin with.
    pub library: PathBuf,
    /// What Lean has imported in it.
    pub modules: Modules,
    /// The package that it was made from, with its version.
    pub lean_package: String,
    /// Whether the rest of the code is there too.
    pub is_complete: bool,
}

/// Makes sure that Lean can be used, and brings what is missing. When nothing is, it takes a few milliseconds, starts
/// no process and uses no network.
///
/// It blocks; asynchronous callers give it a thread of its own.
pub fn ensure(progress: &dyn Progress, options: &Options) -> Result<Installed, SetupError> {
    Setup::new(options)?.ensure(progress)
}

/// The same for all of it, the rest of the code included.
pub fn complete(progress: &dyn Progress, options: &Options) -> Result<Installed, SetupError> {
    Setup::new(options)?.complete(progress)
}

/// Writes all compiled code into `file`, for machines with the same stepwise and a processor like this one's, and gives its
/// SHA-256.
pub fn pack(progress: &dyn Progress, options: &Options, file: &Path) -> Result<String, SetupError> {
    let installed = complete(progress, options)?;
    prepare::pack(&[&installed.code, &installed.rest], file)
}

/// Writes Lean into a folder beside a page, for browsers to run: the same module and the same memory as here.
pub fn for_web(progress: &dyn Progress, options: &Options, folder: &Path) -> Result<(), SetupError> {
    Setup::new(options)?.for_web(progress, folder)
}

/// What is there, what is missing and what is wrong, without network and without changing anything.
pub fn inspect(options: &Options) -> Result<Report, SetupError> {
    Ok(Setup::new(options)?.inspect())
}

/// One set-up with everything it depends on, so that tests can put their own packages in.
struct Setup<'a> {
    options: &'a Options,
    cache: Cache,
    lean: Package,
    /// Names what shapes the compiled code, the package aside.
    code_recipe: String,
    /// Names what shapes the memory that hosts begin with, beside the code.
    library_recipe: String,
    preparation: &'a dyn Preparation,
    /// After a broken connection; doubled each time.
    first_pause: Duration,
}

impl<'a> Setup<'a> {
    fn new(options: &'a Options) -> Result<Self, SetupError> {
        let root = match &options.cache_dir {
            Some(folder) => folder.clone(),
            None => dirs::cache_dir().ok_or(SetupError::NoCacheFolder)?.join("stepwise"),
        };
        // Hosts run elsewhere than here, so a relative folder must not depend on the working folder.
        let root = std::path::absolute(&root).map_err(|source| SetupError::io("find", &root, 0, source))?;
        Ok(Self {
            options,
            cache: Cache { root },
            lean: LEAN,
            code_recipe: prepare::code_recipe()?,
            library_recipe: prepare::library_recipe(),
            preparation: &Wasmtime,
            first_pause: Duration::from_millis(500),
        })
    }

    fn ensure(&self, progress: &dyn Progress) -> Result<Installed, SetupError> {
        let is_ready =
            || self.is_folder_complete(&self.code_folder()) && self.is_folder_complete(&self.library_folder());
        self.unless(is_ready, progress, || self.prepare(progress))?;
        Ok(self.installed())
    }

    fn complete(&self, progress: &dyn Progress) -> Result<Installed, SetupError> {
        self.ensure(progress)?;
        let is_complete = || self.is_folder_complete(&self.rest_folder());
        self.unless(is_complete, progress, || self.prepare_rest(progress))?;
        Ok(self.installed())
    }

    /// Does some work under the lock, unless it is done.
    fn unless(
        &self,
        is_done: impl Fn() -> bool,
        progress: &dyn Progress,
        work: impl FnOnce() -> Result<(), SetupError>,
    ) -> Result<(), SetupError> {
        if is_done() {
            return Ok(());
        }
        // Dropping the lock's file gives it back.
        let _lock = self.cache.lock(progress)?;
        // Another process may have done it while this one waited.
        if is_done() { Ok(()) } else { work() }
    }

    fn installed(&self) -> Installed {
        let rest = self.rest_folder();
        Installed {
            code: self.cache.folder(&self.code_folder()),
            rest: self.cache.folder(&rest),
            library: self.cache.folder(&self.library_folder()),
            modules: self.options.modules,
            lean_package: self.lean.to_string(),
            is_complete: self.is_folder_complete(&rest),
        }
    }

    /// Makes what is missing of what Lean needs first. The caller holds the lock.
    fn prepare(&self, progress: &dyn Progress) -> Result<(), SetupError> {
        let (code, library) = (self.code_folder(), self.library_folder());
        let tarball = self.tarball(progress)?;
        let scratch = self.cache.scratch(prepare::NEEDED_BYTES)?;
        let unpacked = prepare::unpack(&self.lean, &tarball, Wanted::Everything, scratch, progress)?;
        let run = self.run(&unpacked, progress);
        // Hosts of other modules share the code.
        if !self.is_folder_complete(&code) {
            self.make(&code, |staging| run.compile(CodePart::First, self.options.code.as_ref(), staging))?;
        }
        let import = || {
            self.make(&library, |staging| {
                let folders = Folders::new(&self.cache.folder(&code), &self.cache.folder(&self.rest_folder()));
                run.import(&folders, self.options.modules, staging)
            })
        };
        match import() {
            // Importing has called what the profile does not know of.
            Err(SetupError::Incomplete) => {
                self.make(&self.rest_folder(), |staging| run.compile(CodePart::Rest, None, staging))?;
                import()
            }
            done => done,
        }
    }

    /// Makes the rest of the code. The caller holds the lock.
    fn prepare_rest(&self, progress: &dyn Progress) -> Result<(), SetupError> {
        let tarball = self.tarball(progress)?;
        let scratch = self.cache.scratch(prepare::NEEDED_BYTES)?;
        let unpacked = prepare::unpack(&self.lean, &tarball, Wanted::Module, scratch, progress)?;
        let run = self.run(&unpacked, progress);
        self.make(&self.rest_folder(), |staging| run.compile(CodePart::Rest, self.options.code.as_ref(), staging))
    }

    /// Packs Lean for browsers, unless that is done, and copies it.
    fn for_web(&self, progress: &dyn Progress, target: &Path) -> Result<(), SetupError> {
        self.ensure(progress)?;
        let folder = format!("{}-web-{}", self.library_folder(), prepare::web_recipe());
        let is_packed = || self.is_folder_complete(&folder);
        self.unless(is_packed, progress, || {
            let tarball = self.tarball(progress)?;
            let scratch = self.cache.scratch(prepare::NEEDED_BYTES)?;
            let unpacked = prepare::unpack(&self.lean, &tarball, Wanted::Module, scratch, progress)?;
            let library = self.cache.folder(&self.library_folder());
            self.make(&folder, |staging| {
                self.run(&unpacked, progress).pack_for_web(&library, self.options.modules, staging)
            })
        })?;
        web::copy(&self.cache.folder(&folder), target)
    }

    fn tarball(&self, progress: &dyn Progress) -> Result<PathBuf, SetupError> {
        let registry = || Registry::configured(self.options.registry.as_deref(), self.options.npmrc.clone());
        download::fetch(&self.lean, &self.cache.downloads(), registry, self.first_pause, progress)
    }

    fn run<'r>(&'r self, unpacked: &'r prepare::Unpacked, progress: &'r dyn Progress) -> prepare::Run<'r> {
        prepare::Run { package: &self.lean, unpacked, preparation: self.preparation, progress }
    }

    /// Makes a folder that appears when it is complete.
    fn make(&self, folder: &str, work: impl FnOnce(&mut Staging) -> Result<(), SetupError>) -> Result<(), SetupError> {
        let mut staging = self.cache.stage(folder, prepare::NEEDED_BYTES)?;
        work(&mut staging)?;
        staging.commit().map(drop)
    }

    fn is_folder_complete(&self, folder: &str) -> bool {
        matches!(self.cache.condition(folder, self.options.check_contents), Condition::Complete { .. })
    }

    fn code_folder(&self) -> String {
        format!("{}-{}-{}", self.lean.name, self.lean.version, self.code_recipe)
    }

    fn rest_folder(&self) -> String {
        format!("{}-rest", self.code_folder())
    }

    fn library_folder(&self) -> String {
        format!("{}-{}-{}", self.code_folder(), self.options.modules.names().join("+"), self.library_recipe)
    }
}
