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
        source: io::Error,
    },
    /// The user's npm configuration cannot be read.
    #[error(
        "cannot read the npm configuration ({detail}); mend .npmrc, or set npm_config_registry to the registry's URL"
    )]
    NpmConfig { detail: String },
    /// The registry cannot be reached, or the connection broke too often.
    #[error(
        "cannot download {package} from {registry} ({cause}); check the network, the proxy (HTTPS_PROXY) and `registry` in \
         .npmrc, then run `stepwise setup` again, which goes on where it stopped"
    )]
    Network {
        /// The package, with its version.
        package: String,
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
        registry: String,
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
        registry: String,
    },
    /// Lean called what is not compiled yet.
    #[error("Lean is not compiled to its end; run `stepwise setup`")]
    Incomplete,
    /// The package's archive is not what it should be.
    #[error("cannot unpack {package}: {detail}; this needs a newer stepwise")]
    Archive {
        /// The package, with its version.
        package: String,
        detail: String,
    },
    /// The package could not be prepared.
    #[error("cannot prepare {package}: {detail}; run `stepwise setup --force` with {MEMORY_GB} GB of memory free")]
    Preparation {
        /// The package, with its version.
        package: String,
        detail: String,
    },
    /// Compiled code from elsewhere is not what the user expects.
    #[error(
        "{} has the SHA-256 {found}, which is not the one of --sha256; copy it again, or leave out --code to compile it",
        path.display()
    )]
    ForeignCode { path: PathBuf, found: String },
    /// No code can be compiled for this machine.
    #[error("stepwise cannot run Lean on this machine ({detail}); use a native Lean with --lean-project")]
    Unsupported { detail: String },
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
