//! Puts the packed page into release builds: a table of the files in `dist/`, with a gzipped twin instead of the file
//! where there is one.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = root.join("../dist");
    let mut files = Vec::new();
    // A development build reads the folder when it is asked, so that the page can be packed again without building this.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", dist.display());
        collect(&dist, "", &mut files)?;
    } else {
        println!("cargo:rerun-if-changed=build.rs");
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (name, path) in &files {
        let _ = writeln!(table, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    table.push_str("]\n");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("page.rs"), table)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    // The models are in the program anyway, a page that was not packed is none, and Lean runs beside whoever serves it.
    if ["models/", "lean/"].contains(&prefix) || !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path().canonicalize()?;
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else if !folder.join(format!("{}.gz", entry.file_name().to_string_lossy())).is_file() {
            files.push((name, path));
        }
    }
    Ok(())
}
