//! The one definition of the command line: parser, help, man pages and completions are made from it.
//!
//! Every setting that may also come from the environment or the configuration file is a flag of [`BudgetArgs`] or
//! [`LeanArgs`]; its long name is its key everywhere.

mod corpus;
mod learn;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use stepwise_core::prompt::PromptFormat;
use stepwise_core::search::sides::Disprove;

pub use self::corpus::{CorpusCommand, CorpusLibraryArgs, CorpusOutputArgs, CorpusSyntheticArgs, ReportArgs};
pub use self::learn::{ExportArgs, LearnArgs, LearnModelArgs, LearnSearchArgs, TrainingArgs};
use crate::models::{DeviceChoice, PromptChoice};
use crate::run::tidy::TidyOptions;

/// Stepwise proof search for Lean 4: statement in, Lean-checked proof out.
#[derive(Debug, Parser)]
#[command(
    name = "stepwise",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 proved (eval: ran to the end), 1 ran but not proved, or disproved, 2 error or a statement that \
                  does not elaborate, 130 interrupted"
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// When to colour the output (NO_COLOR is honoured too)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub color: ColorWhen,
    /// Log to standard error: -v what happens, -vv in detail, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to colour the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove a statement, or every `sorry` of a .lean file
    Prove(Box<ProveArgs>),
    /// Try every problem of a JSON file and report the pass rate
    Eval(Box<EvalArgs>),
    /// Try several configurations on the same problems and hold each against the first, at equal cost
    Compare(Box<CompareArgs>),
    /// Train a policy and a critic by expert iteration: search, learn from what was proved, search better
    Learn(Box<LearnArgs>),
    /// Write what a run of `learn` taught as JSON lines that other trainers read
    Export(ExportArgs),
    /// Write files of problems to learn from
    #[command(subcommand)]
    Corpus(CorpusCommand),
    /// Write a page and its plots about a run of expert iteration
    Report(ReportArgs),
    /// Recheck a file of proofs in a fresh Lean
    Check(CheckArgs),
    /// Rebuild the search tree from an event log, and print it
    Replay(ReplayArgs),
    /// Serve the page in which theorems are proved step by step, and its API
    Serve(Box<ServeArgs>),
    /// Bring Lean and what runs it into the cache folder
    Setup(SetupArgs),
    /// Say what is present, what is missing and what to do
    Doctor(DoctorArgs),
    /// Measure this machine
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one page per command into a folder
    Man {
        /// Folder to write the pages into
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

/// `stepwise prove`.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// A statement, a .lean file with `sorry`, or `-` for standard input
    ///
    /// A statement is what Lean takes after the header, for example `theorem t (p : Prop) (h : p) : p`; a trailing
    /// `:= by sorry` may be left out. Without this argument, standard input is read unless it is a terminal.
    #[arg(value_name = "STATEMENT | FILE.lean | -", value_hint = ValueHint::FilePath, allow_hyphen_values = false)]
    pub input: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub budget: BudgetArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub models: ModelArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub disprove: DisproveArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub tidy: TidyArgs,
    /// Write the event log of the search here (a file with several `sorry`: one log each, numbered; the search of a
    /// negation has one beside it, search.negation.jsonl)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
    /// Go on from the log of an earlier, interrupted search
    #[arg(long, requires = "log")]
    pub resume: bool,
    /// Write the proved file here instead of to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What is done to a proof before it is delivered.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct TidyArgs {
    /// Deliver a proof as it was found: with all lemmas that were tried, tactics in one list, and all of the default notation
    #[arg(long)]
    pub no_tidy: bool,
    /// Wall clock for tidying a proof in seconds [default: half of what the search took, from 1 to 5]
    #[arg(long, value_name = "SECS", value_parser = parse_step, conflicts_with = "no_tidy")]
    pub tidy_budget: Option<Duration>,
}

impl TidyArgs {
    /// How proofs are tidied, if they are.
    pub(super) fn options(&self) -> Option<TidyOptions> {
        (!self.no_tidy).then_some(TidyOptions { budget: self.tidy_budget })
    }
}

/// `stepwise eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Problems, one JSON object a line or a JSON array of them (field names of miniF2F, ProofNet, PutnamBench or
    /// Lean-Workbook)
    #[arg(value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub run: RunArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub disprove: DisproveArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub tidy: TidyArgs,
    /// Append one record per problem here; problems recorded with the same configuration are not run again
    #[arg(long, value_name = "OUT.jsonl", value_hint = ValueHint::FilePath)]
    pub results: Option<PathBuf>,
    /// Keep the event log of every search in this folder; an interrupted search goes on from its log
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub logs: Option<PathBuf>,
    /// Print one JSON object per problem on standard output, and a summary last
    #[arg(long)]
    pub json: bool,
}

/// Whether statements are to be disproved where they cannot be proved.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DisproveArgs {
    /// Search for a proof of the negation too: `auto`, when a tenth of the budget (or 10 s) has gone by without a proof
    /// or the search has ended without one; `always`, from the beginning; `never`
    #[arg(long, value_name = "WHEN", default_value = "auto", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "always", hide_possible_values = true)]
    pub disprove: DisproveWhen,
    /// Search for proofs only, as --disprove=never
    #[arg(long, conflicts_with = "disprove")]
    pub no_disprove: bool,
}

/// When a statement's negation is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DisproveWhen {
    /// When a part of the budget has gone by without a proof.
    Auto,
    /// From the beginning.
    Always,
    /// Never.
    Never,
}

impl DisproveArgs {
    /// As searches know it.
    #[must_use]
    pub fn choice(&self) -> Disprove {
        match self.disprove {
            _ if self.no_disprove => Disprove::Never,
            DisproveWhen::Auto => Disprove::Auto,
            DisproveWhen::Always => Disprove::Always,
            DisproveWhen::Never => Disprove::Never,
        }
    }
}

/// How problems of a file are run: what `eval` and `compare` have in common.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub budget: BudgetArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub models: ModelArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub selection: SelectionArgs,
}

/// Which problems of a file are run, and how many at once.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct SelectionArgs {
    /// End with an error at the first line that cannot be read and the first repeated name, instead of leaving the line
    /// out and numbering the name
    #[arg(long)]
    pub strict: bool,
    /// Only the first N problems (after --filter)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<u32>,
    /// Only problems whose name matches this regular expression (a plain word matches as a substring)
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<String>,
    /// Problems searched at once [default: as many as hosts, and one more where the policy is a model]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub concurrency: Option<u32>,
}

/// `stepwise compare`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CompareArgs {
    /// Problems, one JSON object a line, as for `eval`
    #[arg(value_name = "FILE.jsonl", value_hint = ValueHint::FilePath, required_unless_present = "results")]
    pub file: Option<PathBuf>,
    /// A configuration, at least two: its name, and in quotes the search flags that it adds to those of this command,
    /// for example --config wide='--samples 32 --priority average'; the first one is the baseline
    #[arg(long = "config", value_name = "NAME='FLAGS'", value_parser = parse_configuration)]
    pub configurations: Vec<NamedFlags>,
    /// Run nothing: compare these files that `eval --results` or `compare --out` wrote; the first one is the baseline
    #[arg(long, value_name = "OUT.jsonl", num_args = 1.., value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["file", "configurations"])]
    pub results: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub run: RunArgs,
    /// Write comparison.json, the plot solved.svg and one results file per configuration into this folder; an
    /// interrupted comparison goes on from them
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Print the comparison as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// A configuration as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFlags {
    /// Its name.
    pub name: String,
    /// Its flags, split as a shell would.
    pub words: Vec<String>,
}

/// `stepwise check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file of proofs
    #[arg(value_name = "FILE.lean", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Wall clock for the whole file in seconds, or `none`
    #[arg(long, value_name = "SECS", default_value = "120", value_parser = parse_seconds)]
    pub timeout: Seconds,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The event log
    #[arg(value_name = "LOG", value_hint = ValueHint::FilePath)]
    pub log: PathBuf,
    /// Stop after this many events
    #[arg(long, value_name = "N")]
    pub at: Option<usize>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Port to listen at; 0 takes any that is free
    #[arg(long, value_name = "PORT", env = "STEPWISE_PORT", default_value = "7878")]
    pub port: u16,
    /// Address to listen at; beyond this machine, requests must carry a token
    #[arg(long, value_name = "ADDRESS", env = "STEPWISE_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Another name under which browsers may ask for the server, such as `prover.example`; may be given several times
    #[arg(long, value_name = "NAME[:PORT]")]
    pub allow_host: Vec<String>,
    /// A site whose pages may use the API, such as `https://prover.example`; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// What requests must carry [default: none on this machine, a new one beyond it]
    #[arg(long, value_name = "TOKEN", env = "STEPWISE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub models: ModelArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
}

/// `stepwise setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Compare every file with what was installed, and repair what differs
    #[arg(long)]
    pub force: bool,
    /// Take Lean's compiled code from this file instead of compiling it: `lean.code` from the cache of another machine
    /// with the same stepwise and a processor like this one's
    #[arg(long, value_name = "FILE", requires = "sha256")]
    pub code: Option<PathBuf>,
    /// The hash that the file of --code must have; `stepwise doctor` prints it on the machine that it comes from
    #[arg(long, value_name = "HEX", requires = "code")]
    pub sha256: Option<String>,
}

/// `stepwise doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time to ready, memory, and the cost of steps through the pool
    Lean(BenchLeanArgs),
    /// Tokens per second of a policy, states per second of a critic
    Model(BenchModelArgs),
}

/// `stepwise bench lean`.
#[derive(Debug, Args)]
pub struct BenchLeanArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
    /// Measured runs of each row, after the warm-up
    #[arg(long, value_name = "N", default_value = "30", value_parser = at_least_one)]
    pub runs: u32,
    /// Only rows whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise bench model`.
#[derive(Debug, Args)]
pub struct BenchModelArgs {
    /// The model: a folder as Hugging Face publishes them; a reward model is measured as a critic
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub model: PathBuf,
    /// Measure this reward model too
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub critic: Option<PathBuf>,
    /// Where it runs; `auto` takes a GPU that is none of software and computes right, or else the CPU
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
    /// Threads of the CPU [default: one per core]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<u32>,
    /// Tokens of the prompt, which is read once and shared by all samples
    #[arg(long, value_name = "N", default_value = "400", value_parser = at_least_one)]
    pub prompt: u32,
    /// Samples that are generated at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = at_least_one)]
    pub samples: u32,
    /// Steps of one token for each sample
    #[arg(long, value_name = "N", default_value = "24", value_parser = at_least_one)]
    pub tokens: u32,
    /// States that the critic scores
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    pub states: u32,
    /// Tokens of each state
    #[arg(long, value_name = "N", default_value = "300", value_parser = at_least_one)]
    pub state_tokens: u32,
    /// Measured runs of each row, after the warm-up
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub runs: u32,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `stepwise config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its value and where it comes from
    Show(Box<ConfigShowArgs>),
}

/// `stepwise config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub budget: BudgetArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub models: ModelArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment on a flattened field would head the help's section")]
    pub lean: LeanArgs,
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What a search may spend and in which order it goes.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Search")]
pub struct BudgetArgs {
    /// Independent searches from the root
    #[arg(long, value_name = "P", env = "STEPWISE_PASSES", default_value = "1", value_parser = at_least_one)]
    pub passes: u32,
    /// Tactics tried per expansion
    #[arg(long, value_name = "S", env = "STEPWISE_SAMPLES", default_value = "16", value_parser = at_least_one)]
    pub samples: u32,
    /// Expansions per pass
    #[arg(long, value_name = "K", env = "STEPWISE_EXPANSIONS", default_value = "100", value_parser = at_least_one)]
    pub expansions: u32,
    /// Wall clock per problem in seconds, or `none`
    #[arg(long, value_name = "SECS", env = "STEPWISE_TIMEOUT", default_value = "600", value_parser = parse_seconds)]
    pub timeout: Seconds,
    /// Tactics run per problem, or `none`
    #[arg(long, value_name = "N", env = "STEPWISE_MAX_TACTICS", default_value = "none", value_parser = parse_count)]
    pub max_tactics: Count,
    /// Lean CPU time per problem in seconds, or `none`
    #[arg(long, value_name = "SECS", env = "STEPWISE_MAX_LEAN_CPU", default_value = "none", value_parser = parse_seconds)]
    pub max_lean_cpu: Seconds,
    /// Tokens generated per problem, or `none`
    #[arg(long, value_name = "N", env = "STEPWISE_MAX_TOKENS", default_value = "none", value_parser = parse_count)]
    pub max_tokens: Count,
    /// Lean CPU time and model device time together, per problem in seconds, or `none`
    #[arg(long, value_name = "SECS", env = "STEPWISE_MAX_COST", default_value = "none", value_parser = parse_seconds)]
    pub max_cost: Seconds,
    /// What chooses the state that is expanded next: the policy (bf), the critic (cg), or both by turns
    #[arg(long, value_name = "ORDER", env = "STEPWISE_SEARCH", default_value = "bf")]
    pub search: SearchOrder,
    /// Which state is best for bf: by the sum of the path's log-probabilities, their average, or the sum
    /// divided by length^alpha
    #[arg(long, value_name = "RULE", env = "STEPWISE_PRIORITY", default_value = "sum")]
    pub priority: Priority,
    /// The exponent of `--priority length`, 0 (sum) to 1 (average)
    #[arg(long, value_name = "ALPHA", env = "STEPWISE_ALPHA", default_value = "0.5", value_parser = parse_share)]
    pub alpha: f64,
    /// Seed that policies derive theirs from
    #[arg(long, value_name = "N", env = "STEPWISE_SEED", default_value = "0")]
    pub seed: u64,
}

/// Who proposes tactics, who scores states, and where their models run.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Models")]
pub struct ModelArgs {
    /// Who proposes tactics: `tiny` (a small model that ships), `portfolio` (built in, no model), a model folder as Hugging Face
    /// publishes them, or the URL of an OpenAI-compatible completions endpoint with log-probabilities (vLLM, llama.cpp
    /// server)
    #[arg(long, value_name = "tiny | portfolio | DIR | URL", env = "STEPWISE_POLICY", default_value = "portfolio", value_parser = parse_policy, value_hint = ValueHint::DirPath)]
    pub policy: ModelSource,
    /// Share of the samples that the portfolio gives beside a model, 0 to 1; `auto` is what the policy's folder says, else 0
    #[arg(long, value_name = "SHARE", env = "STEPWISE_MIX", default_value = "auto", value_parser = parse_share_or_auto)]
    pub mix: OwnOr,
    /// Lemmas that the portfolio may use: a file of `stepwise corpus library`; beside a policy that comes with lemmas, those are
    /// the default
    #[arg(long, value_name = "FILE", env = "STEPWISE_PREMISES", value_hint = ValueHint::FilePath)]
    pub premises: Option<PathBuf>,
    /// Share of the portfolio's samples that use such a lemma, 0 to 1
    #[arg(long, value_name = "SHARE", env = "STEPWISE_PREMISES_SHARE", default_value = "0.5", value_parser = parse_share)]
    pub premises_share: f64,
    /// Who scores states for `--search cg` and `bf+cg`: `tiny` (a small model that ships), a folder of a reward model, the
    /// URL of a vLLM server that pools one, or `none`
    #[arg(long, value_name = "tiny | DIR | URL | none", env = "STEPWISE_CRITIC", default_value = "none", value_parser = parse_critic, value_hint = ValueHint::DirPath)]
    pub critic: ModelSource,
    /// Where models run: `auto` takes a GPU that agrees with the CPU on a self-test, else the CPU; the CPU for models that
    /// ship
    #[arg(long, value_name = "DEVICE", env = "STEPWISE_DEVICE", default_value = "auto")]
    pub device: Device,
    /// Threads of a model on the CPU, or `auto`: one per core
    #[arg(long, value_name = "N", env = "STEPWISE_THREADS", default_value = "auto", value_parser = parse_hosts)]
    pub threads: Hosts,
    /// The prompt that the policy was trained on; `auto` is what its folder says, StepProver's for InternLM2 and for
    /// URLs, BFS-Prover's for others
    #[arg(long, value_name = "FORMAT", env = "STEPWISE_PROMPT", default_value = "auto", value_parser = parse_prompt)]
    pub prompt: PromptChoice,
    /// Sampling temperature; 0 is beam search, `auto` is what the policy's folder says, else 0.7
    #[arg(long, value_name = "T", env = "STEPWISE_TEMPERATURE", default_value = "auto", value_parser = parse_temperature_or_auto)]
    pub temperature: OwnOr,
    /// Draw only from the N most probable tokens, or `none`
    #[arg(long, value_name = "N", env = "STEPWISE_TOP_K", default_value = "none", value_parser = parse_count)]
    pub top_k: Count,
    /// Draw only from the most probable tokens whose probabilities add up to this
    #[arg(long, value_name = "P", env = "STEPWISE_TOP_P", default_value = "1", value_parser = parse_share)]
    pub top_p: f64,
    /// Tokens of a tactic at most
    #[arg(long, value_name = "N", env = "STEPWISE_TACTIC_TOKENS", default_value = "256", value_parser = at_least_one)]
    pub tactic_tokens: u32,
}

/// Where a policy or a critic comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// `portfolio` for a policy, `none` for a critic.
    BuiltIn,
    /// A model folder, or the name of a model that ships.
    Folder(PathBuf),
    /// A server.
    Url(String),
}

/// A number, or `auto`: what the policy's folder says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnOr(pub Option<f64>);

/// Where models run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A GPU that can be trusted, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU, or a software adapter that stands in for one.
    Gpu,
}

impl Device {
    pub(super) fn choice(self) -> DeviceChoice {
        match self {
            Self::Auto => DeviceChoice::Auto,
            Self::Cpu => DeviceChoice::Cpu,
            Self::Gpu => DeviceChoice::Gpu,
        }
    }
}

/// The orders of expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SearchOrder {
    /// Best-first by the policy's log-probabilities.
    Bf,
    /// The state with the highest critic score first.
    Cg,
    /// Half of the budget each, in one tree.
    #[value(name = "bf+cg")]
    BfCg,
    /// Half of the budget each, in two trees.
    #[value(name = "bf+cg-trees")]
    BfCgTrees,
}

/// Which Lean runs and how.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Lean")]
pub struct LeanArgs {
    /// Lean processes at once, or `auto`: one per core
    #[arg(long, value_name = "N", env = "STEPWISE_HOSTS", default_value = "auto", value_parser = parse_hosts)]
    pub hosts: Hosts,
    /// Wall clock per tactic in seconds; never more than an eighth of `--timeout`, and a second at least
    #[arg(long, value_name = "SECS", env = "STEPWISE_STEP_TIMEOUT", default_value = "10", value_parser = parse_step)]
    pub step_timeout: Duration,
    /// Imports and commands before a statement without any: a text, `@FILE`, `none`, or `auto`: the notation ℕ ℤ ℚ for
    /// the built-in Lean, `import Mathlib` for a project that has it
    #[arg(long, value_name = "TEXT | @FILE", env = "STEPWISE_PREAMBLE", default_value = "auto")]
    pub preamble: String,
    /// What the built-in Lean has imported: Init, which every Lean file has, or its standard library Std too (prepared
    /// when it is first asked for)
    #[arg(long, value_name = "MODULES", env = "STEPWISE_MODULES", default_value = "Init")]
    pub modules: Modules,
    /// Use native Lean in this Lake project, so that Mathlib works (needs `repl`)
    #[arg(long, value_name = "DIR", env = "STEPWISE_LEAN_PROJECT", value_hint = ValueHint::DirPath)]
    pub lean_project: Option<PathBuf>,
    /// The `repl` program for the project [default: the one that the project built, or `repl` on Lake's path]
    #[arg(long, value_name = "CMD", env = "STEPWISE_REPL", value_hint = ValueHint::ExecutablePath)]
    pub repl: Option<PathBuf>,
}

/// What the built-in Lean has imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Modules {
    /// What every Lean file has without an import.
    #[value(name = "Init")]
    Init,
    /// Lean's standard library too.
    #[value(name = "Std")]
    Std,
}

impl Modules {
    pub(super) fn choice(self) -> crate::setup::Modules {
        match self {
            Self::Init => crate::setup::Modules::Init,
            Self::Std => crate::setup::Modules::Std,
        }
    }
}

/// A length of time that may be unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Option<Duration>);

/// A number that may be unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

/// How many Lean processes run; `None` is one per core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hosts(pub Option<u32>);

/// The published orders of expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Priority {
    /// Sum of the path's log-probabilities.
    Sum,
    /// Their average.
    Average,
    /// The sum divided by length^alpha.
    Length,
}

fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("give a whole number of at least 1".into()),
    }
}

fn parse_hosts(text: &str) -> Result<Hosts, String> {
    or_auto(text, at_least_one).map(Hosts)
}

fn or_auto<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == "auto" {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|e| format!("{e}, or `auto`"))
}

fn parse_count(text: &str) -> Result<Count, String> {
    if text == "none" {
        return Ok(Count(None));
    }
    match text.parse() {
        Ok(n) if n >= 1 => Ok(Count(Some(n))),
        _ => Err("give a whole number of at least 1, or `none`".into()),
    }
}

fn parse_seconds(text: &str) -> Result<Seconds, String> {
    if text == "none" {
        return Ok(Seconds(None));
    }
    parse_step(text).map(|d| Seconds(Some(d))).map_err(|e| format!("{e}, or `none`"))
}

/// Below a millisecond the log could not tell the times apart; above a year a clock sum could overflow.
fn parse_step(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(s) if (0.001..=31_536_000.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("give a number of seconds above 0".into()),
    }
}

fn parse_configuration(text: &str) -> Result<NamedFlags, String> {
    let (name, flags) = text.split_once('=').ok_or("give a name, `=`, and the flags in quotes")?;
    if name.is_empty() || name.contains(char::is_control) {
        return Err("give a name of printable characters before the `=`".into());
    }
    let words = shlex::split(flags).ok_or("a quotation in the flags is never closed")?;
    Ok(NamedFlags { name: name.to_owned(), words })
}

fn parse_share_or_auto(text: &str) -> Result<OwnOr, String> {
    or_auto(text, parse_share).map(OwnOr)
}

fn parse_temperature_or_auto(text: &str) -> Result<OwnOr, String> {
    or_auto(text, parse_temperature).map(OwnOr)
}

fn parse_temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(t) if (0.0..=100.0).contains(&t) => Ok(t),
        _ => Err("give a number from 0 to 100".into()),
    }
}

fn parse_prompt(text: &str) -> Result<PromptChoice, String> {
    match PromptFormat::from_name(text) {
        _ if text == "auto" => Ok(PromptChoice::Auto),
        Some(format) => Ok(PromptChoice::Format(format)),
        None => Err(format!("give one of auto, {}", PromptFormat::NAMES.join(", "))),
    }
}

fn parse_policy(text: &str) -> Result<ModelSource, String> {
    parse_source(text, "portfolio")
}

fn parse_critic(text: &str) -> Result<ModelSource, String> {
    parse_source(text, "none")
}

fn parse_source(text: &str, built_in: &str) -> Result<ModelSource, String> {
    Ok(match text {
        "" => return Err(format!("give `tiny`, a folder, a URL or `{built_in}`")),
        _ if text == built_in => ModelSource::BuiltIn,
        _ if text.starts_with("http://") || text.starts_with("https://") => ModelSource::Url(text.to_owned()),
        _ => ModelSource::Folder(PathBuf::from(text)),
    })
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(a) if (0.0..=1.0).contains(&a) => Ok(a),
        _ => Err("give a number from 0 to 1".into()),
    }
}
