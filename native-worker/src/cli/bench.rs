//! `stepwise bench`: prints what `lean::bench` measures.

use super::Outcome;
use super::args::BenchLeanArgs;
use super::progress::Progress;
use super::{lean as settings, output};
use crate::lean::bench::{self, Plan, Row};

pub(super) async fn lean(args: &BenchLeanArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let launch = settings::launcher(&args.lean).await?;
    let progress = Progress::new(verbose);
    let plan = Plan { runs: args.runs, only: args.only.clone(), pool: settings::pool_config(&args.lean) };
    let measured = bench::run(launch, &plan, &|row| progress.update(|| row.to_owned())).await;
    progress.finish();
    let rows = measured?;
    let machine = format!(
        "{} {}, {} cores",
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    if args.json {
        output::print_json(&serde_json::json!({ "stepwise_bench_lean": 1, "machine": machine, "rows": rows }))?;
    } else {
        output::print(&format!("{machine}\n{}", table(&rows)))?;
    }
    Ok(Outcome::Proved)
}

fn table(rows: &[Row]) -> String {
    let head = ["", "median", "10%", "90%", "unit", "n", "warm-up"].map(String::from).to_vec();
    let number = |x: f64| if x >= 100.0 { format!("{x:.0}") } else { format!("{x:.2}") };
    let line = |row: &Row| {
        vec![
            row.name.clone(),
            number(row.median),
            number(row.low),
            number(row.high),
            row.unit.to_owned(),
            row.n.to_string(),
            row.warm_up.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    output::table(&rows, &[false, true, true, true, false, true, true])
}
