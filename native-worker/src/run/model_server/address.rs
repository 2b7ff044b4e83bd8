//! A model server's address, and the key that it may want.

use std::fmt;

use ureq::http::Uri;

use super::ServerError;

/// The environment variable that holds the key.
pub const KEY_VARIABLE: &str = "STEPWISE_API_KEY";

/// The secret that a server knows its users by. It is never shown: not by `Debug`, not in an error.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key that the caller knows.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }

    /// The key in [`KEY_VARIABLE`], unless that is unset or empty.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        std::env::var(KEY_VARIABLE).ok().map(|key| Self::new(&key)).filter(|key| !key.0.is_empty())
    }

    /// Refuses what no header can carry.
    pub(super) fn check(&self) -> Result<(), ServerError> {
        if self.0.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err(ServerError::KeyText) }
    }

    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }

    pub(super) fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "(the key)") }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

/// The address that all of a server's paths stand behind: scheme, host, port, and what stands before `/v1`.
#[derive(Clone, Debug)]
pub(super) struct Address {
    root: String,
    is_local: bool,
}

impl Address {
    /// Reads `http://host:port`, `https://host/v1` and the like.
    pub(super) fn parse(url: &str) -> Result<Self, ServerError> {
        // Whatever stands before an @ or behind a ? may be a secret, and addresses go into records and errors.
        if url.contains('@') || url.contains('?') {
            return Err(ServerError::AddressWithSecret);
        }
        let bad = || ServerError::Address { url: url.to_owned() };
        let uri: Uri = url.trim().parse().map_err(|_| bad())?;
        let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(bad());
        };
        if host.is_empty() {
            return Err(bad());
        }
        let root = url.trim().trim_end_matches('/');
        let root = root.strip_suffix("/v1").unwrap_or(root).trim_end_matches('/').to_owned();
        let is_local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        Ok(Self { root, is_local })
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Whether the server runs on this machine, where no proxy leads to.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }
}
