//! `stepwise donate`: lends this machine to a campaign, and the small commands around it.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::args::{
    Device, DonateArgs, DonateCommand, DonateFolderArgs, DonateJoinArgs, DonatePauseArgs, DonateStatusArgs,
    DonateWorkArgs, DonorPriority, Hosts, LeanArgs, Modules,
};
use super::interrupt::{self, Lines};
use super::lean;
use super::outcome::Outcome;
use super::output::{self, GOOD, styled};
use super::progress::Progress;
use super::runtime::block_on;
use crate::donor::{
    Accounts, Farewell, Home, Invitation, LeanOffer, ModelOffer, Offer, Status, Teller, Under, Verifiers, Wish, donate,
    in_ms, join, time_in_words, verify,
};
use crate::lean::wasm::Sandbox;
use crate::models::DeviceChoice;
use crate::process;

/// Memory that a search's Lean, and the one that rechecks, is reckoned to need, in MB.
const SEARCH_MB: u64 = 1536;

/// What a coordinator's own machine may keep of finished searches, in bytes.
const OWN_SPOOL_BYTES: u64 = 100_000_000;

/// Wall clock of a tactic, the same for all donors.
const STEP: Duration = Duration::from_secs(10);

pub(super) fn run(args: &DonateArgs, verbose: u8) -> anyhow::Result<Outcome> {
    match &args.command {
        None => work(&args.work, verbose),
        Some(DonateCommand::Join(args)) => block_on(joined(args)),
        Some(DonateCommand::Status(args)) => status(args),
        Some(DonateCommand::Page(args)) => page(args),
        Some(DonateCommand::Pause(args)) => pause(args),
        Some(DonateCommand::Resume(args)) => resume(args),
        Some(DonateCommand::Finish(args)) => finish(args),
        Some(DonateCommand::Systemd(args)) => systemd(&args.work),
    }
}

fn work(args: &DonateWorkArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let home = accounts(args.folder.folder.as_deref())?.one(args.folder.campaign.as_deref())?;
    // Before there are threads, because each takes it from the one that starts it, and Lean's processes from them.
    if args.priority == DonorPriority::Idle
        && let Err(error) = process::give_way()
    {
        output::eprint(&format!("searches do not give way to other programs: {error}"));
    }
    block_on(lend(args, home, verbose))
}

async fn lend(args: &DonateWorkArgs, home: Home, verbose: u8) -> anyhow::Result<Outcome> {
    let progress = Progress::new(verbose);
    let lines = Lines {
        draining: "finishing the searches under way; press Ctrl-C again to hand them back",
        stopping: "handing back the searches under way",
    };
    let stop = interrupt::listen_saying(&progress, lines)?;
    let teller: Arc<dyn Teller> = Arc::new(Line(progress.clone()));
    if args.operator {
        let launch = lean::built_in(args.modules, Sandbox::Needed).await?;
        let verifiers = Verifiers { count: args.cores.count(), label: args.label.clone(), launch };
        let farewell = verify(home, verifiers, stop, teller).await;
        progress.finish();
        return Ok(outcome(farewell?));
    }
    let wanted = args.cores.count();
    let Lent { cores, memory_mb, host_memory } = lent(wanted, args.memory.map(u64::from))?;
    if cores < wanted {
        progress.say(&format!("{cores} searches at once, because --memory is not enough for {wanted}"));
    }
    let source = lean_offer(cores, args.modules, host_memory).await?;
    let offer = Offer {
        cores,
        memory_mb,
        spool_bytes: u64::from(args.disk) * 1_000_000,
        models: ModelOffer {
            device: args.device.choice(),
            threads: cores,
            disk_bytes: u64::from(args.models_disk) * 1_000_000,
        },
        schedule: args.schedule,
        label: args.label.clone(),
        once: args.once,
    };
    let farewell = donate(home, offer, source, stop, teller).await;
    progress.finish();
    Ok(outcome(farewell?))
}

fn outcome(farewell: Farewell) -> Outcome {
    match farewell {
        Farewell::Finished => Outcome::Proved,
        Farewell::HandedBack => Outcome::Interrupted,
    }
}

/// What a coordinator's own machine lends to it.
pub(super) async fn own(cores: usize, modules: Modules) -> anyhow::Result<(Offer, LeanOffer)> {
    let Lent { cores, memory_mb, host_memory } = lent(cores, None)?;
    let offer = Offer {
        cores,
        memory_mb,
        spool_bytes: OWN_SPOOL_BYTES,
        models: ModelOffer { device: DeviceChoice::Auto, threads: cores, disk_bytes: u64::MAX },
        schedule: None,
        label: "coordinator".to_owned(),
        once: false,
    };
    Ok((offer, lean_offer(cores, modules, host_memory).await?))
}

/// The Lean for so many searches at once.
async fn lean_offer(cores: usize, modules: Modules, host_memory: u64) -> anyhow::Result<LeanOffer> {
    let lean_args = LeanArgs {
        hosts: Hosts(u32::try_from(cores).ok()),
        step_timeout: STEP,
        preamble: "none".to_owned(),
        modules,
        lean_project: None,
        repl: None,
    };
    let launch = lean::launcher(&lean_args).await?;
    let mut pool = lean::pool_config(&lean_args);
    pool.host_memory = pool.host_memory.min(host_memory);
    Ok(LeanOffer { launch, pool, modules: modules.choice().names() })
}

/// What is lent.
#[derive(Debug, PartialEq, Eq)]
struct Lent {
    cores: usize,
    /// What Lean may use in all.
    memory_mb: u64,
    /// What one of its processes may keep, in bytes.
    host_memory: u64,
}

/// As many searches at once as there is memory for, with one process more that rechecks.
fn lent(cores: usize, memory_mb: Option<u64>) -> anyhow::Result<Lent> {
    let needed = |cores: u64| (cores + 1) * SEARCH_MB;
    let wanted = cores as u64;
    let Some(memory_mb) = memory_mb else {
        return Ok(Lent { cores, memory_mb: needed(wanted), host_memory: u64::MAX });
    };
    anyhow::ensure!(memory_mb >= needed(1), "a search needs {} MB: give --memory that much or more", needed(1));
    let cores = wanted.min(memory_mb / SEARCH_MB - 1);
    let host_memory = (memory_mb / (cores + 1)) << 20;
    Ok(Lent { cores: usize::try_from(cores)?, memory_mb, host_memory })
}

/// The progress line.
pub(super) struct Line(pub(super) Progress);

impl Teller for Line {
    fn say(&self, line: &str) {
        self.0.say(line);
    }

    fn update(&self, line: &str) {
        self.0.update(|| line.to_owned());
    }
}

fn accounts(folder: Option<&Path>) -> anyhow::Result<Accounts> {
    Ok(Accounts::open(folder.filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned))?)
}

fn homes(args: &DonateFolderArgs) -> anyhow::Result<Vec<Home>> {
    Ok(accounts(args.folder.as_deref())?.named(args.campaign.as_deref())?)
}

async fn joined(args: &DonateJoinArgs) -> anyhow::Result<Outcome> {
    let accounts = accounts(args.folder.as_deref())?;
    let invitation = Invitation::parse(&args.link)?;
    accounts.prepare()?;
    let account = join(invitation, args.name.clone()).await?;
    let home = accounts.save(&account)?;
    let several = accounts.all()?.len() > 1;
    let campaign = if several { format!(" --campaign {}", home.name()) } else { String::new() };
    output::print(&format!(
        "{} the campaign {} at {} as number {}; `stepwise donate{campaign}` begins to work\n",
        styled(GOOD, "joined"),
        account.campaign,
        account.base,
        account.account,
    ))?;
    Ok(Outcome::Proved)
}

fn status(args: &DonateStatusArgs) -> anyhow::Result<Outcome> {
    let mut is_running = false;
    for home in homes(&args.folder)? {
        let status = home.status().with_context(|| {
            format!("cannot read what the donor of {} does; the next `stepwise donate` writes it anew", home.name())
        })?;
        is_running |= status.as_ref().is_some_and(Status::is_running);
        if args.json {
            let running = status.as_ref().is_some_and(Status::is_running);
            output::print_json(&serde_json::json!({ "campaign": home.name(), "running": running, "status": status }))?;
        } else {
            output::print(&in_words(&home, status.as_ref()))?;
        }
    }
    Ok(if is_running { Outcome::Proved } else { Outcome::NotProved })
}

/// The status as a person reads it.
fn in_words(home: &Home, status: Option<&Status>) -> String {
    let name = home.name();
    let Some(status) = status else { return format!("{name}: no donor has run; `stepwise donate` begins to work\n") };
    let mut text = if status.is_running() {
        let why = status.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let until = status.until_ms.map_or_else(String::new, |ms| format!(" (until {})", time_in_words(ms)));
        format!("{name}: {}{why}{until}\n", status.state.in_words())
    } else {
        let why = status.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        format!("{name}: no donor runs; the last was seen at {}{why}\n", time_in_words(status.at_ms))
    };
    let mut rows = Vec::new();
    if status.is_running() {
        rows.push(vec![
            "  under way".to_owned(),
            format!("{} of {}, {} wait", status.searches.len(), status.cores, status.waiting),
        ]);
    }
    rows.push(vec!["  done".to_owned(), format!("{} searches, {} proofs", status.done.searches, status.done.proofs)]);
    rows.push(vec!["  to be sent".to_owned(), status.unsent.to_string()]);
    text.push_str(&output::table(&rows, &[]));
    if status.is_running() {
        for Under { unit, theorem, expansions, seconds, .. } in &status.searches {
            let _ = writeln!(text, "  search {unit}, {theorem}: {expansions} expansions in {seconds} s");
        }
    }
    text
}

fn page(args: &DonateFolderArgs) -> anyhow::Result<Outcome> {
    let home = accounts(args.folder.as_deref())?.one(args.campaign.as_deref())?;
    let account = home.account()?.context("this campaign was left; join it again with a new link")?;
    output::print(&format!("{}\n", account.page()))?;
    Ok(Outcome::Proved)
}

fn pause(args: &DonatePauseArgs) -> anyhow::Result<Outcome> {
    let until_ms = args.time.map(in_ms);
    for home in homes(&args.folder)? {
        wish(&home, Some(Wish::Pause { until_ms }))?;
        let until = until_ms.map_or_else(|| "`stepwise donate resume`".to_owned(), time_in_words);
        output::print(&format!("{}: paused until {until}\n", home.name()))?;
    }
    Ok(Outcome::Proved)
}

fn resume(args: &DonateFolderArgs) -> anyhow::Result<Outcome> {
    for home in homes(args)? {
        wish(&home, None)?;
        let running = home.status().ok().flatten().is_some_and(|status| status.is_running());
        let how = if running { "the donor goes on" } else { "no donor runs; `stepwise donate` begins to work" };
        output::print(&format!("{}: {how}\n", home.name()))?;
    }
    Ok(Outcome::Proved)
}

fn finish(args: &DonateFolderArgs) -> anyhow::Result<Outcome> {
    for home in homes(args)? {
        let running = home.status().ok().flatten().is_some_and(|status| status.is_running());
        let how = if running {
            wish(&home, Some(Wish::Finish))?;
            "the donor finishes what is under way, and ends"
        } else {
            "no donor runs"
        };
        output::print(&format!("{}: {how}\n", home.name()))?;
    }
    Ok(Outcome::Proved)
}

fn wish(home: &Home, wish: Option<Wish>) -> anyhow::Result<()> {
    home.wish(wish).with_context(|| format!("cannot write into {}", home.folder().display()))
}

fn systemd(args: &DonateWorkArgs) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut line = vec![program.display().to_string(), "donate".to_owned()];
    if args.operator {
        line.push("--operator".to_owned());
    }
    let mut flag = |name: &str, value: Option<String>| {
        line.extend(value.map(|value| [format!("--{name}"), value]).into_iter().flatten());
    };
    let folder = args.folder.folder.as_ref().map(|folder| std::path::absolute(folder).unwrap_or(folder.clone()));
    flag("folder", folder.map(|folder| folder.display().to_string()));
    flag("campaign", args.folder.campaign.clone());
    flag("cores", args.cores.0.map(|n| n.to_string()));
    flag("memory", args.memory.map(|n| n.to_string()));
    flag("disk", (args.disk != 100).then(|| args.disk.to_string()));
    flag("models-disk", (args.models_disk != 20_000).then(|| args.models_disk.to_string()));
    flag("device", (args.device != Device::Auto).then(|| args.device.name().to_owned()));
    flag("schedule", args.schedule.map(|schedule| schedule.to_string()));
    flag("label", (!args.label.is_empty()).then(|| args.label.clone()));
    flag("modules", (args.modules == super::args::Modules::Std).then(|| args.modules.name().to_owned()));
    flag("priority", (args.priority == DonorPriority::Normal).then(|| "normal".to_owned()));
    output::print(&unit(&line, args.priority))?;
    Ok(Outcome::Proved)
}

/// The unit file for this command line.
fn unit(line: &[String], priority: DonorPriority) -> String {
    let line: Vec<String> = line.iter().map(|word| quoted(word)).collect();
    let nice = if priority == DonorPriority::Idle { "Nice=19\n" } else { "" };
    format!(
        "# ~/.config/systemd/user/stepwise-donate.service; then:\n\
         # systemctl --user enable --now stepwise-donate; loginctl enable-linger\n\
         [Unit]\n\
         Description=stepwise lends this machine to a campaign\n\
         \n\
         [Service]\n\
         ExecStart={}\n\
         {nice}\
         KillSignal=SIGTERM\n\
         KillMode=mixed\n\
         TimeoutStopSec=30\n\
         # What it ends with when it is told to stop.\n\
         SuccessExitStatus=130\n\
         Restart=on-failure\n\
         RestartSec=60\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        line.join(" ")
    )
}

/// A word as systemd reads it (systemd.service(5), "Command lines").
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    if !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | ';')) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod donor_tests {
    use super::*;

    #[test]
    fn there_are_as_many_searches_as_there_is_memory_for() {
        assert_eq!(lent(4, None).unwrap(), Lent { cores: 4, memory_mb: 7680, host_memory: u64::MAX });
        assert_eq!(lent(8, Some(8000)).unwrap(), Lent { cores: 4, memory_mb: 8000, host_memory: 1600 << 20 });
        assert_eq!(lent(2, Some(16_000)).unwrap().cores, 2);
        assert!(lent(2, Some(3071)).unwrap_err().to_string().contains("a search needs 3072 MB"));
    }

    #[test]
    fn words_are_quoted_as_systemd_wants_them() {
        let line = ["/opt/my programs/stepwise", "--label", "100% \"mine\""].map(str::to_owned);
        let unit = unit(&line, DonorPriority::Idle);
        assert!(
            unit.contains("ExecStart=\"/opt/my programs/stepwise\" --label \"100%% \\\"mine\\\"\"\nNice=19\n"),
            "{unit}"
        );
        assert!(!super::unit(&line, DonorPriority::Normal).contains("Nice"));
    }
}
