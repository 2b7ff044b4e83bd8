//! Problems to learn from that give away a problem to be measured with.
//!
//! Statements are compared part by part, a part being a hypothesis, a variable's type or the conclusion, with bound
//! names numbered anew in each: so neither names nor the order of hypotheses nor the writing of binders counts. What is
//! compared are the runs of three lexemes of all parts ([`similarity`](Contamination::similarity)). Own definitions are
//! parts too, one each, with own names and variables gone: who has proved one theorem about the very same definitions
//! knows much of the next.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::definitions::anonymous;
use super::normalise::statement_key;
use stepwise_core::problem::{Problem, Theorem};
use stepwise_core::syntax::TokenKind;
use stepwise_core::syntax::bound::{Part, Scope};
use stepwise_core::syntax::lexeme::Lexeme;
use stepwise_core::syntax::signature::Signature;

/// From this similarity on, two statements are near duplicates, if their numbers allow it
/// ([`EvaluationSet::find`]).
///
/// One hypothesis more or less among three changes a fifth to a third of the runs, one operator in a statement of thirty
/// lexemes a tenth; so both are caught. Of 60 problems of miniF2F that are stated in core Lean, which
/// competitions posed independently, the two most similar (the squares modulo 3, and those modulo 4) reach 0.50 and the
/// next two 0.27.
pub const NEAR_DUPLICATE: f64 = 0.6;

/// One match between a problem to learn from and one to be measured with.
#[derive(Clone, Debug, PartialEq)]
pub struct Contamination {
    /// The problem to learn from.
    pub name: String,
    /// The problem to be measured with; of several the most similar, the first of equals.
    pub with: String,
    /// The share of runs of three lexemes that the two have in common among those that either has (Jaccard's index),
    /// from [`NEAR_DUPLICATE`] to 1; 1 for equal normal forms.
    pub similarity: f64,
}

/// Problems to be measured with, indexed for comparison with many others.
#[derive(Clone, Debug, Default)]
pub struct EvaluationSet {
    problems: Vec<Entry>,
    /// Problem by statement key.
    keys: HashMap<String, usize>,
    /// Problems by the runs that they have, each problem once per run.
    runs: HashMap<Run, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    n_runs: usize,
    numbers: Numbers,
}

impl EvaluationSet {
    /// The index of these problems.
    pub fn new<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> Self {
        let mut set = Self::default();
        for problem in problems {
            let idx = set.problems.len();
            set.keys.entry(statement_key(&problem.theorem)).or_insert(idx);
            let Fingerprint { runs, numbers } = Fingerprint::of(&problem.theorem);
            set.problems.push(Entry { name: problem.name.clone(), n_runs: runs.len(), numbers });
            for run in runs {
                set.runs.entry(run).or_default().push(idx);
            }
        }
        set
    }

    /// The problem of the set that this one gives away, if there is one: the same statement, or a near duplicate.
    ///
    /// Of two near duplicates one has all the numbers of the other, each as often (0 and 1 aside, which many a side
    /// condition speaks of): a problem with other numbers is another problem with another answer.
    #[must_use]
    pub fn find(&self, problem: &Problem) -> Option<Contamination> {
        let found = |idx: usize, similarity| Contamination {
            name: problem.name.clone(),
            with: self.problems[idx].name.clone(),
            similarity,
        };
        if let Some(idx) = self.keys.get(&statement_key(&problem.theorem)) {
            return Some(found(*idx, 1.0));
        }
        let Fingerprint { runs, numbers } = Fingerprint::of(&problem.theorem);
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for idx in runs.iter().filter_map(|run| self.runs.get(run)).flatten() {
            *shared.entry(*idx).or_default() += 1;
        }
        let similarity = |(idx, n_shared): (usize, usize)| {
            let n_either = runs.len() + self.problems[idx].n_runs - n_shared;
            (idx, n_shared as f64 / n_either as f64)
        };
        shared
            .into_iter()
            .filter(|(idx, _)| numbers.agree_with(&self.problems[*idx].numbers))
            .map(similarity)
            .filter(|(_, similarity)| *similarity >= NEAR_DUPLICATE)
            .max_by(|(a_idx, a), (b_idx, b)| a.total_cmp(b).then(b_idx.cmp(a_idx)))
            .map(|(idx, similarity)| found(idx, similarity))
    }
}

/// Every candidate that gives a problem of the evaluation set away, in the candidates' order.
#[must_use]
pub fn contaminations<'a>(
    evaluation: impl IntoIterator<Item = &'a Problem>,
    candidates: impl IntoIterator<Item = &'a Problem>,
) -> Vec<Contamination> {
    let set = EvaluationSet::new(evaluation);
    candidates.into_iter().filter_map(|problem| set.find(problem)).collect()
}

/// Three lexemes in a row, the edges of a part included.
type Run = [String; 3];

struct Fingerprint {
    runs: HashSet<Run>,
    numbers: Numbers,
}

/// How often each numeral but 0 and 1 occurs.
#[derive(Clone, Debug, Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    /// One of the two has all that the other has.
    fn agree_with(&self, other: &Self) -> bool {
        self.holds(other) || other.holds(self)
    }

    fn holds(&self, other: &Self) -> bool {
        other.0.iter().all(|(numeral, n_other)| self.0.get(numeral).is_some_and(|n| n >= n_other))
    }
}

impl Fingerprint {
    fn of(theorem: &Theorem) -> Self {
        let anonymous = anonymous(theorem);
        let statement = anonymous.as_ref().map_or(&theorem.statement, |anonymous| &anonymous.statement);
        let Signature { binders, conclusion } = Signature::read(statement);
        let mut fingerprint = Self { runs: HashSet::new(), numbers: Numbers::default() };
        let mut scope = Scope::default();
        for binder in &binders {
            fingerprint.add(&scope.read(&binder.ty), ":");
            scope.introduce(binder.name.as_deref().unwrap_or_default());
        }
        fingerprint.add(&scope.read(&conclusion), "⊢");
        for words in anonymous.iter().flat_map(|anonymous| &anonymous.declarations) {
            fingerprint.add_words(words.iter().map(|word| own_anew(word)), "def");
        }
        fingerprint
    }

    fn add(&mut self, parts: &[Part], edge: &str) {
        let mut local: Vec<usize> = Vec::new();
        let mut words = Vec::new();
        for part in parts {
            words.push(match part {
                Part::Bound { number, fields } => {
                    let place = local.iter().position(|known| known == number).unwrap_or_else(|| {
                        local.push(*number);
                        local.len() - 1
                    });
                    format!("v{place}{fields}")
                }
                Part::Free(Lexeme { kind, text }) => {
                    if *kind == TokenKind::Number && text != "0" && text != "1" {
                        *self.numbers.0.entry(text.clone()).or_default() += 1;
                    }
                    own_anew(text)
                }
            });
        }
        self.add_words(words.into_iter(), edge);
    }

    /// The runs of a part whose words are known.
    fn add_words(&mut self, words: impl Iterator<Item = String>, edge: &str) {
        let edge = || std::iter::once(edge.to_owned());
        let words: Vec<String> = edge().chain(words).chain(edge()).collect();
        self.runs.extend(words.windows(3).map(|run| [run[0].clone(), run[1].clone(), run[2].clone()]));
    }
}

/// The word with `own` for every own name: which number one has depends on what stands before.
fn own_anew(word: &str) -> String {
    let is_own = |part: &str| part.strip_prefix("own").is_some_and(|rest| rest.parse::<u32>().is_ok());
    word.split('.').map(|part| if is_own(part) { "own" } else { part }).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests;
