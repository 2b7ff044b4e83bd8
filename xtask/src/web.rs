//! Packs the page into `dist/`: the wasm build, its JavaScript bindings, index.html and the style sheet.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{cargo, command, root, step};
use crate::wasm;

/// The version of the `wasm-bindgen` command must be exactly that of the crate in the lock file.
const WASM_BINDGEN: &str = "0.2.130";

/// Builds and packs the page, and returns the folder.
pub(crate) fn pack() -> Result<PathBuf> {
    let toolchain = wasm::build(wasm::Choice::Auto)?;
    let wasm_bindgen = wasm_bindgen()?;
    let dist = root().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    fs::create_dir_all(&dist).with_context(|| format!("cannot create {}", dist.display()))?;
    step(
        "JavaScript bindings",
        command(wasm_bindgen)
            .args(["--target", "web", "--no-typescript", "--out-name", "stepwise-web", "--out-dir"])
            .arg(&dist)
            .arg(toolchain.page()),
    )?;
    for (from, to) in [("index.html", "index.html"), ("web/style.css", "style.css")] {
        fs::copy(root().join(from), dist.join(to)).with_context(|| format!("cannot copy {from} into dist/"))?;
    }
    eprintln!("the page is in {}", dist.display());
    Ok(dist)
}

/// The right `wasm-bindgen`: the one on the search path, or one that is built into the target folder once.
fn wasm_bindgen() -> Result<PathBuf> {
    let on_path = PathBuf::from("wasm-bindgen");
    if has_version(&on_path) {
        return Ok(on_path);
    }
    let tools = root().join("target/tools");
    let ours = tools.join("bin").join(format!("wasm-bindgen{}", std::env::consts::EXE_SUFFIX));
    if !has_version(&ours) {
        // Without optimisation it builds in half the time, and it runs for a second only. `--locked` does not build.
        step(
            "wasm-bindgen's command, once",
            cargo()
                .args(["install", "--quiet", "--debug", "--force", "--root"])
                .arg(&tools)
                .arg(format!("wasm-bindgen-cli@{WASM_BINDGEN}")),
        )?;
    }
    Ok(ours)
}

fn has_version(program: &Path) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|run| String::from_utf8_lossy(&run.stdout).trim() == format!("wasm-bindgen {WASM_BINDGEN}"))
}
