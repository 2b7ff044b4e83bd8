//! Terms: their parts, their heads, what stands behind their binders.

use super::limits;
use crate::driver::constants::{key_of, kind, type_of, with_info};
use crate::machine::{Machine, Result};
use crate::object::{Object, Part, is_boxed};

/// Constructors of `Lean.Expr`.
pub(super) mod expr {
    pub(crate) const BVAR: u8 = 0;
    pub(crate) const FVAR: u8 = 1;
    pub(crate) const SORT: u8 = 3;
    pub(crate) const CONST: u8 = 4;
    pub(crate) const APP: u8 = 5;
    pub(crate) const LAM: u8 = 6;
    pub(crate) const FORALL: u8 = 7;
    pub(crate) const LET: u8 = 8;
    pub(crate) const LIT: u8 = 9;
    pub(crate) const MDATA: u8 = 10;
    pub(crate) const PROJ: u8 = 11;
}

/// Field numbers of `Lean.InductiveVal` in Lean 4.28.
pub(super) mod inductive_val {
    pub(crate) const PARAMETERS: u32 = 1;
    pub(crate) const INDICES: u32 = 2;
    pub(crate) const CONSTRUCTORS: u32 = 4;
    pub(crate) const N: u32 = 6;
}

/// Behind a binder's fields stands the term's hash of eight bytes, then what kind of binder it is.
const BINDER_INFO: u32 = 8;
const EXPLICIT: u8 = 0;

/// A term without the metadata around it.
pub(super) fn skip_data(lean: &dyn Machine, term: Object) -> Result<Object> {
    let mut e = term;
    while lean.tag(e)? == expr::MDATA {
        e = lean.field(e, 1)?;
    }
    Ok(e)
}

/// An application, taken apart.
pub(super) struct Spine {
    pub(super) head: Object,
    pub(super) arguments: Vec<Object>,
}

/// The head and the arguments of a term, which need not be an application.
pub(super) fn spine(lean: &dyn Machine, term: Object) -> Result<Spine> {
    let mut arguments = Vec::new();
    let mut head = skip_data(lean, term)?;
    while lean.tag(head)? == expr::APP {
        arguments.push(lean.field(head, 1)?);
        head = skip_data(lean, lean.field(head, 0)?)?;
    }
    arguments.reverse();
    Ok(Spine { head, arguments })
}

/// The name of a constant; `None` where the term is none.
pub(super) fn constant_name(lean: &dyn Machine, term: Object) -> Result<Option<Object>> {
    Ok(if lean.tag(term)? == expr::CONST { Some(lean.field(term, 0)?) } else { None })
}

/// The name of the constant that is a term's head.
pub(super) fn head_constant(lean: &dyn Machine, term: Object) -> Result<Option<Object>> {
    constant_name(lean, spine(lean, term)?.head)
}

/// Its text; empty where the head is no constant.
pub(super) fn head_text(lean: &dyn Machine, term: Object) -> Result<String> {
    head_constant(lean, term)?.map_or_else(|| Ok(String::new()), |name| lean.name_text(name))
}

/// Whether a term is `Prop`.
pub(super) fn is_prop(lean: &dyn Machine, term: Object) -> Result<bool> {
    Ok(lean.tag(term)? == expr::SORT && is_boxed(lean.field(term, 0)?))
}

/// A type, taken apart.
pub(super) struct Telescope {
    /// Function types, each the result of the one before.
    pub(super) binders: Vec<Object>,
    /// What is behind them.
    pub(super) result: Object,
}

/// The binders of a type, and what is behind them.
pub(super) fn telescope(lean: &dyn Machine, ty: Object) -> Result<Telescope> {
    let mut binders = Vec::new();
    let mut result = skip_data(lean, ty)?;
    while lean.tag(result)? == expr::FORALL {
        binders.push(result);
        result = skip_data(lean, lean.field(result, 2)?)?;
    }
    Ok(Telescope { binders, result })
}

impl Telescope {
    /// Which of the binders are explicit.
    pub(super) fn explicit(&self, lean: &dyn Machine) -> Result<Vec<bool>> {
        self.binders.iter().map(|&binder| is_explicit(lean, binder)).collect()
    }
}

/// Whether a function type's binder is explicit.
pub(super) fn is_explicit(lean: &dyn Machine, binder: Object) -> Result<bool> {
    Ok(lean.scalar(binder, BINDER_INFO)? == EXPLICIT)
}

/// Which of a constant's arguments are explicit.
pub(super) fn explicit_of(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<Vec<bool>> {
    let explicit =
        with_info(lean, environment, name, |lean, info| telescope(lean, type_of(lean, info)?)?.explicit(lean))?;
    Ok(explicit.unwrap_or_default())
}

/// The index among the explicit arguments that an index among all arguments has.
pub(super) fn explicit_index(explicit: &[bool], index: usize) -> Option<usize> {
    let is_explicit = *explicit.get(index)?;
    is_explicit.then(|| explicit.iter().take(index).filter(|&&is_explicit| is_explicit).count())
}

/// Calls `visit` with every subterm and the number of binders around it, outermost first. Where it answers false, the
/// subterm is not entered.
pub(super) fn walk(
    lean: &mut dyn Machine,
    root: Object,
    mut visit: impl FnMut(&mut dyn Machine, Object, usize) -> Result<bool>,
) -> Result<()> {
    let mut stack = vec![(root, 0)];
    for _ in 0..limits::NODES {
        let Some((e, depth)) = stack.pop() else { break };
        if visit(lean, e, depth)? {
            for &(field, binders) in parts(lean.tag(e)?) {
                stack.push((lean.field(e, field)?, depth + binders));
            }
        }
    }
    Ok(())
}

/// The fields of a term that are terms, the last first, and how many binders it has around each.
const fn parts(constructor: u8) -> &'static [(u32, usize)] {
    match constructor {
        expr::APP => &[(1, 0), (0, 0)],
        expr::LAM | expr::FORALL => &[(2, 1), (1, 0)],
        expr::LET => &[(3, 1), (2, 0), (1, 0)],
        expr::MDATA => &[(1, 0)],
        expr::PROJ => &[(2, 0)],
        _ => &[],
    }
}

/// Whether a term has a constant for which `is_it` holds.
pub(super) fn mentions(
    lean: &mut dyn Machine,
    root: Object,
    mut is_it: impl FnMut(&mut dyn Machine, Object) -> Result<bool>,
) -> Result<bool> {
    let mut found = false;
    walk(lean, root, |lean, e, _| {
        if !found && let Some(name) = constant_name(lean, e)? {
            found = is_it(lean, name)?;
        }
        Ok(!found)
    })?;
    Ok(found)
}

/// Whether a type is a proposition, told by its head; `type_of_local` gives the type of a local variable.
pub(super) fn is_proposition(
    lean: &mut dyn Machine,
    environment: Object,
    ty: Object,
    type_of_local: impl Fn(&[Part]) -> Option<Object>,
) -> Result<bool> {
    let result = telescope(lean, ty)?.result;
    let head = spine(lean, result)?.head;
    match lean.tag(head)? {
        expr::CONST => {
            let name = lean.field(head, 0)?;
            let gives = with_info(lean, environment, name, |lean, info| gives_prop(lean, type_of(lean, info)?))?;
            Ok(gives.unwrap_or(false))
        }
        expr::FVAR => {
            let key = key_of(lean, lean.field(head, 0)?)?;
            type_of_local(&key).map_or(Ok(false), |local| gives_prop(lean, local))
        }
        _ => Ok(false),
    }
}

/// Whether `Prop` is behind a type's binders.
fn gives_prop(lean: &dyn Machine, ty: Object) -> Result<bool> {
    is_prop(lean, telescope(lean, ty)?.result)
}

/// The `InductiveVal` of an info; `None` where it is no inductive type.
pub(super) fn inductive(lean: &dyn Machine, info: Object) -> Result<Option<Object>> {
    if lean.tag(info)? != kind::INDUCTIVE {
        return Ok(None);
    }
    lean.expect_fields("Lean.InductiveVal", lean.field(info, 0)?, inductive_val::N).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implicit_arguments_are_not_counted() {
        let explicit = [false, true, false, true];
        let indices: Vec<_> = (0..5).map(|index| explicit_index(&explicit, index)).collect();
        assert_eq!(indices, [None, Some(0), None, Some(1), None]);
    }
}
