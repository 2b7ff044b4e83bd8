//! The hypotheses of a goal.

use std::collections::HashMap;

use super::names::is_writable_part;
use crate::driver::constants::{Key, key_of};
use crate::machine::{Machine, Result};
use crate::object::{Object, Part, is_boxed};

/// Field numbers of `Lean.LocalContext` in Lean 4.28.
mod local_context {
    pub(super) const DECLS: u32 = 1;
    pub(super) const N: u32 = 3;
}

/// Field numbers of both constructors of `Lean.LocalDecl`.
mod local_decl {
    pub(super) const ID: u32 = 1;
    pub(super) const USER_NAME: u32 = 2;
    pub(super) const TYPE: u32 = 3;
    /// A hypothesis without a value has its binder's kind before its own; one with a value has whether it is used
    /// opaquely.
    pub(super) const KIND: u32 = 1;
}

/// The kind of hypotheses that Lean does not hide.
const DEFAULT_KIND: u8 = 0;

/// Replaces assigned metavariables in terms. The terms that it gives live as long as what is `kept`.
pub(super) struct Instantiation {
    mctx: Object,
    kept: Vec<Object>,
}

impl Instantiation {
    pub(super) const fn new(mctx: Object) -> Self {
        Self { mctx, kept: Vec::new() }
    }

    /// A term (borrowed), instantiated.
    pub(super) fn of(&mut self, lean: &mut dyn Machine, term: Object) -> Result<Object> {
        let arguments = lean.retain_all(&[self.mctx, term])?;
        let pair = lean.runtime("lean_instantiate_expr_mvars", &arguments)?;
        self.kept.push(pair);
        lean.field(pair, 1)
    }

    pub(super) fn release(self, lean: &mut dyn Machine) -> Result<()> {
        lean.release_all(&self.kept)
    }
}

/// A hypothesis.
pub(super) struct Hypothesis {
    pub(super) key: Key,
    text: String,
    /// Its type, instantiated.
    pub(super) ty: Object,
}

/// The hypotheses of a goal, oldest first.
pub(super) struct Locals {
    pub(super) list: Vec<Hypothesis>,
    by_key: HashMap<Key, usize>,
    /// The last hypothesis that has a name: the one that it stands for.
    by_text: HashMap<String, usize>,
}

impl Locals {
    /// Those of a local context that Lean does not hide.
    pub(super) fn read(lean: &mut dyn Machine, context: Object, instantiation: &mut Instantiation) -> Result<Self> {
        lean.expect_fields("Lean.LocalContext", context, local_context::N)?;
        let decls = lean.field(context, local_context::DECLS)?;
        lean.retain(decls)?;
        let array = lean.call("Lean_PersistentArray_toArray___redArg", &[decls])?;
        let mut locals = Self { list: Vec::new(), by_key: HashMap::new(), by_text: HashMap::new() };
        for slot in lean.array_items(array)? {
            if is_boxed(slot) {
                continue; // It was cleared.
            }
            let decl = lean.field(slot, 0)?;
            if lean.scalar(decl, local_decl::KIND)? == DEFAULT_KIND {
                locals.push(lean, decl, instantiation)?;
            }
        }
        lean.release(array)?;
        Ok(locals)
    }

    fn push(&mut self, lean: &mut dyn Machine, decl: Object, instantiation: &mut Instantiation) -> Result<()> {
        let key = key_of(lean, lean.field(decl, local_decl::ID)?)?;
        let text = lean.name_text(lean.field(decl, local_decl::USER_NAME)?)?;
        let ty = lean.field(decl, local_decl::TYPE)?;
        let ty = instantiation.of(lean, ty)?;
        let index = self.list.len();
        self.by_key.insert(key.clone(), index);
        self.by_text.insert(text.clone(), index);
        self.list.push(Hypothesis { key, text, ty });
        Ok(())
    }

    /// The type of a hypothesis.
    pub(super) fn type_of(&self, key: &[Part]) -> Option<Object> {
        Some(self.list.get(*self.by_key.get(key)?)?.ty)
    }

    /// What a tactic may call a hypothesis.
    pub(super) fn name_of(&self, key: &[Part]) -> Option<&str> {
        let index = self.by_key.get(key)?;
        let text = self.list.get(*index)?.text.as_str();
        (self.by_text.get(text) == Some(index) && is_writable_part(text)).then_some(text)
    }
}
