//! Text patches on a package's JavaScript: deterministic, and loud when the text is not the expected one.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memmem;

/// Replaces `from`, which must occur exactly once, by `to`.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    /// Names it in messages.
    pub(super) name: &'static str,
    /// The anchor.
    pub(super) from: &'static str,
    /// What takes its place.
    pub(super) to: Cow<'static, str>,
}

/// A patch (or the step that strips the symbol tables) that did not find its text exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The patch's name.
    pub(super) patch: &'static str,
    /// How often its text was found.
    pub(super) found: usize,
}

/// Applies all patches to the original text at once, so that their order does not matter.
pub(super) fn apply(text: &[u8], patches: &[Patch]) -> Result<Vec<u8>, Mismatch> {
    let mut places = patches
        .iter()
        .map(|patch| find_once(text, patch.from.as_bytes(), patch.name).map(|at| (at, patch)))
        .collect::<Result<Vec<_>, _>>()?;
    places.sort_by_key(|(at, _)| *at);
    let mut patched = Vec::with_capacity(text.len() + patches.iter().map(|patch| patch.to.len()).sum::<usize>());
    let mut copied = 0;
    for (at, patch) in places {
        if at < copied {
            // Its anchor lies inside another one: whichever came first would take the text of the other away.
            return Err(Mismatch { patch: patch.name, found: 0 });
        }
        patched.extend_from_slice(&text[copied..at]);
        patched.extend_from_slice(patch.to.as_bytes());
        copied = at + patch.from.len();
    }
    patched.extend_from_slice(&text[copied..]);
    Ok(patched)
}

const STRIP: &str = "symbol tables";
const ASSIGN: &[u8] = b"function assignWasmExports(wasmExports){";
/// The exports that are Lean's compiled functions and constants begin so; a host looks them up by name in the exports.
const STRIPPED_PREFIX: &[u8] = b"_l_";

/// Removes the declarations `var _l_a,_l_b,...` and the statements `_l_a=Module["_l_a"]=wasmExports["l_a"]` (with or
/// without `.value`) for all names that nothing else in the text mentions.
///
/// Emscripten writes one declaration and one function `assignWasmExports` right behind it; both are 88 of the 89 MB.
pub(super) fn strip_symbol_tables(text: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let mismatch = Mismatch { patch: STRIP, found: 0 };
    let function = find_once(text, ASSIGN, STRIP)?;
    let body = function + ASSIGN.len();
    // No export's name and no assignment contains a brace.
    let end = body + memchr::memchr(b'}', &text[body..]).ok_or(mismatch)?;
    let declaration = memmem::rfind(&text[..function], b"var ").ok_or(mismatch)?;
    let names = declaration + b"var ".len();
    let declared = text[names..function].strip_suffix(b";").ok_or(mismatch)?;
    if !declared.iter().all(|&byte| is_word(byte) || byte == b',') {
        return Err(mismatch);
    }

    let assignments: Vec<_> = text[body..end].split(|&byte| byte == b';').collect();
    let mut used = HashSet::new();
    mentions(&text[..declaration], &mut used);
    mentions(&text[end..], &mut used);
    let mut gone = HashSet::with_capacity(assignments.len());
    for assignment in &assignments {
        match assigned_name(assignment) {
            Some(name) if name.starts_with(STRIPPED_PREFIX) => gone.insert(name),
            Some(_) => false,
            None => {
                mentions(assignment, &mut used);
                false
            }
        };
    }
    gone.retain(|name| !used.contains(name));

    let mut stripped = Vec::with_capacity(text.len() - (end - declaration) + (1 << 22));
    stripped.extend_from_slice(&text[..names]);
    let kept = declared.split(|&byte| byte == b',').filter(|name| !gone.contains(name));
    join(&mut stripped, kept, b',');
    stripped.extend_from_slice(b";");
    stripped.extend_from_slice(ASSIGN);
    let kept = assignments.iter().copied().filter(|text| assigned_name(text).is_none_or(|name| !gone.contains(name)));
    join(&mut stripped, kept, b';');
    stripped.extend_from_slice(&text[end..]);
    Ok(stripped)
}

fn find_once(text: &[u8], anchor: &[u8], name: &'static str) -> Result<usize, Mismatch> {
    let mut places = memmem::find_iter(text, anchor);
    match (places.next(), places.count()) {
        (Some(at), 0) => Ok(at),
        (first, more) => Err(Mismatch { patch: name, found: usize::from(first.is_some()) + more }),
    }
}

/// The name `x` of a plain assignment `x=Module["x"]=wasmExports["y"]`, where `y` is `x` without its underscore.
fn assigned_name(assignment: &[u8]) -> Option<&[u8]> {
    let name = &assignment[..memchr::memchr(b'=', assignment)?];
    let rest = assignment[name.len()..].strip_prefix(b"=Module[\"")?.strip_prefix(name)?;
    let rest = rest.strip_prefix(b"\"]=wasmExports[\"")?.strip_prefix(name.strip_prefix(b"_")?)?;
    matches!(rest, b"\"]" | b"\"].value").then_some(name)
}

/// Collects the words that could be one of the stripped names, wherever they stand: code, strings, comments.
fn mentions<'a>(text: &'a [u8], into: &mut HashSet<&'a [u8]>) {
    let words = text.split(|&byte| !is_word(byte));
    into.extend(words.filter(|word| word.starts_with(STRIPPED_PREFIX)));
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

fn join<'a>(into: &mut Vec<u8>, parts: impl Iterator<Item = &'a [u8]>, divider: u8) {
    for (i, part) in parts.enumerate() {
        if i > 0 {
            into.push(divider);
        }
        into.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn patch(name: &'static str, from: &'static str, to: &'static str) -> Patch {
        Patch { name, from, to: to.into() }
    }

    fn check(text: &str, patches: &[Patch], expected: Expect) {
        let result = apply(text.as_bytes(), patches).map(|text| String::from_utf8(text).unwrap());
        expected.assert_eq(&format!("{result:?}"));
    }

    #[test]
    fn patches_match_exactly_once() {
        check("a bb c", &[patch("two", "c", "C"), patch("one", "bb", "x")], expect![[r#"Ok("a x C")"#]]);
        check("a bb c", &[patch("gone", "z", "x")], expect![[r#"Err(Mismatch { patch: "gone", found: 0 })"#]]);
        check("a b b b", &[patch("thrice", "b", "x")], expect![[r#"Err(Mismatch { patch: "thrice", found: 3 })"#]]);
        check(
            "abc",
            &[patch("ab", "ab", ""), patch("bc", "bc", "")],
            expect![[r#"Err(Mismatch { patch: "bc", found: 0 })"#]],
        );
    }

    fn check_strip(text: &str, expected: Expect) {
        let result = strip_symbol_tables(text.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        expected.assert_eq(&format!("{result:?}"));
    }

    #[test]
    fn names_that_nothing_mentions_are_stripped() {
        let plain = r#"_l_a=Module["_l_a"]=wasmExports["l_a"]"#;
        let value = r#"_l_v=Module["_l_v"]=wasmExports["l_v"].value"#;
        let malloc = r#"_malloc=Module["_malloc"]=wasmExports["malloc"]"#;
        let called = r#"_l_c=Module["_l_c"]=wasmExports["l_c"]"#;
        let odd = r#"_l_o=_l_p=wasmExports["l_o"]"#;
        let partner = r#"_l_p=Module["_l_p"]=wasmExports["l_p"]"#;
        let text = format!(
            "var x=1;var _l_a,_malloc,_l_v,_l_c,_l_o,_l_p,wasmTable;function assignWasmExports(wasmExports){{\
             {plain};{malloc};{value};{called};{odd};{partner}}}var y=Module[\"_l_c\"];"
        );
        check_strip(
            &text,
            expect![[
                r#"Ok("var x=1;var _malloc,_l_c,_l_o,_l_p,wasmTable;function assignWasmExports(wasmExports){_malloc=Module[\"_malloc\"]=wasmExports[\"malloc\"];_l_c=Module[\"_l_c\"]=wasmExports[\"l_c\"];_l_o=_l_p=wasmExports[\"l_o\"];_l_p=Module[\"_l_p\"]=wasmExports[\"l_p\"]}var y=Module[\"_l_c\"];")"#
            ]],
        );
    }

    #[test]
    fn another_shape_is_refused() {
        check_strip("var x=1;", expect![[r#"Err(Mismatch { patch: "symbol tables", found: 0 })"#]]);
        let text = "var a=2;function assignWasmExports(wasmExports){}";
        check_strip(text, expect![[r#"Err(Mismatch { patch: "symbol tables", found: 0 })"#]]);
    }
}
