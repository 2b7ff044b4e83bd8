//! The models that the program carries, found by name, and their files, for pages that run them in the browser.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::LazyLock;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Role;
use super::folder::{CarriedFiles, FolderError, ModelFolder};

/// A model of the repository's `models/`.
#[derive(Debug)]
pub struct Shipped {
    /// What people call it.
    pub name: &'static str,
    pub role: Role,
    files: CarriedFiles,
}

macro_rules! files {
    ($folder:literal $(, $more:literal)*) => {
        &[
            $(($more, include_bytes!(concat!("../../../models/", $folder, "/", $more))),)*
            ("config.json", include_bytes!(concat!("../../../models/", $folder, "/config.json"))),
            ("model.safetensors", include_bytes!(concat!("../../../models/", $folder, "/model.safetensors"))),
            ("tokenizer.json", include_bytes!(concat!("../../../models/", $folder, "/tokenizer.json"))),
            ("tokenizer_config.json", include_bytes!(concat!("../../../models/", $folder, "/tokenizer_config.json"))),
            ("known.json", include_bytes!(concat!("../../../models/", $folder, "/known.json"))),
            ("stepwise.json", include_bytes!(concat!("../../../models/", $folder, "/stepwise.json"))),
        ]
    };
}

/// All of them; `models/README.md` tells how they were trained.
static MODELS: [Shipped; 2] = [
    Shipped { name: "tiny", role: Role::Policy, files: files!("tiny/policy", "lemmas.jsonl.gz") },
    Shipped { name: "tiny", role: Role::Critic, files: files!("tiny/critic") },
];

impl Shipped {
    /// The model of this name and role.
    #[must_use]
    pub fn find(name: &str, role: Role) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.name == name && model.role == role)
    }

    /// Its files, by name.
    #[must_use]
    pub fn files(&self) -> CarriedFiles {
        self.files
    }

    /// The model as a folder.
    ///
    /// # Errors
    /// Never, in a program that was built from a repository whose tests pass.
    pub fn open(&self) -> Result<ModelFolder, FolderError> {
        ModelFolder::carried(self.name, self.files)
    }
}

/// Whether a path is the name of a model that ships.
#[must_use]
pub fn is_name(name_or_folder: &Path) -> bool {
    name_or_folder.to_str().is_some_and(|name| MODELS.iter().any(|model| model.name == name))
}

/// Opens the model that ships under this name, or else the folder at this path; a folder of the same name is `./name`.
///
/// # Errors
/// As [`ModelFolder::open`].
pub fn open(name_or_folder: &Path, role: Role) -> Result<ModelFolder, FolderError> {
    match name_or_folder.to_str().and_then(|name| Shipped::find(name, role)) {
        Some(model) => model.open(),
        None => ModelFolder::open(name_or_folder),
    }
}

/// The list of the files of `tiny`, with their sizes and hashes, by which a page tells whether it has them already and
/// whether they arrived whole. `cargo xtask web` writes the same for a page without a server.
static TINY_MANIFEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let files = MODELS.iter().filter(|model| model.name == "tiny").flat_map(|model| {
        model.files.iter().map(|(file, bytes)| {
            let sha256 = hex::encode(Sha256::digest(bytes));
            (format!("{}/{file}", model.role.name()), json!({ "bytes": bytes.len(), "sha256": sha256 }))
        })
    });
    json!({ "files": files.collect::<serde_json::Map<_, _>>() }).to_string().into_bytes()
});

/// A file of a model as a page asks for it: `tiny/policy/config.json`, or `tiny/manifest.json` for the list of them.
#[must_use]
pub fn file(path: &str) -> Option<&'static [u8]> {
    if path == "tiny/manifest.json" {
        return Some(&TINY_MANIFEST);
    }
    let (model, file) = path.rsplit_once('/')?;
    let (name, role) = model.split_once('/')?;
    let role = [Role::Policy, Role::Critic].into_iter().find(|known| known.name() == role)?;
    let files = Shipped::find(name, role)?.files;
    files.iter().find(|(known, _)| *known == file).map(|(_, bytes)| *bytes)
}
