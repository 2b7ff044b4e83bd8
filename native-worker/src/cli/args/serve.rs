//! `stepwise serve`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::lean::LeanArgs;
use super::models::ModelArgs;

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
    /// Show this campaign too, and let machines join it here: its folder, or that of a run of `stepwise learn`, which can be
    /// looked at. `stepwise campaign serve` does so for others than this machine
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "token")]
    pub campaign: Option<PathBuf>,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
}
