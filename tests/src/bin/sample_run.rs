//! Writes an invented run of expert iteration into a folder, to look at what `stepwise report` makes of it:
//! `cargo run -p stepwise-tests --bin sample-run -- DIR [SEED]`.

use std::io::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let folder = args.next().map(PathBuf::from).ok_or_else(|| Error::other("name a folder to write into"))?;
    let seed = args.next().and_then(|seed| seed.to_str()?.parse().ok()).unwrap_or(7);
    stepwise_tests::sample_run::write(&folder, seed, 4, true)
}
