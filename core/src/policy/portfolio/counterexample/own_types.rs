//! The types that a file declares itself, as far as values of them can be written down: `inductive` and `structure`
//! without parameters.

use std::collections::BTreeMap;

/// A file's own types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnTypes {
    by_name: BTreeMap<String, Vec<Constructor>>,
}

/// A way to make a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constructor {
    /// Its name in Lean.
    pub(super) name: String,
    /// The types of what it is applied to.
    pub(super) arguments: Vec<String>,
}

/// Words that end a declaration when they begin a line.
const COMMANDS: &[&str] = &[
    "def",
    "theorem",
    "lemma",
    "example",
    "inductive",
    "structure",
    "class",
    "instance",
    "abbrev",
    "namespace",
    "end",
    "section",
    "open",
    "variable",
    "universe",
    "export",
    "attribute",
    "local",
    "notation",
    "infix",
    "infixl",
    "infixr",
    "private",
    "protected",
    "noncomputable",
    "mutual",
    "set_option",
    "deriving",
    "axiom",
    "opaque",
    "macro",
    "syntax",
    "partial",
    "unsafe",
    "import",
    "instance",
    "scoped",
    "#check",
    "#eval",
];

impl OwnTypes {
    /// The types that these commands declare; what is not understood is left out.
    #[must_use]
    pub fn of(commands: &str) -> Self {
        let mut own = Self::default();
        let mut declaration = String::new();
        for line in commands.lines().chain(std::iter::once("end")) {
            let line = line.split("--").next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let begins = line.starts_with(|c: char| !c.is_whitespace())
                && (words.first().is_some_and(|word| COMMANDS.contains(word) || word.starts_with(['@', '/'])));
            if begins {
                own.add(&declaration);
                declaration.clear();
            }
            declaration.push_str(line);
            declaration.push('\n');
        }
        own
    }

    pub(super) fn constructors(&self, ty: &str) -> &[Constructor] {
        let known = self.by_name.get(ty);
        // Lean prints a type with its name spaces unless they are open; the text has it as it is declared.
        let known = known.or_else(|| self.by_name.get(ty.rsplit('.').next().unwrap_or(ty)));
        known.map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, declaration: &str) {
        let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = declaration.split("deriving").next().unwrap_or_default().trim();
        let text = text.strip_prefix("private ").unwrap_or(text);
        let read = match text.strip_prefix("inductive ") {
            Some(rest) => inductive(&fold(rest)),
            None => text.strip_prefix("structure ").and_then(structure),
        };
        if let Some((name, constructors)) = read {
            self.by_name.insert(name, constructors);
        }
    }
}

/// `Color where | red | green`, `Tree | leaf | node (l r : Tree) (v : Nat)`, `T : Type where | c : Nat → T → T`.
fn inductive(text: &str) -> Option<(String, Vec<Constructor>)> {
    let (head, body) = text.split_once('|')?;
    let name = type_name(head)?;
    let mut constructors = Vec::new();
    for part in body.split('|') {
        let part = part.trim();
        let end = part.find(|c: char| c.is_whitespace() || matches!(c, '(' | '{' | ':')).unwrap_or(part.len());
        let mut arguments = Vec::new();
        let rest = groups(part[end..].trim(), &mut arguments)?;
        if let Some(ty) = rest.strip_prefix(':') {
            let mut types: Vec<&str> = ty.split('→').map(str::trim).collect();
            // What stands last is the type itself; arguments that are functions are not taken apart here.
            (types.pop()? == name && !ty.contains('(')).then_some(())?;
            arguments.extend(types.into_iter().map(str::to_owned));
        } else if !rest.is_empty() {
            return None;
        }
        constructors.push(Constructor { name: format!("{name}.{}", &part[..end]), arguments });
    }
    // Those without arguments first: the others are made of them.
    constructors.sort_by_key(|constructor| constructor.arguments.len());
    Some((name, constructors))
}

/// `Point where` and a field or several of one type a line, or in brackets.
fn structure(text: &str) -> Option<(String, Vec<Constructor>)> {
    let (head, body) = text.split_once(" where")?;
    let name = type_name(head)?;
    let (mut constructor, mut body) = (format!("{name}.mk"), body.trim());
    if let Some((named, rest)) = body.split_once("::") {
        constructor = format!("{name}.{}", named.trim());
        body = rest.trim();
    }
    let mut arguments = Vec::new();
    for line in body.lines() {
        let rest = groups(line.trim(), &mut arguments)?;
        if rest.is_empty() {
            continue;
        }
        let (names, ty) = rest.split_once(" : ")?;
        (!ty.contains(":=")).then_some(())?;
        arguments.extend(names.split_whitespace().map(|_| ty.trim().to_owned()));
    }
    Some((name, vec![Constructor { name: constructor, arguments }]))
}

/// The name before `where`, `: Type` or the constructors; `None` for a type with parameters.
fn type_name(head: &str) -> Option<String> {
    let words: Vec<&str> = head.split_whitespace().filter(|word| *word != "where").collect();
    match words.as_slice() {
        [name] | [name, ":", "Type"] => Some((*name).to_owned()),
        _ => None,
    }
}

/// Takes `(l r : T)` groups off the front; `None` for implicit ones.
fn groups<'a>(mut text: &'a str, arguments: &mut Vec<String>) -> Option<&'a str> {
    while let Some(inside) = text.strip_prefix('(') {
        let (group, rest) = inside.split_once(')')?;
        let (names, ty) = group.split_once(" : ")?;
        (!ty.contains('(')).then_some(())?;
        arguments.extend(names.split_whitespace().map(|_| ty.trim().to_owned()));
        text = rest.trim_start();
    }
    (!text.starts_with(['{', '['])).then_some(text)
}
