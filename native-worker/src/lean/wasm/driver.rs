//! The JavaScript driver, carried inside the binary: its scripts, and what they are hashed to.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The script that a host runs.
pub(crate) const ENTRY: &str = "host.cjs";
/// The script that prepares Lean for the hosts.
pub(crate) const PREPARE: &str = "prepare.cjs";

/// The scripts, by file name.
pub(crate) const FILES: [(&str, &str); 24] = [
    ("abi.js", include_str!("driver/abi.js")),
    ("axioms.js", include_str!("driver/axioms.js")),
    ("boot.js", include_str!("driver/boot.js")),
    ("declared.js", include_str!("driver/declared.js")),
    ("driver.js", include_str!("driver/driver.js")),
    ("exceptions.js", include_str!("driver/exceptions.js")),
    ("facts.js", include_str!("driver/facts.js")),
    ("host.cjs", include_str!("driver/host.cjs")),
    ("library.js", include_str!("driver/library.js")),
    ("prepare.cjs", include_str!("driver/prepare.cjs")),
    ("recheck.js", include_str!("driver/recheck.js")),
    ("replay.js", include_str!("driver/replay.js")),
    ("runtime.cjs", include_str!("driver/runtime.cjs")),
    ("runtime.js", include_str!("driver/runtime.js")),
    ("selftest.cjs", include_str!("driver/selftest.cjs")),
    ("shape.js", include_str!("driver/shape.js")),
    ("snapshot.js", include_str!("driver/snapshot.js")),
    ("symbols.js", include_str!("driver/symbols.js")),
    ("system.js", include_str!("driver/system.js")),
    ("views.js", include_str!("driver/views.js")),
    ("wasm-format.cjs", include_str!("driver/wasm-format.cjs")),
    ("wasm-helper.cjs", include_str!("driver/wasm-helper.cjs")),
    ("wasm-rewrite.cjs", include_str!("driver/wasm-rewrite.cjs")),
    ("watchdog.js", include_str!("driver/watchdog.js")),
];

/// The scripts that only hosts use: a change to one of them leaves what `prepare.cjs` writes as it is.
const HOST_ONLY: [&str; 10] = [
    "axioms.js",
    "declared.js",
    "driver.js",
    "facts.js",
    "host.cjs",
    "library.js",
    "recheck.js",
    "replay.js",
    "shape.js",
    "watchdog.js",
];

/// Tells this version of the scripts from every other, so that different versions of stepwise can share a cache.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| hash(|_| true));
    &VERSION
}

/// The same for the scripts that shape the prepared folder, which takes much longer to make than to read.
pub(crate) fn recipe() -> &'static str {
    static RECIPE: LazyLock<String> = LazyLock::new(|| hash(|name| !HOST_ONLY.contains(&name)));
    &RECIPE
}

/// Twelve hexadecimal digits for the chosen scripts: short enough for a path, and nobody makes them collide.
fn hash(is_chosen: impl Fn(&str) -> bool) -> String {
    let mut hash = Sha256::new();
    for (name, text) in FILES.iter().filter(|(name, _)| is_chosen(name)) {
        for part in [name, text] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_carried() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lean/wasm/driver");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with("js"))
            .collect();
        found.sort();
        assert_eq!(found, FILES.map(|(name, _)| name));
    }

    #[test]
    fn the_recipe_leaves_out_what_only_hosts_use() {
        let names = FILES.map(|(name, _)| name);
        assert!(HOST_ONLY.iter().all(|name| names.contains(name)));
        assert!(names.contains(&ENTRY) && names.contains(&PREPARE) && !HOST_ONLY.contains(&PREPARE));
        assert_ne!(version(), recipe());
    }
}
