//! Which imports a host can answer for: it has imported its modules before it sees a file, and cannot import more.

use std::collections::BTreeSet;

/// What a host has imported.
#[derive(Clone, Debug, Default)]
pub(super) struct Imports {
    /// The modules that it was started with; everything under them that they import is there too.
    pub(super) packages: Vec<String>,
    /// All of these, by name.
    pub(super) imported: BTreeSet<String>,
}

impl Imports {
    /// Why a file with these imports cannot be elaborated here, if it cannot.
    pub(super) fn missing(&self, imports: &[String]) -> Option<String> {
        let is_here = |module: &&str| {
            self.imported.contains(*module)
                || self.packages.iter().any(|package| package == module)
                || *module == "Init"
        };
        let missing: Vec<&str> = imports.iter().map(String::as_str).filter(|module| !is_here(module)).collect();
        let first = *missing.first()?;
        let package = first.split('.').next().unwrap_or_default();
        if self.packages.iter().any(|loaded| loaded == package) || package == "Init" {
            let similar = self.most_similar(first).map_or_else(String::new, |name| format!("; there is {name}"));
            return Some(format!("this Lean's {package} has no module {first}: correct the import{similar}"));
        }
        Some(format!(
            "this Lean has {} only, and the file imports {}; give `--modules Std` for Lean's standard library, or \
             `--lean-project DIR` for a project that has it",
            self.packages.join(" and "),
            missing.join(", ")
        ))
    }

    /// The imported module whose name differs least, if it differs little.
    fn most_similar(&self, wanted: &str) -> Option<&str> {
        let distances = self.imported.iter().map(|name| (distance(wanted, name), name.as_str()));
        distances.filter(|(distance, _)| *distance <= 2).min().map(|(_, name)| name)
    }
}

/// How many characters have to be added, left out or changed to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 8 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(imports: &[&str], expected: &Expect) {
        let imported = ["Init", "Init.Omega", "Init.Data.List", "Init.Data.List.Lemmas"].map(str::to_owned);
        let here = Imports { packages: vec!["Init".to_owned()], imported: imported.into() };
        let imports: Vec<String> = imports.iter().map(|module| (*module).to_owned()).collect();
        expected.assert_eq(here.missing(&imports).as_deref().unwrap_or("all here"));
    }

    #[test]
    fn modules_of_a_package_that_is_loaded_are_known_one_by_one() {
        check(&[], &expect!["all here"]);
        check(&["Init.Data.List.Lemmas", "Init.Omega", "Init"], &expect!["all here"]);
        check(
            &["Init.Omega", "Init.Data.Lisst"],
            &expect!["this Lean's Init has no module Init.Data.Lisst: correct the import; there is Init.Data.List"],
        );
        check(&["Init.Nonsense"], &expect!["this Lean's Init has no module Init.Nonsense: correct the import"]);
        check(
            &["Std.Data.HashMap", "Mathlib"],
            &expect![
                "this Lean has Init only, and the file imports Std.Data.HashMap, Mathlib; give `--modules Std` for Lean's standard library, or `--lean-project DIR` for a project that has it"
            ],
        );
    }
}
