//! Enumerates the theorems of the imported library, and states them anew: as problems whose answers are known to exist.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::driver::commands::{Options, environment_of, run_commands};
use crate::driver::constants::{kind, signature, type_of, used_of, with_info};
use crate::driver::messages::{errors_of, exception_text};
use crate::driver::session::{Inside, start_heartbeats};
use crate::driver::shape::{MAX_NODES, Shapes, expr};
use crate::driver::{Driver, Elaborated, Limited, Preamble};
use crate::machine::{Fault, Machine, Result};
use crate::object::{NIL, Object, boxed};
use crate::protocol::{LibraryAnswer, LibraryRow, StateAnswer};

// Field numbers of Lean 4.28's structures; each is checked by what must be found there.
mod header {
    pub(super) const MODULE_DATA: u32 = 5;
    pub(super) const N: u32 = 6;
}
mod module_data {
    pub(super) const NAMES: u32 = 1;
    pub(super) const CONSTANTS: u32 = 2;
    pub(super) const N: u32 = 5;
}

/// What Lean needs to print to be able to read it again, from what a person would read on: each step has the options of
/// those before it as well.
const PRINTING: [&[&str]; 5] = [
    &[],
    &["pp.fullNames true", "pp.fieldNotation false", "pp.structureInstances false"],
    &["pp.funBinderTypes true", "pp.piBinderTypes true", "pp.numericTypes true"],
    &["pp.proofs true", "pp.deepTerms true", "pp.coercions.types true"],
    &["pp.explicit true", "pp.universes true", "pp.notation false", "pp.coercions false", "pp.letVarTypes true"],
];
/// In columns.
const ONE_LINE: u32 = 1 << 20;
/// Nobody reads longer statements, and what needs all its types to be read again mostly fails.
const MAX_BYTES: u32 = 1 << 12;

/// Attributes by which a tactic finds a lemma without being told its name, as far as they can be taken away.
const ATTRIBUTES: [&str; 5] = ["simp", "grind", "ext", "push_cast", "instance"];

/// What the driver knows of the library already.
#[derive(Debug, Default)]
pub(crate) struct Known {
    theorems: Option<Arc<[Theorem]>>,
    /// For the steps of [`PRINTING`].
    printers: [Option<Printer>; PRINTING.len()],
    /// The commands that take a lemma's attributes away, by its name.
    erasures: HashMap<String, Vec<String>>,
}

/// A theorem of the library. Its objects are borrowed for ever: they stay alive with the environment.
#[derive(Clone, Debug)]
struct Theorem {
    module: Arc<str>,
    name: Object,
    info: Object,
}

/// Contexts and states of Lean's Meta level in which a step's options are set; owned for ever.
#[derive(Clone, Copy, Debug)]
struct Printer {
    contexts: [Object; 4],
    parts: [Object; 4],
}

impl Driver {
    /// Lists the library's theorems.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn library(&mut self, lean: &mut dyn Machine, limit: Duration) -> Result<Limited<LibraryAnswer>> {
        let (answer, fired) = self.timed(lean, limit, |driver, lean| {
            let theorems = driver.theorems(lean)?;
            list(lean, &theorems)
        })?;
        Ok(if fired { Limited::Timeout } else { Limited::Done(answer) })
    }

    /// States a theorem of the library, by its place in the list, as `theorem flat_name`, for proofs that do without
    /// the lemmas `without`.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn state(
        &mut self,
        lean: &mut dyn Machine,
        index: usize,
        flat_name: &str,
        without: &[String],
        limit: Duration,
    ) -> Result<Limited<StateAnswer>> {
        let (answer, fired) =
            self.timed(lean, limit, |driver, lean| driver.state_anew(lean, index, flat_name, without))?;
        Ok(if fired { Limited::Timeout } else { Limited::Done(answer) })
    }

    /// The names of all modules that are imported, directly or through others.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn module_names(&mut self, lean: &mut dyn Machine) -> Result<Vec<String>> {
        lean.retain(self.env)?;
        let names = lean.call("Lean_Environment_allImportedModuleNames", &[self.env])?;
        let texts = texts_of(lean, &lean.array_items(names)?)?;
        lean.release(names)?;
        Ok(texts)
    }

    fn theorems(&mut self, lean: &mut dyn Machine) -> Result<Arc<[Theorem]>> {
        if let Some(theorems) = &self.library.theorems {
            return Ok(theorems.clone());
        }
        let theorems: Arc<[Theorem]> = enumerate(lean, self.env)?.into();
        self.library.theorems = Some(theorems.clone());
        Ok(theorems)
    }

    fn state_anew(
        &mut self,
        lean: &mut dyn Machine,
        index: usize,
        flat_name: &str,
        without: &[String],
    ) -> Result<StateAnswer> {
        let theorems = self.theorems(lean)?;
        let Some(theorem) = theorems.get(index) else {
            return Ok(unstated(format!("the library has no theorem number {index}")));
        };
        let mut erasures = Vec::new();
        for lemma in without {
            erasures.extend(self.erasures_of(lean, lemma)?);
        }
        let header = erasures.join("\n");
        // Linters would only take time.
        let before = self.preamble(lean, &format!("set_option linter.all false\n{header}"))?;
        if let Some(error) = before.errors.first() {
            return Ok(unstated(error.clone()));
        }
        let without: BTreeSet<String> = without.iter().cloned().collect();
        let mut problem = String::new();
        for step in 0..PRINTING.len() {
            let printed = self.print(lean, theorem.name, step)?;
            problem = match printed {
                Err(problem) => problem,
                Ok(signature) => {
                    let statement = format!("theorem {flat_name}{signature}");
                    match self.difference(lean, &statement, &before, theorem.info, &without)? {
                        None => return Ok(StateAnswer { statement: Some(statement), header, unstated: None }),
                        Some(difference) => difference,
                    }
                }
            };
        }
        Ok(unstated(problem))
    }

    /// Commands that take the attributes of a lemma away, each on its own: those at which Lean has nothing to say.
    fn erasures_of(&mut self, lean: &mut dyn Machine, lemma: &str) -> Result<Vec<String>> {
        if let Some(commands) = self.library.erasures.get(lemma) {
            return Ok(commands.clone());
        }
        let base = self.preamble(lean, "")?;
        let mut commands = Vec::new();
        for attribute in ATTRIBUTES {
            let command = format!("attribute [-{attribute}] {lemma}");
            lean.retain(base.state)?;
            let tried = run_commands(lean, &command, base.state, Options::default())?;
            lean.release(tried.state)?;
            if tried.messages.is_empty() {
                commands.push(command);
            }
        }
        self.library.erasures.insert(lemma.to_owned(), commands.clone());
        Ok(commands)
    }

    fn printer(&mut self, lean: &mut dyn Machine, step: usize) -> Result<Printer> {
        if let Some(printer) = self.library.printers[step] {
            return Ok(printer);
        }
        let options = PRINTING[..=step].concat();
        let options: String = options.iter().map(|option| format!("set_option {option}\n")).collect();
        let before = self.preamble(lean, &options)?;
        if let Some(error) = before.errors.first() {
            return Err(Fault::Unfit(format!("this Lean does not print as it should: {error}")));
        }
        let Elaborated { ran, name, session, .. } =
            self.elaborate_statement(lean, "example : True", &before, true, false)?;
        lean.release(ran.state)?;
        lean.release_all(name.as_slice())?;
        let opened = session.and_then(|session| Some(Printer { contexts: session.contexts, parts: session.root? }));
        let printer = opened.ok_or_else(|| Fault::Unfit("this Lean opens no proof of True".to_owned()))?;
        self.library.printers[step] = Some(printer);
        Ok(printer)
    }

    /// `(n m : Nat) : n + m = m + n` with universe parameters before it, as Lean prints a theorem's signature; or why
    /// it cannot be used.
    fn print(
        &mut self,
        lean: &mut dyn Machine,
        name: Object,
        step: usize,
    ) -> Result<std::result::Result<String, String>> {
        let Printer { contexts, parts } = self.printer(lean, step)?;
        start_heartbeats(lean, 0)?; // each theorem has the whole allowance
        let inside = Inside::enter(lean, &contexts, &parts)?;
        lean.retain(name)?;
        let printed = inside.meta_m(lean, "Lean_PrettyPrinter_ppSignature", &[name])?;
        let left = inside.leave(lean)?;
        lean.release_all(&left)?;
        let printed = match printed {
            Ok(printed) => printed,
            Err(exception) => return Ok(Err(exception_text(lean, exception)?)),
        };
        let format = lean.field(printed, 0)?;
        lean.retain(format)?;
        lean.release(printed)?;
        let text = lean.call("Std_Format_pretty", &[format, boxed(ONE_LINE), NIL, NIL])?;
        let text = lean.take_text(text, MAX_BYTES + 1)?;
        lean.retain(name)?;
        let own = lean.call("Lean_Name_toString", &[name, boxed(1)])?;
        let own = lean.take_text(own, u32::MAX)?;
        Ok(signature_in(&text, &own))
    }

    /// How a statement differs from a theorem, or from one that a proof without `without` may name; nothing where it
    /// elaborates to the very type.
    fn difference(
        &mut self,
        lean: &mut dyn Machine,
        statement: &str,
        before: &Preamble,
        info: Object,
        without: &BTreeSet<String>,
    ) -> Result<Option<String>> {
        let stated = self.elaborate_statement(lean, statement, before, false, false)?;
        let difference = self.difference_of(lean, &stated, info, without)?;
        lean.release_all(stated.name.as_slice())?;
        lean.release(stated.ran.state)?;
        Ok(difference)
    }

    fn difference_of(
        &self,
        lean: &mut dyn Machine,
        stated: &Elaborated,
        info: Object,
        without: &BTreeSet<String>,
    ) -> Result<Option<String>> {
        if let Some(error) = errors_of(&stated.ran.messages).into_iter().next() {
            return Ok(Some(error));
        }
        let (1, Some(name)) = (stated.ran.kinds.len(), stated.name) else {
            return Ok(Some("it is not one theorem".to_owned()));
        };
        let environment = environment_of(lean, stated.ran.state)?;
        let seen = with_info(lean, environment, name, |lean, stated| {
            let type_ = type_of(lean, info)?;
            if let Some(used) = used_of(lean, self.env, type_, without)? {
                return Ok(Some(format!("the statement itself rests on {used}")));
            }
            let stated_type = type_of(lean, stated)?;
            let same = same_besides_notes(lean, stated_type, type_)? && levels(lean, stated)? == levels(lean, info)?;
            Ok((!same).then(|| "it elaborates to another type".to_owned()))
        })?;
        Ok(seen.unwrap_or_else(|| Some("Lean does not declare it".to_owned())))
    }
}

fn unstated(why: String) -> StateAnswer {
    StateAnswer { unstated: Some(why), ..StateAnswer::default() }
}

// ---- enumerating

/// The size of arrays that belong together.
fn common_len(lean: &dyn Machine, what: &str, one: Object, other: Object) -> Result<u32> {
    let (n, m) = (lean.array_len(one)?, lean.array_len(other)?);
    if n != m {
        return Err(Fault::Unfit(format!("{what} do not belong together in this Lean ({n},{m})")));
    }
    Ok(n)
}

fn texts_of(lean: &dyn Machine, names: &[Object]) -> Result<Vec<String>> {
    names.iter().map(|&name| lean.name_text(name)).collect()
}

/// Every theorem that is imported, in the order of its modules.
fn enumerate(lean: &mut dyn Machine, env: Object) -> Result<Vec<Theorem>> {
    // Neither is released: they stay alive with the environment.
    lean.retain(env)?;
    let header = lean.call("Lean_Environment_header", &[env])?;
    let header = lean.expect_fields("Lean.EnvironmentHeader", header, header::N)?;
    lean.retain(env)?;
    let module_names = lean.call("Lean_Environment_allImportedModuleNames", &[env])?;

    let modules = lean.field(header, header::MODULE_DATA)?;
    let n_modules = common_len(lean, "the library's modules and their names", modules, module_names)?;
    let mut theorems = Vec::new();
    for m in 0..n_modules {
        let data = lean.array_item(modules, m)?;
        let data = lean.expect_fields("Lean.ModuleData", data, module_data::N)?;
        let module: Arc<str> = lean.name_text(lean.array_item(module_names, m)?)?.into();
        let names = lean.field(data, module_data::NAMES)?;
        let constants = lean.field(data, module_data::CONSTANTS)?;
        let n_constants = common_len(lean, "a module's constants and their names", names, constants)?;
        for i in 0..n_constants {
            let name = lean.array_item(names, i)?;
            let info = lean.array_item(constants, i)?;
            if is_theorem(lean, env, name, info)? {
                theorems.push(Theorem { module: module.clone(), name, info });
            }
        }
    }
    Ok(theorems)
}

/// Whether a constant is a theorem: at the exported level, one is an axiom that Lean remembers to have been a theorem.
fn is_theorem(lean: &mut dyn Machine, env: Object, name: Object, info: Object) -> Result<bool> {
    match lean.tag(info)? {
        kind::THEOREM => Ok(true),
        kind::AXIOM => {
            lean.retain_all(&[env, name])?;
            lean.asks("Lean_wasOriginallyTheorem", &[env, name])
        }
        _ => Ok(false),
    }
}

fn list(lean: &mut dyn Machine, theorems: &[Theorem]) -> Result<LibraryAnswer> {
    let mut shapes = Shapes::default();
    let mut modules: Vec<String> = Vec::new();
    let mut rows = Vec::with_capacity(theorems.len());
    for theorem in theorems {
        if modules.last().is_none_or(|last| **last != *theorem.module) {
            modules.push(theorem.module.to_string());
        }
        let type_ = type_of(lean, theorem.info)?;
        let shape = shapes.shape_of(lean, type_)?;
        let name = lean.name_text(theorem.name)?;
        let size = shape.map_or(MAX_NODES, |shape| shape.size);
        rows.push(LibraryRow(name, modules.len() - 1, shape.map(|shape| shape.number), size));
    }
    Ok(LibraryAnswer { modules, theorems: rows })
}

// ---- what Lean prints

/// What stands behind the theorem's own name in its printed signature, with names that can be typed; or why that is not
/// its statement.
fn signature_in(text: &str, own_name: &str) -> std::result::Result<String, String> {
    let Some(signature) = text.strip_prefix(own_name) else {
        let shown: String = text.chars().take(200).collect();
        return Err(format!("Lean prints {shown} for {own_name}"));
    };
    // An instance without a name is printed as `[Monad m]`, even where the statement names it.
    let lost = instances(signature).find(|instance| !signature.contains(&format!("{instance} :")));
    if let Some(lost) = lost {
        return Err(format!("its statement names the instance {lost}, which is printed without a name"));
    }
    // In UTF-16, which never counts more than bytes do.
    if signature.encode_utf16().count() > MAX_BYTES as usize {
        return Err(format!("its statement prints to more than {MAX_BYTES} bytes"));
    }
    Ok(with_names_to_type(signature))
}

/// Stands behind a name that Lean made up, with superscript digits where it made several of one name.
const DAGGER: char = '✝';

fn is_superscript(c: char) -> bool {
    matches!(c, '⁰' | '¹' | '²' | '³' | '⁴'..='⁹')
}

/// Whether a name may begin with this.
fn begins_name(c: char) -> bool {
    // Numerals like `Ⅷ` count as alphabetic, but are no letters.
    c == '_' || (c.is_alphabetic() && !c.is_numeric())
}

/// Whether this may stand in a name.
fn continues_name(c: char) -> bool {
    begins_name(c) || c.is_numeric() || matches!(c, '\'' | '!' | '?')
}

/// The names `inst✝`, `inst✝¹`, .. in a text.
fn instances(text: &str) -> impl Iterator<Item = &str> {
    const MADE_UP: &str = "inst✝";
    text.match_indices(MADE_UP).filter_map(move |(start, _)| {
        let is_whole = !text[..start].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let digits = &text[start + MADE_UP.len()..];
        let end = text.len() - digits.trim_start_matches(is_superscript).len();
        is_whole.then(|| &text[start..end])
    })
}

/// A name that nobody can type, as `a✝¹`.
#[derive(Clone, Copy, Debug)]
struct MadeUp<'a> {
    /// What stands between it and the one before.
    before: &'a str,
    whole: &'a str,
    /// What it is based on, as `a`.
    base: &'a str,
}

/// The names in a text that nobody can type, and what stands behind the last.
fn made_up_names(text: &str) -> (Vec<MadeUp<'_>>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    let mut searched = 0;
    while let Some(dagger) = rest[searched..].find(DAGGER).map(|at| searched + at) {
        let start = rest[..dagger].trim_end_matches(continues_name).len();
        let base = rest[start..dagger].trim_start_matches(|c| !begins_name(c));
        let behind = dagger + DAGGER.len_utf8();
        if base.is_empty() {
            searched = behind;
            continue;
        }
        let end = rest.len() - rest[behind..].trim_start_matches(is_superscript).len();
        let start = dagger - base.len();
        found.push(MadeUp { before: &rest[..start], whole: &rest[start..end], base });
        rest = &rest[end..];
        searched = 0;
    }
    (found, rest)
}

/// The names in a text of what can be typed.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !continues_name(c))
        .map(|run| run.trim_start_matches(|c| !begins_name(c)))
        .filter(|name| !name.is_empty())
}

/// Names that nobody can type become names that are free in the text: the first of `a`, `a_1`, `a_2`, .. for each.
/// Whether the text still says the same is seen when it is elaborated.
fn with_names_to_type(text: &str) -> String {
    let (made_up, behind) = made_up_names(text);
    let plain = made_up.iter().map(|name| name.before).chain([behind]);
    let mut taken: HashSet<String> = plain.flat_map(names).map(str::to_owned).collect();
    let mut given: HashMap<&str, String> = HashMap::new();
    let mut renamed = String::with_capacity(text.len());
    for MadeUp { before, whole, base } in made_up {
        let name = given.entry(whole).or_insert_with(|| free_name(base, &mut taken));
        renamed.push_str(before);
        renamed.push_str(name);
    }
    renamed + behind
}

/// The first name of this base that is not taken, which it is from now on.
fn free_name(base: &str, taken: &mut HashSet<String>) -> String {
    let mut name = base.to_owned();
    let mut i = 0;
    while !taken.insert(name.clone()) {
        i += 1;
        name = format!("{base}_{i}");
    }
    name
}

// ---- comparing

/// The texts of a constant's universe parameters.
fn levels(lean: &dyn Machine, info: Object) -> Result<Vec<String>> {
    texts_of(lean, &lean.list_items(lean.field(signature(lean, info)?, 1)?)?)
}

/// Whether two closed types (borrowed) are equal but for notes of the elaborator, as at a `match` or a `no_index`,
/// which mean nothing and which printing loses.
fn same_besides_notes(lean: &mut dyn Machine, one: Object, other: Object) -> Result<bool> {
    Comparison::default().same(lean, one, other)
}

#[derive(Default)]
struct Comparison {
    /// Pairs that have been compared: terms share their parts.
    known: HashSet<(Object, Object)>,
}

impl Comparison {
    fn same(&mut self, lean: &mut dyn Machine, p: Object, q: Object) -> Result<bool> {
        let (p, q) = (without_notes(lean, p)?, without_notes(lean, q)?);
        if p == q {
            return Ok(true);
        }
        let tag = lean.tag(p)?;
        if tag != lean.tag(q)? {
            return Ok(false);
        }
        let Some(parts) = parts_of(tag) else {
            lean.retain_all(&[p, q])?;
            return lean.asks("Lean_Expr_eqv", &[p, q]);
        };
        if self.known.contains(&(p, q)) {
            return Ok(true);
        }
        if tag == expr::PROJECTION && !is_same_projection(lean, p, q)? {
            return Ok(false);
        }
        for &i in parts {
            let (p, q) = (lean.field(p, i)?, lean.field(q, i)?);
            if !self.same(lean, p, q)? {
                return Ok(false);
            }
        }
        self.known.insert((p, q));
        Ok(true)
    }
}

/// Where the parts of a term of several parts stand; names of variables, and how they are bound, are no parts.
fn parts_of(tag: u8) -> Option<&'static [u32]> {
    match tag {
        expr::APPLICATION => Some(&[0, 1]),
        expr::LAMBDA | expr::PI => Some(&[1, 2]),
        expr::LET => Some(&[1, 2, 3]),
        expr::PROJECTION => Some(&[2]),
        _ => None,
    }
}

fn without_notes(lean: &dyn Machine, term: Object) -> Result<Object> {
    let mut term = term;
    while lean.tag(term)? == expr::NOTE {
        term = lean.field(term, 1)?;
    }
    Ok(term)
}

fn is_same_projection(lean: &mut dyn Machine, p: Object, q: Object) -> Result<bool> {
    let structures = [lean.field(p, 0)?, lean.field(q, 0)?];
    lean.retain_all(&structures)?;
    Ok(lean.asks("Lean_Name_beq", &structures)? && lean.field(p, 1)? == lean.field(q, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_can_type_become_free_ones() {
        for (text, expected) in [
            ("(n m : Nat) : n + m = m + n", "(n m : Nat) : n + m = m + n"),
            ("(a✝ : Nat) : a✝ = 0", "(a : Nat) : a = 0"),
            ("(a✝ a✝¹ a : Nat) : a✝ = a✝¹", "(a_1 a_2 a : Nat) : a_1 = a_2"),
            ("(a✝¹² a✝ a_1 : Nat) : a✝¹² = a✝", "(a a_2 a_1 : Nat) : a = a_2"),
            ("(x'✝ : α✝) : x'✝.1 = Foo.x'✝", "(x' : α) : x'.1 = Foo.x'"),
            ("1a✝ '✝ 2✝ ✝", "1a '✝ 2✝ ✝"),
            ("a✝¹b✝b", "ab_1b"),
        ] {
            assert_eq!(with_names_to_type(text), expected, "{text}");
        }
    }

    #[test]
    fn signatures_are_taken_from_behind_the_name() {
        assert_eq!(
            signature_in("Nat.zero_add (n : Nat) : 0 + n = n", "Nat.zero_add").unwrap(),
            " (n : Nat) : 0 + n = n"
        );
        assert_eq!(signature_in("foo : p", "bar").unwrap_err(), "Lean prints foo : p for bar");
        let long = format!("a : {}", "x".repeat(MAX_BYTES as usize));
        assert_eq!(signature_in(&long, "a").unwrap_err(), "its statement prints to more than 4096 bytes");
    }

    #[test]
    fn an_instance_that_is_printed_without_its_name_is_told() {
        let problem = "its statement names the instance inst✝¹, which is printed without a name";
        assert_eq!(signature_in("a [inst✝ : Foo] [Bar] : p inst✝ inst✝¹", "a").unwrap_err(), problem);
        assert_eq!(signature_in("a [inst✝ : Foo] : p inst✝ myinst✝¹", "a").unwrap(), " [inst : Foo] : p inst myinst");
    }
}
