//! What a text declares: which constants its author wrote, where, and which names in a statement nobody bound.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::driver::commands::scope;
use crate::driver::constants::{Key, key_of, kind, type_of, user_name};
use crate::driver::export::{Id, Reader};
use crate::driver::is_word;
use crate::driver::syntax::{EXAMPLE, children, is_ident, kind_of};
use crate::machine::{Machine, Result};
use crate::object::{Object, boxed, is_boxed, unboxed};

/// The names that nobody bound in a statement, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unbound {
    /// Somebody mistyped them, or did not import what declares them.
    pub(crate) refused: Vec<String>,
    /// Lean took them for variables.
    pub(crate) notes: Vec<String>,
}

/// A constant that a text declares.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// Itself among what was read; `None` where it could not be.
    pub(crate) constant: Option<Id>,
    pub(crate) key: Key,
    /// Its name as its author sees it.
    pub(crate) shown: String,
    pub(crate) kind: String,
    /// Whether somebody wrote it, rather than Lean made it of what somebody wrote.
    pub(crate) is_authored: bool,
    /// Where it stands, 1-based.
    pub(crate) lines: Option<RangeInclusive<u32>>,
}

impl Declared {
    fn first_line(&self) -> Option<u32> {
        self.lines.as_ref().map(|lines| *lines.start())
    }
}

// ---- syntax

/// The names of the identifiers below a syntax.
fn add_identifiers(lean: &dyn Machine, stx: Object, names: &mut HashSet<String>) -> Result<()> {
    let mut rest = vec![stx];
    while let Some(stx) = rest.pop() {
        if is_ident(lean, stx)? {
            names.insert(lean.name_text(lean.field(stx, 2)?)?);
        }
        rest.extend(children(lean, stx)?);
    }
    Ok(())
}

/// The names that a syntax binds in a signature, a `variable` command or a `∀`.
fn add_bound_names(lean: &dyn Machine, stx: Object, names: &mut HashSet<String>) -> Result<()> {
    let mut rest = vec![stx];
    while let Some(stx) = rest.pop() {
        let parts = children(lean, stx)?;
        if let Some(&bound) = parts.get(1)
            && binds(&kind_of(lean, stx)?)
        {
            add_identifiers(lean, bound, names)?;
        }
        rest.extend(parts);
    }
    Ok(())
}

fn binds(kind: &str) -> bool {
    kind.strip_prefix("Lean.Parser.Term.").is_some_and(|kind| {
        matches!(kind, "explicitBinder" | "implicitBinder" | "strictImplicitBinder" | "instBinder" | "forall")
    })
}

// ---- names that nobody bound

/// `Lean.Expr.forallE`: name, type and body; behind them the term's hash of eight bytes, then the kind of binder.
mod forall {
    pub(super) const TAG: u8 = 7;
    pub(super) const NAME: u32 = 0;
    pub(super) const BODY: u32 = 2;
    pub(super) const BINDER_INFO: u32 = 8;
    pub(super) const IMPLICIT: u8 = 1;
}

/// Names that Lean made variables of a declaration because nobody had bound them (`autoImplicit`): implicit ones in
/// front of its type that neither its syntax nor a `variable` of the scope binds.
fn auto_bound(lean: &dyn Machine, [stx, scope]: [Object; 2], info: Object) -> Result<Vec<String>> {
    let mut known = HashSet::new();
    add_bound_names(lean, stx, &mut known)?;
    for variable in lean.array_items(lean.field(scope, scope::VARIABLES)?)? {
        add_bound_names(lean, variable, &mut known)?;
    }
    let mut found = Vec::new();
    let mut rest = type_of(lean, info)?;
    while lean.tag(rest)? == forall::TAG {
        if lean.scalar(rest, forall::BINDER_INFO)? == forall::IMPLICIT {
            let name = lean.name_text(lean.field(rest, forall::NAME)?)?;
            if is_typable(&name) && !known.contains(&name) {
                found.push(name);
            }
        }
        rest = lean.field(rest, forall::BODY)?;
    }
    Ok(found)
}

/// Whether somebody may have typed a variable's name.
fn is_typable(name: &str) -> bool {
    !name.contains('✝') && !name.contains("_hyg") && !name.starts_with("inst")
}

/// What Lean takes for a variable where `relaxedAutoImplicit` is off: one letter, and signs that tell it from others.
fn is_letter(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(char::is_alphabetic)
        && chars.all(|c| c.is_numeric() || matches!(c, '₀'..='₉' | '\'' | '_'))
}

/// Whether a text asks Lean to make variables of names that nobody bound.
fn asks_for_variables(text: &str) -> bool {
    text.match_indices("set_option").any(|(at, keyword)| {
        let (before, behind) = (&text[..at], &text[at + keyword.len()..]);
        !before.ends_with(is_word) && behind_spaces(behind).is_some_and(turns_on)
    })
}

fn turns_on(option: &str) -> bool {
    ["relaxedAutoImplicit", "autoImplicit"]
        .iter()
        .filter_map(|name| option.strip_prefix(name).and_then(behind_spaces)?.strip_prefix("true"))
        .any(|rest| !rest.starts_with(is_word))
}

fn behind_spaces(text: &str) -> Option<&str> {
    let rest = text.trim_start();
    (rest.len() < text.len()).then_some(rest)
}

/// The names that nobody bound in a statement, given its syntax and scope, and its constant, where there are any (all
/// borrowed). A longer name is one that somebody mistyped or did not import; `text` may ask for it.
pub(crate) fn unbound(
    lean: &dyn Machine,
    command: Option<[Object; 2]>,
    info: Option<Object>,
    text: &str,
) -> Result<Unbound> {
    let names = match (command, info) {
        (Some(command), Some(info)) => auto_bound(lean, command, info)?,
        _ => Vec::new(),
    };
    Ok(in_words(&names, asks_for_variables(text)))
}

fn in_words(names: &[String], asked_for: bool) -> Unbound {
    let names = names.iter().map(String::as_str);
    let (refused, noted): (Vec<_>, Vec<_>) = names.partition(|name| !asked_for && !is_letter(name));
    Unbound { refused: refused.into_iter().map(refusal).collect(), notes: noted.into_iter().map(note).collect() }
}

fn refusal(name: &str) -> String {
    format!(
        "nobody has bound {name}, and Lean would make it a variable that stands for anything: correct the name, import \
         what declares it, or bind it as {{{name} : _}} if a variable is meant"
    )
}

fn note(name: &str) -> String {
    format!("nobody has bound {name}: Lean made it a variable of the theorem")
}

// ---- constants

/// The lines at which an author wrote a constant. Only elaborators of declarations leave them: what Lean makes of its
/// own (equation lemmas, matchers, recursors' relatives) has none.
fn lines_of(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<Option<RangeInclusive<u32>>> {
    // EnvExtension.AsyncMode: of the three the one that `declRangeExt` was made with.
    const ASYNC_MAIN: Object = boxed(2);
    const LEVEL_EXPORTED: Object = boxed(0);
    let inhabited = lean.constant("Lean_instInhabitedDeclarationRanges_default")?;
    let extension = lean.constant("Lean_declRangeExt")?;
    lean.retain_all(&[inhabited, extension, environment, name])?;
    let arguments = [inhabited, extension, environment, name, ASYNC_MAIN, LEVEL_EXPORTED];
    let found = lean.call("Lean_MapDeclarationExtension_find_x3f___redArg", &arguments)?;
    if is_boxed(found) {
        return Ok(None);
    }
    // DeclarationRanges.range: {pos, charUtf16, endPos, endCharUtf16}
    let range = lean.field(lean.field(found, 0)?, 0)?;
    let first = unboxed(lean.field(lean.field(range, 0)?, 0)?);
    let last = unboxed(lean.field(lean.field(range, 2)?, 0)?);
    lean.release(found)?;
    Ok(Some(first..=last))
}

fn is_projection(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<bool> {
    lean.retain_all(&[environment, name])?;
    lean.asks("Lean_Environment_isProjectionFn", &[environment, name])
}

/// The constants that an environment declares itself: name and `ConstantInfo` (both owned), and the name's key.
pub(crate) fn local_constants(lean: &mut dyn Machine, environment: Object) -> Result<Vec<(Object, Object, Key)>> {
    lean.retain(environment)?;
    let kernel = lean.runtime("lean_elab_environment_to_kernel_env", &[environment])?;
    let map = lean.field(lean.field(kernel, 0)?, 1)?; // constants.map₂
    lean.retain(map)?;
    let list = lean.call("Lean_PersistentHashMap_toList___redArg", &[map])?;
    let mut constants = Vec::new();
    for pair in lean.list_items(list)? {
        let (name, info) = (lean.field(pair, 0)?, lean.field(pair, 1)?);
        lean.retain_all(&[name, info])?;
        constants.push((name, info, key_of(lean, name)?));
    }
    lean.release(list)?;
    lean.release(kernel)?;
    Ok(constants)
}

/// What a constructor of `Lean.ConstantInfo` is called.
pub(crate) const fn kind_text(tag: u8) -> &'static str {
    match tag {
        kind::AXIOM => "axiom",
        kind::DEFINITION => "definition",
        kind::THEOREM => "theorem",
        kind::OPAQUE => "opaque",
        kind::QUOTIENT => "quotient",
        kind::INDUCTIVE => "inductive type",
        kind::CONSTRUCTOR => "constructor",
        _ => "recursor",
    }
}

/// The [`local_constants`] of an environment that `before` does not have.
pub(crate) fn new_constants(
    lean: &mut dyn Machine,
    before: Object,
    environment: Object,
) -> Result<Vec<(Object, Object, Key)>> {
    let mut known = HashSet::new();
    for (name, info, key) in local_constants(lean, before)? {
        lean.release_all(&[name, info])?;
        known.insert(key);
    }
    let mut constants = Vec::new();
    for (name, info, key) in local_constants(lean, environment)? {
        if known.contains(&key) {
            lean.release_all(&[name, info])?;
        } else {
            constants.push((name, info, key));
        }
    }
    Ok(constants)
}

/// What an environment declares that `before` does not, in the order of the text; what nobody wrote comes last. `reader`
/// reads it.
pub(crate) fn declarations(
    lean: &mut dyn Machine,
    before: Object,
    environment: Object,
    reader: &mut Reader,
) -> Result<Vec<Declared>> {
    let mut declared = Vec::new();
    for (name, info, key) in new_constants(lean, before, environment)? {
        let declaration = declaration(lean, environment, [name, info], key)?;
        declared.push(Declared { constant: reader.constant(lean, info)?, ..declaration });
        lean.release_all(&[name, info])?;
    }
    declared.sort_by(in_order_of_text);
    Ok(declared)
}

fn declaration(lean: &mut dyn Machine, environment: Object, [name, info]: [Object; 2], key: Key) -> Result<Declared> {
    let lines = lines_of(lean, environment, name)?;
    let tag = lean.tag(info)?;
    let is_authored = lines.is_some() && !is_projection(lean, environment, name)? && tag != kind::CONSTRUCTOR;
    let shown = user_name(&lean.name_text(name)?).to_owned();
    let kind = if shown.starts_with(EXAMPLE) { "example" } else { kind_text(tag) };
    Ok(Declared { constant: None, key, shown, kind: kind.to_owned(), is_authored, lines })
}

fn in_order_of_text(a: &Declared, b: &Declared) -> Ordering {
    let line = |declared: &Declared| declared.first_line().unwrap_or(u32::MAX);
    line(a).cmp(&line(b)).then_with(|| a.shown.cmp(&b.shown))
}

/// The declaration that an author wrote and that a constant which nobody wrote belongs to by its name, or the constant
/// itself.
pub(crate) fn owner_of<'a>(declared: &'a [Declared], constant: &'a Declared) -> &'a Declared {
    if constant.is_authored {
        return constant;
    }
    let authored = declared.iter().filter(|other| other.is_authored);
    let authored: HashMap<&str, &Declared> = authored.map(|other| (other.shown.as_str(), other)).collect();
    let mut text = constant.shown.as_str();
    while let Some((owner, _)) = text.rsplit_once('.') {
        if let Some(owner) = authored.get(owner) {
            return owner;
        }
        text = owner;
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_variables() {
        for name in ["a", "α", "x₁", "n'", "x_1", "ℓ"] {
            assert!(is_letter(name), "{name}");
        }
        for name in ["", "ab", "Lsit", "_", "1", "a.b", "a✝"] {
            assert!(!is_letter(name), "{name}");
        }
    }

    #[test]
    fn texts_may_ask_for_variables() {
        assert!(asks_for_variables("set_option autoImplicit true in\ntheorem t : p"));
        assert!(asks_for_variables("variable (n)\nset_option  relaxedAutoImplicit\n true"));
        assert!(!asks_for_variables("set_option autoImplicit false"));
        assert!(!asks_for_variables("set_option autoImplicit trueish"));
        assert!(!asks_for_variables("reset_option autoImplicit true"));
        assert!(!asks_for_variables("set_option autoImplicittrue"));
    }

    #[test]
    fn longer_names_are_refused_unless_asked_for() {
        let names = ["α".to_owned(), "Lsit".to_owned()];
        let unbound = in_words(&names, false);
        assert_eq!(unbound.notes, ["nobody has bound α: Lean made it a variable of the theorem"]);
        assert_eq!(unbound.refused.len(), 1);
        assert!(unbound.refused[0].ends_with("or bind it as {Lsit : _} if a variable is meant"));
        assert_eq!(in_words(&names, true).notes.len(), 2);
    }

    #[test]
    fn binders_bind() {
        assert!(binds("Lean.Parser.Term.explicitBinder"));
        assert!(binds("Lean.Parser.Term.forall"));
        assert!(!binds("Lean.Parser.Term.app"));
        assert!(!binds("explicitBinder"));
    }

    fn declared(shown: &str, line: Option<u32>) -> Declared {
        let lines = line.map(|line| line..=line);
        let (is_authored, kind) = (line.is_some(), kind_text(kind::THEOREM).to_owned());
        Declared { constant: None, key: Vec::new(), shown: shown.to_owned(), kind, is_authored, lines }
    }

    #[test]
    fn what_nobody_wrote_belongs_to_somebody() {
        let all = [declared("f", Some(1)), declared("f.g", Some(3))];
        let owner = |constant: &Declared| owner_of(&all, constant).shown.clone();
        assert_eq!(owner(&declared("f.g.eq_1", None)), "f.g");
        assert_eq!(owner(&declared("f.h.eq_1", None)), "f");
        assert_eq!(owner(&declared("h.eq_1", None)), "h.eq_1");
        assert_eq!(owner(&all[1]), "f.g");
    }

    #[test]
    fn declarations_are_in_the_order_of_the_text() {
        let mut all = [("a.eq_1", None), ("z", Some(1)), ("b", Some(2)), ("a", Some(2))].map(|(n, l)| declared(n, l));
        all.sort_by(in_order_of_text);
        assert_eq!(all.map(|declared| declared.shown), ["z", "a", "b", "a.eq_1"]);
    }
}
