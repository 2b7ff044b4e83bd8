//! Judges whole proofs and whole files: they are elaborated from the preamble on, a statement is compared with one
//! elaborated apart from the proof, every declaration is added once more to a kernel environment, and axioms are
//! collected.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::driver::axioms::{self, RestsOn};
use crate::driver::commands::{self, Ran, environment_of, is_one_declaration, run_commands};
use crate::driver::constants::{Key, body_of, find, key_of, kind, signature, type_of, used_of, user_name, with_info};
use crate::driver::declared::{self, Declared};
use crate::driver::messages::{Message, errors_of};
use crate::driver::replay::{self, Kernel};
use crate::driver::step::uses_what_it_may_not;
use crate::driver::{Driver, Elaborated, Limited, Preamble};
use crate::machine::{Machine, Result};
use crate::object::{Object, is_boxed};
use crate::protocol::{FileAnswer, FileTheorem, JudgeAnswer};

/// Examples are kept, so that there is something to judge.
const JUDGED: commands::Options = commands::Options { examples_are_kept: true, first_is_kept: false };

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
    /// Judges a statement with this proof after `preamble`. What is accepted when time is up stands.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn recheck(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
        without: &[String],
        body: &str,
        limit: Duration,
    ) -> Result<Limited<JudgeAnswer>> {
        let (judged, fired) =
            self.timed(lean, limit, |driver, lean| driver.judge(lean, preamble, statement, without, body))?;
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

    /// Elaborates a whole file and judges what it declares: every theorem and example, and whatever else is not proved,
    /// is not checked, or is taken for granted.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn check_file(&mut self, lean: &mut dyn Machine, text: &str, limit: Duration) -> Result<Limited<FileAnswer>> {
        let (answer, fired) = self.timed(lean, limit, |driver, lean| {
            let base = driver.preamble(lean, "")?;
            let state = lean.retain(base.state)?;
            let whole = run_commands(lean, text, state, JUDGED)?;
            let environments = (environment_of(lean, whole.state)?, environment_of(lean, base.state)?);
            let theorems = driver.judge_file(lean, environments.0, environments.1, &whole.messages)?;
            lean.release(whole.state)?;
            Ok(FileAnswer { errors: errors_of(&whole.messages), notes: whole.notes, theorems })
        })?;
        Ok(if fired { Limited::Timeout } else { Limited::Done(answer) })
    }

    // One proof.

    fn judge(
        &mut self,
        lean: &mut dyn Machine,
        preamble: &str,
        statement: &str,
        without: &[String],
        body: &str,
    ) -> Result<JudgeAnswer> {
        let before = self.preamble(lean, preamble)?;
        if !before.errors.is_empty() {
            return Ok(refused(before.errors.iter().map(|e| format!("the preamble is refused: {e}")).collect()));
        }
        let alone = self.elaborate_statement(lean, statement, &before, false, true)?;
        let state = lean.retain(before.state)?;
        let whole = run_commands(lean, &with_proof(statement, body), state, JUDGED)?;
        let without = without.iter().cloned().collect();
        let judged = self.judge_elaborated(lean, &before, &alone, &whole, &without)?;
        lean.release_all(&[alone.ran.state, whole.state])?;
        if let Some(name) = alone.name {
            lean.release(name)?;
        }
        Ok(judged)
    }

    /// Judges what was proved, `whole`, by what was asked for: `alone`.
    fn judge_elaborated(
        &mut self,
        lean: &mut dyn Machine,
        before: &Preamble,
        alone: &Elaborated,
        whole: &Ran,
        without: &BTreeSet<String>,
    ) -> Result<JudgeAnswer> {
        let errors = errors_of(&whole.messages);
        if !errors.is_empty() {
            return Ok(refused(errors));
        }
        if !is_one_declaration(&whole.kinds) {
            let n = whole.kinds.len();
            return Ok(refused(vec![format!("the file holds {n} commands where one declaration was expected")]));
        }
        let Some(name) = alone.name.filter(|&name| !is_boxed(name)) else {
            return Ok(refused(vec!["the statement opens no tactic proof".to_owned()]));
        };
        if !alone.unbound.refused.is_empty() {
            return Ok(refused(alone.unbound.refused.clone()));
        }
        let asked = environment_of(lean, alone.ran.state)?;
        let given = environment_of(lean, whole.state)?;
        if let Some(difference) = difference(lean, asked, given, name)? {
            return Ok(refused(vec![difference]));
        }
        let base = environment_of(lean, before.state)?;
        let judged = self.judge_constant(lean, given, base, name, without)?;
        Ok(JudgeAnswer { notes: alone.unbound.notes.clone(), ..judged })
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

    fn judge_file(
        &mut self,
        lean: &mut dyn Machine,
        environment: Object,
        base: Object,
        messages: &[Message],
    ) -> Result<Vec<FileTheorem>> {
        let before = local_keys(lean, base)?;
        let all = declared::declarations(lean, environment, &before)?;
        let mut reasons = Reasons::default();
        for declaration in &all {
            reasons.tell_of_own(lean, environment, &all, declaration)?;
        }
        let mut kernel = Kernel::start(lean, environment, base)?;
        let mut theorems = Vec::new();
        for declaration in &all {
            theorems.extend(self.judge_declaration(lean, environment, declaration, &mut kernel, &mut reasons)?);
        }
        kernel.end(lean)?;
        theorems.extend(reasons.untold(messages, &all));
        for declaration in &all {
            lean.release_all(&[declaration.name, declaration.info])?;
        }
        Ok(theorems)
    }

    /// Judges one declaration of a file, unless there is nothing to tell of it.
    fn judge_declaration(
        &mut self,
        lean: &mut dyn Machine,
        environment: Object,
        declaration: &Declared,
        kernel: &mut Kernel,
        reasons: &mut Reasons,
    ) -> Result<Option<FileTheorem>> {
        let Declared { name, info, key, .. } = declaration;
        let mut found = None;
        if is_statement(declaration) {
            found = Some(self.axioms.rests_on(lean, environment, *name)?);
        }
        found.iter().flat_map(RestsOn::complaints).for_each(|reason| reasons.tell(key, reason));
        let must_hold = declaration.is_authored && !replay::is_unsafe(lean, *info)?;
        if must_hold
            && reasons.of(key).is_empty()
            && let Some(complaint) = kernel.add(lean, *name)?
        {
            reasons.tell(key, complaint);
        }
        let reasons = reasons.of(key).to_vec();
        let found = match found {
            Some(found) => found,
            None if reasons.is_empty() => return Ok(None),
            None => self.axioms.rests_on(lean, environment, *name)?,
        };
        Ok(Some(FileTheorem {
            name: declaration.shown.clone(),
            kind: declaration.kind.clone(),
            line: declaration.lines.as_ref().map(|lines| *lines.start()),
            judge: judged(found, reasons),
        }))
    }
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

/// How what was proved differs from what was asked for. Environments and the name are borrowed.
fn difference(
    lean: &mut dyn Machine,
    asked_environment: Object,
    given_environment: Object,
    name: Object,
) -> Result<Option<String>> {
    let text = lean.name_text(name)?;
    let shown = user_name(&text);
    let asked = find(lean, asked_environment, name)?;
    let given = find(lean, given_environment, name)?;
    let difference = match (asked, given) {
        (Some(asked), Some(given)) => difference_of(lean, asked, given, shown)?,
        _ => Some(format!("the file does not declare {shown}")),
    };
    for info in asked.into_iter().chain(given) {
        lean.release(info)?;
    }
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

/// What tells the constants that an environment (borrowed) declares itself from others.
fn local_keys(lean: &mut dyn Machine, environment: Object) -> Result<HashSet<Key>> {
    let mut keys = HashSet::new();
    for (name, info, key) in declared::local_constants(lean, environment)? {
        lean.release_all(&[name, info])?;
        keys.insert(key);
    }
    Ok(keys)
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
    ) -> Result<()> {
        let owner = declared::owner_of(all, declaration);
        if lean.tag(declaration.info)? == kind::AXIOM {
            self.tell(&owner.key, axioms::declares(&declaration.shown));
        }
        for axiom in axioms::names_refused(lean, environment, declaration.info)? {
            self.tell(&owner.key, axioms::complaint(&axiom));
        }
        Ok(())
    }

    /// Uses of `sorry` that Lean warned of and no declaration is blamed for: a macro may make an example, which leaves
    /// nothing behind but Lean's own warning.
    fn untold(&self, messages: &[Message], all: &[Declared]) -> Vec<FileTheorem> {
        let covers = |declaration: &Declared, line| {
            declaration.lines.as_ref().is_some_and(|lines| lines.contains(&line))
                && !self.of(&declaration.key).is_empty()
        };
        let is_covered = |line| all.iter().any(|declaration| covers(declaration, line));
        messages
            .iter()
            .filter(|message| message.is_sorry && !is_covered(message.line))
            .map(|message| FileTheorem {
                name: format!("line {}", message.line),
                kind: "declaration".to_owned(),
                line: Some(message.line),
                judge: JudgeAnswer {
                    axioms: vec![axioms::SORRY.to_owned()],
                    ..refused(vec![axioms::complaint(axioms::SORRY)])
                },
            })
            .collect()
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
