//! Who may connect: allow-lists of Host and Origin against pages of other sites, and tokens beyond loopback.
//!
//! A page of another site can make a browser send requests to a server on its user's machine, and by rebinding a name even
//! read the answers. The Host header tells the rebound name, the Origin the other site.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::problem::Problem;
use super::secret::{KEY, Tickets, same};

/// What a browser may do with the page: run what the server sent it, and talk to the server.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'";

/// What the caller allows besides the server's own address.
#[derive(Clone, Debug, Default)]
pub struct AccessOptions {
    /// More names under which the server may be asked, with a port or without.
    pub hosts: Vec<String>,
    /// More origins whose pages may ask, such as `https://prover.example`.
    pub origins: Vec<String>,
    /// What requests must carry; none where everybody who can reach the server may use it.
    pub token: Option<String>,
}

/// The rules, and the tickets that are out.
#[derive(Debug)]
pub struct Access {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
    /// The origins among them that are not the server's own.
    others: Vec<HeaderValue>,
    token: Option<String>,
    tickets: Tickets,
}

impl Access {
    /// The rules of a server that listens at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, options: AccessOptions) -> Self {
        let port = address.port();
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        if !address.ip().is_unspecified() {
            names.push(match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        let mut hosts = BTreeSet::new();
        let mut origins: BTreeSet<String> =
            options.origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        let others = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        for name in names {
            // Browsers leave the port out where it is the scheme's own.
            if port == 80 {
                hosts.insert(name.clone());
            }
            hosts.insert(format!("{name}:{port}"));
        }
        origins.extend(hosts.iter().map(|host| format!("http://{host}")));
        for name in options.hosts {
            let name = name.to_ascii_lowercase();
            // Whoever names a host has something in front of the server, which may speak TLS.
            for host in [name.clone(), format!("{name}:{port}")] {
                origins.extend([format!("http://{host}"), format!("https://{host}")]);
                hosts.insert(host);
            }
        }
        Self { hosts, origins, others, token: options.token, tickets: Tickets::default() }
    }

    /// What lets pages of the listed origins read answers, as far as browsers ask.
    pub(super) fn cors(&self) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.others.clone()))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static(KEY)])
            .expose_headers([header::RETRY_AFTER])
            .allow_private_network(true)
    }

    /// A pass for one WebSocket.
    pub(super) fn ticket(&self) -> Result<String, Problem> {
        let ticket = self.tickets.issue();
        ticket.ok_or_else(|| Problem::too_many("too many tickets are out; use those, or wait half a minute"))
    }

    fn check_names(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = named.or(uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
        if !self.hosts.contains(&host.to_ascii_lowercase()) {
            return Err(Problem::forbidden(format!(
                "the Host `{host}` is not on the list; start the server with `--allow-host {host}` if it is yours"
            )));
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or("?");
        if !self.origins.contains(&origin.to_ascii_lowercase()) {
            return Err(Problem::forbidden(format!(
                "the Origin `{origin}` is not on the list; start the server with `--allow-origin {origin}` if you trust it"
            )));
        }
        Ok(())
    }

    fn check_token(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(given) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
            return if same(given, token) { Ok(()) } else { Err(Problem::unauthorized("the token is wrong")) };
        }
        // Only a WebSocket's address may have a ticket: with one, nobody gets the next.
        let query = uri.query().filter(|_| uri.path().ends_with("/socket")).unwrap_or_default();
        let ticket = query.split('&').find_map(|pair| pair.strip_prefix("ticket="));
        let Some(ticket) = ticket else {
            return Err(Problem::unauthorized(
                "this server wants a token: open the address that it printed when it started, or send \
                 `Authorization: Bearer TOKEN`",
            ));
        };
        if self.tickets.redeem(ticket) {
            return Ok(());
        }
        Err(Problem::unauthorized("the ticket is used or too old; buy another one with the token"))
    }
}

/// Lets in what names the server by its own name, and puts the page under rules.
pub(crate) async fn admit(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if let Err(problem) = access.check_names(request.uri(), request.headers()) {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Lets in what carries the token, where there is one. The page itself is no secret.
pub(super) async fn authorise(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match access.check_token(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: &Access, headers: &[(&'static str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let uri = Uri::from_static("/api/v1/info");
        let checked = access.check_names(&uri, &map).and_then(|()| access.check_token(&uri, &map));
        checked.map_or_else(|problem| problem.told.status, |()| 200)
    }

    #[test]
    fn only_known_names_are_answered() {
        let options = AccessOptions { hosts: vec!["Prover.example".into()], ..AccessOptions::default() };
        let access = Access::new("127.0.0.1:7878".parse().unwrap(), options);
        assert_eq!(check(&access, &[("host", "127.0.0.1:7878")]), 200);
        assert_eq!(check(&access, &[("host", "LOCALHOST:7878"), ("origin", "http://localhost:7878")]), 200);
        assert_eq!(check(&access, &[("host", "prover.example"), ("origin", "https://prover.example")]), 200);
        for host in ["localhost", "localhost:7879", "evil.example:7878", "127.0.0.1:7878.evil.example", ""] {
            assert_eq!(check(&access, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(check(&access, &[]), 403);
        for origin in ["null", "http://evil.example", "http://localhost:7879", "https://localhost:7878"] {
            assert_eq!(check(&access, &[("host", "localhost:7878"), ("origin", origin)]), 403, "{origin}");
        }
    }

    #[test]
    fn a_token_is_wanted_where_there_is_one_and_a_ticket_is_good_once() {
        let options = AccessOptions { token: Some("secret".into()), ..AccessOptions::default() };
        let access = Access::new("0.0.0.0:80".parse().unwrap(), options);
        let host = ("host", "localhost");
        assert_eq!(check(&access, &[host]), 401);
        assert_eq!(check(&access, &[host, ("authorization", "Bearer secre")]), 401);
        assert_eq!(check(&access, &[host, ("authorization", "Bearer secret")]), 200);
        let uri: Uri = format!("/api/v1/socket?ticket={}", access.ticket().unwrap()).parse().unwrap();
        assert!(access.check_token(&uri, &HeaderMap::new()).is_ok());
        assert!(access.check_token(&uri, &HeaderMap::new()).is_err());
        let elsewhere: Uri = format!("/api/v1/tickets?ticket={}", access.ticket().unwrap()).parse().unwrap();
        assert!(access.check_token(&elsewhere, &HeaderMap::new()).is_err(), "a ticket buys no ticket");
    }
}
