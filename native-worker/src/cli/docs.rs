//! Completions and man pages, made from the definition of the command line.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::Command;

use super::output;

/// Prints a completion script.
pub(super) fn completions(mut command: Command, shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "stepwise", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

/// Prints the main man page, or writes a page per command into `out`.
pub(super) fn man(command: Command, out: Option<&Path>) -> anyhow::Result<()> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).context("cannot write the man page")?;
        // Not through the colour filter: roff is no terminal text.
        return match std::io::stdout().lock().write_all(&page) {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write to standard output"),
        };
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("cannot write man pages into {}", folder.display()))
}
