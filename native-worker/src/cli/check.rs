//! `stepwise check`: a file of proofs, elaborated as a whole, and each of its theorems judged.

use super::Outcome;
use super::args::CheckArgs;
use super::output::{self, BAD, GOOD, styled};
use super::progress::Progress;
use super::{input, lean};

pub(super) async fn run(args: &CheckArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let text = input::read_text(&args.file)?;
    let file = input::split_imports(&text)?;
    let progress = Progress::new(verbose);
    let pool = lean::start_pool(&args.lean).await?;
    progress.update(|| format!("checking {}", args.file.display()));
    let checked = pool.check_file(&file.imports, &file.preamble).await;
    progress.finish();
    pool.shutdown().await;
    let verdict = checked?.value;
    let all_accepted = verdict.theorems.iter().all(|theorem| theorem.verdict.accepted);
    // A file that proves nothing is not a file of proofs that was accepted.
    let accepted = verdict.errors.is_empty() && all_accepted && !verdict.theorems.is_empty();
    if args.json {
        let theorems: Vec<_> = verdict
            .theorems
            .iter()
            .map(|theorem| serde_json::json!({ "name": theorem.name, "verdict": theorem.verdict }))
            .collect();
        output::print_json(&serde_json::json!({
            "stepwise_check": 1,
            "accepted": accepted,
            "errors": verdict.errors,
            "theorems": theorems,
        }))?;
    } else {
        let mut text = String::new();
        for theorem in &verdict.theorems {
            let judgement = if theorem.verdict.accepted {
                styled(GOOD, "accepted")
            } else {
                format!("{}: {}", styled(BAD, "refused"), theorem.verdict.reasons.join("; "))
            };
            text.push_str(&format!("{}: {judgement}\n", theorem.name));
        }
        for error in &verdict.errors {
            text.push_str(&format!("{}: {error}\n", styled(BAD, "error")));
        }
        if verdict.theorems.is_empty() && verdict.errors.is_empty() {
            text.push_str("no theorem in it\n");
        }
        output::print(&text)?;
    }
    Ok(if accepted { Outcome::Proved } else { Outcome::NotProved })
}
