//! `stepwise serve`: the page, and Lean behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use super::args::{ModelSource, ServeArgs};
use super::beside::Campaign;
use super::models::Models;
use super::outcome::Outcome;
use super::progress::Progress;
use super::{input, interrupt, lean, output};
use crate::serve::{self, Access, AccessOptions, Beside, Service};

pub(super) async fn run(args: &ServeArgs, verbose: u8) -> anyhow::Result<Outcome> {
    // First of all, so that a port that is taken is told at once.
    let listener = TcpListener::bind((args.host, args.port)).await.with_context(|| {
        format!("cannot listen at {}:{}; name a free port with --port, or 0 for any", args.host, args.port)
    })?;
    let address = listener.local_addr().context("cannot read the address")?;
    let progress = Progress::new(verbose);
    // Whatever searches will want, suggestions have scores where there is a critic.
    let has_critic = args.models.sources.critic != ModelSource::BuiltIn;
    let Models { policy, critic } = Models::open_for(&args.models, &args.lean, has_critic, &progress).await?;
    let pool = lean::start_pool(&args.lean).await?;
    let stop = interrupt::listen(&progress)?;
    let in_flight = u32::try_from(lean::n_hosts(&args.lean)).unwrap_or(u32::MAX);
    let limits = serve::default_limits(args.lean.step_timeout);
    let service = Service::new(pool.clone(), policy, critic, input::defaults(&args.lean)?, in_flight, limits).await?;
    progress.finish();

    if args.campaign.is_some() && !address.ip().is_loopback() {
        bail!(
            "--campaign is for this machine alone; `stepwise campaign serve --listen {address}` serves one to others"
        );
    }
    let token = args.token.clone().or_else(|| (!address.ip().is_loopback()).then(serve::new_token));
    if !serve::has_page() {
        output::eprint("the page is not built: run `cargo xtask web`; the API is served nevertheless");
    }
    let is_public = !address.ip().is_loopback() || !args.allow_host.is_empty();
    if is_public && token.is_none() {
        output::eprint(
            "whoever reaches the server under a name of --allow-host may use it; --token TOKEN asks for more",
        );
    }
    if args.lean.lean_project.is_some() && is_public {
        output::eprint(
            "native Lean runs what a statement tells it to, with your rights: let in only people whom you trust",
        );
    }
    let options =
        AccessOptions { hosts: args.allow_host.clone(), origins: args.allow_origin.clone(), token: token.clone() };
    let access = Arc::new(Access::new(address, options));
    let campaign = match &args.campaign {
        Some(folder) => Some(Campaign::open(folder, Arc::clone(&access), &progress).await?),
        None => None,
    };
    let shown = token.or_else(|| campaign.as_ref()?.token.clone());
    let behind = shown.map_or_else(String::new, |token| format!("#token={token}"));
    output::print(&format!("http://{}/{behind}\n", name_of(address)))?;
    let beside = campaign
        .as_ref()
        .map(|Campaign { coordinator, .. }| Beside { info: coordinator.info(), routes: coordinator.routes() });
    serve::run(listener, Arc::new(service), access, beside, stop).await;
    if let Some(campaign) = campaign {
        campaign.close().await;
    }
    pool.shutdown().await;
    Ok(Outcome::Proved)
}

/// Where a server that listens there can be asked from this machine: nobody can ask for the address that stands for all of
/// the machine's.
pub(super) fn name_of(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}
