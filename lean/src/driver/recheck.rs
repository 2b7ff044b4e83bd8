//! Judges whole proofs and whole files. One Lean elaborates them from the preamble on ([`Driver::claim`]); what it made
//! leaves it as data, and another one, which has elaborated nothing of it, judges it ([`Driver::judge`]): a statement is
//! compared with one that was elaborated before the proof, every declaration is added to a kernel environment, and axioms
//! are collected.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::driver::axioms::{self, RestsOn};
use crate::driver::commands::{self, Ran, environment_of, is_one_declaration, run_commands};
use crate::driver::constants::{
    Key, body_of, find, is_declared, key_of, kind, signature, type_of, used_of, user_name, with_info,
};
use crate::driver::declared::{self, Declared};
use crate::driver::export::{Built, Export, Id, Reader};
use crate::driver::messages::errors_of;
use crate::driver::replay::{self, Kernel, refusal};
use crate::driver::step::uses_what_it_may_not;
use crate::driver::{Driver, Limited, Preamble};
use crate::machine::{Machine, Result};
use crate::object::{Object, is_boxed};
use crate::protocol::{FileAnswer, FileTheorem, JudgeAnswer};

/// Examples are kept, so that there is something to judge.
const JUDGED: commands::Options = commands::Options { examples_are_kept: true, first_is_kept: false };

/// A proof that was elaborated, and what was asked for.
#[derive(Debug)]
pub struct Claim {
    /// The statement, elaborated before the proof.
    asked: Export,
    theorem: Id,
    /// What the statement with its proof declares.
    given: Export,
    notes: Vec<String>,
}

/// A file that was elaborated.
#[derive(Debug)]
pub struct FileClaim {
    errors: Vec<String>,
    notes: Vec<String>,
    /// The lines where Lean warned of `sorry`.
    sorries: Vec<u32>,
    /// In the order of the text.
    declared: Vec<Declared>,
    export: Export,
}

fn refused(reasons: Vec<String>) -> JudgeAnswer {
    JudgeAnswer { reasons, ..JudgeAnswer::default() }
}

fn judged(found: RestsOn, reasons: Vec<String>) -> JudgeAnswer {
    let RestsOn { axioms, unopened, declared: _ } = found;
    let axioms = axioms.into_iter().collect();
    JudgeAnswer { accepted: reasons.is_empty(), reasons, axioms, unopened, notes: Vec::new() }
}

/// A statement with its proof, as the file has it.
fn with_proof(statement: &str, body: &str) -> String {
    format!("{statement} := by\n{body}\n")
}

impl Driver {
    /// Elaborates a statement with this proof after `preamble`: what is claimed, or why nothing is.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn claim(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
        body: &str,
        limit: Duration,
    ) -> Result<Limited<std::result::Result<Claim, JudgeAnswer>>> {
        let (claim, fired) =
            self.timed(lean, limit, |driver, lean| driver.elaborate_claim(lean, preamble, statement, body))?;
        Ok(match claim {
            Err(_) if fired => Limited::Timeout,
            claim => Limited::Done(claim.map_err(refused)),
        })
    }

    /// Judges what another Lean has elaborated after `preamble`. What is accepted when time is up stands.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn judge(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        claim: &Claim,
        without: &[String],
        limit: Duration,
    ) -> Result<Limited<JudgeAnswer>> {
        let (judged, fired) =
            self.timed(lean, limit, |driver, lean| driver.judge_claim(lean, preamble, claim, without))?;
        Ok(if fired && !judged.accepted { Limited::Timeout } else { Limited::Done(judged) })
    }

    /// Elaborates a statement with this proof and gives the errors. Judges nothing.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn elaborate(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
        body: &str,
        limit: Duration,
    ) -> Result<Limited<FileAnswer>> {
        let (errors, fired) = self.timed(lean, limit, |driver, lean| {
            let before = driver.preamble(lean, preamble)?;
            if !before.errors.is_empty() {
                return Ok(before.errors.clone());
            }
            let state = lean.retain(before.state)?;
            let whole = run_commands(lean, &with_proof(statement, body), state, commands::Options::default())?;
            lean.release(whole.state)?;
            Ok(errors_of(&whole.messages))
        })?;
        Ok(if fired { Limited::Timeout } else { Limited::Done(FileAnswer { errors, ..FileAnswer::default() }) })
    }

    /// Elaborates a whole file.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn claim_file(&mut self, lean: &mut dyn Machine, text: &str, limit: Duration) -> Result<Limited<FileClaim>> {
        let (claim, fired) = self.timed(lean, limit, |driver, lean| {
            let base = driver.preamble(lean, "")?;
            let state = lean.retain(base.state)?;
            let whole = run_commands(lean, text, state, JUDGED)?;
            let [before, after] = [environment_of(lean, base.state)?, environment_of(lean, whole.state)?];
            let mut reader = Reader::default();
            let declared = declared::declarations(lean, before, after, &mut reader)?;
            lean.release(whole.state)?;
            let sorries = whole.messages.iter().filter(|message| message.is_sorry).map(|message| message.line);
            Ok(FileClaim {
                errors: errors_of(&whole.messages),
                notes: whole.notes,
                sorries: sorries.collect(),
                declared,
                export: reader.finish(),
            })
        })?;
        Ok(if fired { Limited::Timeout } else { Limited::Done(claim) })
    }

    /// Judges what a file declares, which another Lean has elaborated: every theorem and example, and whatever else is not
    /// proved, is not checked, or is taken for granted.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn judge_file(
        &mut self,
        lean: &mut dyn Machine,
        claim: FileClaim,
        limit: Duration,
    ) -> Result<Limited<FileAnswer>> {
        let (theorems, fired) = self.timed(lean, limit, |driver, lean| {
            let base = driver.preamble(lean, "")?;
            let base = environment_of(lean, base.state)?;
            let built = claim.export.build(lean)?;
            let environment = built.environment(lean, base)?;
            let theorems = driver.judge_declarations(lean, &claim, &built, [environment, base])?;
            lean.release(environment)?;
            built.release(lean)?;
            Ok(theorems)
        })?;
        let FileClaim { errors, notes, .. } = claim;
        Ok(if fired { Limited::Timeout } else { Limited::Done(FileAnswer { errors, notes, theorems }) })
    }

    // One proof.

    fn elaborate_claim(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
        body: &str,
    ) -> Result<std::result::Result<Claim, Vec<String>>> {
        let before = self.preamble(lean, preamble)?;
        if !before.errors.is_empty() {
            return Ok(Err(refusals_of_preamble(&before)));
        }
        let alone = self.elaborate_statement(lean, statement, &before, false, true)?;
        // What was asked for leaves this Lean before the proof can touch it.
        let mut asked = Reader::default();
        let mut theorem = None;
        if let Some(name) = alone.name.filter(|&name| !is_boxed(name)) {
            let environment = environment_of(lean, alone.ran.state)?;
            theorem = with_info(lean, environment, name, |lean, info| asked.constant(lean, info))?.flatten();
            lean.release(name)?;
        }
        lean.release(alone.ran.state)?;

        let state = lean.retain(before.state)?;
        let whole = run_commands(lean, &with_proof(statement, body), state, JUDGED)?;
        let reasons = refusals(&whole, &alone.unbound.refused);
        let claim = match theorem {
            _ if !reasons.is_empty() => Err(reasons),
            None => Err(vec!["the statement opens no tactic proof".to_owned()]),
            Some(theorem) => {
                let [before, after] = [environment_of(lean, before.state)?, environment_of(lean, whole.state)?];
                let mut given = Reader::default();
                for (name, info, _) in declared::new_constants(lean, before, after)? {
                    given.constant(lean, info)?;
                    lean.release_all(&[name, info])?;
                }
                let notes = alone.unbound.notes;
                Ok(Claim { asked: asked.finish(), theorem, given: given.finish(), notes })
            }
        };
        lean.release(whole.state)?;
        Ok(claim)
    }

    fn judge_claim(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        claim: &Claim,
        without: &[String],
    ) -> Result<JudgeAnswer> {
        let before = self.preamble(lean, preamble)?;
        if !before.errors.is_empty() {
            return Ok(refused(refusals_of_preamble(&before)));
        }
        let base = environment_of(lean, before.state)?;
        let (asked, given) = (claim.asked.build(lean)?, claim.given.build(lean)?);
        let environment = given.environment(lean, base)?;
        let [name, info] = asked.constant(claim.theorem);
        let judged = match difference(lean, [name, info], environment, base)? {
            Some(difference) => refused(vec![difference]),
            None => {
                let without = without.iter().cloned().collect();
                let judged = self.judge_constant(lean, environment, base, name, &without)?;
                JudgeAnswer { notes: claim.notes.clone(), ..judged }
            }
        };
        lean.release(environment)?;
        asked.release(lean)?;
        given.release(lean)?;
        Ok(judged)
    }

    fn judge_constant(
        &mut self,
        lean: &mut dyn Machine,
        environment: Object,
        base: Object,
        name: Object,
        without: &BTreeSet<String>,
    ) -> Result<JudgeAnswer> {
        let found = self.axioms.rests_on(lean, environment, name)?;
        let mut reasons = found.complaints();
        reasons.extend(used_by(lean, environment, name, without)?.as_deref().map(uses_what_it_may_not));
        if reasons.is_empty() {
            let mut kernel = Kernel::start(lean, environment, base)?;
            reasons.extend(kernel.add(lean, name)?);
            kernel.end(lean)?;
        }
        Ok(judged(found, reasons))
    }

    // Whole files.

    fn judge_declarations(
        &mut self,
        lean: &mut dyn Machine,
        claim: &FileClaim,
        built: &Built,
        [environment, base]: [Object; 2],
    ) -> Result<Vec<FileTheorem>> {
        let mut reasons = Reasons::default();
        for declaration in &claim.declared {
            if let Some(constant) = declaration.constant {
                let [_, info] = built.constant(constant);
                reasons.tell_of_own(lean, environment, &claim.declared, declaration, info)?;
            }
        }
        let kernel = Kernel::start(lean, environment, base)?;
        let mut file = File { environment, built, kernel, reasons };
        let mut theorems = Vec::new();
        for declaration in &claim.declared {
            theorems.extend(self.judge_declaration(lean, &mut file, declaration)?);
        }
        file.kernel.end(lean)?;
        theorems.extend(file.reasons.untold(&claim.sorries, &claim.declared));
        Ok(theorems)
    }

    /// Judges one declaration of a file, unless there is nothing to tell of it.
    fn judge_declaration(
        &mut self,
        lean: &mut dyn Machine,
        file: &mut File<'_>,
        declaration: &Declared,
    ) -> Result<Option<FileTheorem>> {
        let File { environment, built, kernel, reasons } = file;
        let key = &declaration.key;
        let constant = declaration.constant.map(|constant| built.constant(constant));
        let mut found = None;
        match constant {
            None => reasons.tell(key, refusal(&declaration.shown)),
            Some([name, info]) => {
                if is_statement(declaration) {
                    found = Some(self.axioms.rests_on(lean, *environment, name)?);
                }
                found.iter().flat_map(RestsOn::complaints).for_each(|reason| reasons.tell(key, reason));
                let must_hold = declaration.is_authored && !replay::is_unsafe(lean, info)?;
                if must_hold
                    && reasons.of(key).is_empty()
                    && let Some(complaint) = kernel.add(lean, name)?
                {
                    reasons.tell(key, complaint);
                }
            }
        }
        let reasons = reasons.of(key).to_vec();
        let found = match (found, constant) {
            (None, _) if reasons.is_empty() => return Ok(None),
            (None, Some([name, _])) => self.axioms.rests_on(lean, *environment, name)?,
            (found, _) => found.unwrap_or_default(),
        };
        Ok(Some(FileTheorem {
            name: declaration.shown.clone(),
            kind: declaration.kind.clone(),
            line: declaration.lines.as_ref().map(|lines| *lines.start()),
            judge: judged(found, reasons),
        }))
    }
}

/// A file that is judged.
struct File<'a> {
    environment: Object,
    built: &'a Built,
    kernel: Kernel,
    reasons: Reasons,
}

/// Why a statement that was elaborated with a proof is not judged at all.
fn refusals(whole: &Ran, unbound: &[String]) -> Vec<String> {
    let errors = errors_of(&whole.messages);
    if !errors.is_empty() {
        errors
    } else if !is_one_declaration(&whole.kinds) {
        vec![format!("the file holds {} commands where one declaration was expected", whole.kinds.len())]
    } else {
        unbound.to_vec()
    }
}

/// Why nothing behind a preamble is judged.
fn refusals_of_preamble(preamble: &Preamble) -> Vec<String> {
    preamble.errors.iter().map(|error| format!("the preamble is refused: {error}")).collect()
}

fn is_statement(declaration: &Declared) -> bool {
    declaration.is_authored && matches!(declaration.kind.as_str(), "theorem" | "example")
}

/// The first of the names `without` that the body of `name` (borrowed) rests on.
fn used_by(
    lean: &mut dyn Machine,
    environment: Object,
    name: Object,
    without: &BTreeSet<String>,
) -> Result<Option<String>> {
    let used = with_info(lean, environment, name, |lean, info| match body_of(lean, info)? {
        Some(body) => used_of(lean, environment, body, without),
        None => Ok(None),
    })?;
    Ok(used.flatten())
}

/// How what was proved differs from what was asked for: a constant that `base` does not have. All are borrowed.
fn difference(
    lean: &mut dyn Machine,
    [name, asked]: [Object; 2],
    given_environment: Object,
    base: Object,
) -> Result<Option<String>> {
    let text = lean.name_text(name)?;
    let shown = user_name(&text);
    if is_declared(lean, base, name)? {
        return Ok(Some(format!("{shown} is declared before the statement")));
    }
    let given = find(lean, given_environment, name)?;
    let difference = match given {
        Some(given) => difference_of(lean, asked, given, shown)?,
        None => Some(format!("the file does not declare {shown}")),
    };
    lean.release_all(given.as_slice())?;
    Ok(difference)
}

/// How a constant differs from another; infos are borrowed. The level parameters are part of a statement.
fn difference_of(lean: &mut dyn Machine, asked: Object, given: Object, shown: &str) -> Result<Option<String>> {
    let (wanted, got) = (lean.tag(asked)?, lean.tag(given)?);
    if wanted != got {
        let (wanted, got) = (declared::kind_text(wanted), declared::kind_text(got));
        return Ok(Some(format!("{shown} is a {got}, not a {wanted}")));
    }
    let types = [type_of(lean, asked)?, type_of(lean, given)?];
    lean.retain_all(&types)?;
    let is_same = lean.asks("Lean_Expr_eqv", &types)? && levels(lean, asked)? == levels(lean, given)?;
    Ok((!is_same).then(|| "the type proved is not the type that was asked for".to_owned()))
}

fn levels(lean: &dyn Machine, info: Object) -> Result<Vec<Key>> {
    let names = lean.list_items(lean.field(signature(lean, info)?, 1)?)?;
    names.into_iter().map(|name| key_of(lean, name)).collect()
}

/// What is wrong with the declarations of a file, each thing once.
#[derive(Debug, Default)]
struct Reasons(HashMap<Key, Vec<String>>);

impl Reasons {
    fn of(&self, key: &Key) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    fn tell(&mut self, key: &Key, reason: String) {
        let reasons = self.0.entry(key.clone()).or_default();
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }

    /// What a constant does wrong itself is told of whoever wrote it, whatever else rests on it.
    fn tell_of_own(
        &mut self,
        lean: &mut dyn Machine,
        environment: Object,
        all: &[Declared],
        declaration: &Declared,
        info: Object,
    ) -> Result<()> {
        let owner = declared::owner_of(all, declaration);
        if lean.tag(info)? == kind::AXIOM {
            self.tell(&owner.key, axioms::declares(&declaration.shown));
        }
        for axiom in axioms::names_refused(lean, environment, info)? {
            self.tell(&owner.key, axioms::complaint(&axiom));
        }
        Ok(())
    }

    /// Uses of `sorry` that Lean warned of, by their lines, and no declaration is blamed for: a macro may make an example,
    /// which leaves nothing behind but Lean's own warning.
    fn untold(&self, sorries: &[u32], all: &[Declared]) -> Vec<FileTheorem> {
        let covers = |declaration: &Declared, line| {
            declaration.lines.as_ref().is_some_and(|lines| lines.contains(&line))
                && !self.of(&declaration.key).is_empty()
        };
        let is_covered = |line| all.iter().any(|declaration| covers(declaration, line));
        let untold = sorries.iter().filter(|&&line| !is_covered(line)).map(|&line| FileTheorem {
            name: format!("line {line}"),
            kind: "declaration".to_owned(),
            line: Some(line),
            judge: JudgeAnswer {
                axioms: vec![axioms::SORRY.to_owned()],
                ..refused(vec![axioms::complaint(axioms::SORRY)])
            },
        });
        untold.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Part;

    #[test]
    fn a_reason_is_told_once() {
        let key = vec![Part::Text("t".to_owned())];
        let mut reasons = Reasons::default();
        assert!(reasons.of(&key).is_empty());
        for reason in ["it uses `sorry`", "the file declares the axiom a", "it uses `sorry`"] {
            reasons.tell(&key, reason.to_owned());
        }
        assert_eq!(reasons.of(&key), ["it uses `sorry`", "the file declares the axiom a"]);
    }

    #[test]
    fn what_has_a_reason_against_it_is_not_accepted() {
        let found = || RestsOn { axioms: ["propext".to_owned()].into(), unopened: 2, ..RestsOn::default() };
        let fine = judged(found(), Vec::new());
        assert!(fine.accepted && fine.axioms == ["propext"] && fine.unopened == 2);
        assert!(!judged(found(), vec!["it uses `sorry`".to_owned()]).accepted);
        assert!(!refused(Vec::new()).accepted);
    }
}
