//! Downloads one pinned tarball, goes on from what an earlier run left, and verifies it before anyone uses it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};
use ureq::Agent;
use ureq::http::header;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::SetupError;
use super::progress::{Meter, Phase, Progress};
use super::registry::{Package, Registry};

/// Attempts in a row that bring no byte before set-up gives up.
const FRUITLESS_ATTEMPTS: u32 = 4;
/// A server that ignores ranges and cuts every connection would otherwise be asked forever.
const ATTEMPTS: u32 = 50;
/// A connection on which nothing arrives for so long is dropped and made anew.
const STALL: Duration = Duration::from_secs(60);

/// The verified tarball of `package` in `folder`, downloaded unless it is there.
///
/// `registry` is only asked for when a download is needed. The caller holds the cache's lock.
pub(super) fn fetch(
    package: &Package,
    folder: &Path,
    registry: impl FnOnce() -> Result<Registry, SetupError>,
    first_pause: Duration,
    progress: &dyn Progress,
) -> Result<PathBuf, SetupError> {
    let done = folder.join(package.tarball());
    let part = partial(package, folder);
    if done.exists() {
        if matches_integrity(package, &done, progress)? {
            return Ok(done);
        }
        remove(&done)?;
    }
    fs::create_dir_all(folder).map_err(|source| SetupError::io("create", folder, package.bytes, source))?;
    let registry = registry()?;
    let client = Client { agent: agent(&registry)?, registry: &registry, package, part: &part };

    let mut fruitless = 0;
    // What was pieced together from several answers may be wrong although the server is right: it gets one more try.
    let mut pieced = length(&part) > 0;
    for _ in 0..ATTEMPTS {
        let before = length(&part);
        if before < package.bytes {
            pieced |= before > 0;
            let outcome = client.transfer(before, progress);
            let now = length(&part);
            if let Err(failure) = outcome {
                let cause = match failure {
                    Failure::Final(error) => return Err(error),
                    Failure::Broken(cause) => cause,
                };
                tracing::debug!(%package, now, cause, "the download was interrupted");
                fruitless = if now > before { 0 } else { fruitless + 1 };
                if fruitless >= FRUITLESS_ATTEMPTS {
                    return Err(client.network(cause));
                }
                thread::sleep(first_pause * 2u32.pow(fruitless));
                continue;
            }
        }
        if length(&part) == package.bytes && matches_integrity(package, &part, progress)? {
            fs::rename(&part, &done).map_err(|source| SetupError::io("write", &done, 0, source))?;
            return Ok(done);
        }
        remove(&part)?;
        if !pieced {
            return Err(SetupError::WrongHash { package: package.to_string(), registry: registry.address.clone() });
        }
        pieced = false;
    }
    Err(client.network("the connection broke too often".to_owned()))
}

/// The file that holds what has arrived so far.
pub(super) fn partial(package: &Package, folder: &Path) -> PathBuf {
    folder.join(format!("{}.part", package.tarball()))
}

/// One package, being asked for.
struct Client<'a> {
    agent: Agent,
    registry: &'a Registry,
    package: &'a Package,
    part: &'a Path,
}

/// How an attempt ended.
enum Failure {
    /// Trying again may help.
    Broken(String),
    Final(SetupError),
}

impl Client<'_> {
    /// Asks for the bytes from `have` on and appends them to the partial file.
    fn transfer(&self, have: u64, progress: &dyn Progress) -> Result<(), Failure> {
        let mut request = self.agent.get(self.registry.url(self.package));
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        if let Some(authorization) = &self.registry.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let response = request.call().map_err(|error| Failure::Broken(error.to_string()))?;
        let status = response.status().as_u16();
        let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let from = match status {
            // The server knows no ranges: it starts over, and so does the file.
            200 => 0,
            206 if range.is_some_and(|range| range.starts_with(&format!("bytes {have}-"))) => have,
            // What is there does not fit what the server has: start over.
            206 | 416 => {
                remove(self.part).map_err(Failure::Final)?;
                return Err(Failure::Broken("the registry answered with another range".to_owned()));
            }
            408 | 429 | 500..=599 => return Err(Failure::Broken(format!("status {status}"))),
            _ => {
                return Err(Failure::Final(SetupError::Refused {
                    package: self.package.to_string(),
                    registry: self.registry.address.clone(),
                    status,
                }));
            }
        };
        self.store(response.into_body().into_reader(), from, progress)
    }

    fn store(&self, mut body: impl Read, from: u64, progress: &dyn Progress) -> Result<(), Failure> {
        let wrong = |source| Failure::Final(SetupError::io("write", self.part, self.package.bytes - from, source));
        let mut file = OpenOptions::new().create(true).append(true).open(self.part).map_err(wrong)?;
        file.set_len(from).map_err(wrong)?;
        let mut meter = Meter::start(progress, Phase::Downloading, self.package.to_string(), from, self.package.bytes);
        let mut left = self.package.bytes - from;
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match body.read(&mut buffer[..room]) {
                Ok(0) => return Err(Failure::Broken("the connection was closed too early".to_owned())),
                Ok(n) => {
                    file.write_all(&buffer[..n]).map_err(wrong)?;
                    left -= n as u64;
                    meter.advance(n as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Broken(error.to_string())),
            }
        }
        Ok(())
    }

    fn network(&self, cause: String) -> SetupError {
        SetupError::Network { package: self.package.to_string(), registry: self.registry.address.clone(), cause }
    }
}

/// An HTTP client that trusts what the user's system trusts: SSL_CERT_FILE, the system's store, or npm's `cafile`.
fn agent(registry: &Registry) -> Result<Agent, SetupError> {
    let roots = match &registry.ca_file {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let bad = |error: &dyn std::fmt::Display| SetupError::NpmConfig {
                detail: format!("its cafile {} cannot be read: {error}", path.display()),
            };
            let pem = fs::read(path).map_err(|error| bad(&error))?;
            let certificates = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                Ok(_) => None,
                Err(error) => Some(Err(bad(&error))),
            });
            RootCerts::from(certificates.collect::<Result<Vec<_>, _>>()?)
        }
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("stepwise/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(STALL))
        .tls_config(TlsConfig::builder().root_certs(roots).build());
    let proxy = match &registry.proxy {
        _ if registry.is_local() => None,
        None => ureq::Proxy::try_from_env(),
        Some(configured) => match ureq::Proxy::try_from_env() {
            Some(proxy) => Some(proxy),
            None => Some(
                ureq::Proxy::new(configured)
                    .map_err(|error| SetupError::NpmConfig { detail: format!("its proxy cannot be used: {error}") })?,
            ),
        },
    };
    Ok(config.proxy(proxy).build().new_agent())
}

/// Whether the file is, byte for byte, what was pinned.
fn matches_integrity(package: &Package, path: &Path, progress: &dyn Progress) -> Result<bool, SetupError> {
    let wrong = |source| SetupError::io("read", path, 0, source);
    let mut file = File::open(path).map_err(wrong)?;
    let mut meter = Meter::start(progress, Phase::Verifying, package.to_string(), 0, package.bytes);
    let mut hash = Sha512::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(wrong)? {
            0 => break,
            n => {
                hash.update(&buffer[..n]);
                meter.advance(n as u64);
            }
        }
    }
    Ok(format!("sha512-{}", STANDARD.encode(hash.finalize())) == package.integrity)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn remove(path: &Path) -> Result<(), SetupError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SetupError::io("remove", path, 0, source)),
        _ => Ok(()),
    }
}
