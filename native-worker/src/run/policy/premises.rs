//! The policy that looks lemmas up, with the lemmas of a problem file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use stepwise_core::cost::ModelCost;
use stepwise_core::policy::premises::Premises;
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::problem::DatasetError;

use super::{Policy, PolicyError};

/// Lemmas of a library, as a policy: no model, no cost.
#[derive(Clone, Debug)]
pub struct LemmaPolicy {
    premises: Arc<Premises>,
    name: String,
}

/// Why lemmas cannot be had from a file.
#[derive(Debug, thiserror::Error)]
pub enum LemmaError {
    /// The file cannot be read.
    #[error("cannot read the lemmas in {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// It is no problem file.
    #[error("make a file of lemmas with `stepwise corpus library`")]
    Dataset(#[from] DatasetError),
}

impl LemmaPolicy {
    /// Reads a problem file whose problems are named as the library names its theorems.
    ///
    /// # Errors
    /// It cannot be read, or it is no problem file.
    pub fn open(path: &Path) -> Result<Self, LemmaError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| LemmaError::Read { path: path.to_owned(), source })?;
        let premises = Premises::from_jsonl(&path.display().to_string(), &text)?;
        let hash = hex::encode(&Sha256::digest(&text)[..4]);
        Ok(Self::new(Arc::new(premises), &hash))
    }

    /// A policy with these lemmas; `source` tells them apart from others.
    #[must_use]
    pub fn new(premises: Arc<Premises>, source: &str) -> Self {
        let name = format!("premises {} ({} of {source})", env!("CARGO_PKG_VERSION"), premises.len());
        Self { premises, name }
    }
}

#[async_trait]
impl Policy for LemmaPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, request: &ProposalRequest) -> Result<Proposals, PolicyError> {
        Ok(Proposals { candidates: self.premises.propose(request), cost: ModelCost::default() })
    }
}

#[cfg(test)]
mod tests {
    use stepwise_core::goal::Goal;

    use super::*;

    #[tokio::test]
    async fn lemmas_come_from_a_file_and_the_name_tells_files_apart() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let line = r#"{"name": "Nat.add_comm", "statement": "theorem lib_Nat_add_comm (n m : Nat) : n + m = m + n"}"#;
        let policy = LemmaPolicy::open(&write("a.jsonl", line)).unwrap();
        let request = ProposalRequest {
            theorem: "t".to_owned(),
            goals: vec![Goal::parse("x y : Nat\n⊢ x + y = y + x")],
            history: Vec::new(),
            samples: 4,
            pass: 0,
            seed: 0,
            without: Vec::new(),
            ..ProposalRequest::default()
        };
        let proposals = policy.propose(&request).await.unwrap();
        assert!(proposals.candidates.iter().any(|candidate| candidate.tactic == "rw [Nat.add_comm]"));

        let other = LemmaPolicy::open(&write("b.jsonl", &line.replace("add_comm", "add_comm'"))).unwrap();
        assert_ne!(policy.name(), other.name());
        assert_eq!(policy.name().len(), other.name().len());

        let broken = LemmaPolicy::open(&write("c.jsonl", "{")).unwrap_err();
        assert_eq!(broken.to_string(), "make a file of lemmas with `stepwise corpus library`");
        assert!(matches!(LemmaPolicy::open(&folder.path().join("none")), Err(LemmaError::Read { .. })));
    }
}
