//! Builds for wasm32, with whichever toolchain the machine has.
//!
//! rustup's is the ordinary way. Where rustup cannot bring the target (no network to its server, or Rust from a
//! distribution), Debian's web toolchain does: it has the standard library's sources, which `-Zbuild-std` compiles.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Result, bail};

use crate::shell::{cargo, command, output, step, succeeds, target};

const TARGET: &str = "wasm32-unknown-unknown";
const DISTRIBUTION_CARGO: &str = "/usr/bin/cargo";
const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";

/// What is built for wasm32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// The page, with all of the core that it may use: small code.
    Page,
    /// What runs Lean in the page's workers.
    Lean,
    /// The language models for the page's worker: fast code.
    Inference,
    /// The same with what tests look into.
    InferenceForTests,
}

/// Which toolchain is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// rustup's if it has or can bring the target, else the distribution's.
    Auto,
    /// rustup's or nothing.
    Rustup,
    /// The distribution's or nothing.
    Distribution,
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "auto" => Self::Auto,
            "rustup" => Self::Rustup,
            "distribution" => Self::Distribution,
            _ => bail!("`{text}` is no toolchain; choose auto, rustup or distribution"),
        })
    }
}

/// A toolchain that can build for wasm32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The cargo that runs xtask, with the target installed.
    Rustup,
    /// Debian's packages `rustc-web`, `cargo-web` and `rust-web-src`.
    Distribution,
}

/// Builds a module, and says which toolchain did.
pub(crate) fn build(module: Module, choice: Choice) -> Result<Toolchain> {
    let toolchain = find(choice)?;
    let what = format!("wasm build of {} ({})", module.package(), toolchain.name());
    step(&what, &mut toolchain.cargo("build", module))?;
    Ok(toolchain)
}

impl Module {
    fn package(self) -> &'static str {
        match self {
            Self::Page => "stepwise-web",
            Self::Lean => "stepwise-web-lean",
            Self::Inference | Self::InferenceForTests => "stepwise-web-worker",
        }
    }

    fn profile(self) -> &'static str {
        match self {
            Self::Page | Self::Lean => "web",
            Self::Inference | Self::InferenceForTests => "inference",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            // leptos then has a view's types erased, of which each would be code of its own. Lean's shares what is built.
            Self::Page | Self::Lean => "--cfg=erase_components",
            // Every browser that has WebGPU has these, and matrix products on the CPU need them.
            Self::Inference | Self::InferenceForTests => "-Ctarget-feature=+simd128",
        }
    }

    /// cargo's name of the wasm file, which is a binary's or a library's.
    fn file(self) -> &'static str {
        match self {
            Self::Page => "stepwise-web.wasm",
            Self::Lean => "stepwise_web_lean.wasm",
            Self::Inference | Self::InferenceForTests => "stepwise_web_worker.wasm",
        }
    }
}

impl Toolchain {
    /// The module's wasm file, once built.
    pub(crate) fn file(self, module: Module) -> PathBuf {
        self.target_folder().join(TARGET).join(module.profile()).join(module.file())
    }

    /// Lints the code that exists on wasm32 only. The distribution's toolchain has no clippy.
    pub(crate) fn lint(self, module: Module) -> Result<()> {
        match self {
            Self::Rustup => step(
                &format!("lints of {} (wasm)", module.package()),
                self.cargo("clippy", module).args(["--", "--deny", "warnings"]),
            ),
            Self::Distribution => {
                eprintln!(
                    "not checked: lints of {} for wasm (`rustup target add {TARGET}` makes it possible)",
                    module.package()
                );
                Ok(())
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup's toolchain",
            Self::Distribution => "the distribution's toolchain",
        }
    }

    fn cargo(self, verb: &str, module: Module) -> Command {
        let mut command = match self {
            Self::Rustup => cargo(),
            Self::Distribution => {
                let mut command = command(DISTRIBUTION_CARGO);
                // rustup's cargo sets these for its children; they would lead back to rustup's compiler.
                command.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTUP_HOME").env_remove("CARGO");
                command.env("RUSTC", DISTRIBUTION_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                command
            }
        };
        command.arg(verb).args(["--quiet", "--target", TARGET, "--profile", module.profile()]);
        command.args(["--package", module.package()]);
        if module == Module::InferenceForTests {
            command.args(["--features", "model"]);
        }
        command.args(["--config", &format!("target.{TARGET}.rustflags = ['{}']", module.flag())]);
        command.arg("--target-dir").arg(self.target_folder());
        if self == Self::Distribution {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }

    /// Each toolchain keeps its own folder: sharing one would rebuild everything at every change of toolchain.
    fn target_folder(self) -> PathBuf {
        match self {
            Self::Rustup => target(),
            Self::Distribution => target().join("distribution"),
        }
    }
}

fn find(choice: Choice) -> Result<Toolchain> {
    if choice != Choice::Distribution && rustup_has_target() {
        return Ok(Toolchain::Rustup);
    }
    if choice != Choice::Rustup && distribution_has_sources() {
        return Ok(Toolchain::Distribution);
    }
    bail!(
        "no Rust toolchain here can build for wasm32; either run `rustup target add {TARGET}`, \
         or on Debian `apt install rustc-web cargo-web rust-web-src`"
    )
}

fn rustup_has_target() -> bool {
    let has = || {
        output(command("rustup").args(["target", "list", "--installed"]))
            .is_ok_and(|targets| targets.lines().any(|target| target.trim() == TARGET))
    };
    let rustup_present = succeeds(command("rustup").arg("--version"));
    rustup_present && (has() || (succeeds(command("rustup").args(["target", "add", TARGET])) && has()))
}

/// Whether the distribution's compiler is there together with the standard library's sources.
fn distribution_has_sources() -> bool {
    if !Path::new(DISTRIBUTION_CARGO).is_file() || !Path::new(DISTRIBUTION_RUSTC).is_file() {
        return false;
    }
    let Ok(sysroot) = output(command(DISTRIBUTION_RUSTC).args(["--print", "sysroot"])) else { return false };
    Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file()
}
