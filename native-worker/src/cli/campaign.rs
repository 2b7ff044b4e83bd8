//! `stepwise campaign`: making a campaign, serving it, and looking after it.

use std::io::Write;

use anyhow::{Context, bail};
use stepwise_core::problem::Problem;
use stepwise_core::wire::campaign::{Doing, Effort, ModelFiles, Overview, Recipe, Side, State};
use stepwise_core::wire::log::config_value;
use stepwise_core::words;
use stepwise_ledger::operations::{
    Block, Canaries, Create, Doubted, Invite, Join, NewProblem, NewStage, ReadDoubted, ReadOverview, ReadProofs,
    ReadSessions, Rerank, Revoke, SessionView, SetState, Solved, Trust, Unblock,
};
use stepwise_ledger::{Ledger, hash_of};

use super::args::{
    CampaignBackupArgs, CampaignBlockArgs, CampaignCommand, CampaignExportArgs, CampaignFolderArgs, CampaignInitArgs,
    CampaignInviteArgs, CampaignRerankArgs, CampaignRestoreArgs, CampaignStatusArgs, CampaignTokenArgs,
};
use super::models::{Published, publish};
use super::outcome::Outcome;
use super::progress::Progress;
use super::{coordinator, input, lean, output};
use crate::campaign::folder::CampaignFolder;
use crate::serve::new_token;

/// What the manifest says that Lean has imported.
pub(super) const MODULES: &str = "modules";

/// Problems below which there are no canaries: a few solved ones would be missed among so few.
const FEWEST: usize = 100;

/// How long an invitation is good that this program itself accepts, in milliseconds.
pub(super) const AT_ONCE_MS: u64 = 60_000;

/// Solved problems that are read at once.
const PAGE: u64 = 500;

pub(super) async fn run(command: &CampaignCommand, verbose: u8) -> anyhow::Result<Outcome> {
    match command {
        CampaignCommand::Init(args) => init(args, verbose).await,
        CampaignCommand::Serve(args) => coordinator::serve(args, verbose).await,
        CampaignCommand::Watch(args) => coordinator::watch(args, verbose).await,
        CampaignCommand::Invite(args) => invite(args).await,
        CampaignCommand::Token(args) => token(args).await,
        CampaignCommand::Status(args) => status(args).await,
        CampaignCommand::Pause(args) => set(args, State::Paused).await,
        CampaignCommand::Resume(args) => set(args, State::Running).await,
        CampaignCommand::Finish(args) => set(args, State::Finishing).await,
        CampaignCommand::Stop(args) => set(args, State::Done).await,
        CampaignCommand::Block(args) => block(args).await,
        CampaignCommand::Unblock(args) => {
            ledger(&args.folder).await?.run(Unblock { account: args.account }).await?;
            Ok(Outcome::Proved)
        }
        CampaignCommand::Rerank(args) => rerank(args).await,
        CampaignCommand::Revoke(args) => {
            ledger(&args.folder).await?.run(Revoke { account: args.account }).await?;
            Ok(Outcome::Proved)
        }
        CampaignCommand::Backup(args) => backup(args).await,
        CampaignCommand::Restore(args) => restore(args).await,
        CampaignCommand::Export(args) => export(args).await,
    }
}

async fn init(args: &CampaignInitArgs, verbose: u8) -> anyhow::Result<Outcome> {
    if args.lean.lean_project.is_some() {
        bail!(
            "a campaign runs the built-in Lean, because native Lean would give strangers' proofs the rights of whoever runs \
             it; leave --lean-project out"
        );
    }
    if !(args.ramp.is_finite() && args.ramp >= 1.0) {
        bail!("--ramp {} makes stages smaller; give a number of at least 1", args.ramp);
    }
    if let Some(url) = &args.public_url {
        host_of(url)?;
    }
    let path = &args.folder.folder;
    let folder = CampaignFolder::create(path, args.database.clone(), args.public_url.clone())?;
    let (mut problems, _) = input::problems(&args.file, &args.lean, args.strict)?;
    if let Some(limit) = args.limit {
        problems.truncate(limit as usize);
    }
    let progress = Progress::new(verbose);
    let published = publish(&args.models, &args.budget.config(1), folder.blobs(), &progress).await?;
    progress.update(|| "starting Lean".to_owned());
    let pool = lean::start_pool(&args.lean).await?;
    let lean = pool.info().await?.to_string();
    pool.shutdown().await;
    progress.finish();
    let name = match &args.name {
        Some(name) => name.clone(),
        None => std::path::absolute(path)?.file_name().map_or("campaign".into(), |name| name.to_string_lossy()).into(),
    };
    let n_problems = problems.len();
    let canaries = if args.no_canaries || n_problems < FEWEST { Canaries::NONE } else { Canaries::default() };
    let create = Create {
        name: name.clone(),
        manifest: serde_json::json!({
            "stepwise": env!("CARGO_PKG_VERSION"),
            "file": args.file.display().to_string(),
            "stages": args.stages,
            "ramp": args.ramp,
            "tries": args.tries,
            "disprove": !args.no_disprove,
            MODULES: args.lean.modules.name(),
        }),
        canaries,
        seed: args.budget.seed,
        problems: problems.into_iter().map(new_problem).collect(),
        stages: (0..args.stages).map(|number| stage(args, number, &published, &lean)).collect(),
        lean,
    };
    folder.new_ledger().await?.run(create).await?;
    folder.save()?;
    output::print(&format!(
        "the campaign `{name}` has {}, in {}; serve it with `stepwise campaign serve {}`\n",
        words::count(n_problems, "problem"),
        words::count(args.stages as usize, "stage"),
        path.display()
    ))?;
    Ok(Outcome::Proved)
}

fn new_problem(Problem { name, theorem, .. }: Problem) -> NewProblem {
    NewProblem { split: String::new(), name, theorem }
}

/// The stage of this number, from 0.
fn stage(args: &CampaignInitArgs, number: u32, Published { proposer, scorer }: &Published, lean: &str) -> NewStage {
    let mut config = args.budget.config(1);
    config.budget = config.budget.grown(args.ramp.powi(i32::try_from(number).unwrap_or(i32::MAX)));
    let sides = if args.no_disprove { vec![Side::Statement] } else { vec![Side::Statement, Side::Negation] };
    NewStage {
        name: format!("stage {}", number + 1),
        recipe: Recipe {
            config: config_value(&config),
            policy: proposer.name(),
            critic: scorer.as_ref().map(ModelFiles::versioned_name),
            lean: lean.to_owned(),
            proposer: proposer.clone(),
            scorer: scorer.clone(),
        },
        sides,
        tries: u64::from(args.tries),
    }
}

async fn invite(args: &CampaignInviteArgs) -> anyhow::Result<Outcome> {
    let folder = CampaignFolder::open(&args.folder.folder)?;
    let url = public_url(args.public_url.as_ref(), &folder)?;
    let trust = if args.operator { Trust::Operator } else { Trust::Donor };
    let lives_ms = u64::try_from(args.expires.as_millis()).unwrap_or(u64::MAX);
    let secret = invited(&folder.ledger().await?, trust, u64::from(args.uses), lives_ms).await?;
    output::print(&format!("{url}/#join={secret}\n"))?;
    Ok(Outcome::Proved)
}

/// The secret of a new invitation, which so many may use for so many milliseconds.
pub(super) async fn invited(ledger: &Ledger, trust: Trust, uses: u64, lives_ms: u64) -> anyhow::Result<String> {
    let secret = new_token() + &new_token();
    ledger.run(Invite { secret_sha: hash_of(&secret), trust, uses, lives_ms }).await?;
    Ok(secret)
}

/// The address under which others reach the coordinator, without a slash at its end.
fn public_url(told: Option<&String>, folder: &CampaignFolder) -> anyhow::Result<String> {
    let Some(url) = told.or(folder.settings.public_url.as_ref()) else {
        bail!("say with --public-url under which address the coordinator is reached, such as https://prover.example");
    };
    host_of(url)?;
    Ok(url.trim_end_matches('/').to_owned())
}

async fn token(args: &CampaignTokenArgs) -> anyhow::Result<Outcome> {
    let folder = CampaignFolder::open(&args.folder.folder)?;
    let url = public_url(args.public_url.as_ref(), &folder)?;
    let token = operator(&folder.ledger().await?, &args.name).await?;
    output::print(&format!("{url}/#/campaign?token={token}\n"))?;
    Ok(Outcome::Proved)
}

/// The token of a new operator's account, which is made as any other, of an invitation that nobody else has seen.
pub(super) async fn operator(ledger: &Ledger, name: &str) -> anyhow::Result<String> {
    let (secret, token) = (invited(ledger, Trust::Operator, 1, AT_ONCE_MS).await?, new_token() + &new_token());
    ledger.run(Join { secret_sha: hash_of(&secret), token_sha: hash_of(&token), name: Some(name.to_owned()) }).await?;
    Ok(token)
}

/// The host of an address, with its port where it has one.
pub(super) fn host_of(url: &str) -> anyhow::Result<String> {
    let wrong = || format!("{url} is no address such as https://prover.example");
    let uri: axum::http::Uri = url.parse().with_context(wrong)?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| is_web && uri.query().is_none()).with_context(wrong)?;
    Ok(authority.as_str().to_owned())
}

async fn status(args: &CampaignStatusArgs) -> anyhow::Result<Outcome> {
    let ledger = ledger(&args.folder).await?;
    let overview = ledger.read(ReadOverview).await?;
    let sessions = ledger.read(ReadSessions).await?;
    let doubted = ledger.read(ReadDoubted).await?;
    if args.json {
        let sessions: Vec<serde_json::Value> = sessions.iter().map(session_json).collect();
        output::print_json(&serde_json::json!({
            "stepwise_campaign": 1,
            "overview": overview,
            "sessions": sessions,
            "doubted": doubted,
        }))?;
    } else {
        output::print(&shown(&overview, &sessions, &doubted))?;
    }
    Ok(Outcome::Proved)
}

fn session_json(session: &SessionView) -> serde_json::Value {
    serde_json::json!({
        "session": session.id,
        "account": session.account,
        "name": session.name,
        "label": session.label,
        "cores": session.cores,
        "doing": session.doing,
        "held": session.held,
        "seen_s": session.seen_s,
        "progressed_s": session.progressed_s,
    })
}

/// How a campaign stands, for reading.
pub(super) fn shown(overview: &Overview, sessions: &[SessionView], doubted: &[Doubted]) -> String {
    let state = overview.state.in_words();
    let reason = overview.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let Overview { problems, cost, day, .. } = overview;
    let mut rows = vec![
        vec!["campaign".to_owned(), format!("{}, {state}{reason}", overview.campaign)],
        vec!["proved".to_owned(), problems.proved.to_string()],
        vec!["disproved".to_owned(), problems.disproved.to_string()],
        vec!["open".to_owned(), problems.open.to_string()],
        vec!["searches".to_owned(), effort(cost)],
        vec!["last 24 hours".to_owned(), effort(day)],
        vec!["to verify".to_owned(), format!("{} proofs, the oldest for {} s", overview.waiting, overview.waiting_s)],
    ];
    for stage in &overview.stages {
        let counts = [
            (stage.ready, "to do"),
            (stage.leased, "under way"),
            (stage.done, "done"),
            (stage.cancelled, "not wanted any more"),
            (stage.dead, "given up after breakdowns"),
        ];
        let counts = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        let mut parts = vec![stage.state.in_words().to_owned()];
        parts.extend(counts);
        rows.push(vec![stage.name.clone(), parts.join(", ")]);
    }
    for session in sessions {
        let doing = match session.doing {
            Doing::Working => "working",
            Doing::Idle => "idle",
            Doing::Paused => "paused",
            Doing::Leaving => "leaving",
        };
        let who = if session.name.is_empty() {
            format!("account {}", session.account)
        } else {
            format!("account {} ({})", session.account, session.name)
        };
        rows.push(vec![
            format!("session {}", session.id),
            format!(
                "{who}{}: {doing}, {} cores, {} searches, heard of {} s ago, last result {} s ago",
                if session.label.is_empty() { String::new() } else { format!(", {}", session.label) },
                session.cores,
                session.held,
                session.seen_s,
                session.progressed_s
            ),
        ]);
    }
    rows.extend(doubted.iter().map(doubt));
    output::table(&rows, &[])
}

/// Whose machines do not find what others find.
fn doubt(doubted: &Doubted) -> Vec<String> {
    let gets = if doubted.is_restricted { "it gets nothing else any more" } else { "it gets others all the same" };
    let (missed, canaries) = (doubted.missed, words::count(doubted.canaries as usize, "search"));
    vec![
        format!("account {}", doubted.account),
        format!("did not find {missed} proofs of {canaries} whose proofs others found; {gets}"),
    ]
}

fn effort(effort: &Effort) -> String {
    let counts = [
        (effort.proofs, "with a proof"),
        (effort.exhausted, "without an open state left"),
        (effort.out_of_budget, "out of budget"),
        (effort.timed_out, "out of time"),
        (effort.bad_statement, "with a bad statement"),
        (effort.crashed, "broken down"),
    ];
    let counts: Vec<String> =
        counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    format!("{}{counts}, {:.1} CPU hours of Lean", effort.searches, effort.lean_cpu_ms as f64 / 3_600_000.0)
}

async fn set(args: &CampaignFolderArgs, state: State) -> anyhow::Result<Outcome> {
    ledger(args).await?.run(SetState(state, String::new())).await?;
    Ok(Outcome::Proved)
}

async fn block(args: &CampaignBlockArgs) -> anyhow::Result<Outcome> {
    let block = Block { account: args.of.account, message: args.message.clone() };
    ledger(&args.of.folder).await?.run(block).await?;
    Ok(Outcome::Proved)
}

async fn rerank(args: &CampaignRerankArgs) -> anyhow::Result<Outcome> {
    let text = input::read_text(&args.names)?;
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let n = ledger(&args.folder).await?.run(Rerank { names }).await?;
    output::eprint(&format!("{} that wait or are under way have another place", words::count(n as usize, "search")));
    Ok(Outcome::Proved)
}

async fn backup(args: &CampaignBackupArgs) -> anyhow::Result<Outcome> {
    let folder = CampaignFolder::open(&args.folder.folder)?;
    if folder.settings.database.is_some() {
        bail!("the ledger is in PostgreSQL: copy it with `pg_dump`");
    }
    if args.file.exists() {
        bail!("{} is there already; name another file", args.file.display());
    }
    let copied = folder.ledger().await?.copy_to(&args.file).await;
    copied.with_context(|| format!("cannot write {}; is its folder there, and is there room?", args.file.display()))?;
    Ok(Outcome::Proved)
}

async fn restore(args: &CampaignRestoreArgs) -> anyhow::Result<Outcome> {
    let replaced = CampaignFolder::open(&args.folder.folder)?.restore(&args.file).await?;
    let before = replaced.map_or_else(String::new, |path| format!("; the one before is {} now", path.display()));
    output::print(&format!("{} is the campaign's ledger{before}\n", args.file.display()))?;
    Ok(Outcome::Proved)
}

async fn export(args: &CampaignExportArgs) -> anyhow::Result<Outcome> {
    let ledger = ledger(&args.folder).await?;
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(std::io::BufWriter::new(
            std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        )),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut after = 0;
    loop {
        let page = ledger.read(ReadProofs { after, at_most: PAGE }).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, solved) in &page {
            writeln!(out, "{}", exported(solved)).context("cannot write the proofs")?;
        }
    }
    out.flush().context("cannot write the proofs")?;
    Ok(Outcome::Proved)
}

fn exported(solved: &Solved) -> serde_json::Value {
    let Solved { name, theorem, side, proof, verdict } = solved;
    serde_json::json!({
        "stepwise_campaign": 1,
        "name": name,
        "statement_sha256": theorem.hash(),
        "side": side,
        "proof": proof,
        "file": side.delivered(theorem).map(|theorem| theorem.file(proof)),
        "verdict": verdict,
    })
}

async fn ledger(args: &CampaignFolderArgs) -> anyhow::Result<Ledger> {
    Ok(CampaignFolder::open(&args.folder)?.ledger().await?)
}
