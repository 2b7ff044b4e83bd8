//! A run that others lend machines to: where they find its models, and where their proofs are done once more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use stepwise_core::wire::campaign::{Blob, ModelFiles};

use crate::blobs::{BlobError, Blobs};
use crate::lean::pool::Pool;
use crate::models::Role;
use crate::models::recipe::{self, RecipeError};

/// What a run has for others.
pub struct Sharing {
    blobs: Blobs,
    /// A Lean that runs no search of its own, for proofs of others.
    pub pool: Pool,
    /// What was copied already, by its folder.
    published: Mutex<BTreeMap<(PathBuf, &'static str), ModelFiles>>,
}

impl Sharing {
    /// Others find files here.
    #[must_use]
    pub fn new(blobs: Blobs, pool: Pool) -> Self {
        Self { blobs, pool, published: Mutex::default() }
    }

    /// Has the files of a model where others find them.
    ///
    /// # Errors
    /// It is no model's folder, or cannot be copied.
    pub fn publish(&self, folder: &Path, role: Role) -> Result<ModelFiles, RecipeError> {
        let key = (folder.to_owned(), role.name());
        if let Some(known) = self.published.lock().get(&key) {
            return Ok(known.clone());
        }
        let files = recipe::publish(folder, role, &self.blobs)?;
        self.published.lock().insert(key, files.clone());
        Ok(files)
    }

    /// Has a file where others find it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn publish_bytes(&self, bytes: &[u8]) -> Result<Blob, BlobError> {
        self.blobs.keep_bytes(bytes)
    }
}
