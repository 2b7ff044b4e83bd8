//! `check` and `test`: what must hold before a commit.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{cargo, command, find_program, root, step, succeeds, target};
use crate::wasm::Module;
use crate::{demo, program, python, wasm, web};

/// Format, lints, all tests, the wasm build and the licences; the cheap ones first.
pub(crate) fn check() -> Result<()> {
    step("format", cargo().args(["fmt", "--all", "--check"]))?;
    step("lints", cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))?;
    for module in [Module::Page, Module::Lean, Module::InferenceForTests] {
        wasm::build(module, wasm::Choice::Auto)?.lint(module)?;
    }
    test()?;
    if succeeds(cargo().args(["deny", "--version"])) {
        step("licences, duplicates and advisories", cargo().args(["deny", "--workspace", "check"]))?;
    } else {
        eprintln!("not checked: licences and duplicates (`cargo install cargo-deny` brings the tool)");
    }
    eprintln!("check: all passed");
    Ok(())
}

/// All tests. Sets up Lean first, so that the tests that run real Lean find it.
pub(crate) fn test() -> Result<()> {
    set_up()?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--quiet"]);
    if let Some(python) = python::for_servers() {
        tests.env(python::VARIABLE, python);
    }
    step("tests", &mut tests)?;
    // It takes the GPU from its process.
    let lost = ["test", "--workspace", "--lib", "--quiet", "--", "--ignored", "a_lost_gpu"];
    step("a lost GPU", cargo().args(lost))?;
    // What the README promises first: a change of the default policy must not leave it unproved.
    demo::demo(None)?;
    browser_tests()?;
    eprintln!("test: all passed");
    Ok(())
}

/// Brings Lean into the user's cache folder, unless it is there already.
pub(crate) fn set_up() -> Result<()> {
    step("set up Lean", cargo().args(["run", "--quiet", "--package", "stepwise-worker", "--", "setup"]))
}

/// Walks through the packed page in headless Chromium, by keyboard alone, and runs language models in a worker there.
fn browser_tests() -> Result<()> {
    let Some(chromium) = find_program(&["chromium", "chromium-browser", "google-chrome"]) else {
        eprintln!(
            "not tested: page and models in a browser, because there is no Chromium (Debian: apt install chromium)"
        );
        return Ok(());
    };
    if find_program(&["npm"]).is_none() {
        eprintln!("not tested: page and models in a browser, because there is no npm (Debian: apt install npm)");
        return Ok(());
    }
    let folder = root().join("tests/web");
    step(
        "browser tests' driver",
        command("npm").args(["ci", "--silent", "--no-fund", "--no-audit"]).current_dir(&folder),
    )?;
    let test = |file: &str| {
        let mut command = command("node");
        command.args(["--test", file]).current_dir(&folder).env("CHROMIUM", &chromium);
        command
    };
    let dist = web::pack()?;
    step("browser test of the page", test("replay.test.mjs").env("DIST", &dist))?;
    step("browser test of a large search", test("tree.test.mjs").env("DIST", &dist))?;
    step("browser test of the benchmark", test("benchmark.test.mjs").env("DIST", &dist))?;
    // Set-up has built it, and it reads the page that was just packed.
    program::try_out(&built("stepwise"))?;
    step("browser test of proving", test("prove.test.mjs").env("STEPWISE", built("stepwise")))?;
    step("browser test of a campaign", test("campaign.test.mjs").env("STEPWISE", built("stepwise")))?;
    web::pack_lean(&dist.join("lean"))?;
    step("browser test of Lean in the browser", test("lean.test.mjs").env("DIST", &dist))?;
    step(
        "browser test of searches in the browser",
        test("lean-search.test.mjs").env("DIST", &dist).env("STEPWISE", built("stepwise")),
    )?;
    let inference = web::pack_inference_for_tests()?;
    step("browser test of language models", test("inference.test.mjs").env("INFERENCE", inference))?;
    step(
        "browser test of the models that ship",
        test("tiny.test.mjs").env("DIST", &dist).env("SUGGESTIONS", built("suggestions")),
    )
}

/// A program that set-up or `cargo test` has built.
fn built(name: &str) -> PathBuf {
    target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
