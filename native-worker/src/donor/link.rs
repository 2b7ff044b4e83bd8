//! An invitation's link, `BASE/#join=SECRET`, and the addresses at which coordinators may be asked.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

/// A coordinator's address, such as `https://prover.example/campaign`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Base(String);

/// What an invitation's link says.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the coordinator is.
    pub base: Base,
    /// What lets in.
    pub secret: String,
}

/// Why a link or an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nothing stands behind `#join=`.
    #[error("the link has no invitation: it ends in `#join=` and a secret; copy the whole of it, in quotes")]
    NoSecret,
    /// It is no address of a server.
    #[error("{0} is not the address of a coordinator: it is like `https://prover.example/#join=SECRET`")]
    NoAddress(String),
    /// Everybody on the way could read the token, and change what is to be proved.
    #[error(
        "{0} is not encrypted: ask for a link that begins with `https://` (`http://` is for this very machine only)"
    )]
    NotEncrypted(String),
}

impl Invitation {
    /// Reads a link.
    ///
    /// # Errors
    /// The secret is missing, or the address is none that may be used.
    pub fn parse(link: &str) -> Result<Self, LinkError> {
        let link = link.trim();
        let (address, fragment) = link.split_once('#').unwrap_or((link, ""));
        let base = Base::parse(address)?;
        let secret = fragment.split('&').find_map(|part| part.strip_prefix("join=")).unwrap_or_default();
        if secret.is_empty() {
            return Err(LinkError::NoSecret);
        }
        Ok(Self { base, secret: secret.to_owned() })
    }
}

impl Base {
    /// Reads an address.
    ///
    /// # Errors
    /// It is none, or not encrypted and not this machine's own.
    pub fn parse(address: &str) -> Result<Self, LinkError> {
        let no_address = || LinkError::NoAddress(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| no_address())?;
        // A name and a password would be sent along, and a query lost.
        if uri.query().is_some() || uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(no_address());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(uri.host().unwrap_or_default()) => {}
            Some("http") => return Err(LinkError::NotEncrypted(address.to_owned())),
            _ => return Err(no_address()),
        }
        Ok(Self(address.trim_end_matches('/').to_owned()))
    }

    /// The address of a part of the API, such as `join`.
    pub(super) fn url(&self, part: &str) -> String {
        format!("{}/api/v1/campaign/{part}", self.0)
    }

    /// Whether it runs on this machine, where no proxy stands in between.
    pub(super) fn is_local(&self) -> bool {
        self.0.parse::<Uri>().is_ok_and(|uri| is_loopback(uri.host().unwrap_or_default()))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Base> for String {
    fn from(base: Base) -> Self {
        base.0
    }
}

impl TryFrom<String> for Base {
    type Error = LinkError;

    fn try_from(address: String) -> Result<Self, LinkError> {
        Self::parse(&address)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(link: &str, expected: &Expect) {
        expected.assert_eq(&match Invitation::parse(link) {
            Ok(Invitation { base, secret }) => format!("{secret} at {}", base.url("join")),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn a_link_is_an_address_and_a_secret_behind_it() {
        check("https://a.example/#join=s3cret", &expect!["s3cret at https://a.example/api/v1/campaign/join"]);
        check("https://a.example#join=s", &expect!["s at https://a.example/api/v1/campaign/join"]);
        check(
            " https://a.example:8443/lean/x/#join=s-_\n",
            &expect!["s-_ at https://a.example:8443/lean/x/api/v1/campaign/join"],
        );
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        check("http://localhost:7979/#join=s", &expect!["s at http://localhost:7979/api/v1/campaign/join"]);
        check("http://127.0.0.1:1/#join=s", &expect!["s at http://127.0.0.1:1/api/v1/campaign/join"]);
        check("http://[::1]:1/#join=s", &expect!["s at http://[::1]:1/api/v1/campaign/join"]);
        let refused = expect![
            "http://10.0.0.1/ is not encrypted: ask for a link that begins with `https://` (`http://` is for this very machine only)"
        ];
        check("http://10.0.0.1/#join=s", &refused);
        assert!(matches!(Base::parse("http://localhost.example"), Err(LinkError::NotEncrypted(_))));
        assert!(matches!(Base::parse("http://127.0.0.1.example"), Err(LinkError::NotEncrypted(_))));
    }

    #[test]
    fn what_is_no_invitation_is_told() {
        let no_secret =
            expect!["the link has no invitation: it ends in `#join=` and a secret; copy the whole of it, in quotes"];
        check("https://a.example/", &no_secret);
        check("https://a.example/#join=", &no_secret);
        check("https://a.example/#token=s", &no_secret);
        for link in ["", "a.example/#join=s", "ftp://a.example/#join=s", "https://u:p@a.example/#join=s", "/#join=s"] {
            assert!(matches!(Invitation::parse(link), Err(LinkError::NoAddress(_))), "{link}");
        }
    }
}
