//! `stepwise campaign serve`: the coordinator, its verifiers, and a worker of its own; and `campaign watch`, which serves the
//! page alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use stepwise_core::wire::campaign::Side;
use stepwise_ledger::Ledger;
use stepwise_ledger::operations::{
    Authenticate, Candidate, Judged, Manifest, ReadManifest, ReadOverview, Timing, Trust,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::args::{CampaignServeArgs, CampaignWatchArgs, CoordinatorArgs, Modules};
use super::campaign::{AT_ONCE_MS, MODULES, host_of, invited, shown};
use super::outcome::Outcome;
use super::progress::Progress;
use super::serve::name_of;
use super::{donate, interrupt, lean, output};
use crate::campaign::coordinator::{self, Coordinator, Options};
use crate::campaign::folder::CampaignFolder;
use crate::donor::{self, Accounts, Base, Home, Invitation};
use crate::lean::host::Launch;
use crate::lean::pool::{Pool, PoolConfig};
use crate::lean::wasm::Sandbox;
use crate::learn::ROUNDS;
use crate::serve::{Access, AccessOptions, has_page, listen};
use crate::stop::{Stop, StopLevel};

/// How long donors get to hear that the campaign is over.
const FAREWELL: Duration = Duration::from_secs(60);

/// Serves a campaign until it is stopped, or over where that is asked.
pub(super) async fn serve(args: &CampaignServeArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let folder = CampaignFolder::open(&args.folder.folder)?;
    let _in_use = folder.in_use()?;
    let ledger = folder.ledger().await?;
    let made = ledger.read(ReadManifest).await?;
    if made.settings[ROUNDS] == true {
        bail!(
            "{0} is a run of `stepwise learn`: `stepwise learn {0} --listen {1}` goes on with it and lets others work for it, \
             `stepwise campaign watch {0}` shows it",
            args.folder.folder.display(),
            args.listen
        );
    }
    let progress = Progress::new(verbose);
    let modules = modules_of(&made);
    let prepared = prepare(args.listen, &args.coordinator, modules, &folder).await?;
    let Prepared { listener, address, access, verifiers, .. } = prepared;
    check_lean(&verifiers, &made.lean).await?;
    let stop = interrupt::listen(&progress)?;
    let (over, ended) = Stop::channel();
    let (halt, halted) = Stop::channel();
    let lost_ms = u64::try_from(args.lost_after.as_millis()).unwrap_or(u64::MAX);
    let mut options = options(&args.coordinator, verifiers.clone(), &folder, &progress);
    options.timing.lost_ms = lost_ms;
    options.over = Arc::new(move || {
        over.send_replace(StopLevel::Drain);
    });
    let served = coordinator::run(listener, ledger.clone(), access, options, halted);
    let own = OwnWorker { cores: args.workers as usize, folder: args.folder.folder.join("worker"), address, modules };
    let worked = async {
        if let Err(error) = own.work(&ledger, stop.clone(), &progress).await {
            progress.say(&format!("the coordinator's own worker ends: {error:#}"));
        }
        // It has handed in what it had when others are told to go.
        stop.clone().reached(StopLevel::Drain).await;
    };
    tokio::select! {
        served = served => served?,
        () = over_for_good(ended, args.until_over, &ledger) => {}
        () = worked => drop(halt.send_replace(StopLevel::Drain)),
    }
    progress.finish();
    for pool in verifiers {
        pool.shutdown().await;
    }
    output::print(&shown(&ledger.read(ReadOverview).await?, &[], &[]))?;
    Ok(if stop.level() == StopLevel::Run { Outcome::Proved } else { Outcome::Interrupted })
}

/// Serves a campaign's page until it is stopped, and changes nothing: others may work on the campaign meanwhile.
pub(super) async fn watch(args: &CampaignWatchArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let folder = CampaignFolder::open(&args.folder)?;
    let ledger = folder.ledger().await?;
    let (listener, address) = bind(args.listen)?;
    let hosts = args.public_url.as_deref().map(host_of).transpose()?.into_iter().collect();
    let access = Arc::new(Access::new(address, AccessOptions { hosts, ..AccessOptions::default() }));
    let progress = Progress::new(verbose);
    let stop = interrupt::listen(&progress)?;
    let coordinator = Coordinator::watch(ledger, access, folder.blobs()).await?;
    say_where(args.public_url.clone(), address)?;
    coordinator.serve(listener, stop).await;
    progress.finish();
    Ok(Outcome::Proved)
}

fn bind(at: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = listen(at)
        .with_context(|| format!("cannot listen at {at}; name a free port with --listen, or port 0 for any"))?;
    let address = listener.local_addr().context("cannot read the address")?;
    Ok((listener, address))
}

/// Prints where the campaign's page is.
fn say_where(public_url: Option<String>, address: SocketAddr) -> anyhow::Result<()> {
    if !has_page() {
        output::eprint("the page is not built: run `cargo xtask web`; the API is served nevertheless");
    }
    output::print(&format!("{}\n", public_url.unwrap_or_else(|| format!("http://{}", name_of(address)))))
}

/// Until the campaign is over and the donors have left, or had the time to; for ever where nobody asked.
async fn over_for_good(mut ended: Stop, is_asked: bool, ledger: &Ledger) {
    if !is_asked {
        std::future::pending::<()>().await;
    }
    ended.reached(StopLevel::Drain).await;
    let all_left = async {
        while ledger.read(ReadOverview).await.is_ok_and(|overview| overview.sessions > 0) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    // Sessions that are lost leave too; a ledger that fails is not waited for.
    let _ = tokio::time::timeout(FAREWELL, all_left).await;
}

/// A coordinator that could begin.
struct Prepared {
    listener: TcpListener,
    address: SocketAddr,
    access: Access,
    verifiers: Vec<Pool>,
    /// Starts a Lean as the verifiers'.
    launch: Arc<dyn Launch>,
}

/// Listens, prints the address, and starts the verifiers.
async fn prepare(
    at: SocketAddr,
    args: &CoordinatorArgs,
    modules: Modules,
    folder: &CampaignFolder,
) -> anyhow::Result<Prepared> {
    let (listener, address) = bind(at)?;
    let public_url = args.public_url.clone().or_else(|| folder.settings.public_url.clone());
    let hosts = public_url.as_deref().map(host_of).transpose()?.into_iter().collect();
    let sandbox = if args.no_sandbox { Sandbox::Wanted } else { Sandbox::Needed };
    let launch = lean::built_in(modules, sandbox).await?;
    let verifiers = (0..args.verifiers).map(|_| verifying(&launch, args)).collect();
    say_where(public_url, address)?;
    let access = Access::new(address, AccessOptions { hosts, ..AccessOptions::default() });
    Ok(Prepared { listener, address, access, verifiers, launch })
}

/// What Lean has imported in this campaign.
pub(super) fn modules_of(made: &Manifest) -> Modules {
    let named = made.settings[MODULES].as_str().and_then(|name| Modules::from_str(name, false).ok());
    named.unwrap_or(Modules::Init)
}

/// A Lean that searches nothing.
pub(super) fn verifying(launch: &Arc<dyn Launch>, args: &CoordinatorArgs) -> Pool {
    let mut config = PoolConfig { hosts: 1, ..PoolConfig::default() };
    config.recheck_limit = Duration::from_secs(u64::from(args.verify_timeout));
    Pool::start(Arc::clone(launch), config)
}

/// What a coordinator of these flags is started with.
pub(super) fn options(
    args: &CoordinatorArgs,
    verifiers: Vec<Pool>,
    folder: &CampaignFolder,
    progress: &Progress,
) -> Options {
    let verify_s = u64::from(args.verify_timeout);
    let told = progress.clone();
    Options {
        // Longer than Lean may take, and a start of its process.
        timing: Timing { check_ms: 2000 * verify_s + 60_000, ..Timing::default() },
        verifiers,
        verify_s,
        blobs: folder.blobs(),
        judged: Arc::new(move |candidate: &Candidate, judged| told.say(&line(candidate, judged))),
        has_rounds: false,
        over: Arc::new(|| {}),
    }
}

/// What a coordinator of a run of rounds needs, before the run has a ledger.
pub(super) struct OfRun {
    listener: TcpListener,
    access: Access,
    options: Options,
    /// Where others' proofs are done once more.
    pub(super) teaching: Pool,
}

/// A coordinator beside a run of rounds, which opens its stages.
pub(super) struct Served {
    served: JoinHandle<()>,
    halt: watch::Sender<StopLevel>,
    pools: Vec<Pool>,
}

impl OfRun {
    /// Listens, and starts Lean.
    ///
    /// # Errors
    /// The address is taken, or Lean does not start in a sandbox.
    pub(super) async fn prepare(
        at: SocketAddr,
        args: &CoordinatorArgs,
        modules: Modules,
        folder: &CampaignFolder,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let Prepared { listener, access, verifiers, launch, .. } = prepare(at, args, modules, folder).await?;
        let teaching = verifying(&launch, args);
        teaching.info().await?;
        let options = Options { has_rounds: true, ..options(args, verifiers, folder, progress) };
        Ok(Self { listener, access, options, teaching })
    }

    /// Begins to serve the run of this ledger.
    pub(super) fn serve(self, ledger: Ledger, progress: &Progress) -> Served {
        let Self { listener, access, options, teaching } = self;
        let (halt, halted) = Stop::channel();
        let pools = options.verifiers.iter().cloned().chain([teaching]).collect();
        let told = progress.clone();
        let served = tokio::spawn(async move {
            if let Err(error) = coordinator::run(listener, ledger, access, options, halted).await {
                told.say(&format!("others cannot work for the run: {error}"));
            }
        });
        Served { served, halt, pools }
    }
}

impl Served {
    /// Lets go of those who work for it; they ask again for a while.
    pub(super) async fn end(self) {
        self.halt.send_replace(StopLevel::Drain);
        let _ = self.served.await;
        for pool in self.pools {
            pool.shutdown().await;
        }
    }
}

/// Verdicts of another Lean would be about something else.
pub(super) async fn check_lean(verifiers: &[Pool], lean: &str) -> anyhow::Result<()> {
    let Some(pool) = verifiers.first() else { return Ok(()) };
    let own = pool.info().await?.to_string();
    if own == lean {
        return Ok(());
    }
    bail!("the campaign was made for {lean}, and this is {own}; use the stepwise that made it")
}

/// What became of a proof, on a line.
fn line(candidate: &Candidate, judged: Judged) -> String {
    let side = if candidate.side == Side::Statement { "proof" } else { "disproof" };
    let what = match judged {
        Judged::Solved => "accepted",
        Judged::Known => "accepted, as another was before",
        Judged::Refused => "refused",
        Judged::Undecided => "not decided: the verifier broke down",
        Judged::Contradiction => "accepted, and contradicts an accepted one: the campaign is halted",
    };
    format!("{}: {side} {what}", candidate.name)
}

/// A donor like any other, in the coordinator's process and on its machine.
struct OwnWorker {
    /// Searches at once; none where it is 0.
    cores: usize,
    /// Where its account and its finished work are kept.
    folder: PathBuf,
    /// Where the coordinator listens.
    address: SocketAddr,
    modules: Modules,
}

impl OwnWorker {
    async fn work(self, ledger: &Ledger, stop: Stop, progress: &Progress) -> anyhow::Result<()> {
        if self.cores == 0 {
            return Ok(());
        }
        let home = self.home(ledger).await?;
        let (offer, source) = donate::own(self.cores, self.modules).await?;
        donor::donate(home, offer, source, stop, Arc::new(donate::Line(progress.clone()))).await?;
        Ok(())
    }

    /// Its account, made when it works for the first time, or when the ledger has forgotten it.
    async fn home(&self, ledger: &Ledger) -> anyhow::Result<Home> {
        let ip = match self.address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip if ip.is_loopback() => ip,
            ip => bail!("--workers speaks to the coordinator at a loopback address, and it listens at {ip} alone"),
        };
        let base = Base::parse(&format!("http://{}", SocketAddr::new(ip, self.address.port())))?;
        let accounts = Accounts::open(Some(self.folder.clone()))?;
        for home in accounts.all()? {
            if let Some(account) = home.account()?
                && ledger.read(Authenticate { token_sha: account.token_sha() }).await?.is_some()
            {
                home.keep(&account.at(base))?;
                return Ok(home);
            }
        }
        let secret = invited(ledger, Trust::Operator, 1, AT_ONCE_MS).await?;
        let account = donor::join(Invitation { base, secret }, Some("coordinator".to_owned())).await?;
        Ok(accounts.save(&account)?)
    }
}
