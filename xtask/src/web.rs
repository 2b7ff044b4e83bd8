//! Packs the page into `dist/`: the wasm build, its JavaScript bindings, index.html and the style sheet; and into
//! `dist/inference/` the language model that a page's worker can load.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{cargo, command, root, step};
use crate::wasm::{self, Module};

/// The version of the `wasm-bindgen` command must be exactly that of the crate in the lock file.
const WASM_BINDGEN: &str = "0.2.130";

/// Builds and packs the page, and returns the folder.
pub(crate) fn pack() -> Result<PathBuf> {
    let dist = pack_module(Module::Page, "dist", "stepwise-web")?;
    for (from, to) in [("index.html", "index.html"), ("web/style.css", "style.css"), ("web/tree.css", "tree.css")] {
        fs::copy(root().join(from), dist.join(to)).with_context(|| format!("cannot copy {from} into dist/"))?;
    }
    eprintln!("the page is in {}", dist.display());
    Ok(dist)
}

/// Builds and packs the language model for a page's worker, and returns the folder.
pub(crate) fn pack_inference() -> Result<PathBuf> {
    let dist = pack_module(Module::Inference, "dist/inference", "stepwise-inference")?;
    eprintln!("the language model for a page is in {}", dist.display());
    Ok(dist)
}

/// Builds a module, and puts it with its JavaScript bindings into an empty folder.
fn pack_module(module: Module, folder: &str, name: &str) -> Result<PathBuf> {
    let toolchain = wasm::build(module, wasm::Choice::Auto)?;
    let wasm_bindgen = wasm_bindgen()?;
    let dist = root().join(folder);
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    fs::create_dir_all(&dist).with_context(|| format!("cannot create {}", dist.display()))?;
    step(
        "JavaScript bindings",
        command(wasm_bindgen)
            // Names of functions are a quarter of the model's file, and a panic says its file and line without them.
            .args(["--target", "web", "--no-typescript", "--remove-name-section", "--out-name", name, "--out-dir"])
            .arg(&dist)
            .arg(toolchain.file(module)),
    )?;
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
