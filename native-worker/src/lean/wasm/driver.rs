//! The JavaScript driver, carried inside the binary and laid down in the cache folder where Node can load it.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The scripts, by file name. `host.cjs` is the entry under Node.
const FILES: [(&str, &str); 18] = [
    ("abi.js", include_str!("driver/abi.js")),
    ("boot.js", include_str!("driver/boot.js")),
    ("driver.js", include_str!("driver/driver.js")),
    ("exceptions.js", include_str!("driver/exceptions.js")),
    ("host.cjs", include_str!("driver/host.cjs")),
    ("prepare.cjs", include_str!("driver/prepare.cjs")),
    ("recheck.js", include_str!("driver/recheck.js")),
    ("runtime.cjs", include_str!("driver/runtime.cjs")),
    ("runtime.js", include_str!("driver/runtime.js")),
    ("selftest.cjs", include_str!("driver/selftest.cjs")),
    ("snapshot.js", include_str!("driver/snapshot.js")),
    ("symbols.js", include_str!("driver/symbols.js")),
    ("system.js", include_str!("driver/system.js")),
    ("views.js", include_str!("driver/views.js")),
    ("wasm-format.cjs", include_str!("driver/wasm-format.cjs")),
    ("wasm-helper.cjs", include_str!("driver/wasm-helper.cjs")),
    ("wasm-rewrite.cjs", include_str!("driver/wasm-rewrite.cjs")),
    ("watchdog.js", include_str!("driver/watchdog.js")),
];

/// Writes the driver below `cache` unless this very version is there, and returns the path of its entry script.
///
/// The folder is named by the scripts' hash, so different versions of stepwise do not disturb each other.
pub fn install_driver(cache: &Path) -> io::Result<PathBuf> {
    let mut hash = Sha256::new();
    for (name, text) in FILES {
        hash.update(name);
        hash.update([0]);
        hash.update(text);
    }
    let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let directory = cache.join(format!("driver-{hex}"));
    let entry = directory.join("host.cjs");
    if !entry.is_file() {
        // Renaming a finished folder into place keeps a half-written driver from ever being run.
        let staging = cache.join(format!("driver-{hex}.{}", std::process::id()));
        std::fs::create_dir_all(&staging)?;
        for (name, text) in FILES {
            std::fs::write(staging.join(name), text)?;
        }
        if let Err(error) = std::fs::rename(&staging, &directory) {
            // Another process was faster, which is as good.
            let _ = std::fs::remove_dir_all(&staging);
            if !entry.is_file() {
                return Err(error);
            }
        }
    }
    Ok(entry)
}
