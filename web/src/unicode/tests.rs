//! What a text field holds after each text was typed into it, key by key.

use expect_test::{Expect, expect};

use super::{Edit, byte_offset, entries, finished, typed};

fn apply(text: &mut String, caret: &mut usize, edit: Option<Edit>) {
    if let Some(edit) = edit {
        let range = byte_offset(text, edit.from).expect("begin")..byte_offset(text, edit.to).expect("end");
        text.replace_range(range, &edit.text);
        *caret = edit.caret;
    }
}

/// Types the keys, `⇥` being the Tab key, and shows the text with `|` for the caret.
fn check(keys: &str, expected: Expect) {
    let (mut text, mut caret) = (String::new(), 0);
    for key in keys.chars() {
        let edit = if key == '⇥' {
            finished(&text, caret)
        } else {
            text.insert(byte_offset(&text, caret).expect("a caret stands between characters"), key);
            caret += key.len_utf16();
            typed(&text, caret)
        };
        apply(&mut text, &mut caret, edit);
    }
    text.insert(byte_offset(&text, caret).expect("a caret stands between characters"), '|');
    expected.assert_eq(&text);
}

#[test]
fn abbreviations_become_symbols() {
    check(r"p \and q", expect!["p ∧ q|"]);
    check(r"\forall n, \ex m", expect!["∀ n, ∃ m|"]);
    check(r"\alp7", expect!["α7|"]);
    check(r"x\_1\_2 ", expect!["x₁₂ |"]);
    check(r"\bbA ", expect!["𝔸 |"]);
    check(r"\bbA \to ", expect!["𝔸 → |"]);
}

#[test]
fn a_complete_and_unique_one_needs_no_end() {
    check(r"\and", expect![[r#"\and|"#]]);
    check(r"\not", expect!["\\not|"]);
    check(r"\not⇥", expect!["¬|"]);
    check(r"\le⇥", expect!["≤|"]);
}

#[test]
fn the_caret_goes_between_brackets() {
    check(r"exact \<>hq, hp", expect!["exact ⟨hq, hp|⟩"]);
    check(r"\<hq, hp\>", expect!["⟨hq, hp\\>|"]);
    check(r"\<hq, hp\>⇥", expect!["⟨hq, hp⟩|"]);
}

#[test]
fn what_is_none_stays() {
    check(r"a \ b", expect!["a \\ b|"]);
    check(r"fun x \ y, qqq", expect!["fun x \\ y, qqq|"]);
    check("simp [h]", expect!["simp [h]|"]);
}

#[test]
fn the_table_is_whole() {
    assert_eq!(entries().count(), 1850);
    assert!(entries().any(|entry| entry == ("#", "♯")));
}
