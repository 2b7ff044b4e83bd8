//! The rules that keep the crates apart, as data, and the test that fails when one of them is broken.
//!
//! The graph comes from `cargo metadata` and from the lock file; what cargo cannot see (who spawns processes, what has
//! no documentation, how long a file is) comes from a scan of the sources.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{cargo, output, root};

/// What each crate of the workspace may depend on, dev- and build-dependencies included.
const MAY_DEPEND_ON: [(&str, &[&str]); 13] = [
    ("stepwise-core", &[]),
    ("stepwise-shaders", &[]),
    ("stepwise-inference", &["stepwise-core", "stepwise-shaders"]),
    ("stepwise-learn", &["stepwise-core"]),
    ("stepwise-lean", &["stepwise-core"]),
    ("stepwise-ledger", &["stepwise-core"]),
    ("stepwise-lean-wasmtime", &["stepwise-lean"]),
    (
        "stepwise-worker",
        &[
            "stepwise-core",
            "stepwise-inference",
            "stepwise-lean",
            "stepwise-lean-wasmtime",
            "stepwise-learn",
            "stepwise-ledger",
            "stepwise-shaders",
        ],
    ),
    ("stepwise-web", &["stepwise-core"]),
    ("stepwise-web-lean", &["stepwise-core", "stepwise-lean"]),
    ("stepwise-web-worker", &["stepwise-core", "stepwise-inference"]),
    (
        "stepwise-tests",
        &[
            "stepwise-core",
            "stepwise-inference",
            "stepwise-lean-wasmtime",
            "stepwise-learn",
            "stepwise-ledger",
            "stepwise-web",
            "stepwise-worker",
        ],
    ),
    ("xtask", &[]),
];

/// Past this, a file has more than one job.
const MAX_LINES: usize = 900;

/// A word that may stand only in some places: the word, where the rule applies, where it does not, and the reason.
struct Confined {
    word: &'static str,
    /// The word counts only in files that contain one of these; clap has a `Command::new` of its own.
    only_with: &'static [&'static str],
    applies: &'static [&'static str],
    except: &'static [&'static str],
    reason: &'static str,
}

const CONFINED: [Confined; 8] = [
    Confined {
        word: "Command::new",
        only_with: &["std::process", "tokio::process"],
        applies: &["core/", "inference/", "lean/", "learn/", "shaders/", "native-worker/", "web/"],
        except: &["native-worker/src/process.rs", "native-worker/tests/"],
        reason: "one file spawns processes, so that every child has an owner that kills it",
    },
    Confined {
        word: "unsafe_code)]",
        only_with: &[""],
        applies: &[""],
        except: &["lean/wasmtime/src/mapped.rs", "lean/wasmtime/src/code.rs", "xtask/"],
        reason: "wasmtime asks for unsafe code in two places, and nothing else does",
    },
    Confined {
        word: "use wasmtime::",
        only_with: &[""],
        applies: &[""],
        except: &["lean/wasmtime/src/", "xtask/"],
        reason: "one crate names wasmtime, so that another engine can run Lean's module",
    },
    Confined {
        word: "use sqlx::",
        only_with: &[""],
        applies: &[""],
        except: &["ledger/", "xtask/"],
        reason: "one crate names databases, so that all that is done to a ledger stands in one place",
    },
    Confined {
        word: "std::fs",
        only_with: &[""],
        applies: &["core/src/", "inference/src/", "lean/src/", "learn/src/"],
        except: &[],
        reason: "only the worker does I/O",
    },
    Confined {
        word: "std::net",
        only_with: &[""],
        applies: &["core/src/", "inference/src/", "lean/src/", "learn/src/"],
        except: &[],
        reason: "only the worker does I/O",
    },
    Confined {
        word: "std::thread",
        only_with: &[""],
        applies: &["core/src/", "inference/src/", "lean/src/", "learn/src/"],
        except: &[],
        reason: "only the worker starts threads",
    },
    Confined {
        word: "Instant::now",
        only_with: &[""],
        applies: &["core/src/", "inference/src/", "lean/src/", "learn/src/"],
        except: &[],
        reason: "time is an input, of everything but the worker",
    },
];

/// Public items without a documentation comment. Fields and variants need none: what their names and types do not say
/// has one, the rest would be noise, which the compiler's own lint asks for.
fn undocumented(path: &str, text: &str) -> Vec<String> {
    const ITEMS: [&str; 11] =
        ["async fn", "const", "enum", "fn", "macro", "mod", "static", "struct", "trait", "type", "unsafe fn"];
    let mut found = Vec::new();
    let (mut documented, mut in_attribute) = (false, false);
    for (idx, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let item = line.strip_prefix("pub ").filter(|item| {
            ITEMS.iter().any(|kind| item.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' ')))
                // A module's file opens with what it is.
                && !(item.starts_with("mod ") && item.ends_with(';'))
        });
        if let Some(item) = item.filter(|_| !documented) {
            let item = item.split(['(', '{', '<', '=', ':', ';']).next().unwrap_or(item).trim();
            found.push(format!("{path}:{}: `{item}` has no documentation", idx + 1));
        }
        let is_attribute = in_attribute || line.starts_with("#[");
        in_attribute = is_attribute && !line.ends_with(']');
        documented = line.starts_with("///") || documented && is_attribute;
    }
    found
}

/// Package name to the names of everything that it depends on.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// A source file: its path from the root, with forward slashes, and its text.
struct Source {
    path: String,
    text: String,
}

fn graph_violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (package, dependencies) in graph {
        let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(name, _)| name == package) else {
            found.push(format!("{package} has no rule yet; add it to MAY_DEPEND_ON and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in dependencies {
            if graph.contains_key(dependency) && !allowed.contains(&dependency.as_str()) {
                found.push(format!("{package} must not depend on {dependency}"));
            }
            if (dependency == "burn" || dependency.starts_with("burn-")) && package != "stepwise-inference" {
                found.push(format!("{package} must not depend on {dependency}: only stepwise-inference names burn"));
            }
        }
    }
    found
}

fn source_violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for Source { path, text } in sources {
        if !text.starts_with("//!") {
            found.push(format!("{path} must open with a `//!` line that names its one job"));
        }
        found.extend(undocumented(path, text));
        let n_lines = text.lines().count();
        if n_lines > MAX_LINES {
            found.push(format!("{path} has {n_lines} lines; split it, {MAX_LINES} is the limit"));
        }
        // Unit tests at a file's end and files of tests may do what the shipped code may not.
        let is_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
        let shipped = text.lines().take_while(|line| !is_tests && line.trim() != "#[cfg(test)]");
        let code: Vec<(usize, &str)> =
            shipped.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).collect();
        for rule in &CONFINED {
            let applies = rule.only_with.iter().any(|word| text.contains(word))
                && rule.applies.iter().any(|prefix| path.starts_with(prefix))
                && !rule.except.iter().any(|prefix| path.starts_with(prefix));
            let hit = code.iter().find(|(_, line)| applies && line.contains(rule.word));
            if let Some((line_idx, _)) = hit {
                found.push(format!("{path}:{}: `{}` does not belong here: {}", line_idx + 1, rule.word, rule.reason));
            }
        }
    }
    found
}

/// Two versions of wgpu cannot share a device, so kernels and models would silently run on different ones.
fn lock_violations(lock: &str) -> Vec<String> {
    let n_wgpu = lock.lines().filter(|line| *line == "name = \"wgpu\"").count();
    if n_wgpu > 1 { vec![format!("Cargo.lock holds {n_wgpu} versions of wgpu; pin one")] } else { Vec::new() }
}

fn read_graph() -> Result<Graph> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    let name_of = |value: &Value| value["name"].as_str().map(str::to_owned).context("an entry without a name");
    let packages = metadata["packages"].as_array().context("cargo metadata has no `packages`")?;
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().context("a package without `dependencies`")?;
            Ok((name_of(package)?, dependencies.iter().map(name_of).collect::<Result<_>>()?))
        })
        .collect()
}

fn read_sources() -> Result<Vec<Source>> {
    let listed = ["core", "lean", "shaders", "native-worker", "web", "tests", "xtask"];
    let mut found = Vec::new();
    for folder in listed {
        collect(&root().join(folder), folder, &mut found)?;
    }
    Ok(found)
}

fn collect(folder: &Path, name: &str, found: &mut Vec<Source>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            if !path.ends_with("/node_modules") && !path.ends_with("/target") {
                collect(&entry.path(), &path, found)?;
            }
        } else if path.ends_with(".rs") {
            let text = std::fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            found.push(Source { path, text });
        }
    }
    Ok(())
}

mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn the_workspace_obeys_its_own_rules() -> Result<()> {
        let mut found = graph_violations(&read_graph()?);
        found.extend(source_violations(&read_sources()?));
        found.extend(lock_violations(&std::fs::read_to_string(root().join("Cargo.lock"))?));
        assert!(found.is_empty(), "the architecture is broken:\n{}", found.join("\n"));
        Ok(())
    }

    #[test]
    fn every_rule_names_a_crate_that_exists() -> Result<()> {
        let graph = read_graph()?;
        for (package, allowed) in MAY_DEPEND_ON {
            assert!(graph.contains_key(package), "{package} is no crate of the workspace");
            assert!(allowed.iter().all(|dependency| graph.contains_key(*dependency)), "{package}: {allowed:?}");
        }
        Ok(())
    }

    #[test]
    fn a_broken_graph_is_seen() {
        check_graph(
            &[
                ("stepwise-shaders", &["wgpu"]),
                ("stepwise-core", &["serde"]),
                ("stepwise-inference", &["stepwise-core", "stepwise-shaders", "burn"]),
                ("stepwise-worker", &["stepwise-core", "stepwise-web"]),
                ("stepwise-web", &["stepwise-core", "stepwise-worker", "burn-wgpu"]),
                ("stray", &[]),
            ],
            expect![[r#"
                stepwise-web must not depend on burn-wgpu: only stepwise-inference names burn
                stepwise-web must not depend on stepwise-worker
                stepwise-worker must not depend on stepwise-web
                stray has no rule yet; add it to MAY_DEPEND_ON and to ARCHITECTURE.md"#]],
        );
        check_graph(
            &[
                ("stepwise-shaders", &["stepwise-core"]),
                ("stepwise-core", &["stepwise-worker"]),
                ("stepwise-worker", &[]),
            ],
            expect![[r#"
                stepwise-core must not depend on stepwise-worker
                stepwise-shaders must not depend on stepwise-core"#]],
        );
    }

    #[test]
    fn a_word_in_the_wrong_place_is_seen() {
        check_source(
            "native-worker/src/process.rs",
            "//! Spawns.\nuse std::process::Command;\nlet c = Command::new(x);",
            expect![""],
        );
        check_source(
            "native-worker/src/cli/args.rs",
            "//! Flags.\nuse clap::Command;\nlet c = Command::new(x);",
            expect![""],
        );
        check_source(
            "native-worker/src/lean/pool.rs",
            "//! Pools.\n// Command::new is not used here.\nlet c = std::process::Command::new(x);",
            expect![
                "native-worker/src/lean/pool.rs:3: `Command::new` does not belong here: one file spawns processes, so that every child has an owner that kills it"
            ],
        );
        check_source(
            "core/src/search/mod.rs",
            "//! Search.\nuse std::fs;",
            expect!["core/src/search/mod.rs:2: `std::fs` does not belong here: only the worker does I/O"],
        );
        check_source("core/src/a.rs", "//! A.\n#[cfg(test)]\nmod tests { use std::fs; }", expect![""]);
        check_source(
            "core/src/a.rs",
            "//! A.\n/// B.\n#[a(\n    b\n)]\npub fn b() {}\npub struct C<T> {\n    pub d: T,\n}\npub mod e;",
            expect!["core/src/a.rs:7: `struct C` has no documentation"],
        );
        check_source(
            "web/src/a.rs",
            "fn a() {}",
            expect!["web/src/a.rs must open with a `//!` line that names its one job"],
        );
        check_source(
            "web/src/a.rs",
            &format!("//! Long.\n{}", "\n".repeat(900)),
            expect!["web/src/a.rs has 901 lines; split it, 900 is the limit"],
        );
    }

    #[test]
    fn a_second_wgpu_is_seen() {
        let one = "[[package]]\nname = \"wgpu\"\nversion = \"30.0.1\"\n";
        assert_eq!(lock_violations(one), [""; 0]);
        assert_eq!(lock_violations(&one.repeat(2)), ["Cargo.lock holds 2 versions of wgpu; pin one"]);
    }

    fn check_graph(graph: &[(&str, &[&str])], expected: Expect) {
        let graph = graph
            .iter()
            .map(|(name, on)| ((*name).to_owned(), on.iter().map(|name| (*name).to_owned()).collect()))
            .collect();
        expected.assert_eq(&graph_violations(&graph).join("\n"));
    }

    fn check_source(path: &str, text: &str, expected: Expect) {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        expected.assert_eq(&source_violations(&[source]).join("\n"));
    }
}
