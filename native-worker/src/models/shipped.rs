//! The models that the program carries, found by name.

use std::path::Path;

use super::folder::{CarriedFiles, FolderError, ModelFolder};

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It proposes tactics.
    Policy,
    /// It scores states.
    Critic,
}

impl Role {
    /// `policy` or `critic`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Critic => "critic",
        }
    }
}

/// A model of the repository's `models/`.
#[derive(Debug)]
pub struct Shipped {
    /// What people call it.
    pub name: &'static str,
    /// What it does.
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

    /// The model as a folder.
    ///
    /// # Errors
    /// Never, in a program that was built from a repository whose tests pass.
    pub fn open(&self) -> Result<ModelFolder, FolderError> {
        ModelFolder::carried(self.name, self.files)
    }
}

/// A file of a model that ships, by its path in `models/`: `tiny/policy/config.json`.
#[must_use]
pub fn file(path: &str) -> Option<&'static [u8]> {
    let mut parts = path.splitn(3, '/');
    let (name, role, file) = (parts.next()?, parts.next()?, parts.next()?);
    let model = MODELS.iter().find(|model| model.name == name && model.role.name() == role)?;
    model.files.iter().find(|(known, _)| *known == file).map(|(_, bytes)| *bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_opens_and_is_small() {
        for Shipped { role, .. } in &MODELS {
            let model = Shipped::find("tiny", *role).expect("it is among them");
            let folder = model.open().unwrap();
            let n_bytes: usize = model.files.iter().map(|(_, bytes)| bytes.len()).sum();
            let limit = if *role == Role::Policy { 16 << 20 } else { 8 << 20 };
            assert!(n_bytes <= limit, "the {role:?} has {n_bytes} bytes");
            assert_eq!(folder.path, std::path::Path::new("tiny"));
        }
        assert!(Shipped::find("huge", Role::Policy).is_none());
    }
}
