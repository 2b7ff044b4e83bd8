//! `stepwise check`: a file of proofs, elaborated as a whole, and each of its declarations judged.

use super::Outcome;
use super::args::CheckArgs;
use super::output::{self, BAD, GOOD, styled};
use super::progress::Progress;
use super::{input, lean};
use crate::lean::host::{DeclarationVerdict, FileVerdict};

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
