//! What searches run with, said so that every machine runs the same: a configuration, who proposes and who scores, and
//! their models as files that are known by what they hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::sha256_of_parts;

/// What a search runs with, the same for all who run it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The search's configuration as its log has it; the lease's seed takes the place of its own.
    pub config: serde_json::Value,
    /// Who proposes, by the name and version that records have.
    pub policy: String,
    /// Who scores, likewise, where the search's order needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<String>,
    /// The Lean, as records name it.
    pub lean: String,
    /// How who proposes is put together.
    #[serde(default, skip_serializing_if = "Proposer::is_portfolio")]
    pub proposer: Proposer,
    /// The model that scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorer: Option<ModelFiles>,
}

impl Recipe {
    /// All files that whoever runs it has to have.
    #[must_use]
    pub fn files(&self) -> Vec<&Blob> {
        let mut files = Vec::new();
        self.proposer.visit(&mut |part| match part {
            Proposer::Lemmas { file } => files.push(file),
            Proposer::Model { files: model, .. } => files.extend(model.files.values()),
            _ => {}
        });
        files.extend(self.scorer.iter().flat_map(|model| model.files.values()));
        files
    }

    /// The names of its models.
    #[must_use]
    pub fn model_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.proposer.visit(&mut |part| {
            if let Proposer::Model { files, .. } = part {
                names.push(files.name.as_str());
            }
        });
        names.extend(self.scorer.iter().map(|model| model.name.as_str()));
        names
    }

    /// Whether another one makes the same searches, wherever their models' files are.
    #[must_use]
    pub fn makes_the_same_searches(&self, other: &Self) -> bool {
        let of = |recipe: &Self| (recipe.policy.clone(), recipe.critic.clone(), recipe.lean.clone());
        self.config == other.config && of(self) == of(other)
    }
}

/// Who proposes tactics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Proposer {
    /// The built-in portfolio, for a Lean without Mathlib.
    #[default]
    Portfolio,
    /// Tactics with lemmas that are looked up: lines of `{"name", "statement"}`, packed with gzip.
    Lemmas { file: Blob },
    /// A language model.
    Model {
        #[serde(flatten)]
        files: ModelFiles,
        draws: Draws,
    },
    /// Two, of which the second gets this share of the samples, from 0 to 1.
    Mixture { first: Box<Proposer>, second: Box<Proposer>, second_share: f64 },
    /// One, with another beside it where a state is expanded once more.
    Widening { alone: Box<Proposer>, beside: Box<Proposer> },
    /// One whose shortest ways are left out, for proofs in more steps.
    Detail { of: Box<Proposer> },
}

impl Proposer {
    /// Whether there is nothing to say of it.
    #[must_use]
    pub fn is_portfolio(&self) -> bool {
        *self == Self::Portfolio
    }

    /// Its name, which tells it apart from others.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Portfolio => "portfolio".to_owned(),
            Self::Lemmas { file } => format!("lemmas {}", file.sha256.get(..12).unwrap_or_default()),
            Self::Model { files, .. } => files.versioned_name(),
            Self::Mixture { first, second, second_share } => {
                format!("{} + {second_share} of {}", first.name(), second.name())
            }
            Self::Widening { alone, .. } => alone.name(),
            Self::Detail { of } => format!("{} in detail", of.name()),
        }
    }

    /// Shows all of its parts, itself first.
    fn visit<'a>(&'a self, show: &mut impl FnMut(&'a Self)) {
        show(self);
        match self {
            Self::Portfolio | Self::Lemmas { .. } | Self::Model { .. } => {}
            Self::Mixture { first, second, .. } => [first, second].into_iter().for_each(|part| part.visit(show)),
            Self::Widening { alone, beside } => [alone, beside].into_iter().for_each(|part| part.visit(show)),
            Self::Detail { of } => of.visit(show),
        }
    }
}

/// How tactics are drawn from a language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draws {
    /// The prompt's name; what the model's own files say, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// 0 is beam search.
    pub temperature: f64,
    /// Whether the temperature that the model's own files name goes before this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_temperature: bool,
    /// Only so many most probable tokens are drawn from; all, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Only the most probable tokens whose probabilities add up to this are drawn from.
    pub top_p: f64,
    /// Tokens of a tactic at most.
    pub max_tokens: u64,
}

/// A model's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFiles {
    /// What people call it.
    pub name: String,
    /// Its files, by their names in the folder.
    pub files: BTreeMap<String, Blob>,
}

impl ModelFiles {
    /// What people call it, with what tells its versions apart.
    #[must_use]
    pub fn versioned_name(&self) -> String {
        format!("{} {}", self.name, &self.hash()[..12])
    }

    /// A hash of all that is in it, whatever it is called.
    #[must_use]
    pub fn hash(&self) -> String {
        sha256_of_parts(self.files.iter().flat_map(|(name, file)| [name.as_str(), file.sha256.as_str()]))
    }
}

/// A file that is known by what it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blob {
    /// SHA-256 of its bytes, as 64 lower-case hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

impl Blob {
    /// Whether a text is a hash as [`Blob::sha256`] has it.
    #[must_use]
    pub fn is_hash(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(digit: char) -> Blob {
        Blob { sha256: digit.to_string().repeat(64), bytes: 7 }
    }

    fn model(name: &str, digit: char) -> ModelFiles {
        ModelFiles { name: name.to_owned(), files: BTreeMap::from([("config.json".to_owned(), blob(digit))]) }
    }

    #[test]
    fn a_recipe_names_every_file_that_it_needs() {
        let draws =
            Draws { prompt: None, temperature: 0.7, own_temperature: true, top_k: None, top_p: 1.0, max_tokens: 256 };
        let portfolio = || Box::new(Proposer::Portfolio);
        let with_lemmas = Proposer::Mixture {
            first: portfolio(),
            second: Box::new(Proposer::Lemmas { file: blob('a') }),
            second_share: 0.5,
        };
        let recipe = Recipe {
            proposer: Proposer::Detail {
                of: Box::new(Proposer::Widening {
                    alone: Box::new(Proposer::Model { files: model("p", 'b'), draws }),
                    beside: Box::new(with_lemmas),
                }),
            },
            scorer: Some(model("c", 'c')),
            ..Recipe::default()
        };
        assert_eq!(recipe.files(), [&blob('b'), &blob('a'), &blob('c')]);
        assert_eq!(recipe.model_names(), ["p", "c"]);
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
        assert!(!serde_json::to_string(&Recipe::default()).unwrap().contains("proposer"));
    }

    #[test]
    fn a_model_is_what_it_holds() {
        assert_eq!(model("a", '1').hash(), model("b", '1').hash());
        assert_ne!(model("a", '1').hash(), model("a", '2').hash());
        assert!(Blob::is_hash(&"0f".repeat(32)));
        assert!(!Blob::is_hash(&"0F".repeat(32)) && !Blob::is_hash("../etc"));
    }
}
