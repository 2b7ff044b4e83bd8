//! The Python that some tests run reference programs with: a virtual environment in the user's cache folder, made once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{command, find_program, root, step};

/// Where the tests look for the interpreter.
pub(crate) const VARIABLE: &str = "STEPWISE_TEST_PYTHON";

/// What the tests of model servers need.
const SERVER: &str = "requirements-server.txt";

/// Prints the interpreter for the tests of model servers, so that `cargo test` can be told of it.
pub(crate) fn print() -> Result<()> {
    println!("{}", make(SERVER)?.display());
    Ok(())
}

/// The interpreter for the tests of model servers. `None`, and one line on standard error, where there can be none.
pub(crate) fn for_servers() -> Option<PathBuf> {
    make(SERVER).inspect_err(|error| eprintln!("not tested: policies against a real llama.cpp server: {error:#}")).ok()
}

/// The interpreter of an environment that holds what `requirements`, a file in tests/reference, names. Made by the
/// first call, and anew when the file has changed.
fn make(requirements: &str) -> Result<PathBuf> {
    let wanted = root().join("tests/reference").join(requirements);
    let text = std::fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let folder = cache_folder()?.join("python").join(requirements.trim_end_matches(".txt"));
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last, so that a folder without it is not finished.
    let stamp = folder.join("requirements.txt");
    if python.is_file() && std::fs::read(&stamp).is_ok_and(|made| made == text) {
        return Ok(python);
    }
    let base =
        find_program(&["python3", "python"]).context("there is no python3 (Debian: apt install python3-venv)")?;
    step("Python environment", command(base).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"];
    step("Python packages", command(&python).args(pip).arg(&wanted))?;
    std::fs::write(&stamp, &text).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

/// The folder that `stepwise setup` fills too.
fn cache_folder() -> Result<PathBuf> {
    match std::env::var_os("STEPWISE_CACHE_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(Path::new(&folder).to_path_buf()),
        None => Ok(dirs::cache_dir().context("cannot find this user's cache folder")?.join("stepwise")),
    }
}
