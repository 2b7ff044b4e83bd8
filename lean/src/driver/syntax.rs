//! Syntax trees; and examples, which Lean elaborates and forgets, so that nothing is left to judge.

use crate::machine::{Machine, Result};
use crate::object::{NIL, Object, boxed, is_boxed, unboxed};

/// What the names of kept examples begin with: nobody can type them without meaning it.
pub(crate) const EXAMPLE: &str = "example at line ";

/// Constructors of `Lean.Syntax`.
mod constructor {
    pub(super) const NODE: u8 = 1;
    pub(super) const ATOM: u8 = 2;
    pub(super) const IDENT: u8 = 3;
}

/// `Lean.Syntax.missing`.
const MISSING: Object = boxed(0);
/// `Lean.SourceInfo.none`, the third of three.
const NO_INFO: Object = boxed(2);

fn is_a(lean: &dyn Machine, stx: Object, constructor: u8) -> Result<bool> {
    Ok(!is_boxed(stx) && lean.tag(stx)? == constructor)
}

/// Whether a syntax is an identifier.
pub(crate) fn is_ident(lean: &dyn Machine, stx: Object) -> Result<bool> {
    is_a(lean, stx, constructor::IDENT)
}

/// The parts (borrowed) of a node; anything else has none.
pub(crate) fn children(lean: &dyn Machine, stx: Object) -> Result<Vec<Object>> {
    if !is_a(lean, stx, constructor::NODE)? {
        return Ok(Vec::new());
    }
    lean.array_items(lean.field(stx, 2)?)
}

/// A node's kind; "missing" of what is no node.
pub(crate) fn kind_of(lean: &dyn Machine, stx: Object) -> Result<String> {
    if !is_a(lean, stx, constructor::NODE)? {
        return Ok("missing".to_owned());
    }
    lean.name_text(lean.field(stx, 1)?)
}

/// A node of information, kind and parts (all owned).
fn node(lean: &mut dyn Machine, info: Object, kind: Object, parts: &[Object]) -> Result<Object> {
    let parts = lean.list(parts)?;
    let parts = lean.runtime("lean_array_mk", &[parts])?;
    lean.construct(constructor::NODE, &[info, kind, parts], 0)
}

/// An optional part that is not there.
fn nothing(lean: &mut dyn Machine) -> Result<Object> {
    let kind = lean.name(&["null"])?;
    node(lean, NO_INFO, kind, &[])
}

/// A copy (owned) of a command of `text` in which each `example` is a definition.
pub(crate) fn with_examples_kept(lean: &mut dyn Machine, stx: Object, text: &str) -> Result<Object> {
    let parts = children(lean, stx)?;
    let inner = match kind_of(lean, stx)?.as_str() {
        "Lean.Parser.Command.in" => parts.len().checked_sub(1),
        "Lean.Parser.Command.declaration" => Some(1),
        "Lean.Parser.Command.example" => return kept(lean, stx, &parts, text),
        _ => None,
    };
    let Some((inner, &command)) = inner.and_then(|i| Some((i, parts.get(i)?))) else { return lean.retain(stx) };
    let command = with_examples_kept(lean, command, text)?;
    let mut copies = Vec::with_capacity(parts.len());
    for (i, &part) in parts.iter().enumerate() {
        copies.push(if i == inner { command } else { lean.retain(part)? });
    }
    let (info, kind) = (lean.field(stx, 0)?, lean.field(stx, 1)?);
    lean.retain(info)?;
    lean.retain(kind)?;
    node(lean, info, kind, &copies)
}

/// The definition (owned) that stands for an example: `keyword signature value`.
fn kept(lean: &mut dyn Machine, stx: Object, parts: &[Object], text: &str) -> Result<Object> {
    // Where the parser gave up, parts at the end may not be there.
    let part = |i: usize| parts.get(i).copied().unwrap_or(MISSING);
    let (keyword, signature, value) = (part(0), part(1), part(2));
    if !is_a(lean, keyword, constructor::ATOM)? || is_boxed(lean.field(keyword, 0)?) {
        return lean.retain(stx);
    }
    let info = lean.field(keyword, 0)?;
    let position = unboxed(lean.field(info, 1)?); // SourceInfo.original: {leading, pos, trailing, endPos}
    let declared = declared_name(lean, info, &example_name(text, position as usize))?;
    let keyword = lean.string("def")?;
    lean.retain(info)?;
    let keyword = lean.construct(constructor::ATOM, &[info, keyword], 0)?;
    lean.retain(signature)?;
    lean.retain(value)?;
    let nothing = nothing(lean)?;
    let kind = lean.name(&["Lean", "Parser", "Command", "definition"])?;
    let info = lean.field(stx, 0)?;
    lean.retain(info)?;
    node(lean, info, kind, &[keyword, declared, signature, value, nothing])
}

/// What stands behind `def` for a name of one component, where `info` (borrowed) says; without universe parameters.
fn declared_name(lean: &mut dyn Machine, info: Object, name: &str) -> Result<Object> {
    let name = lean.name(&[name])?;
    let raw = lean.string("")?;
    let raw = lean.construct(0, &[raw, boxed(0), boxed(0)], 0)?;
    lean.retain(info)?;
    let ident = lean.construct(constructor::IDENT, &[info, raw, name, NIL], 0)?;
    let universes = nothing(lean)?;
    let kind = lean.name(&["Lean", "Parser", "Command", "declId"])?;
    node(lean, NO_INFO, kind, &[ident, universes])
}

/// The name of the example whose keyword stands at a byte of the text: lines alone may not tell examples apart.
fn example_name(text: &str, position: usize) -> String {
    let bytes = text.as_bytes();
    let before = bytes.get(..position).unwrap_or(bytes);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let begins_line = before.last().is_none_or(|&byte| byte == b'\n');
    if begins_line { format!("{EXAMPLE}{line}") } else { format!("{EXAMPLE}{line}, byte {position}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_named_by_their_place() {
        let text = "def a := 1\nexample : True := trivial\n  example : a = 1 := rfl\n";
        assert_eq!(example_name(text, 11), "example at line 2");
        assert_eq!(example_name(text, 39), "example at line 3, byte 39");
        assert_eq!(example_name("example : True", 0), "example at line 1");
        assert_eq!(example_name("example : True :=\n  trivial", 0), "example at line 1");
    }
}
