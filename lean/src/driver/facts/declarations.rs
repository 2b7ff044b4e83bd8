//! What a preamble declares.

use std::collections::{HashMap, HashSet};

use stepwise_core::facts::{Constructor, Declaration, Field, Kind};

use super::limits;
use super::names::{holds, is_authored, is_conditional, is_internal, is_writable_part, user_text, written_text};
use super::recursion::recursion_of;
use super::terms::{
    Telescope, constant_name, explicit_index, head_constant, head_text, inductive, inductive_val, is_explicit, is_prop,
    is_proposition, mentions, telescope, walk,
};
use crate::driver::constants::{Key, body_of, is_imported, key_of, kind, type_of, with_info};
use crate::machine::{Machine, Result};
use crate::object::{Object, Part, unboxed};

/// Field numbers of `Lean.DefinitionVal` in Lean 4.28.
mod definition_val {
    pub(super) const ALL: u32 = 3;
    pub(super) const N: u32 = 4;
}

/// Field numbers of `Lean.ConstructorVal`.
mod constructor_val {
    pub(super) const PARAMETERS: u32 = 3;
    pub(super) const N: u32 = 5;
}

/// How far own names are looked for in what elaboration made of a definition.
const DEEPEST: u32 = 3;

/// Everything that an environment declares itself and a person wrote.
#[derive(Debug)]
pub(crate) struct Declared {
    /// Its declarations in the order of their names; not all where there are very many.
    pub(crate) list: Vec<Declaration>,
    by_name: HashMap<String, usize>,
    own: HashSet<Key>,
}

impl Declared {
    fn new(mut list: Vec<Declaration>, own: HashSet<Key>) -> Self {
        list.sort_by(|a, b| a.name.encode_utf16().cmp(b.name.encode_utf16()));
        let by_name = list.iter().enumerate().map(|(i, declaration)| (declaration.name.clone(), i)).collect();
        Self { list, by_name, own }
    }

    /// Whether a constant is one of them.
    pub(super) fn is_own(&self, key: &[Part]) -> bool {
        self.own.contains(key)
    }

    /// The declaration with a name, if it is in the list.
    pub(super) fn get(&self, name: &str) -> Option<&Declaration> {
        self.list.get(*self.by_name.get(name)?)
    }
}

/// Everything that an environment (borrowed) declares itself and a person wrote.
pub(crate) fn declarations(lean: &mut dyn Machine, environment: Object) -> Result<Declared> {
    lean.retain(environment)?;
    let kernel = lean.runtime("lean_elab_environment_to_kernel_env", &[environment])?;
    let local = lean.field(lean.field(kernel, 0)?, 1)?; // constants.map₂
    lean.retain(local)?;
    let all = lean.call("Lean_PersistentHashMap_toList___redArg", &[local])?;

    let mut own = HashSet::new();
    let mut authored = Vec::new();
    for pair in lean.list_items(all)? {
        let [name, info] = [lean.field(pair, 0)?, lean.field(pair, 1)?];
        let text = user_text(lean, name)?;
        let is_hidden = is_internal(lean, name)? && !lean.name_text(name)?.starts_with("_private.");
        if !is_hidden && is_authored(&text) {
            own.insert(key_of(lean, name)?);
            authored.push((name, info, text));
        }
    }
    let mut list = Vec::new();
    for (name, info, text) in authored {
        if list.len() == limits::DECLARATIONS {
            break;
        }
        let ty = type_of(lean, info)?;
        list.extend(Constant { environment, own: &own, name, info, ty, text }.describe(lean)?);
    }
    lean.release(all)?;
    lean.release(kernel)?;
    Ok(Declared::new(list, own))
}

/// A constant that is described.
struct Constant<'a> {
    environment: Object,
    own: &'a HashSet<Key>,
    name: Object,
    info: Object,
    ty: Object,
    text: String,
}

impl Constant<'_> {
    /// What it is; `None` where no goal speaks of such a constant.
    fn describe(&self, lean: &mut dyn Machine) -> Result<Option<Declaration>> {
        match lean.tag(self.info)? {
            kind::INDUCTIVE => self.inductive(lean),
            kind::THEOREM => self.theorem(lean).map(Some),
            kind::DEFINITION => self.definition(lean),
            _ => Ok(None),
        }
    }

    /// What every kind of declaration tells.
    fn declaration(&self, lean: &dyn Machine, kind: Kind) -> Result<Declaration> {
        let Telescope { binders, result } = telescope(lean, self.ty)?;
        let mut args = Vec::new();
        for binder in binders {
            if is_explicit(lean, binder)? {
                args.push(head_text(lean, lean.field(binder, 1)?)?);
            }
        }
        let result = if is_prop(lean, result)? { "Prop".to_owned() } else { head_text(lean, result)? };
        Ok(Declaration { name: self.text.clone(), kind, args, result, ..Declaration::default() })
    }

    fn holds(&self, lean: &mut dyn Machine, predicate: &str) -> Result<bool> {
        holds(lean, predicate, self.environment, self.name)
    }

    fn inductive(&self, lean: &mut dyn Machine) -> Result<Option<Declaration>> {
        let Some(val) = inductive(lean, self.info)? else { return Ok(None) };
        let result = telescope(lean, self.ty)?.result;
        let kind = if is_prop(lean, result)? {
            Kind::Predicate
        } else if self.holds(lean, "Lean_isClass")? {
            Kind::Class
        } else if self.holds(lean, "Lean_isStructure")? {
            Kind::Structure
        } else {
            Kind::Inductive
        };
        let constructors = constructors_of(lean, self.environment, val)?;
        Ok(Some(Declaration { constructors, ..self.declaration(lean, kind)? }))
    }

    fn theorem(&self, lean: &mut dyn Machine) -> Result<Declaration> {
        let conclusion = telescope(lean, self.ty)?.result;
        let result = head_text(lean, conclusion)?;
        let uses = self.own_names(lean, self.ty)?;
        Ok(Declaration { uses, result, ..self.declaration(lean, Kind::Theorem)? })
    }

    fn definition(&self, lean: &mut dyn Machine) -> Result<Option<Declaration>> {
        let Some(body) = body_of(lean, self.info)? else { return Ok(None) };
        let result = telescope(lean, self.ty)?.result;
        // Notation, syntax and macros are declarations too, of Lean's own types; no goal speaks of them.
        if head_text(lean, result)?.starts_with("Lean.") {
            return Ok(None);
        }
        for auxiliary in ["Lean_Meta_isMatcherCore", "Lean_isAuxRecursor", "Lean_isNoConfusion"] {
            if self.holds(lean, auxiliary)? {
                return Ok(None);
            }
        }
        if self.holds(lean, "Lean_Environment_isProjectionFn")? {
            return self.projection(lean).map(Some);
        }
        let mut uses = self.own_names(lean, body)?;
        uses.retain(|name| *name != self.text);
        if self.holds(lean, "Lean_Meta_isInstanceCore")? {
            return Ok(Some(Declaration { uses, ..self.declaration(lean, Kind::Instance)? }));
        }
        self.function(lean, body, uses).map(Some)
    }

    fn projection(&self, lean: &mut dyn Machine) -> Result<Declaration> {
        if is_proposition(lean, self.environment, self.ty, |_| None)? {
            let uses = self.own_names(lean, self.ty)?;
            return Ok(Declaration { uses, ..self.declaration(lean, Kind::Law)? });
        }
        self.declaration(lean, Kind::Projection)
    }

    fn function(&self, lean: &mut dyn Machine, body: Object, mut uses: Vec<String>) -> Result<Declaration> {
        let val = lean.field(self.info, 0)?;
        lean.expect_fields("Lean.DefinitionVal", val, definition_val::N)?;
        let block = lean.list_items(lean.field(val, definition_val::ALL)?)?;
        for &name in &block {
            let other = user_text(lean, name)?;
            if other != self.text && !uses.contains(&other) {
                uses.push(other);
            }
        }
        let recursion = recursion_of(lean, self.environment, self.name, body)?;
        let branches = mentions(lean, body, |lean, name| is_conditional(lean, self.environment, name))?;
        let appends = mentions(lean, body, |lean, name| {
            Ok(matches!(lean.name_text(name)?.as_str(), "HAppend.hAppend" | "List.append"))
        })?;
        let told = Declaration { uses, branches, appends, ..self.declaration(lean, Kind::Definition)? };
        let Some(recursion) = recursion else { return Ok(told) };
        let explicit = telescope(lean, self.ty)?.explicit(lean)?;
        let on = recursion.on.and_then(|index| explicit_index(&explicit, index));
        let varying = recursion.varying.into_iter().filter_map(|index| explicit_index(&explicit, index));
        Ok(Declaration {
            recursion: Some(recursion.kind),
            on,
            varying: varying.filter(|&index| Some(index) != on).collect(),
            mutual: block.len() > 1,
            ..told
        })
    }

    /// Own names that a term speaks of, in order, seen through what elaboration made of the definition.
    fn own_names(&self, lean: &mut dyn Machine, term: Object) -> Result<Vec<String>> {
        let mut names =
            OwnNames { environment: self.environment, own: self.own, seen: HashSet::new(), found: Vec::new() };
        names.look_inside(lean, term, 0)?;
        Ok(names.found)
    }
}

struct OwnNames<'a> {
    environment: Object,
    own: &'a HashSet<Key>,
    seen: HashSet<Key>,
    found: Vec<String>,
}

impl OwnNames<'_> {
    fn look_inside(&mut self, lean: &mut dyn Machine, term: Object, depth: u32) -> Result<()> {
        walk(lean, term, |lean, e, _| {
            if let Some(name) = constant_name(lean, e)? {
                self.visit(lean, name, depth)?;
            }
            Ok(true)
        })
    }

    fn visit(&mut self, lean: &mut dyn Machine, name: Object, depth: u32) -> Result<()> {
        let key = key_of(lean, name)?;
        let is_own = self.own.contains(&key);
        if !self.seen.insert(key) {
            return Ok(());
        }
        if is_own {
            self.found.push(user_text(lean, name)?);
            return Ok(());
        }
        if depth < DEEPEST && !is_imported(lean, self.environment, name)? && is_internal(lean, name)? {
            with_info(lean, self.environment, name, |lean, info| match body_of(lean, info)? {
                Some(body) => self.look_inside(lean, body, depth + 1),
                None => Ok(()),
            })?;
        }
        Ok(())
    }
}

fn constructors_of(lean: &mut dyn Machine, environment: Object, val: Object) -> Result<Vec<Constructor>> {
    let own = key_of(lean, lean.field(lean.field(val, 0)?, 0)?)?;
    let names = lean.list_items(lean.field(val, inductive_val::CONSTRUCTORS)?)?;
    let mut constructors = Vec::with_capacity(names.len());
    for name in names {
        let fields = with_info(lean, environment, name, |lean, info| fields_of(lean, info, &own))?;
        constructors.push(Constructor { name: user_text(lean, name)?, fields: fields.unwrap_or_default() });
    }
    Ok(constructors)
}

/// The fields of a constructor (its info) of the inductive type with the key `own`.
fn fields_of(lean: &mut dyn Machine, info: Object, own: &[Part]) -> Result<Vec<Field>> {
    let val = lean.field(info, 0)?;
    lean.expect_fields("Lean.ConstructorVal", val, constructor_val::N)?;
    let n_parameters = unboxed(lean.field(val, constructor_val::PARAMETERS)?) as usize;
    let binders = telescope(lean, type_of(lean, info)?)?.binders;
    let mut fields = Vec::new();
    for binder in binders.into_iter().skip(n_parameters) {
        if !is_explicit(lean, binder)? {
            continue;
        }
        let result = telescope(lean, lean.field(binder, 1)?)?.result;
        let head = head_constant(lean, result)?;
        let recursive = head.map_or(Ok(false), |head| key_of(lean, head).map(|key| key == own))?;
        let name = lean.field(binder, 0)?;
        let text = written_text(lean, name)?;
        fields.push(Field { name: if is_writable_part(&text) { text } else { String::new() }, recursive });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_found_by_name_and_told_in_its_order() {
        let named = |name: &str, kind| Declaration { name: name.to_owned(), kind, ..Declaration::default() };
        let list = vec![named("f", Kind::Theorem), named("Tree", Kind::Inductive), named("f", Kind::Definition)];
        let key = vec![Part::Text("f".to_owned())];
        let declared = Declared::new(list, HashSet::from([key.clone()]));
        let names: Vec<_> = declared.list.iter().map(|declaration| declaration.name.as_str()).collect();
        assert_eq!(names, ["Tree", "f", "f"]);
        assert_eq!(declared.get("f").map(|declaration| declaration.kind), Some(Kind::Definition));
        assert!(declared.is_own(&key) && !declared.is_own(&[Part::Text("Tree".to_owned())]));
    }
}
