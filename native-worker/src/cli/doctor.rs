//! `stepwise setup` and `stepwise doctor`: bring what is needed, and say what is there.

use anyhow::Context;

use super::args::{DoctorArgs, SetupArgs};
use super::lean;
use super::outcome::Outcome;
use super::output::{self, BAD, FAINT, GOOD, styled};
use super::runtime::block_on;
use crate::lean::repl::REPL_VARIABLE;
use crate::models::memory::of_machine;
use crate::process;
use crate::setup::{self, Options, PackedCode};

pub(super) fn setup(args: &SetupArgs) -> anyhow::Result<Outcome> {
    if args.idle
        && let Err(error) = process::give_way()
    {
        tracing::warn!("cannot make way for others: {error}");
    }
    block_on(set_up(args))
}

async fn set_up(args: &SetupArgs) -> anyhow::Result<Outcome> {
    let code = args.code.clone().zip(args.sha256.clone()).map(|(path, sha256)| PackedCode { path, sha256 });
    let options = Options { check_contents: args.force, code, ..Options::from_env() };
    let complete = options.clone();
    let installed = lean::set_up(move |progress| setup::complete(progress, &complete)).await?;
    let folders = [&installed.code, &installed.rest, &installed.library].map(|folder| folder.display());
    let [code, rest, library] = folders;
    output::print(&format!("ready: {} in {code}, {rest} and {library}\n", installed.lean_package))?;
    if let Some(file) = args.pack.clone() {
        let shown = file.display().to_string();
        let options = options.clone();
        let sha256 = lean::set_up(move |progress| setup::pack(progress, &options, &file)).await?;
        output::print(&format!("packed: {shown}, SHA-256 {sha256}\n"))?;
    }
    if let Some(folder) = args.web.clone() {
        let shown = folder.display().to_string();
        lean::set_up(move |progress| setup::for_web(progress, &options, &folder)).await?;
        output::print(&format!("for browsers: {shown}\n"))?;
    }
    Ok(Outcome::Proved)
}

/// One thing that doctor looks at.
struct Finding {
    what: &'static str,
    is_good: bool,
    /// A thing that is only needed for some uses does not make the machine unready.
    is_needed: bool,
    text: String,
}

pub(super) async fn doctor(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    let report =
        tokio::task::spawn_blocking(|| setup::inspect(&Options::from_env())).await.context("doctor died")??;
    let mut findings = vec![
        Finding { what: "cache", is_good: true, is_needed: true, text: report.cache.display().to_string() },
        part("Lean's code", &report.code, args),
        part("its rest", &report.rest, args),
        part("Lean's library", &report.library, args),
        memory(lean::n_hosts(&args.lean)),
        native(args).await,
    ];
    for (path, bytes) in &report.unused {
        findings.push(Finding {
            what: "unused",
            is_good: true,
            is_needed: false,
            text: format!("{} ({} MB) may be deleted", path.display(), bytes / 1_000_000),
        });
    }
    let is_ready = findings.iter().all(|finding| finding.is_good || !finding.is_needed);
    if args.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|f| serde_json::json!({ "what": f.what, "good": f.is_good, "needed": f.is_needed, "text": f.text }))
            .collect();
        output::print_json(&serde_json::json!({ "stepwise_doctor": 1, "ready": is_ready, "findings": findings }))?;
    } else {
        let mut text = String::new();
        for finding in &findings {
            let mark = match (finding.is_good, finding.is_needed) {
                (true, _) => styled(GOOD, "ok     "),
                (false, true) => styled(BAD, "missing"),
                (false, false) => styled(FAINT, "absent "),
            };
            text.push_str(&format!("{mark}  {:<20}{}\n", finding.what, finding.text));
        }
        output::print(&text)?;
    }
    Ok(if is_ready { Outcome::Proved } else { Outcome::NotProved })
}

fn part(what: &'static str, part: &setup::Part, args: &DoctorArgs) -> Finding {
    let is_needed = args.lean.lean_project.is_none();
    Finding { what, is_good: part.is_ready(), is_needed, text: part.to_string() }
}

/// Too little memory is the most common reason for hosts that die for no visible cause.
fn memory(n_hosts: usize) -> Finding {
    // One more process rechecks.
    let wanted_mib = (n_hosts as u64 + 1) * 1536;
    let (is_good, text) = match of_machine().map(|bytes| bytes >> 20) {
        Some(mib) if mib < wanted_mib => (
            false,
            format!(
                "{mib} MiB free, and {n_hosts} hosts and the recheck may want {wanted_mib}; use fewer with --hosts"
            ),
        ),
        Some(mib) => (true, format!("{mib} MiB free for {n_hosts} hosts and the recheck")),
        None => (true, "unknown on this system".to_owned()),
    };
    Finding { what: "memory", is_good, is_needed: false, text }
}

/// The native backend is asked for with --lean-project; then it has to start.
async fn native(args: &DoctorArgs) -> Finding {
    let what = "Lean (native)";
    if args.lean.lean_project.is_none() {
        let text =
            format!("not asked for; name a Lake project with --lean-project (and its repl with {REPL_VARIABLE})");
        return Finding { what, is_good: false, is_needed: false, text };
    }
    let started = async {
        let mut host = lean::launcher(&args.lean).await?.host().await?;
        let info = host.info();
        host.shutdown().await;
        anyhow::Ok(info)
    };
    let (is_good, text) = match started.await {
        Ok(info) => (true, format!("{} with Lean {}", info.backend, info.lean_version)),
        Err(e) => (false, format!("{e:#}")),
    };
    Finding { what, is_good, is_needed: true, text }
}
