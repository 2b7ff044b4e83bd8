//! Holds `docs/glossary.md` against the code: every word stands in the file that it names.

#![cfg(test)]

use crate::shell::root;

/// A word of the glossary, and the file where it lives.
#[derive(Debug, PartialEq)]
struct Entry<'a> {
    word: &'a str,
    file: &'a str,
}

/// The entries: lines of the form ``- `Word`: what it is. `path` ``. A line of another form that begins like one is an error.
fn entries(text: &str) -> Result<Vec<Entry<'_>>, String> {
    let of_line = |line| {
        let rest = str::strip_prefix(line, "- `")?;
        let (word, rest) = rest.split_once("`: ")?;
        let file = rest.strip_suffix('`')?.rsplit_once('`')?.1;
        Some(Entry { word, file })
    };
    let items = text.lines().filter(|line| line.starts_with('-'));
    items.map(|line| of_line(line).ok_or_else(|| format!("no entry of the glossary: {line}"))).collect()
}

/// Whether the word stands in a text by itself.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn every_word_is_in_its_file() {
    let text = std::fs::read_to_string(root().join("docs/glossary.md")).expect("the glossary");
    let entries = entries(&text).unwrap();
    assert!(entries.len() > 40, "{} entries", entries.len());
    let mut wrong = Vec::new();
    for Entry { word, file } in entries {
        match std::fs::read_to_string(root().join(file)) {
            Ok(code) if has_word(&code, word) => {}
            Ok(_) => wrong.push(format!("{file} no longer has `{word}`")),
            Err(e) => wrong.push(format!("`{word}`: {file}: {e}")),
        }
    }
    assert!(wrong.is_empty(), "docs/glossary.md is not true any more:\n{}", wrong.join("\n"));
}

#[test]
fn a_word_is_not_found_within_another() {
    assert!(has_word("pub struct Order;", "Order") && !has_word("SearchOrder Orders", "Order"));
    assert_eq!(entries("# A\n- `B`: c, `d`. `e/f.rs`").unwrap(), [Entry { word: "B", file: "e/f.rs" }]);
    assert!(entries("- B: c").is_err());
}
