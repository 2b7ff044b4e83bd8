//! Tidying: from the proof that a search found to the one that a person would keep.
//!
//! [`Tidy`] is a machine without clock or Lean: it asks whether shorter or better ordered texts are proofs, is told, and
//! keeps the last that was. Whoever drives it may stop at any time. What it has then was accepted where it was asked, and
//! still has to pass the recheck.

mod cuts;
mod layout;
mod length;
mod lists;
mod notation;
mod report;
mod script;
mod structure;

use std::collections::{HashSet, VecDeque};

use self::cuts::Edit;
use self::length::weight;
use self::script::Script;
use self::structure::Step;
use crate::goal::Goal;
use crate::syntax::Withheld;

pub use self::length::Length;
pub use self::notation::with_notation_used;
pub use self::report::TidyReport;

/// Questions about one proof at most: a bound for whoever gives no other.
const MAX_QUESTIONS: usize = 600;

/// Proofs with more bytes stay as they are: the texts that could be asked about grow with the square of the length.
const MAX_BYTES: usize = 4000;

/// Texts of one kind that are asked about at once.
const MAX_EDITS: usize = 400;

/// What the machine wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Run these tactics one after the other from the statement on; answered by [`Tidy::traced`].
    Trace(Vec<String>),
    /// Do these tactics, one after the other, prove the statement? Answered by [`Tidy::judged`].
    Check(Vec<String>),
}

/// Tidies one proof.
#[derive(Clone, Debug)]
pub struct Tidy {
    /// The proof as it was found.
    found: Vec<String>,
    /// The proof as it stands now.
    text: String,
    /// The proofs before it, oldest first, each the last of its stage.
    earlier: Vec<String>,
    stage: Stage,
    /// Texts that are no proofs, or were asked about.
    known: HashSet<String>,
    /// The text that the last question was about.
    asked: Option<String>,
    /// The goals behind each tactic of a text.
    trace: Option<(String, Vec<Step>)>,
    waiting: VecDeque<String>,
    n_questions: usize,
    withheld: Withheld,
}

/// What is tried, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The goals behind each tactic as it was found.
    Look,
    /// The outermost block ended earlier.
    Cut,
    /// The goals behind each tactic that is left.
    LookAgain,
    /// Loose tactics put under their goals.
    Structure,
    /// The same inside blocks, where the goals are not known.
    Guess,
    /// Everything that makes it shorter, in all blocks, until nothing does.
    Reduce,
    /// Equal branches joined.
    Join,
    /// Short bodies on the line of their arm, long lines on several.
    LayOut,
    Done,
}

impl Tidy {
    /// Begins with a proof. `refuted` are texts known to be no proofs, each as its tactics: what the search has tried need
    /// not be tried again.
    #[must_use]
    pub fn new(proof: &[String], refuted: impl IntoIterator<Item = Vec<String>>) -> Self {
        let text = joined(proof);
        let is_readable = text.len() <= MAX_BYTES && {
            let script = Script::parse(&text);
            script.is_movable() && !script.block.items.is_empty()
        };
        let mut known: HashSet<String> = refuted.into_iter().map(|tactics| joined(&tactics)).collect();
        known.insert(text.clone());
        let mut tidy = Self {
            found: proof.to_vec(),
            earlier: Vec::new(),
            // White space inside strings is not ours to move; such a proof stays as it is.
            stage: if is_readable { Stage::Look } else { Stage::Done },
            text,
            known,
            asked: None,
            trace: None,
            waiting: VecDeque::new(),
            n_questions: 0,
            withheld: Withheld::default(),
        };
        if tidy.stage == Stage::Look && tidy.is_settled() {
            tidy.stage = Stage::Done;
        }
        tidy
    }

    /// The same, which asks for no text with tactics that the search was to do without.
    #[must_use]
    pub fn doing_without(mut self, withheld: Withheld) -> Self {
        self.withheld = withheld;
        self
    }

    /// Whether nothing can come of asking: a single tactic without a shorter or better laid out form, such as `omega`.
    fn is_settled(&self) -> bool {
        let stages = [Stage::Cut, Stage::Guess, Stage::Reduce, Stage::Join, Stage::LayOut];
        Script::parse(&self.text).block.items.len() == 1
            && stages.into_iter().flat_map(|stage| self.candidates(stage)).all(|text| self.known.contains(&text))
    }

    /// The next question; `None` when nothing is left to try.
    pub fn ask(&mut self) -> Option<Question> {
        if self.n_questions >= MAX_QUESTIONS {
            self.stage = Stage::Done;
        }
        loop {
            match self.stage {
                Stage::Done => return None,
                Stage::Look | Stage::LookAgain => {
                    if self.trace.as_ref().is_some_and(|(text, _)| *text == self.text) {
                        self.next_stage();
                        continue;
                    }
                    self.n_questions += 1;
                    self.asked = Some(self.text.clone());
                    return Some(Question::Trace(tactics(&self.text)));
                }
                Stage::Cut | Stage::Structure | Stage::Guess | Stage::Reduce | Stage::Join | Stage::LayOut => {
                    if let Some(text) = self.next_candidate() {
                        self.n_questions += 1;
                        self.asked = Some(text.clone());
                        return Some(Question::Check(tactics(&text)));
                    }
                    self.next_stage();
                }
            }
        }
    }

    /// Tells the goals behind each tactic; `None` when the tactics do not run one by one.
    pub fn traced(&mut self, goals: Option<Vec<Vec<Goal>>>) {
        let Some(text) = self.asked.take() else { return };
        // Without goals there are no steps, and no structure: it is not asked again.
        let goals = goals.unwrap_or_default();
        let steps = tactics(&text).into_iter().zip(goals).map(|(tactic, goals)| Step { tactic, goals }).collect();
        self.trace = Some((text, steps));
        self.next_stage();
    }

    /// Tells whether the tactics are a proof.
    pub fn judged(&mut self, is_proof: bool) {
        let Some(text) = self.asked.take() else { return };
        if !is_proof {
            return;
        }
        self.text = text;
        self.waiting.clear();
        match self.stage {
            // One structure is enough, and one layout.
            Stage::Structure | Stage::LayOut => self.next_stage(),
            // What did not help before may help now.
            _ => self.fill(),
        }
    }

    /// The proof as far as it is tidied.
    #[must_use]
    pub fn proof(&self) -> Vec<String> {
        self.of(&self.text)
    }

    /// The proofs to fall back on, the tidiest first, when the recheck refuses that of [`Tidy::proof`].
    #[must_use]
    pub fn earlier(&self) -> Vec<Vec<String>> {
        let mut texts: Vec<&String> = self.earlier.iter().rev().filter(|text| **text != self.text).collect();
        texts.dedup();
        texts.into_iter().map(|text| self.of(text)).collect()
    }

    /// The tactics of a text; those of the first are as they were.
    fn of(&self, text: &str) -> Vec<String> {
        if text == joined(&self.found) { self.found.clone() } else { tactics(text) }
    }

    fn next_stage(&mut self) {
        self.earlier.push(self.text.clone());
        self.stage = match self.stage {
            Stage::Look => Stage::Cut,
            Stage::Cut => Stage::LookAgain,
            Stage::LookAgain => Stage::Structure,
            Stage::Structure => Stage::Guess,
            Stage::Guess => Stage::Reduce,
            Stage::Reduce => Stage::Join,
            Stage::Join => Stage::LayOut,
            Stage::LayOut | Stage::Done => Stage::Done,
        };
        self.fill();
    }

    fn fill(&mut self) {
        self.waiting = self.candidates(self.stage).into();
    }

    /// The candidates of a stage for the text as it is now.
    fn candidates(&self, stage: Stage) -> Vec<String> {
        let mut candidates = self.all_candidates(stage);
        candidates.retain(|text| !self.withheld.is_used_in(text));
        candidates
    }

    fn all_candidates(&self, stage: Stage) -> Vec<String> {
        match stage {
            Stage::Structure => self.structured(),
            Stage::Guess => {
                let edits = structure::guessed(&Script::parse(&self.text));
                edits.iter().take(MAX_EDITS).map(|edit| cuts::edited(&self.text, edit)).collect()
            }
            Stage::Cut => {
                let script = Script::parse(&self.text);
                let ends = cuts::ends(&script).into_iter().filter(|edit| self.closes_one_goal(&script, edit));
                self.shorter([ends.collect()])
            }
            Stage::Reduce => {
                let script = Script::parse(&self.text);
                // What costs Lean most for a text that is no proof comes last: automation that fails.
                self.shorter([
                    cuts::omissions(&script),
                    lists::omissions(&script),
                    cuts::wrappers(&script),
                    cuts::merges(&script),
                    cuts::ends(&script),
                ])
            }
            Stage::Join => self.shorter([cuts::joins(&Script::parse(&self.text))]),
            Stage::LayOut => layout::laid_out(&self.text).into_iter().collect(),
            Stage::Look | Stage::LookAgain | Stage::Done => Vec::new(),
        }
    }

    /// Whether an edit begins at a tactic of the outermost block before which one goal is open, as far as is known: no
    /// tactic that is tried closes several.
    fn closes_one_goal(&self, script: &Script, edit: &Edit) -> bool {
        let Some(idx) = script.block.items.iter().position(|item| item.span.start == edit.0.start) else {
            return false;
        };
        let (Some(before), Some((text, steps))) = (idx.checked_sub(1), &self.trace) else { return true };
        *text != self.text || steps.get(before).is_none_or(|step| step.goals.len() == 1)
    }

    /// The texts of these edits that are shorter, group by group, and within a group the shortest first.
    fn shorter(&self, groups: impl IntoIterator<Item = Vec<Edit>>) -> Vec<String> {
        let mut texts = Vec::new();
        for edits in groups {
            let saving = |(span, replacement): &Edit| {
                weight(&self.text[span.clone()]).checked_sub(weight(replacement)).filter(|saving| *saving > 0)
            };
            let mut group: Vec<(usize, Edit)> =
                edits.into_iter().filter_map(|edit| Some((saving(&edit)?, edit))).collect();
            group.sort_by_key(|(saving, _)| std::cmp::Reverse(*saving));
            let of_group = group.iter().take(MAX_EDITS).map(|(_, edit)| cuts::edited(&self.text, edit));
            texts.extend(of_group.filter(|text| !text.trim().is_empty()));
        }
        texts
    }

    fn structured(&self) -> Vec<String> {
        match &self.trace {
            Some((text, steps)) if *text == self.text => structure::structured(steps),
            _ => Vec::new(),
        }
    }

    fn next_candidate(&mut self) -> Option<String> {
        while let Some(text) = self.waiting.pop_front() {
            if self.known.insert(text.clone()) {
                return Some(text);
            }
        }
        None
    }
}

/// Tactics as the lines of one text.
fn joined(tactics: &[String]) -> String {
    let lines: Vec<&str> = tactics.iter().flat_map(|tactic| tactic.lines()).map(str::trim_end).collect();
    lines.join("\n")
}

/// A text as the tactics of its outermost block.
fn tactics(text: &str) -> Vec<String> {
    Script::parse(text).tactics()
}

#[cfg(test)]
mod tests;
