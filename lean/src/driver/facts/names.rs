//! Names of constants and binders: which of them a person wrote, and which can be typed.

use crate::driver::constants::user_name;
use crate::machine::{Machine, Result};
use crate::object::Object;

/// A name's text without the prefix of what is private.
pub(super) fn user_text(lean: &dyn Machine, name: Object) -> Result<String> {
    Ok(user_name(&lean.name_text(name)?).to_owned())
}

/// The text of a binder's name as it was written.
pub(super) fn written_text(lean: &mut dyn Machine, name: Object) -> Result<String> {
    lean.retain(name)?;
    let plain = lean.runtime("lean_erase_macro_scopes", &[name])?;
    let text = lean.name_text(plain)?;
    lean.release(plain)?;
    Ok(text)
}

/// A name below another, owned.
pub(super) fn below(lean: &mut dyn Machine, name: Object, part: &str) -> Result<Object> {
    lean.retain(name)?;
    let part = lean.string(part)?;
    lean.call("Lean_Name_str___override", &[name, part])
}

/// Whether Lean made this name, and not for people.
pub(super) fn is_internal(lean: &mut dyn Machine, name: Object) -> Result<bool> {
    lean.retain(name)?;
    lean.asks("Lean_Name_isInternalDetail", &[name])
}

/// What a predicate of Lean's says of a constant.
pub(super) fn holds(lean: &mut dyn Machine, predicate: &str, environment: Object, name: Object) -> Result<bool> {
    let arguments = lean.retain_all(&[environment, name])?;
    lean.asks(predicate, &arguments)
}

/// Whether a constant distinguishes cases.
pub(super) fn is_conditional(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<bool> {
    let text = lean.name_text(name)?;
    if matches!(text.as_str(), "ite" | "dite" | "cond" | "Bool.rec" | "bif") {
        return Ok(true);
    }
    holds(lean, "Lean_Meta_isMatcherCore", environment, name)
}

/// Whether a name's text can be typed as it is.
pub(super) fn is_writable(text: &str) -> bool {
    text.split('.').all(is_writable_part) && !text.contains("._hyg.")
}

/// Whether a text can be typed as it is, and is a name of one component.
pub(super) fn is_writable_part(text: &str) -> bool {
    let mut chars = text.chars();
    let is_start = |c: char| c == '_' || c.is_alphabetic() && !c.is_numeric();
    // Subscripts are numeric.
    chars.next().is_some_and(is_start) && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '\'' | '!' | '?'))
}

/// Whether a declaration with this text is one that a person wrote, as far as the text tells.
pub(super) fn is_authored(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let has_auxiliary_part = text.split('.').any(is_auxiliary_part);
    is_writable(text) && !is_generated(last) && !is_below_auxiliary(text) && !has_auxiliary_part
}

/// Whether a component is one that only Lean gives.
fn is_auxiliary_part(part: &str) -> bool {
    part.starts_with('_') || is_numbered(part, "match_") || is_numbered(part, "proof_")
}

/// Whether the name stands below what Lean makes of a type.
fn is_below_auxiliary(text: &str) -> bool {
    let Some((_, behind)) = text.split_once('.') else { return false };
    let Some((middle, _)) = behind.rsplit_once('.') else { return false };
    middle.split('.').any(|part| {
        let stem = part.rsplit_once('_').filter(|(_, number)| is_number(number)).map_or(part, |(stem, _)| stem);
        matches!(stem, "brecOn" | "below" | "binductionOn" | "ibelow" | "noConfusionType" | "noConfusion")
    })
}

/// Last components of names that Lean gives to theorems and functions of its own about a declaration.
const GENERATED: [&str; 16] = [
    "inj",
    "injEq",
    "sizeOf_spec",
    "eq_def",
    "induct",
    "induct_unfolding",
    "fun_cases",
    "fun_cases_unfolding",
    "mutual_induct",
    "congr_simp",
    "ext",
    "ext_iff",
    "casesOn",
    "elim",
    "partial_correctness",
    "fixpoint_induct",
];

/// Beginnings of such components.
const GENERATED_FAMILIES: [&str; 8] =
    ["noConfusion", "ofNat_", "toCtorIdx", "ctorIdx", "ctorElim", "below", "brecOn", "rec"];

fn is_generated(last: &str) -> bool {
    GENERATED.contains(&last)
        || GENERATED_FAMILIES.iter().any(|family| last.starts_with(family))
        || is_numbered(last, "eq_")
        || is_numbered(last, "hcongr_")
}

/// Whether a text is `stem` and a number behind it.
pub(super) fn is_numbered(text: &str, stem: &str) -> bool {
    text.strip_prefix(stem).is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_typed_is_writable() {
        for text in ["a", "_x", "Nat.succ", "h'", "get!", "x₁", "α.β", "ℕ", "𝓝", "a1.b2", "isEmpty?"] {
            assert!(is_writable(text), "{text}");
        }
        for text in ["", ".", "a.", "1", "a.1", "a b", "x✝", "'", "a._@.b", "a._hyg.b", "«x»", "Ⅷ", "₁"] {
            assert!(!is_writable(text), "{text}");
        }
        assert!(is_writable_part("foo"));
        assert!(!is_writable_part("foo.bar"));
    }

    #[test]
    fn what_lean_makes_of_a_declaration_is_not_authored() {
        let made = [
            "f.eq_1",
            "f.eq_def",
            "Tree.rec",
            "Tree.recOn",
            "Tree.casesOn",
            "Tree.node.inj",
            "Tree.noConfusionType",
            "Tree.node.hcongr_2",
            "Tree.below_1",
            "Tree.below.node",
            "Tree.brecOn_2.go",
            "f.match_1",
            "f.match_1.splitter",
            "match_3",
            "f.proof_1.x",
            "f._sunfold",
            "_f",
        ];
        for text in made {
            assert!(!is_authored(text), "{text}");
        }
        for text in ["f", "eq_x", "Tree.eq_", "Tree.match_", "Tree.extend", "noConfusion.f", "Tree.below_.f"] {
            assert!(is_authored(text), "{text}");
        }
    }
}
