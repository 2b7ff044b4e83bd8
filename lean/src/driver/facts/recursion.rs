//! How a definition recurs.

use std::collections::BTreeSet;

use stepwise_core::facts;

use super::names::{below, is_numbered};
use super::terms::{Spine, constant_name, expr, inductive, inductive_val, skip_data, spine, walk};
use crate::driver::constants::{body_of, find, key_of, type_of, with_info};
use crate::machine::{Machine, Result};
use crate::object::{Object, unboxed};

/// How a definition recurs. Indices are those of all its arguments.
pub(super) struct Recursion {
    pub(super) kind: facts::Recursion,
    /// The argument that it is on, as far as that can be seen.
    pub(super) on: Option<usize>,
    /// The arguments that recursive calls change, in order.
    pub(super) varying: BTreeSet<usize>,
}

/// How a definition recurs, if it does.
pub(super) fn recursion_of(
    lean: &mut dyn Machine,
    environment: Object,
    name: Object,
    body: Object,
) -> Result<Option<Recursion>> {
    let n_arguments = count_lambdas(lean, body)?;
    let mut search = Search { environment, n_arguments, kind: None, on: None, varying: BTreeSet::new() };
    walk(lean, body, |lean, e, depth| {
        search.look_for_recursor(lean, e, depth)?;
        Ok(true)
    })?;
    search.look_at_calls(lean, name)?;
    let Search { kind, on, varying, .. } = search;
    Ok(kind.map(|kind| Recursion { kind, on, varying }))
}

fn count_lambdas(lean: &dyn Machine, body: Object) -> Result<usize> {
    let mut n = 0;
    let mut inner = body;
    while lean.tag(inner)? == expr::LAM {
        inner = lean.field(inner, 2)?;
        n += 1;
    }
    Ok(n)
}

struct Search {
    environment: Object,
    n_arguments: usize,
    kind: Option<facts::Recursion>,
    on: Option<usize>,
    varying: BTreeSet<usize>,
}

impl Search {
    /// Sees whether this part of the compiled body is what makes it recur.
    fn look_for_recursor(&mut self, lean: &mut dyn Machine, e: Object, depth: usize) -> Result<()> {
        let is_application = lean.tag(e)? == expr::APP;
        let Spine { head, arguments } =
            if is_application { spine(lean, e)? } else { Spine { head: e, arguments: Vec::new() } };
        let Some(name) = constant_name(lean, head)? else { return Ok(()) };
        let text = lean.name_text(name)?;
        if is_well_founded(&text) {
            self.kind = Some(facts::Recursion::WellFounded);
        }
        if self.kind.is_some() || !is_recursor(&text) {
            return Ok(());
        }
        let inductive_type = lean.field(name, 0)?;
        let major = self.major_of(lean, inductive_type)?.and_then(|i| arguments.get(i));
        let mut variables = Vec::new();
        for argument in major.into_iter().chain(&arguments) {
            variables.extend(self.outer_variable(lean, *argument, depth)?);
        }
        if let Some(&variable) = variables.first() {
            self.kind = Some(facts::Recursion::Structural);
            self.on = Some(variable);
        }
        Ok(())
    }

    /// Which argument of an inductive type's recursors is the one that is taken apart.
    fn major_of(&self, lean: &mut dyn Machine, inductive_type: Object) -> Result<Option<usize>> {
        let major = with_info(lean, self.environment, inductive_type, |lean, info| {
            let Some(val) = inductive(lean, info)? else { return Ok(None) };
            let parameters = unboxed(lean.field(val, inductive_val::PARAMETERS)?) as usize;
            let indices = unboxed(lean.field(val, inductive_val::INDICES)?) as usize;
            Ok(Some(parameters + 1 + indices))
        })?;
        Ok(major.flatten())
    }

    /// The recursive calls as they were written stand in the copy of the body that Lean keeps for smart unfolding.
    fn look_at_calls(&mut self, lean: &mut dyn Machine, name: Object) -> Result<()> {
        let copy = below(lean, name, "_sunfold")?;
        let found = find(lean, self.environment, copy)?;
        lean.release(copy)?;
        let Some(info) = found else { return Ok(()) };
        let written = match body_of(lean, info)? {
            Some(body) => body,
            None => type_of(lean, info)?,
        };
        let own = key_of(lean, name)?;
        walk(lean, written, |lean, e, depth| {
            if lean.tag(e)? == expr::APP {
                let Spine { head, arguments } = spine(lean, e)?;
                if let Some(called) = constant_name(lean, head)?
                    && key_of(lean, called)? == own
                {
                    self.look_at_call(lean, &arguments, depth)?;
                }
            }
            Ok(true)
        })?;
        lean.release(info)
    }

    fn look_at_call(&mut self, lean: &dyn Machine, arguments: &[Object], depth: usize) -> Result<()> {
        self.kind.get_or_insert(facts::Recursion::Structural);
        for (i, &argument) in arguments.iter().enumerate() {
            if self.outer_variable(lean, argument, depth)? != Some(i) {
                self.varying.insert(i);
            }
        }
        Ok(())
    }

    /// The index of an outer lambda's variable: in `fun x y => .. x ..` variable 0 is x. `None` where the term is none.
    fn outer_variable(&self, lean: &dyn Machine, e: Object, depth: usize) -> Result<Option<usize>> {
        let plain = skip_data(lean, e)?;
        if lean.tag(plain)? != expr::BVAR {
            return Ok(None);
        }
        let from_inside = unboxed(lean.field(plain, 0)?) as usize;
        let index = depth.checked_sub(1).and_then(|innermost| innermost.checked_sub(from_inside));
        Ok(index.filter(|&index| index < self.n_arguments))
    }
}

fn is_well_founded(text: &str) -> bool {
    let is_fix = |rest: &str| rest.starts_with("fix") || rest.starts_with("Nat.fix");
    text.strip_prefix("WellFounded.").is_some_and(is_fix)
        || ["._unary", "._mutual", ".eq_def"].iter().any(|part| text.contains(part))
}

fn is_recursor(text: &str) -> bool {
    text.rsplit_once('.')
        .is_some_and(|(_, last)| matches!(last, "brecOn" | "rec" | "recOn") || is_numbered(last, "brecOn_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursion_is_told_by_names() {
        for text in ["WellFounded.fix", "WellFounded.Nat.fix", "WellFounded.fixF", "f._unary", "g._mutual.eq_1"] {
            assert!(is_well_founded(text), "{text}");
        }
        assert!(!is_well_founded("My.WellFounded.fix"));
        for text in ["List.rec", "Nat.recOn", "Tree.brecOn", "Tree.brecOn_12"] {
            assert!(is_recursor(text), "{text}");
        }
        for text in ["rec", "Tree.brecOn_", "Tree.brecOn_1x", "Tree.record", "Nat.rec.x"] {
            assert!(!is_recursor(text), "{text}");
        }
    }
}
