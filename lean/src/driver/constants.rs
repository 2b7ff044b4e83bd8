//! Constants of an environment. Environments, names, expressions and infos are borrowed unless somebody says otherwise.

use std::collections::{BTreeSet, HashSet};

use crate::machine::{Machine, Result};
use crate::object::{NIL, Object, Part, is_boxed};

/// Constructors of `Lean.ConstantInfo`.
pub(crate) mod kind {
    pub(crate) const AXIOM: u8 = 0;
    pub(crate) const DEFINITION: u8 = 1;
    pub(crate) const THEOREM: u8 = 2;
    pub(crate) const OPAQUE: u8 = 3;
    pub(crate) const QUOTIENT: u8 = 4;
    pub(crate) const INDUCTIVE: u8 = 5;
    pub(crate) const CONSTRUCTOR: u8 = 6;
    pub(crate) const RECURSOR: u8 = 7;
}

/// A name's components: what tells names apart, whatever they print to.
pub(crate) type Key = Vec<Part>;

/// The `ConstantInfo` of a name, owned.
pub(crate) fn find(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<Option<Object>> {
    let arguments = lean.retain_all(&[environment, name])?;
    let found = lean.call("Lean_Environment_find_x3f", &[arguments[0], arguments[1], NIL])?;
    in_option(lean, found)
}

/// What an `Option` (owned) holds, owned.
pub(crate) fn in_option(lean: &mut dyn Machine, option: Object) -> Result<Option<Object>> {
    if is_boxed(option) {
        return Ok(None);
    }
    let value = lean.field(option, 0)?;
    lean.retain(value)?;
    lean.release(option)?;
    Ok(Some(value))
}

/// What `look` sees of a name's `ConstantInfo`; `None` where there is no such constant.
pub(crate) fn with_info<T>(
    lean: &mut dyn Machine,
    environment: Object,
    name: Object,
    look: impl FnOnce(&mut dyn Machine, Object) -> Result<T>,
) -> Result<Option<T>> {
    let Some(info) = find(lean, environment, name)? else { return Ok(None) };
    let seen = look(lean, info)?;
    lean.release(info)?;
    Ok(Some(seen))
}

/// Whether an environment has a constant of this name, imported or not.
pub(crate) fn is_declared(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<bool> {
    Ok(with_info(lean, environment, name, |_, _| Ok(()))?.is_some())
}

/// Whether a constant comes from an imported module.
pub(crate) fn is_imported(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<bool> {
    let arguments = lean.retain_all(&[environment, name])?;
    let index = lean.call("Lean_Environment_getModuleIdxFor_x3f", &arguments)?;
    lean.release(index)?;
    Ok(!is_boxed(index))
}

/// A `ConstantInfo`'s `{name, level parameters, type}`: it wraps a value whose first field is this, and whose second,
/// where it has one, is the body.
pub(crate) fn signature(lean: &dyn Machine, info: Object) -> Result<Object> {
    lean.field(lean.field(info, 0)?, 0)
}

/// A constant's type.
pub(crate) fn type_of(lean: &dyn Machine, info: Object) -> Result<Object> {
    lean.field(signature(lean, info)?, 2)
}

/// A constant's body: definitions, theorems and opaque constants have one.
pub(crate) fn body_of(lean: &dyn Machine, info: Object) -> Result<Option<Object>> {
    Ok(match lean.tag(info)? {
        kind::DEFINITION | kind::THEOREM | kind::OPAQUE => Some(lean.field(lean.field(info, 0)?, 1)?),
        _ => None,
    })
}

/// Names (owned) of the constants in an expression.
pub(crate) fn constants_in(lean: &mut dyn Machine, expression: Object) -> Result<Vec<Object>> {
    lean.retain(expression)?;
    let array = lean.call("Lean_Expr_getUsedConstants", &[expression])?;
    let names = lean.array_items(array)?;
    lean.retain_all(&names)?;
    lean.release(array)?;
    Ok(names)
}

/// What tells a name from all others.
pub(crate) fn key_of(lean: &dyn Machine, name: Object) -> Result<Key> {
    lean.name_parts(name)
}

/// `_private.Module.0.foo` is how Lean stores what no other module may see: `foo`.
pub(crate) fn user_name(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("_private.") else { return text };
    let behind_module = rest.find(".0.").map(|at| &rest[at + 3..]);
    behind_module.or_else(|| rest.strip_prefix("0.")).unwrap_or(text)
}

/// A lemma's text: `simp` uses one through what it made of it once, as `Nat.succ_ne_zero._simp_1`, which counts as it.
pub(crate) fn lemma_text(lean: &dyn Machine, name: Object) -> Result<String> {
    let text = lean.name_text(name)?;
    Ok(match text.rsplit_once("._simp_") {
        Some((lemma, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            lemma.to_owned()
        }
        _ => text,
    })
}

/// The first of the names `without` that an expression rests on directly: what is in it, and in whatever it uses that is
/// not imported.
pub(crate) fn used_of(
    lean: &mut dyn Machine,
    environment: Object,
    expression: Object,
    without: &BTreeSet<String>,
) -> Result<Option<String>> {
    if without.is_empty() {
        return Ok(None);
    }
    Uses { environment, without, seen: HashSet::new() }.inside(lean, expression)
}

struct Uses<'a> {
    environment: Object,
    without: &'a BTreeSet<String>,
    seen: HashSet<Key>,
}

impl Uses<'_> {
    fn inside(&mut self, lean: &mut dyn Machine, expression: Object) -> Result<Option<String>> {
        let names = constants_in(lean, expression)?;
        let mut used = None;
        for &name in &names {
            used = match used {
                None => self.visit(lean, name)?,
                used => used,
            };
        }
        lean.release_all(&names)?;
        Ok(used)
    }

    fn visit(&mut self, lean: &mut dyn Machine, name: Object) -> Result<Option<String>> {
        if !self.seen.insert(key_of(lean, name)?) {
            return Ok(None);
        }
        let text = lemma_text(lean, name)?;
        if self.without.contains(&text) {
            return Ok(Some(text));
        }
        if is_imported(lean, self.environment, name)? {
            return Ok(None);
        }
        let Some(info) = find(lean, self.environment, name)? else { return Ok(None) };
        let ty = type_of(lean, info)?;
        let mut used = self.inside(lean, ty)?;
        if used.is_none()
            && let Some(body) = body_of(lean, info)?
        {
            used = self.inside(lean, body)?;
        }
        lean.release(info)?;
        Ok(used)
    }
}
