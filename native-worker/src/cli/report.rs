//! `stepwise report`: a page and its plots about a run of expert iteration, finished or not.

use std::path::Path;

use anyhow::Context;
use stepwise_learn::report::Report;

use super::args::ReportArgs;
use super::outcome::Outcome;
use super::output::{self, FAINT, styled};
use crate::report::folder;
#[cfg(feature = "png")]
use crate::report::png::Rasteriser;

/// Writes the page and the plots. A run that is not finished has a report too.
pub(super) async fn run(args: &ReportArgs) -> anyhow::Result<Outcome> {
    let data = folder::read(&args.run).await?;
    let report = Report::of(&data, args.baseline.as_deref())?;
    let page = args.output.clone().unwrap_or_else(|| args.run.join("report.html"));
    write(&page, report.to_html().as_bytes())?;
    let plots = args.run.join("plots");
    std::fs::create_dir_all(&plots).with_context(|| format!("cannot make the folder {}", plots.display()))?;
    #[cfg(feature = "png")]
    let rasteriser = Rasteriser::default();
    let figures = report.figures();
    for figure in &figures {
        let svg = figure.drawing.document();
        write(&plots.join(format!("{}.svg", figure.name)), svg.as_bytes())?;
        #[cfg(feature = "png")]
        {
            let png = rasteriser.png(&svg, args.png_width).with_context(|| format!("plot {}", figure.name))?;
            write(&plots.join(format!("{}.png", figure.name)), &png)?;
        }
    }
    for note in &report.notes {
        output::eprint(&styled(FAINT, note));
    }
    if args.json {
        output::print_json(&report)?;
    } else {
        output::print(&summary(&report))?;
    }
    output::eprint(&format!("the page is {}, {} plots are in {}", page.display(), figures.len(), plots.display()));
    Ok(Outcome::Proved)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The least that a person wants to know without opening the page.
fn summary(report: &Report) -> String {
    let solved = &report.solved;
    let of = solved.statements.map_or_else(String::new, |n| format!(" of {n}"));
    let share = report.costs.all_searches.succeeded_share;
    let share =
        share.map_or_else(String::new, |share| format!("; {:.1}% of the searches' cost found proofs", 100.0 * share));
    format!(
        "{} rounds finished; {}{of} statements solved, {} proved and {} disproved; {:.1} s of Lean CPU{share}\n",
        report.rounds.len(),
        solved.total(),
        solved.proved,
        solved.disproved,
        solved.lean_cpu_s,
    )
}
