//! What can go wrong while setting up, each as one line that says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// What the preparation takes at its height, rounded up.
const MEMORY_GB: u32 = 2;

/// Why set-up did not finish. Whatever was downloaded is kept, so that running it again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The user has no cache folder (no HOME, for example).
    #[error("cannot find this user's cache folder; set STEPWISE_CACHE_DIR to a folder that can be written")]
    NoCacheFolder,
    /// The disk is full.
    #[error(
        "no room left on the disk of {}; free about {} MB and run `stepwise setup` again, which goes on where it stopped, \
         or set STEPWISE_CACHE_DIR to a larger disk",
        path.display(),
        needed.div_ceil(1_000_000)
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// An upper bound on what is still to be written, in bytes.
        needed: u64,
    },
    /// A file of the cache could not be read or written.
    #[error(
        "cannot {action} {} ({source}); check its permissions, or set STEPWISE_CACHE_DIR to another folder",
        path.display()
    )]
    Io {
        /// The attempt, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The user's npm configuration cannot be read.
    #[error(
        "cannot read the npm configuration ({detail}); mend .npmrc, or set npm_config_registry to the registry's URL"
    )]
    NpmConfig {
        /// What is wrong with it.
        detail: String,
    },
    /// The registry cannot be reached, or the connection broke too often.
    #[error(
        "cannot download {package} from {registry} ({cause}); check the network, the proxy (HTTPS_PROXY) and `registry` in \
         .npmrc, then run `stepwise setup` again, which goes on where it stopped"
    )]
    Network {
        /// The package, with its version.
        package: String,
        /// The registry's address.
        registry: String,
        /// What the last attempt met.
        cause: String,
    },
    /// The registry answered, and refused.
    #[error(
        "{registry} answered {status} for {package}; check that `registry` in .npmrc names a complete mirror and that its \
         token is valid, then run `stepwise setup` again"
    )]
    Refused {
        /// The package, with its version.
        package: String,
        /// The registry's address.
        registry: String,
        /// The HTTP status.
        status: u16,
    },
    /// The registry served something else than the pinned package; it was thrown away.
    #[error(
        "what {registry} serves as {package} is not the package that stepwise was built for (its sha512 differs) and was \
         thrown away; name another registry in .npmrc, or update stepwise"
    )]
    WrongHash {
        /// The package, with its version.
        package: String,
        /// The registry's address.
        registry: String,
    },
    /// The package's archive is not what it should be.
    #[error("cannot unpack {package}: {detail}; this needs a newer stepwise")]
    Archive {
        /// The package, with its version.
        package: String,
        /// What was found.
        detail: String,
    },
    /// The package could not be prepared.
    #[error(
        "cannot prepare {package}: {detail}; run `stepwise setup` again with {MEMORY_GB} GB of memory free, and if that \
         does not help name another Node {} or newer in STEPWISE_NODE",
        super::node::OLDEST_MAJOR
    )]
    Preparation {
        /// The package, with its version.
        package: String,
        /// What the preparation said, or how it ended.
        detail: String,
    },
    /// There is no pinned Node for this platform, and none was found.
    #[error(
        "stepwise has no Node to bring for {platform}; install Node {} or newer and put it on PATH, or name it in \
         STEPWISE_NODE",
        super::node::OLDEST_MAJOR
    )]
    UnsupportedPlatform {
        /// Operating system and processor.
        platform: String,
    },
    /// The Node that the user named cannot be used.
    #[error(
        "STEPWISE_NODE names {}, {problem}; name Node {} or newer there, or unset it to let stepwise bring its own",
        path.display(),
        super::node::OLDEST_MAJOR
    )]
    NamedNode {
        /// What was named.
        path: PathBuf,
        /// Why it cannot be used.
        problem: String,
    },
    /// The Node that was brought does not run here.
    #[error(
        "stepwise brought {}, {problem}; install Node {} or newer and put it on PATH, or name it in STEPWISE_NODE",
        path.display(),
        super::node::OLDEST_MAJOR
    )]
    BroughtNode {
        /// Where it is.
        path: PathBuf,
        /// What happened when it was started.
        problem: String,
    },
}

impl SetupError {
    /// Wraps a failed attempt on a file; a full disk gets its own line.
    pub(super) fn io(action: &'static str, path: &Path, needed: u64, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, needed },
            _ => Self::Io { action, path, source },
        }
    }
}
