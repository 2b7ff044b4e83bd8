//! `stepwise check`: a file of proofs, elaborated as a whole, and each of its theorems judged.

use std::time::Duration;

use stepwise_core::problem::{SplitFile, split_file};

use super::Outcome;
use super::args::CheckArgs;
use super::output::{self, BAD, GOOD, styled};
use super::progress::Progress;
use super::{input, lean};
use crate::lean::host::FileVerdict;

/// What `none` is taken for.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) async fn run(args: &CheckArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let text = input::read_text(&args.file)?;
    let (text, note) = match split_file(&text) {
        Ok(file) => input::without_lemma(text, &file.imports, &input::defaults(&args.lean)?),
        Err(_) => (text, None),
    };
    let verdict = match split_file(&text) {
        Ok(file) => judge(args, file, verbose).await?,
        Err(error) => FileVerdict { errors: vec![error.to_string()], theorems: Vec::new() },
    };
    if let Some(note) = &note {
        output::eprint(note);
    }
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
            "notes": note.as_slice(),
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

/// Lean's judgement.
async fn judge(args: &CheckArgs, file: SplitFile, verbose: u8) -> anyhow::Result<FileVerdict> {
    let progress = Progress::new(verbose);
    let pool = lean::start_pool_for(&args.lean, |config| config.recheck_limit = args.timeout.0.unwrap_or(YEAR)).await?;
    progress.update(|| format!("checking {}", args.file.display()));
    let checked = pool.check_file(&file.imports, &file.commands).await;
    progress.finish();
    pool.shutdown().await;
    Ok(checked?.value)
}
