//! The head of a `.lean` file: its imports, told from the text after them, of which no byte is changed.

use super::StatementError;
use super::statement::{Source, normalise};

/// A file as its reader gives it to Lean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitFile {
    /// Modules that it imports, in order.
    pub imports: Vec<String>,
    /// Everything behind the imports, with line feeds for line ends.
    pub commands: String,
}

/// Why the head of a file cannot be had from a Lean that has imported its modules already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A comment, a string or a name is not closed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// `prelude`.
    #[error("line {line}: `prelude` wants a Lean without `Init`, and this one has it loaded: remove the word")]
    Prelude {
        /// 1-based.
        line: u32,
    },
    /// `public import` and the like outside a module.
    #[error("line {line}: Lean takes `{word}` at an import only in a file that begins with `module`")]
    NotAModule {
        /// 1-based.
        line: u32,
        /// `public`, `meta` or `all`.
        word: String,
    },
    /// `import` with no module's name behind it.
    #[error("line {line}: `import` names no module")]
    NoName {
        /// 1-based.
        line: u32,
    },
}

/// Tells a file's imports from its commands.
///
/// `module` at the top is taken for what it means to a reader of proofs, nothing: how much other files may see of this
/// one does not change what is proved in it.
pub fn split_file(text: &str) -> Result<SplitFile, HeaderError> {
    let text = normalise(text);
    let source = Source::new(&text)?;
    let end = source.end_of_imports();
    let is_module = source.text(0) == "module";
    let mut imports = Vec::new();
    for idx in 0..end {
        let (line, word) = (source.line_of(idx), source.text(idx));
        let is_name = idx > 0 && matches!(source.text(idx - 1), "import" | "all");
        match word {
            "prelude" if !is_name => return Err(HeaderError::Prelude { line }),
            "public" | "meta" | "all" if !is_module && (word != "all" || source.text(idx - 1) == "import") => {
                return Err(HeaderError::NotAModule { line, word: word.to_owned() });
            }
            "import" => {
                let name = if source.text(idx + 1) == "all" { idx + 2 } else { idx + 1 };
                if source.text(name).is_empty() {
                    return Err(HeaderError::NoName { line });
                }
                imports.push(source.text(name).to_owned());
            }
            _ => {}
        }
    }
    let start = end.checked_sub(1).map_or(0, |last| source.tokens[last].span.end);
    Ok(SplitFile { imports, commands: text[start..].to_owned() })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let shown = match split_file(text) {
            Ok(file) => {
                format!("{}{:?}", file.imports.iter().map(|m| format!("{m} ")).collect::<String>(), file.commands)
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn no_byte_behind_the_imports_is_changed() {
        check(
            "\u{feff}-- a comment\r\nimport Init\nimport Std.Data -- why\n\n/-- Doc. -/\n@[simp] private",
            &expect![[r#"Init Std.Data " -- why\n\n/-- Doc. -/\n@[simp] private""#]],
        );
        check("  theorem t : 1 = 1 := rfl", &expect![[r#""  theorem t : 1 = 1 := rfl""#]]);
        check("", &expect![[r#""""#]]);
    }

    #[test]
    fn a_modules_imports_are_read_and_others_modifiers_refused() {
        check(
            "module\n\npublic import Init\nmeta import all Std.Data\npublic section",
            &expect![[r#"Init Std.Data "\npublic section""#]],
        );
        check(
            "public import Init",
            &expect!["line 1: Lean takes `public` at an import only in a file that begins with `module`"],
        );
        check(
            "import Init\nimport all Std",
            &expect!["line 2: Lean takes `all` at an import only in a file that begins with `module`"],
        );
        check(
            "prelude\ntheorem t : 1 = 1",
            &expect!["line 1: `prelude` wants a Lean without `Init`, and this one has it loaded: remove the word"],
        );
        check("import", &expect!["line 1: `import` names no module"]);
        check("/- import", &expect!["line 1: a comment, string or `«` is never closed"]);
    }
}
