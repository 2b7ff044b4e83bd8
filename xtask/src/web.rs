//! Packs into `dist/` all that a server or a static host needs: the page (its wasm module with JavaScript bindings,
//! index.html, the style sheets), the worker that runs models, in `inference/` the language model that the worker loads, and
//! in `models/` the models that ship.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::assets::{self, Size};
use crate::shell::{cargo, command, root, step, target};
use crate::wasm::{self, Module};

/// The version of the `wasm-bindgen` command must be exactly that of the crate in the lock file.
const WASM_BINDGEN: &str = "0.2.130";

/// What every visitor downloads before the page shows anything, in bytes; compressed by Brotli, and by gzip for those whose
/// browser takes Brotli over TLS only.
const MAX_PAGE: usize = 365_000;
const MAX_PAGE_BY_GZIP: usize = 445_000;

/// Files of the page, and what they are packed as.
const PAGE: [(&str, &str); 13] = [
    ("index.html", "index.html"),
    ("web/main.js", "main.js"),
    ("web/style.css", "style.css"),
    ("web/tree.css", "tree.css"),
    ("web/campaign.css", "campaign.css"),
    ("web/benchmark.css", "benchmark.css"),
    ("web/files.js", "files.js"),
    ("web/worker.js", "worker.js"),
    ("web/benchmark.js", "benchmark.js"),
    ("web/lean.js", "lean.js"),
    ("web/lean-host.js", "lean-host.js"),
    ("web/lean-unpack.js", "lean-unpack.js"),
    ("web/offline.js", "offline.js"),
];

/// The models that ship, as the page finds them.
const MODELS: [&str; 2] = ["tiny/policy", "tiny/critic"];

/// Packs everything but Lean, and returns the folder.
pub(crate) fn pack() -> Result<PathBuf> {
    let lean = root().join("dist/lean");
    if lean.exists() {
        fs::remove_dir_all(&lean).with_context(|| format!("cannot remove {}", lean.display()))?;
    }
    pack_inference()?;
    pack_models()?;
    pack_page()
}

/// Builds and packs the page alone, and returns the folder. The language model and the models of an earlier packing stay.
pub(crate) fn pack_page() -> Result<PathBuf> {
    let dist = root().join("dist");
    empty_of_files(&dist)?;
    build_module(Module::Page, &dist, "stepwise-web")?;
    for (from, to) in PAGE {
        fs::copy(root().join(from), dist.join(to)).with_context(|| format!("cannot copy {from} into dist/"))?;
    }
    let wasm = finish("the page's module", &[dist.join("stepwise-web_bg.wasm")])?;
    if wasm.sent > MAX_PAGE || wasm.gzipped > MAX_PAGE_BY_GZIP {
        bail!(
            "the page's module has {} bytes compressed, {} by gzip, and {MAX_PAGE} and {MAX_PAGE_BY_GZIP} are its limits: \
             every visitor downloads it; find what grew with `twiggy`",
            wasm.sent,
            wasm.gzipped
        );
    }
    let files: Vec<PathBuf> = fs::read_dir(&dist)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let beside = |file: &PathBuf| {
        file.is_file() && !assets::is_twin(file) && file.extension().is_some_and(|kind| kind != "wasm")
    };
    finish("the page's other files", &files.into_iter().filter(beside).collect::<Vec<_>>())?;
    eprintln!("the page is in {}", dist.display());
    Ok(dist)
}

/// Builds and packs the language model for a page's worker, and returns the folder.
pub(crate) fn pack_inference() -> Result<PathBuf> {
    let dist = root().join("dist/inference");
    empty(&dist)?;
    build_module(Module::Inference, &dist, "stepwise-inference")?;
    assets::write_manifest(&dist)?;
    finish("the language model for a page", &assets::files_below(&dist)?)?;
    eprintln!("the language model for a page is in {}", dist.display());
    Ok(dist)
}

/// Packs everything, and Lean beside it: a folder that needs nothing but a server of files.
pub(crate) fn pack_with_lean() -> Result<PathBuf> {
    let dist = pack()?;
    pack_lean(&dist.join("lean"))?;
    Ok(dist)
}

/// Builds and packs what runs Lean in a browser, and Lean itself.
pub(crate) fn pack_lean(folder: &Path) -> Result<()> {
    empty(folder)?;
    build_module(Module::Lean, folder, "stepwise-lean")?;
    assets::write_manifest(folder)?;
    finish("what runs Lean in a page", &assets::files_below(folder)?)?;
    let packed = folder.join("packed");
    step(
        "Lean for browsers",
        cargo().args(["run", "--quiet", "--package", "stepwise-worker", "--", "setup", "--web"]).arg(&packed),
    )?;
    let sizes = assets::files_below(&packed)?.into_iter().map(|file| Ok(fs::metadata(file)?.len()));
    let bytes: u64 = sizes.sum::<Result<u64>>()?;
    eprintln!("    Lean: {} KB compressed, in {}", bytes.div_ceil(1000), packed.display());
    Ok(())
}

/// Builds the language models for a page's worker with what tests look into, and returns the folder.
pub(crate) fn pack_inference_for_tests() -> Result<PathBuf> {
    let folder = target().join("web-tests/inference");
    empty(&folder)?;
    build_module(Module::InferenceForTests, &folder, "stepwise-inference")?;
    Ok(folder)
}

/// Packs the models that ship.
fn pack_models() -> Result<()> {
    let dist = root().join("dist/models");
    empty(&dist)?;
    for model in MODELS {
        let (from, to) = (root().join("models").join(model), dist.join(model));
        fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
        for file in assets::files_below(&from)? {
            let name = file.file_name().unwrap_or_default();
            fs::copy(&file, to.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
        }
    }
    let tiny = dist.join("tiny");
    assets::write_manifest(&tiny)?;
    finish("the models that ship", &assets::files_below(&tiny)?)?;
    Ok(())
}

/// Writes the twins of packed files, and says how large they are.
fn finish(name: &str, files: &[PathBuf]) -> Result<Size> {
    let size = assets::write_twins(files)?;
    let [raw, sent, gzipped] = [size.raw, size.sent, size.gzipped].map(|bytes| bytes.div_ceil(1000));
    eprintln!("    {name}: {raw} KB; compressed {sent} KB (gzip: {gzipped} KB)");
    Ok(size)
}

/// Builds a module, and puts it with its JavaScript bindings into a folder.
fn build_module(module: Module, folder: &Path, name: &str) -> Result<()> {
    let toolchain = wasm::build(module, wasm::Choice::Auto)?;
    step(
        "JavaScript bindings",
        command(wasm_bindgen()?)
            // Names of functions are a quarter of the model's file, and a panic says its file and line without them.
            .args(["--target", "web", "--no-typescript", "--remove-name-section", "--out-name", name, "--out-dir"])
            .arg(folder)
            .arg(toolchain.file(module)),
    )
}

/// Makes a folder that has nothing in it.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Makes a folder that has nothing but other folders in it.
fn empty_of_files(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_file() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The right `wasm-bindgen`: the one on the search path, or one that is built into the target folder once.
fn wasm_bindgen() -> Result<PathBuf> {
    let on_path = PathBuf::from("wasm-bindgen");
    if has_version(&on_path) {
        return Ok(on_path);
    }
    let tools = target().join("tools");
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

#[cfg(test)]
mod tests {
    use super::{PAGE, fs, root};

    #[test]
    fn all_of_the_page_is_kept_for_when_there_is_no_network() {
        let script = fs::read_to_string(root().join("web/offline.js")).unwrap();
        for (_, name) in PAGE {
            let kept = if name == "index.html" { "./" } else { name };
            // The browser itself keeps the script that keeps the others.
            assert!(
                name == "offline.js" || script.contains(&format!("\"{kept}\"")),
                "web/offline.js does not keep {name}"
            );
        }
    }
}
