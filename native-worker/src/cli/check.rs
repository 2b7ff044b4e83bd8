//! `stepwise check`: a file of proofs, elaborated as a whole, and each of its declarations judged.

use std::time::Duration;

use stepwise_core::problem::{SplitFile, split_file};

use super::args::CheckArgs;
use super::outcome::Outcome;
use super::output::{self, BAD, GOOD, styled};
use super::progress::Progress;
use super::{input, lean};
use crate::lean::host::{DeclarationVerdict, FileVerdict};

/// What `none` is taken for.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) async fn run(args: &CheckArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let text = input::read_text(&args.file)?;
    let (text, note) = match split_file(&text) {
        Ok(file) => input::without_lemma(text, &file.imports, &input::defaults(&args.lean)?),
        Err(_) => (text, None),
    };
    let mut verdict = match split_file(&text) {
        Ok(file) => judge(args, file, verbose).await?,
        Err(error) => FileVerdict { errors: vec![error.to_string()], ..FileVerdict::default() },
    };
    verdict.notes.splice(0..0, note);
    let accepted = verdict.is_accepted();
    if args.json {
        output::print_json(&json(&verdict))?;
    } else {
        output::print(&words(&verdict))?;
    }
    Ok(if accepted { Outcome::Proved } else { Outcome::NotProved })
}

fn json(verdict: &FileVerdict) -> serde_json::Value {
    let declarations: Vec<_> = verdict
        .declarations
        .iter()
        .map(|DeclarationVerdict { name, kind, line, verdict }| {
            serde_json::json!({ "name": name, "kind": kind, "line": line, "verdict": verdict })
        })
        .collect();
    serde_json::json!({
        "stepwise_check": 1,
        "accepted": verdict.is_accepted(),
        "errors": verdict.errors,
        "notes": verdict.notes,
        // Everything that is judged stands here: examples, and what else is not proved, beside the theorems.
        "theorems": declarations,
    })
}

fn words(verdict: &FileVerdict) -> String {
    let mut text = String::new();
    for DeclarationVerdict { name, kind, verdict, .. } in &verdict.declarations {
        // A theorem goes without saying, and an example's name says what it is.
        let name = match kind.as_str() {
            "theorem" | "example" => name.clone(),
            kind => format!("{kind} {name}"),
        };
        let judgement = if verdict.accepted {
            format!("{} ({})", styled(GOOD, "accepted"), verdict.axioms_in_words())
        } else {
            format!("{}: {}", styled(BAD, "refused"), verdict.reasons.join("; "))
        };
        text.push_str(&format!("{name}: {judgement}\n"));
    }
    for error in &verdict.errors {
        text.push_str(&format!("{}: {error}\n", styled(BAD, "error")));
    }
    for note in &verdict.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    if verdict.declarations.is_empty() && verdict.errors.is_empty() {
        text.push_str("no theorem in it\n");
    }
    text
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
