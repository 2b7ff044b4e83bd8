//! `stepwise bench`: prints what `lean::bench` and `models::bench` measure.

use super::args::{BenchLeanArgs, BenchModelArgs};
use super::outcome::Outcome;
use super::progress::Progress;
use super::{lean as settings, output, runtime};
use crate::lean::bench::{self, Plan};
use crate::measured::Row;
use crate::models::{ModelDevice, bench as models};

pub(super) async fn lean(args: &BenchLeanArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let launch = settings::launcher(&args.lean).await?;
    let progress = Progress::new(verbose);
    let plan = Plan { runs: args.runs, only: args.only.clone(), pool: settings::pool_config(&args.lean) };
    let measured = bench::run(launch, &plan, &|row| progress.update(|| row.to_owned())).await;
    progress.finish();
    let rows = measured?;
    let machine = machine();
    if args.json {
        output::print_json(&serde_json::json!({ "stepwise_bench_lean": 1, "machine": machine, "rows": rows }))?;
    } else {
        output::print(&format!("{machine}\n{}", table(&rows)))?;
    }
    Ok(Outcome::Proved)
}

pub(super) fn model(args: &BenchModelArgs, verbose: u8) -> anyhow::Result<Outcome> {
    let device = runtime::block_on_value(ModelDevice::choose(args.device.choice(), args.threads.map(|n| n as usize)))??;
    let device = device.with_weights(args.weights);
    // Within the device's threads, so that the network's work needs no change of threads.
    device.install(|| runtime::block_on(measure_model(args, &device, verbose)))
}

async fn measure_model(args: &BenchModelArgs, device: &ModelDevice, verbose: u8) -> anyhow::Result<Outcome> {
    let plan = models::Plan {
        n_prompt: args.prompt,
        n_samples: args.samples,
        n_steps: args.tokens,
        n_states: args.states,
        n_state_tokens: args.state_tokens,
        runs: args.runs,
    };
    let progress = Progress::new(verbose);
    let say = |what: &str| progress.update(|| what.to_owned());
    let measured = async {
        let mut rows = models::run(&args.model, device, &plan, &say).await?;
        if let Some(critic) = &args.critic {
            rows.extend(models::run_critic(critic, device, &plan, &say).await?);
        }
        anyhow::Ok(rows)
    };
    let measured = measured.await;
    progress.finish();
    let rows = measured?;
    let (machine, ModelDevice { name, is_software_gpu: is_software, .. }) = (machine(), device);
    if args.json {
        let device = serde_json::json!({ "name": name, "is_software": is_software });
        let report =
            serde_json::json!({ "stepwise_bench_model": 1, "machine": machine, "device": device, "rows": rows });
        output::print_json(&report)?;
    } else {
        let note = if *is_software { ", a program on the CPU: these figures rank no GPU" } else { "" };
        output::print(&format!("{machine}\n{name}{note}\n{}", table(&rows)))?;
    }
    Ok(Outcome::Proved)
}

/// The machine, in words.
pub(super) fn machine() -> String {
    let n_cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{} {}, {n_cores} cores", std::env::consts::OS, std::env::consts::ARCH)
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
