//! What a goal holds.

use std::collections::HashSet;

use stepwise_core::facts::{Call, GoalFacts, Kind, Local};

use super::declarations::Declared;
use super::limits;
use super::locals::{Hypothesis, Instantiation, Locals};
use super::names::{is_conditional, user_text};
use super::print::print;
use super::terms::{
    Spine, Telescope, constant_name, explicit_of, expr, head_constant, head_text, is_proposition, spine, telescope,
    walk,
};
use crate::driver::constants::{Key, key_of};
use crate::machine::{Machine, Result};
use crate::object::{Object, is_boxed};

/// Field numbers of `Lean.MetavarDecl` in Lean 4.28.
mod metavar_decl {
    pub(super) const LOCAL_CONTEXT: u32 = 1;
    pub(super) const TYPE: u32 = 2;
    pub(super) const N: u32 = 7;
}

/// The facts of one goal in a metavariable context and an environment (all borrowed).
pub(crate) fn of_goal(
    lean: &mut dyn Machine,
    environment: Object,
    mctx: Object,
    goal: Object,
    declared: &Declared,
) -> Result<Option<GoalFacts>> {
    let arguments = lean.retain_all(&[mctx, goal])?;
    let found = lean.call("Lean_MetavarContext_findDecl_x3f", &arguments)?;
    if is_boxed(found) {
        return Ok(None);
    }
    let decl = lean.field(found, 0)?;
    lean.expect_fields("Lean.MetavarDecl", decl, metavar_decl::N)?;
    let mut instantiation = Instantiation::new(mctx);
    let context = lean.field(decl, metavar_decl::LOCAL_CONTEXT)?;
    let locals = Locals::read(lean, context, &mut instantiation)?;
    let target = lean.field(decl, metavar_decl::TYPE)?;
    let target = instantiation.of(lean, target)?;

    let facts = facts_of(lean, environment, &locals, target, declared)?;
    instantiation.release(lean)?;
    lean.release(found)?;
    Ok(Some(facts))
}

fn facts_of(
    lean: &mut dyn Machine,
    environment: Object,
    locals: &Locals,
    target: Object,
    declared: &Declared,
) -> Result<GoalFacts> {
    let conclusion = telescope(lean, target)?.result;
    let facts = GoalFacts { head: head_text(lean, conclusion)?, ..GoalFacts::default() };
    let in_target = variables_in(lean, target)?;
    let mut collection = Collection { environment, locals, declared, facts, constants: HashSet::new() };
    collection.collect(lean, target, true)?;
    let skipped = locals.list.len().saturating_sub(limits::LOCALS);
    for hypothesis in locals.list.iter().skip(skipped) {
        collection.add(lean, hypothesis, &in_target)?;
    }
    Ok(collection.facts)
}

/// Local variables in a term.
fn variables_in(lean: &mut dyn Machine, term: Object) -> Result<HashSet<Key>> {
    let mut keys = HashSet::new();
    walk(lean, term, |lean, e, _| {
        if lean.tag(e)? == expr::FVAR {
            keys.insert(key_of(lean, lean.field(e, 0)?)?);
        }
        Ok(true)
    })?;
    Ok(keys)
}

/// The facts of a goal as they are gathered.
struct Collection<'a> {
    environment: Object,
    locals: &'a Locals,
    declared: &'a Declared,
    facts: GoalFacts,
    /// Keys of the facts' constants.
    constants: HashSet<Key>,
}

impl Collection<'_> {
    /// Adds a hypothesis. What it speaks of counts even where no tactic can name it.
    fn add(&mut self, lean: &mut dyn Machine, hypothesis: &Hypothesis, in_target: &HashSet<Key>) -> Result<()> {
        let Hypothesis { key, ty, .. } = hypothesis;
        let is_proof = is_proposition(lean, self.environment, *ty, |key| self.locals.type_of(key))?;
        if is_proof {
            self.collect(lean, *ty, false)?;
        }
        let Some(name) = self.locals.name_of(key) else { return Ok(()) };
        let Telescope { binders, result } = telescope(lean, *ty)?;
        let mut local = Local { name: name.to_owned(), ..Local::default() };
        if let Some(head) = head_constant(lean, result)? {
            local.head = user_text(lean, head)?;
            local.own = self.declared.is_own(&key_of(lean, head)?);
        }
        if is_proof {
            local.binders = binders.len();
            self.facts.proofs.push(local);
        } else if binders.is_empty() {
            local.in_target = in_target.contains(key);
            self.facts.variables.push(local);
        }
        Ok(())
    }

    /// Adds own constants and calls of own definitions in a term.
    fn collect(&mut self, lean: &mut dyn Machine, term: Object, is_target: bool) -> Result<()> {
        walk(lean, term, |lean, e, _| {
            match lean.tag(e)? {
                expr::CONST => self.add_constant(lean, e, is_target)?,
                expr::APP => self.add_call(lean, e, is_target)?,
                _ => (),
            }
            Ok(true)
        })
    }

    fn add_constant(&mut self, lean: &mut dyn Machine, constant: Object, is_target: bool) -> Result<()> {
        let name = lean.field(constant, 0)?;
        let key = key_of(lean, name)?;
        if self.declared.is_own(&key) {
            if self.facts.constants.len() < limits::CONSTANTS && self.constants.insert(key) {
                self.facts.constants.push(user_text(lean, name)?);
            }
        } else if is_target && !self.facts.branches {
            self.facts.branches = is_conditional(lean, self.environment, name)?;
        }
        Ok(())
    }

    fn add_call(&mut self, lean: &mut dyn Machine, application: Object, is_target: bool) -> Result<()> {
        let Spine { head, arguments } = spine(lean, application)?;
        let Some(name) = constant_name(lean, head)? else { return Ok(()) };
        if !self.declared.is_own(&key_of(lean, name)?) {
            return Ok(());
        }
        let of = user_text(lean, name)?;
        let definition = self.declared.get(&of).filter(|known| known.kind == Kind::Definition);
        let Some(n_expected) = definition.map(|definition| definition.args.len()) else { return Ok(()) };
        if self.facts.calls.len() >= limits::CALLS {
            return Ok(());
        }
        let explicit = explicit_of(lean, self.environment, name)?;
        let is_explicit = explicit.into_iter().chain(std::iter::repeat(true));
        let given: Vec<_> = arguments.into_iter().zip(is_explicit).filter(|&(_, is_explicit)| is_explicit).collect();
        if given.len() < n_expected {
            return Ok(());
        }
        let mut args = Vec::with_capacity(given.len());
        for (argument, _) in given {
            args.push(print(lean, self.environment, argument, self.locals)?.unwrap_or_default());
        }
        self.push_call(Call { of, args, in_target: is_target });
        Ok(())
    }

    /// A call that stands in several places counts for the first: a proof that speaks of it too does not take it out of
    /// the target.
    fn push_call(&mut self, call: Call) {
        if !self.facts.calls.iter().any(|known| known.of == call.of && known.args == call.args) {
            self.facts.calls.push(call);
        }
    }
}
