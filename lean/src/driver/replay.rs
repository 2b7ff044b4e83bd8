//! Asks Lean's kernel again: declarations are added once more, one after the other, to an environment that holds only
//! what was there before them.
//!
//! Elaboration runs arbitrary code, so an environment may hold what no kernel has seen. Definitions, theorems and
//! opaque constants are added as they stand. An inductive type is added with all types of its block and their
//! constructors, and what the kernel makes of it (types of constructors, recursors and their rules) is compared with
//! what the file has.

use std::collections::{HashMap, HashSet};
use std::{iter, vec};

use crate::driver::constants::{
    Key, body_of, constants_in, find, in_option, is_declared, is_imported, key_of, kind, signature, type_of, user_name,
    with_info,
};
use crate::machine::{Machine, Result};
use crate::object::{NIL, Object};

/// `Lean.Declaration`'s constructor for inductive types. Those of axiom, definition, theorem and opaque are the ones of
/// `Lean.ConstantInfo`.
const INDUCTIVE_DECLARATION: u8 = 6;
/// `Except.ok`.
const OK: u8 = 1;

/// Fields of `Lean.InductiveVal`, and a scalar byte of it.
mod inductive_val {
    pub(super) const N_PARAMS: u32 = 1;
    pub(super) const ALL: u32 = 3;
    pub(super) const CONSTRUCTORS: u32 = 4;
    pub(super) const N: u32 = 6;
    pub(super) const IS_UNSAFE: u32 = 1;
}

/// Fields of `Lean.ConstructorVal`.
mod constructor_val {
    pub(super) const INDUCTIVE: u32 = 1;
    pub(super) const N: u32 = 5;
}

/// Fields of `Lean.RecursorVal`.
mod recursor_val {
    pub(super) const ALL: u32 = 1;
    pub(super) const RULES: u32 = 6;
    pub(super) const N: u32 = 7;
}

/// Fields of `Lean.RecursorRule`.
mod recursor_rule {
    pub(super) const RHS: u32 = 2;
    pub(super) const N: u32 = 3;
}

/// Of `Lean.DefinitionVal`: its fields, and the one value of its only scalar byte that the kernel checks fully.
mod definition_val {
    pub(super) const N: u32 = 4;
    pub(super) const SAFE: u8 = 1;
}

fn value(lean: &dyn Machine, info: Object) -> Result<Object> {
    lean.field(info, 0)
}

fn inductive(lean: &dyn Machine, info: Object) -> Result<Object> {
    lean.expect_fields("Lean.InductiveVal", value(lean, info)?, inductive_val::N)
}

fn recursor(lean: &dyn Machine, info: Object) -> Result<Object> {
    lean.expect_fields("Lean.RecursorVal", value(lean, info)?, recursor_val::N)
}

/// The right-hand sides (borrowed) of a recursor's rules; none of anything else.
fn rules_of(lean: &dyn Machine, info: Object) -> Result<Vec<Object>> {
    if lean.tag(info)? != kind::RECURSOR {
        return Ok(Vec::new());
    }
    let rules = lean.list_items(lean.field(recursor(lean, info)?, recursor_val::RULES)?)?;
    let rhs = |rule| lean.field(lean.expect_fields("Lean.RecursorRule", rule, recursor_rule::N)?, recursor_rule::RHS);
    rules.into_iter().map(rhs).collect()
}

/// Names (owned) of the inductive types that an inductive type, a constructor or a recursor comes with; else none.
fn block_of(lean: &mut dyn Machine, environment: Object, info: Object) -> Result<Vec<Object>> {
    let list = match lean.tag(info)? {
        kind::INDUCTIVE => lean.field(inductive(lean, info)?, inductive_val::ALL)?,
        kind::RECURSOR => lean.field(recursor(lean, info)?, recursor_val::ALL)?,
        kind::CONSTRUCTOR => return block_of_constructor(lean, environment, info),
        _ => return Ok(Vec::new()),
    };
    let names = lean.list_items(list)?;
    lean.retain_all(&names)
}

fn block_of_constructor(lean: &mut dyn Machine, environment: Object, info: Object) -> Result<Vec<Object>> {
    let value = lean.expect_fields("Lean.ConstructorVal", value(lean, info)?, constructor_val::N)?;
    let owner = lean.field(value, constructor_val::INDUCTIVE)?;
    let block = with_info(lean, environment, owner, |lean, owner| match lean.tag(owner)? {
        // A forged owner may be a constructor again, and so on for ever.
        kind::CONSTRUCTOR => Ok(Vec::new()),
        _ => block_of(lean, environment, owner),
    })?;
    Ok(block.unwrap_or_default())
}

/// Expressions (borrowed) that a constant consists of.
fn parts_of(lean: &dyn Machine, info: Object) -> Result<Vec<Object>> {
    let mut parts = vec![type_of(lean, info)?];
    parts.extend(body_of(lean, info)?);
    parts.extend(rules_of(lean, info)?);
    Ok(parts)
}

/// Names (owned) of all constants that a constant rests on directly.
pub(crate) fn dependencies(lean: &mut dyn Machine, environment: Object, info: Object) -> Result<Vec<Object>> {
    let mut names = Vec::new();
    for part in parts_of(lean, info)? {
        names.extend(constants_in(lean, part)?);
    }
    names.extend(block_of(lean, environment, info)?);
    if lean.tag(info)? == kind::INDUCTIVE {
        let constructors = lean.list_items(lean.field(inductive(lean, info)?, inductive_val::CONSTRUCTORS)?)?;
        names.extend(lean.retain_all(&constructors)?);
    }
    Ok(names)
}

/// Whether the kernel may leave a constant unchecked, because nothing safe can use it: `unsafe` and `partial` code.
pub(crate) fn is_unsafe(lean: &dyn Machine, info: Object) -> Result<bool> {
    let value = value(lean, info)?;
    Ok(match lean.tag(info)? {
        kind::DEFINITION => {
            let definition = lean.expect_fields("Lean.DefinitionVal", value, definition_val::N)?;
            lean.scalar(definition, 0)? != definition_val::SAFE
        }
        kind::OPAQUE => lean.scalar(value, 0)? != 0,
        kind::INDUCTIVE => lean.scalar(inductive(lean, info)?, inductive_val::IS_UNSAFE)? != 0,
        _ => false,
    })
}

/// Whether two expressions (borrowed) are the same up to the names of their variables.
fn is_same(lean: &mut dyn Machine, a: Object, b: Object) -> Result<bool> {
    let arguments = lean.retain_all(&[a, b])?;
    lean.asks("Lean_Expr_eqv", &arguments)
}

/// Whether two constants (their infos are borrowed) are of one kind and have the same type and, as recursors, rules.
fn is_same_constant(lean: &mut dyn Machine, a: Object, b: Object) -> Result<bool> {
    if lean.tag(a)? != lean.tag(b)? {
        return Ok(false);
    }
    let (rules_of_a, rules_of_b) = (rules_of(lean, a)?, rules_of(lean, b)?);
    if rules_of_a.len() != rules_of_b.len() {
        return Ok(false);
    }
    let types = (type_of(lean, a)?, type_of(lean, b)?);
    for (a, b) in iter::once(types).chain(rules_of_a.into_iter().zip(rules_of_b)) {
        if !is_same(lean, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A name as its author has it.
fn shown(lean: &dyn Machine, name: Object) -> Result<String> {
    Ok(user_name(&lean.name_text(name)?).to_owned())
}

pub(crate) fn refusal(shown: &str) -> String {
    format!("the kernel refuses {shown} when it is checked again")
}

/// A constant to be added. Its name and its info are owned.
struct Constant {
    key: Key,
    name: Object,
    info: Object,
    /// The block of inductive types that it comes with.
    block: Option<Key>,
}

/// Inductive types that are declared together. Names and infos are owned.
struct Block {
    key: Key,
    names: Vec<Object>,
    types: Vec<InductiveType>,
    /// What the environment does not have of it.
    lacks: Option<&'static str>,
}

struct InductiveType {
    info: Object,
    constructors: Vec<Constructor>,
}

struct Constructor {
    name: Object,
    info: Object,
}

impl Block {
    /// The block of these names (owned).
    fn find(lean: &mut dyn Machine, environment: Object, key: Key, names: Vec<Object>) -> Result<Self> {
        let mut block = Self { key, names: Vec::new(), types: Vec::new(), lacks: None };
        for &name in &names {
            match find(lean, environment, name)? {
                Some(info) if lean.tag(info)? == kind::INDUCTIVE => block.take_type(lean, environment, info)?,
                other => {
                    block.lacks = Some("a type");
                    lean.release(other.unwrap_or(NIL))?;
                }
            }
        }
        Ok(Self { names, ..block })
    }

    /// Adds a type (its info is owned) with its constructors.
    fn take_type(&mut self, lean: &mut dyn Machine, environment: Object, info: Object) -> Result<()> {
        let mut constructors = Vec::new();
        for name in lean.list_items(lean.field(inductive(lean, info)?, inductive_val::CONSTRUCTORS)?)? {
            match find(lean, environment, name)? {
                Some(info) => constructors.push(Constructor { name: lean.retain(name)?, info }),
                None => self.lacks = self.lacks.or(Some("a constructor")),
            }
        }
        self.types.push(InductiveType { info, constructors });
        Ok(())
    }

    fn constructors(&self) -> impl Iterator<Item = &Constructor> {
        self.types.iter().flat_map(|inductive| &inductive.constructors)
    }

    /// Names (owned) of the constants outside of it that its types and constructors are made of.
    fn needs(&self, lean: &mut dyn Machine) -> Result<Vec<Object>> {
        let mut own = HashSet::new();
        for &name in &self.names {
            own.insert(key_of(lean, name)?);
        }
        let infos = self.types.iter().flat_map(|inductive| {
            iter::once(inductive.info).chain(inductive.constructors.iter().map(|constructor| constructor.info))
        });
        let mut needs = Vec::new();
        for info in infos {
            let type_of_info = type_of(lean, info)?;
            for name in constants_in(lean, type_of_info)? {
                if own.contains(&key_of(lean, name)?) {
                    lean.release(name)?;
                } else {
                    needs.push(name);
                }
            }
        }
        Ok(needs)
    }

    /// The declaration (owned) of a block that lacks nothing.
    fn declaration(&self, lean: &mut dyn Machine) -> Result<Object> {
        let (mut levels, mut n_params) = (NIL, NIL);
        if let Some(first) = self.types.first() {
            levels = lean.field(signature(lean, first.info)?, 1)?;
            n_params = lean.field(inductive(lean, first.info)?, inductive_val::N_PARAMS)?;
        }
        let mut types = Vec::new();
        for inductive in &self.types {
            types.push(inductive.declaration(lean)?);
        }
        let types = lean.list(&types)?;
        lean.retain_all(&[levels, n_params])?;
        lean.construct(INDUCTIVE_DECLARATION, &[levels, n_params, types], 4)
    }

    fn release(&self, lean: &mut dyn Machine) -> Result<()> {
        for constructor in self.constructors() {
            lean.release_all(&[constructor.name, constructor.info])?;
        }
        for inductive in &self.types {
            lean.release(inductive.info)?;
        }
        lean.release_all(&self.names)
    }
}

impl InductiveType {
    /// The `Lean.InductiveType` (owned) of which the kernel makes it.
    fn declaration(&self, lean: &mut dyn Machine) -> Result<Object> {
        let mut constructors = Vec::new();
        for constructor in &self.constructors {
            let fields = [constructor.name, type_of(lean, constructor.info)?];
            lean.retain_all(&fields)?;
            constructors.push(lean.construct(0, &fields, 0)?);
        }
        let constructors = lean.list(&constructors)?;
        let name = lean.field(signature(lean, self.info)?, 0)?;
        let its_type = type_of(lean, self.info)?;
        lean.retain_all(&[name, its_type])?;
        lean.construct(0, &[name, its_type, constructors], 0)
    }
}

enum Subject {
    Constant(Constant),
    Block(Block),
}

/// What is added as soon as all that it needs is there.
struct Waiting {
    subject: Subject,
    needs: vec::IntoIter<Object>,
}

/// A kernel environment that begins with what a base holds and takes constants of an environment; both are borrowed.
pub(crate) struct Kernel {
    environment: Object,
    base: Object,
    /// The `Lean.Kernel.Environment`, owned.
    kernel: Object,
    /// What became of constants: nothing, or why the kernel refuses them. One that is under way has no complaint yet.
    answers: HashMap<Key, Option<String>>,
    /// The same of blocks, by their first type.
    blocks: HashMap<Key, Option<String>>,
}

impl Kernel {
    /// An environment that holds what `base` does.
    pub(crate) fn start(lean: &mut dyn Machine, environment: Object, base: Object) -> Result<Self> {
        lean.retain(base)?;
        let kernel = lean.runtime("lean_elab_environment_to_kernel_env", &[base])?;
        Ok(Self { environment, base, kernel, answers: HashMap::new(), blocks: HashMap::new() })
    }

    /// Lets go of it.
    pub(crate) fn end(self, lean: &mut dyn Machine) -> Result<()> {
        lean.release(self.kernel)
    }

    /// Adds the constant `name` (borrowed) and whatever it rests on, unless that is there; gives the kernel's refusal.
    ///
    /// What waits is kept in a list: a file may chain more constants than any stack holds.
    pub(crate) fn add(&mut self, lean: &mut dyn Machine, name: Object) -> Result<Option<String>> {
        let mut waiting = Vec::new();
        let mut complaint = self.visit(lean, name, &mut waiting)?;
        while let Some(mut last) = waiting.pop() {
            // A complaint about one thing is the complaint about all that wait for it.
            let need = if complaint.is_none() { last.needs.next() } else { None };
            complaint = match need {
                Some(need) => {
                    waiting.push(last);
                    let complaint = self.visit(lean, need, &mut waiting)?;
                    lean.release(need)?;
                    complaint
                }
                None => self.conclude(lean, last, complaint)?,
            };
        }
        Ok(complaint)
    }

    /// What is known against a constant (borrowed). One that is new to the kernel joins those that wait.
    fn visit(&mut self, lean: &mut dyn Machine, name: Object, waiting: &mut Vec<Waiting>) -> Result<Option<String>> {
        let key = key_of(lean, name)?;
        if let Some(known) = self.answers.get(&key) {
            return Ok(known.clone());
        }
        self.answers.insert(key.clone(), None);
        if is_imported(lean, self.environment, name)? || is_declared(lean, self.base, name)? {
            return Ok(None);
        }
        if let Some(info) = find(lean, self.environment, name)? {
            lean.retain(name)?;
            self.wait(lean, Constant { key, name, info, block: None }, waiting)?;
        }
        Ok(None)
    }

    /// Lets a constant wait, and its block where it has one that nobody has met.
    fn wait(&mut self, lean: &mut dyn Machine, constant: Constant, waiting: &mut Vec<Waiting>) -> Result<()> {
        let names = block_of(lean, self.environment, constant.info)?;
        let Some(&first) = names.first() else {
            let needs = dependencies(lean, self.environment, constant.info)?;
            waiting.push(Waiting { subject: Subject::Constant(constant), needs: needs.into_iter() });
            return Ok(());
        };
        let key = key_of(lean, first)?;
        let constant = Constant { block: Some(key.clone()), ..constant };
        waiting.push(Waiting { subject: Subject::Constant(constant), needs: Vec::new().into_iter() });
        if self.blocks.contains_key(&key) {
            return lean.release_all(&names);
        }
        self.blocks.insert(key.clone(), None); // its own constructors name it again
        let block = Block::find(lean, self.environment, key, names)?;
        let needs = if block.lacks.is_none() { block.needs(lean)? } else { Vec::new() };
        waiting.push(Waiting { subject: Subject::Block(block), needs: needs.into_iter() });
        Ok(())
    }

    /// Adds what has waited, unless there is a complaint about what it needs, and remembers what became of it.
    fn conclude(
        &mut self,
        lean: &mut dyn Machine,
        waiting: Waiting,
        complaint: Option<String>,
    ) -> Result<Option<String>> {
        lean.release_all(waiting.needs.as_slice())?;
        match waiting.subject {
            Subject::Constant(constant) => {
                let answer = if complaint.is_some() { complaint } else { self.add_constant(lean, &constant)? };
                lean.release_all(&[constant.name, constant.info])?;
                self.answers.insert(constant.key, answer.clone());
                Ok(answer)
            }
            Subject::Block(block) => {
                let answer = if complaint.is_some() { complaint } else { self.add_block(lean, &block)? };
                block.release(lean)?;
                self.blocks.insert(block.key, answer.clone());
                Ok(answer)
            }
        }
    }

    fn add_constant(&mut self, lean: &mut dyn Machine, constant: &Constant) -> Result<Option<String>> {
        let tag = lean.tag(constant.info)?;
        let shown = shown(lean, constant.name)?;
        if let Some(block) = &constant.block {
            let complaint = self.blocks.get(block).cloned().flatten();
            if complaint.is_some() || tag != kind::RECURSOR || self.is_remade(lean, constant.name)? {
                return Ok(complaint);
            }
            return Ok(Some(format!("{shown} is not the recursor that the kernel makes")));
        }
        match tag {
            kind::AXIOM | kind::DEFINITION | kind::THEOREM | kind::OPAQUE => {
                let value = value(lean, constant.info)?;
                lean.retain(value)?;
                let declaration = lean.construct(tag, &[value], 0)?;
                self.add_declaration(lean, declaration, &shown)
            }
            // A constructor or a recursor without its type: nobody can declare these.
            _ => Ok(Some(refusal(&shown))),
        }
    }

    fn add_block(&mut self, lean: &mut dyn Machine, block: &Block) -> Result<Option<String>> {
        let shown_block = shown(lean, block.names.first().copied().unwrap_or(NIL))?;
        if let Some(lacks) = block.lacks {
            return Ok(Some(format!("{shown_block} is not whole: its block lacks {lacks}")));
        }
        let declaration = block.declaration(lean)?;
        if let Some(complaint) = self.add_declaration(lean, declaration, &shown_block)? {
            return Ok(Some(complaint));
        }
        for constructor in block.constructors() {
            if !self.is_remade(lean, constructor.name)? {
                let forged = shown(lean, constructor.name)?;
                return Ok(Some(format!("{forged} is not the constructor that the kernel makes of {shown_block}")));
            }
        }
        Ok(None)
    }

    /// Adds a declaration (owned). A refusal leaves the environment as it was.
    fn add_declaration(&mut self, lean: &mut dyn Machine, declaration: Object, shown: &str) -> Result<Option<String>> {
        let before = lean.retain(self.kernel)?;
        let no_heartbeat_limit = lean.construct(0, &[], 4)?;
        let arguments = [before, no_heartbeat_limit, declaration, NIL];
        let result = lean.call("Lean_Kernel_Environment_addDeclCore", &arguments)?;
        let is_accepted = lean.tag(result)? == OK;
        if is_accepted {
            let after = lean.field(result, 0)?;
            lean.retain(after)?;
            lean.release(self.kernel)?;
            self.kernel = after;
        }
        lean.release(result)?;
        Ok((!is_accepted).then(|| refusal(shown)))
    }

    /// What the kernel has under this name (borrowed), owned.
    fn added(&self, lean: &mut dyn Machine, name: Object) -> Result<Option<Object>> {
        let arguments = lean.retain_all(&[self.kernel, name])?;
        let found = lean.runtime("lean_environment_find", &arguments)?;
        in_option(lean, found)
    }

    /// Whether the kernel made of its own what the file has under this name (borrowed).
    fn is_remade(&self, lean: &mut dyn Machine, name: Object) -> Result<bool> {
        let Some(ours) = self.added(lean, name)? else { return Ok(false) };
        let is_same = with_info(lean, self.environment, name, |lean, theirs| is_same_constant(lean, ours, theirs))?;
        lean.release(ours)?;
        Ok(is_same.unwrap_or(false))
    }
}
