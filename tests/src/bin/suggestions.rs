//! Answers a model's questions as `stepwise prove` with the same flags would have them answered, to compare other ways of
//! running a model with: `cargo run -p stepwise-tests --bin suggestions -- [FLAGS OF PROVE]`.
//!
//! Questions come on standard input, one JSON object a line, as a page asks its models; answers go to standard output.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};
use stepwise_core::wire;
use stepwise_worker::cli::models;

#[tokio::main]
async fn main() -> Result<()> {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let (policy, critic) = models::of_prove(&flags).await?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match serde_json::from_str::<wire::ProposalRequest>(&line) {
            Ok(request) => {
                let proposals = policy.propose(&request.into()).await?;
                serde_json::to_string(&wire::Proposals::from(&proposals))?
            }
            Err(_) => {
                let request: wire::ScoreRequest = serde_json::from_str(&line).context("no question to a model")?;
                let critic = critic.as_ref().context("these flags ask for no critic")?;
                let scores = critic.score(&request.into()).await?;
                serde_json::to_string(&wire::Scores::from(&scores))?
            }
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
