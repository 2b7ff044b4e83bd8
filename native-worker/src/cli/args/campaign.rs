//! `stepwise campaign`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::budget::BudgetArgs;
use super::lean::LeanArgs;
use super::models::SourceArgs;
use super::values::{at_least_one, parse_account, parse_address, parse_span};

/// `stepwise campaign`.
#[derive(Debug, Subcommand)]
pub enum CampaignCommand {
    /// Make a campaign of a file of problems
    Init(Box<CampaignInitArgs>),
    /// Serve a campaign: give searches out, and verify what comes back
    Serve(Box<CampaignServeArgs>),
    /// Serve a campaign's page and change nothing, beside whoever works on it: another coordinator, or `stepwise learn`
    Watch(CampaignWatchArgs),
    /// Make a link with which somebody can join
    Invite(CampaignInviteArgs),
    /// Make a token with which its holder runs the campaign from the page
    Token(CampaignTokenArgs),
    /// Say how a campaign stands, and who works
    Status(CampaignStatusArgs),
    /// Give no more searches out until it is resumed
    Pause(CampaignFolderArgs),
    /// Give searches out again
    Resume(CampaignFolderArgs),
    /// Give no more searches out, and end when those under way have ended
    Finish(CampaignFolderArgs),
    /// End at once; what is under way is given up
    Stop(CampaignFolderArgs),
    /// Keep an account from working, and say why
    Block(CampaignBlockArgs),
    /// Let a blocked account work again
    Unblock(CampaignAccountArgs),
    /// Search some problems before the others
    Rerank(CampaignRerankArgs),
    /// Make an account's token worthless
    Revoke(CampaignAccountArgs),
    /// Copy the ledger while the campaign goes on
    Backup(CampaignBackupArgs),
    /// Put a copy in the ledger's place, with the coordinator stopped
    Restore(CampaignRestoreArgs),
    /// Write the verified proofs as JSON lines
    Export(CampaignExportArgs),
}

/// Which campaign.
#[derive(Clone, Debug, Args)]
pub struct CampaignFolderArgs {
    /// The campaign's folder
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// `stepwise campaign init`.
#[derive(Debug, Args)]
pub struct CampaignInitArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// Problems, one JSON object a line or a JSON array of them (field names of miniF2F, ProofNet, PutnamBench or
    /// Lean-Workbook)
    #[arg(value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What donors see as the campaign's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Keep the ledger in this PostgreSQL database instead of a file in the folder
    #[arg(long, value_name = "postgres://...", env = "STEPWISE_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// The address under which donors reach the coordinator, such as `https://prover.example`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Stages: each searches what the one before left open
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub stages: u32,
    /// Each stage's budget is so many times that of the one before
    #[arg(long, value_name = "FACTOR", default_value = "4")]
    pub ramp: f64,
    /// Searches of each statement and of each negation in a stage, each from a seed of its own
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub tries: u32,
    /// Search for proofs only, not for proofs of the negations
    #[arg(long)]
    pub no_disprove: bool,
    /// Give no searches out whose proof is known already, by which donors are found that do not search
    #[arg(long)]
    pub no_canaries: bool,
    /// Only the first N problems
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<u32>,
    /// End with an error at the first line that cannot be read, instead of leaving it out
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub models: SourceArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
}

/// `stepwise campaign serve`.
#[derive(Debug, Args)]
pub struct CampaignServeArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// Address and port to listen at; 0 takes any port that is free
    #[arg(long, value_name = "ADDRESS:PORT", env = "STEPWISE_CAMPAIGN_LISTEN", default_value = "127.0.0.1:7880",
        value_parser = parse_address)]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub coordinator: CoordinatorArgs,
    /// Searches at once on this machine, which works for the campaign too
    #[arg(long, value_name = "N", default_value = "0")]
    pub workers: u32,
    /// After how long without a sign of life a machine's searches go to others
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = parse_span)]
    pub lost_after: Duration,
    /// End when the campaign is over
    #[arg(long)]
    pub until_over: bool,
}

/// What a coordinator is run with.
#[derive(Clone, Debug, Args)]
pub struct CoordinatorArgs {
    /// The address under which donors reach the coordinator [default: what the campaign was made with]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Proofs verified at once, each by a Lean process of its own; 0 leaves it to machines with `stepwise donate --operator`
    #[arg(long, value_name = "N", default_value = "1")]
    pub verifiers: u32,
    /// How long a verifier may take for a proof, in seconds
    #[arg(long, value_name = "SECS", default_value = "60", value_parser = at_least_one)]
    pub verify_timeout: u32,
    /// Verify donors' proofs though this system cannot shut Lean's processes in (which takes Linux 5.13 or later)
    #[arg(long)]
    pub no_sandbox: bool,
}

/// `stepwise campaign watch`.
#[derive(Debug, Args)]
pub struct CampaignWatchArgs {
    /// The campaign's folder, or that of a run of `stepwise learn`
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Address and port to listen at; 0 takes any port that is free
    #[arg(long, value_name = "ADDRESS:PORT", env = "STEPWISE_WATCH_LISTEN", default_value = "127.0.0.1:7881")]
    pub listen: SocketAddr,
    /// The address under which others reach the page
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// `stepwise campaign invite`.
#[derive(Debug, Args)]
pub struct CampaignInviteArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// How many may join with it
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub uses: u32,
    /// For how long it is good
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_span)]
    pub expires: Duration,
    /// For the campaign's own machines, which get large bundles at once
    #[arg(long)]
    pub operator: bool,
    /// The address under which donors reach the coordinator [default: what `init` was told]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// `stepwise campaign token`.
#[derive(Debug, Args)]
pub struct CampaignTokenArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// What others see as its holder's name
    #[arg(long, value_name = "NAME", default_value = "operator")]
    pub name: String,
    /// The address under which the coordinator is reached [default: what `init` was told]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// `stepwise campaign status`.
#[derive(Debug, Args)]
pub struct CampaignStatusArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Which account.
#[derive(Debug, Args)]
pub struct CampaignAccountArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// The account's number, which `status` shows
    #[arg(value_name = "ACCOUNT", value_parser = parse_account)]
    pub account: u64,
}

/// `stepwise campaign block`.
#[derive(Debug, Args)]
pub struct CampaignBlockArgs {
    #[command(flatten)]
    pub of: CampaignAccountArgs,
    /// What its owner is told
    #[arg(long, value_name = "TEXT")]
    pub message: String,
}

/// `stepwise campaign rerank`.
#[derive(Debug, Args)]
pub struct CampaignRerankArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// A file of problems' names, a line each, the one to search first on the first; an empty one puts none before others
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub names: PathBuf,
}

/// `stepwise campaign backup`.
#[derive(Debug, Args)]
pub struct CampaignBackupArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// The copy, which must not be there yet
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `stepwise campaign restore`.
#[derive(Debug, Args)]
pub struct CampaignRestoreArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// The copy, as `backup` wrote it; it stays as it is
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `stepwise campaign export`.
#[derive(Debug, Args)]
pub struct CampaignExportArgs {
    #[command(flatten)]
    pub folder: CampaignFolderArgs,
    /// Where they are written [default: standard output]
    #[arg(long, value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}
