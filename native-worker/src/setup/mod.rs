//! Set-up: brings Lean compiled to WebAssembly, and a Node to run it, into the user's cache folder, once.
//!
//! The cache holds the verified tarballs (`downloads/`), one folder with Node, one with the driver's scripts, and one
//! with Lean as those scripts prepared it. The names of the last two carry the hash of what made them, so that a newer
//! stepwise makes its own. Tarballs are kept, so that a new preparation or a repair needs no network.
//! Every folder appears by one rename when it is complete; a process that is killed at any moment leaves a partial
//! download that the next run goes on with, or a temporary folder that it removes.

mod cache;
mod download;
mod error;
mod inspect;
mod node;
mod prepare;
mod progress;
mod registry;
#[cfg(test)]
#[cfg(unix)] // The tests' stand-in for Node is a shell script.
mod tests;
mod unpack;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use cache::{Cache, Condition};
pub use error::SetupError;
pub use inspect::{NodeReport, Part, Report};
pub use node::{Node, OLDEST_MAJOR};
pub use prepare::{LIBRARIES, Modules};
pub use progress::{Phase, Progress, Silent, Step};
pub use registry::{LEAN, Package, node_for};

use crate::lean::wasm::driver;
use registry::Registry;

/// Where things come from and where they go.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The cache folder; the user's own (for example `~/.cache/stepwise`) if absent.
    pub cache_dir: Option<PathBuf>,
    /// The Node to use; it must be recent enough.
    pub node: Option<PathBuf>,
    /// Folders in which to look for a Node, in the form of PATH.
    pub search_path: Option<OsString>,
    /// The npm registry's address; the one of the user's npm configuration if absent.
    pub registry: Option<String>,
    /// The user's npm configuration file; `~/.npmrc` if absent.
    pub npmrc: Option<PathBuf>,
    /// What Lean shall have imported when it starts.
    pub modules: Modules,
    /// Compare the contents of all files with what was installed, not their sizes only (about a second).
    pub check_contents: bool,
}

impl Options {
    /// What the environment says: STEPWISE_CACHE_DIR, STEPWISE_NODE, PATH, npm_config_registry, npm_config_userconfig.
    pub fn from_env() -> Self {
        let get = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        // npm takes its own variables in either case.
        let npm = |name: &str| {
            get(&format!("npm_config_{name}")).or_else(|| get(&format!("NPM_CONFIG_{}", name.to_uppercase())))
        };
        Self {
            cache_dir: get("STEPWISE_CACHE_DIR").map(PathBuf::from),
            node: get("STEPWISE_NODE").map(PathBuf::from),
            search_path: get("PATH"),
            registry: npm("registry").and_then(|value| value.into_string().ok()),
            npmrc: npm("userconfig").map(PathBuf::from),
            modules: Modules::default(),
            check_contents: false,
        }
    }
}

/// Everything that a WebAssembly host needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The Node that runs it.
    pub node: Node,
    /// The script that it runs.
    pub entry: PathBuf,
    /// The prepared folder.
    pub runtime: PathBuf,
    /// What Lean has imported in it.
    pub modules: Modules,
    /// The package that it was made from, with its version.
    pub lean_package: String,
}

/// Makes sure that everything is there, and brings what is not. When all is there it takes a few milliseconds, starts
/// no process and uses no network.
///
/// It blocks; asynchronous callers give it a thread of its own.
pub fn ensure(progress: &dyn Progress, options: &Options) -> Result<Installed, SetupError> {
    Setup::new(options)?.ensure(progress)
}

/// What is there, what is missing and what is wrong, without network and without changing anything but the memory of
/// Node versions.
pub fn inspect(options: &Options) -> Result<Report, SetupError> {
    Ok(Setup::new(options)?.inspect())
}

/// What the driver's scripts take at most, for the message when the disk is full.
const DRIVER_BYTES: u64 = 1_000_000;

/// One set-up with everything it depends on, so that tests can put their own packages in.
struct Setup<'a> {
    options: &'a Options,
    cache: Cache,
    lean: Package,
    /// Node for this platform.
    node: Option<Package>,
    /// Names what shapes the prepared folder, the package aside.
    recipe: String,
    /// After a broken connection; doubled each time.
    first_pause: Duration,
    /// How long the preparation may take.
    preparation_limit: Duration,
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
            node: node_for(env::consts::OS, env::consts::ARCH),
            recipe: prepare::recipe(options.modules),
            first_pause: Duration::from_millis(500),
            preparation_limit: prepare::LIMIT,
        })
    }

    fn ensure(&self, progress: &dyn Progress) -> Result<Installed, SetupError> {
        let choice = match (self.own_node()?, self.node) {
            (Some(node), _) => NodeChoice::Own(node),
            (None, Some(package)) => NodeChoice::Bring(package),
            (None, None) => return Err(unsupported()),
        };
        let lean_folder = self.lean_folder();
        // Dropping the lock's file gives it back.
        let _lock = if self.is_complete(&choice) { None } else { Some(self.cache.lock(progress)?) };
        // Another process may have finished some of the work while this one waited: each part is looked at (again).
        // Node comes first: one that does not run here is found out before the larger download.
        let node = match choice {
            NodeChoice::Own(node) => node,
            NodeChoice::Bring(package) => self.bring_node(&package, progress)?,
        };
        let driver = self.lay_down_driver()?;
        if !self.is_folder_complete(&lean_folder) {
            let tarball = self.fetch(&self.lean, progress)?;
            let (modules, limit) = (self.options.modules, self.preparation_limit);
            let run = prepare::Run { node: &node.path, driver: &driver, modules, limit };
            let scratch = self.cache.scratch(prepare::NEEDED_BYTES)?;
            let mut staging = self.cache.stage(&lean_folder, prepare::NEEDED_BYTES)?;
            prepare::prepare(&self.lean, &tarball, &run, &scratch, &mut staging, progress)?;
            staging.commit()?;
        }
        Ok(Installed {
            node,
            entry: driver.join(driver::ENTRY),
            runtime: self.cache.folder(&lean_folder),
            modules: self.options.modules,
            lean_package: self.lean.to_string(),
        })
    }

    /// Writes the driver's scripts unless they are there. If anything is missing the caller holds the lock.
    fn lay_down_driver(&self) -> Result<PathBuf, SetupError> {
        let folder = driver_folder();
        if !self.is_folder_complete(&folder) {
            let mut staging = self.cache.stage(&folder, DRIVER_BYTES)?;
            for (name, text) in driver::FILES {
                staging.write(name, text.as_bytes())?;
            }
            staging.commit()?;
        }
        Ok(self.cache.folder(&folder))
    }

    /// Unpacks the package's Node unless it is there, and makes sure that it runs. If anything is missing the caller
    /// holds the lock.
    fn bring_node(&self, package: &Package, progress: &dyn Progress) -> Result<Node, SetupError> {
        let folder = node_folder(package);
        if !self.is_folder_complete(&folder) {
            let tarball = self.fetch(package, progress)?;
            let mut staging = self.cache.stage(&folder, node::UNPACKED_BYTES)?;
            node::unpack(package, &tarball, &mut staging, progress)?;
            staging.commit()?;
        }
        let path = self.cache.folder(&folder).join(node::PROGRAM);
        node::identify(&path, &self.cache.root).map_err(|problem| SetupError::BroughtNode { path, problem })
    }

    fn is_complete(&self, choice: &NodeChoice) -> bool {
        let is_node_ready = match choice {
            NodeChoice::Own(_) => true,
            NodeChoice::Bring(package) => self.is_folder_complete(&node_folder(package)),
        };
        is_node_ready && self.is_folder_complete(&driver_folder()) && self.is_folder_complete(&self.lean_folder())
    }

    fn is_folder_complete(&self, folder: &str) -> bool {
        matches!(self.cache.condition(folder, self.options.check_contents), Condition::Complete { .. })
    }

    /// The Node that the user names, or a recent one on the search path.
    fn own_node(&self) -> Result<Option<Node>, SetupError> {
        let cache = &self.cache.root;
        if let Some(path) = &self.options.node {
            let named = |problem| SetupError::NamedNode { path: path.clone(), problem };
            let node = node::identify(path, cache).map_err(named)?;
            if !node.is_recent() {
                return Err(named(format!("which is Node {}", node.version)));
            }
            return Ok(Some(node));
        }
        let found = self.options.search_path.as_deref().and_then(node::on_path);
        Ok(found.and_then(|path| node::identify(&path, cache).ok()).filter(Node::is_recent))
    }

    fn fetch(&self, package: &Package, progress: &dyn Progress) -> Result<PathBuf, SetupError> {
        let registry = || Registry::configured(self.options.registry.as_deref(), self.options.npmrc.clone());
        download::fetch(package, &self.cache.downloads(), registry, self.first_pause, progress)
    }

    fn lean_folder(&self) -> String {
        format!("{}-{}-{}", self.lean.name, self.lean.version, self.recipe)
    }
}

/// Where the Node comes from.
enum NodeChoice {
    /// It is on the machine.
    Own(Node),
    /// Set-up brings it.
    Bring(Package),
}

fn unsupported() -> SetupError {
    SetupError::UnsupportedPlatform { platform: format!("{}-{}", env::consts::OS, env::consts::ARCH) }
}

fn node_folder(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

fn driver_folder() -> String {
    format!("driver-{}", driver::version())
}
