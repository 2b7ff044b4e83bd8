//! What a submitted proof may not contain. A first filter only: the recheck is the real defence.
//!
//! We own the header and the statement; the policy or a donor supplies the tactic block. Elaboration runs arbitrary
//! code, so whatever would declare, import, evaluate or switch off a check is refused before Lean sees it. All words
//! in the table are tokens of Lean or Mathlib that no legitimate tactic block needs, so that nothing honest is lost:
//! `set_option maxRecDepth 2000 in simp`, `open Nat in omega`, a hypothesis `«sorry»` and `"sorry"` in a string pass.

use std::ops::Range;

use super::{Token, TokenKind, searching, tokens};

/// One thing that a proof may not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// Its place in the text, in bytes.
    pub span: Range<usize>,
    /// Its 1-based line.
    pub line: u32,
    pub text: String,
    pub reason: &'static str,
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` in line {} is not allowed in a proof: {}", self.text, self.line, self.reason)
    }
}

/// Findings that are told of one proof: nobody reads more.
const MAX_FOUND: usize = 20;

/// Finds what a proof may not contain, outside comments and strings; the holes of interpolated strings are searched. Of
/// more than 20 findings the first 20.
#[must_use]
pub fn forbidden(proof: &str) -> Vec<Forbidden> {
    find(proof, MAX_FOUND)
}

/// The first thing that a proof may not contain.
#[must_use]
pub fn first_forbidden(proof: &str) -> Option<Forbidden> {
    find(proof, 1).pop()
}

/// Why a proof is refused unread: as [`forbidden`], of all its tactics together, and what in it only searches.
#[must_use]
pub fn refusals(proof: &[String]) -> Vec<String> {
    let forbidden = proof.iter().flat_map(|tactic| forbidden(tactic)).map(|found| found.to_string());
    let searching = proof.iter().filter_map(|tactic| searching(tactic));
    let searching = searching.map(|found| {
        format!("`{}` only searches, and is not kept in a proof: put what it suggests in its place", found.word)
    });
    forbidden.chain(searching).take(MAX_FOUND).collect()
}

fn find(proof: &str, n_wanted: usize) -> Vec<Forbidden> {
    let mut tokens = tokens(proof);
    tokens.retain(|token| token.kind != TokenKind::Comment);
    let found = tokens.iter().enumerate().filter_map(|(idx, token)| {
        let text = token.text(proof);
        let around = Around { proof, tokens: &tokens, idx };
        let reason = match token.kind {
            TokenKind::Unclosed => Some("it is never closed and would swallow what follows the proof"),
            TokenKind::Hash => hash_command(text),
            TokenKind::Word if around.is_field() => constant(text),
            TokenKind::Word => word(text).or_else(|| constant(text)).or_else(|| around.in_context(text)),
            TokenKind::Symbol if text == "@" && around.text(1) == "[" && !around.after("rec") => Some(DECLARES),
            _ => None,
        }?;
        let text = match token.kind {
            TokenKind::Unclosed => text.chars().take(20).collect(),
            _ => text.to_owned(),
        };
        Some(Forbidden { span: token.span.clone(), line: token.line, text, reason })
    });
    found.take(n_wanted).collect()
}

const UNPROVED: &str = "it leaves the goal unproved";
const NATIVE: &str = "it trusts compiled code, which the axioms Lean.ofReduceBool and Lean.trustCompiler stand for";
const RUNS_CODE: &str = "it runs code during elaboration";
const SYNTAX: &str = "it changes what later text means";
const DECLARES: &str = "it begins another command, and a proof is one tactic block";
const AXIOM: &str = "it adds what is not proved";
const COMPILED: &str = "it replaces what a definition does when it is compiled";
const READS: &str = "it reads files";
const OPTION: &str = "this option switches a check off";

/// Words that are refused wherever they stand.
const WORDS: &[(&str, &[&str])] = &[
    (UNPROVED, &["sorry", "admit", "proof_wanted"]),
    (NATIVE, &["native_decide", "bv_decide", "bv_decide?", "bv_check"]),
    (
        RUNS_CODE,
        &[
            "run_tac",
            "run_cmd",
            "run_elab",
            "run_meta",
            "by_elab",
            "elab",
            "elab_rules",
            "term_elab",
            "initialize",
            "builtin_initialize",
            "declare_config_elab",
            "declare_command_config_elab",
            "simproc",
            "dsimproc",
            "simproc_decl",
            "dsimproc_decl",
            "builtin_simproc",
            "builtin_dsimproc",
            "register_option",
            "register_builtin_option",
        ],
    ),
    (
        SYNTAX,
        &[
            "macro",
            "macro_rules",
            "syntax",
            "declare_syntax_cat",
            "notation",
            "notation3",
            "infix",
            "infixl",
            "infixr",
            "prefix",
            "postfix",
            "unif_hint",
            "declare_simp_like_tactic",
            "register_simp_attr",
            "binder_predicate",
        ],
    ),
    (AXIOM, &["axiom", "opaque", "unsafe"]),
    (COMPILED, &["implemented_by", "extern", "csimp"]),
    (READS, &["import", "include_str", "include_bytes"]),
    (
        DECLARES,
        &[
            "theorem",
            "lemma",
            "example",
            "def",
            "abbrev",
            "instance",
            "inductive",
            "structure",
            "coinductive",
            "mutual",
            "namespace",
            "section",
            "end",
            "universe",
            "variable",
            "attribute",
            "export",
            "noncomputable",
            "private",
            "protected",
            "alias",
            "deriving",
            "add_decl_doc",
        ],
    ),
];

/// Constants that are refused under any namespace and with any prefix of it left out.
const CONSTANTS: &[(&str, &[&str])] = &[
    (UNPROVED, &["sorryAx"]),
    (NATIVE, &["ofReduceBool", "ofReduceNat", "trustCompiler", "reduceBool", "reduceNat"]),
    (RUNS_CODE, &["unsafeCast", "unsafeIO", "unsafeBaseIO", "unsafeEIO", "evalExpr", "evalDecl"]),
];

/// The `#` commands. Other words behind a `#` are not refused: Mathlib writes the cardinality of `s` as `#s`.
const HASH_COMMANDS: &[&str] = &[
    "#eval",
    "#eval!",
    "#exit",
    "#check",
    "#check_failure",
    "#check_tactic",
    "#check_simp",
    "#print",
    "#reduce",
    "#reduceProofs",
    "#synth",
    "#help",
    "#guard",
    "#guard_expr",
    "#guard_msgs",
    "#where",
    "#version",
    "#with_exporting",
    "#dump_async_env_state",
    "#import_path",
    "#assert_not_exists",
    "#lint",
    "#find",
    "#find_home",
    "#loogle",
    "#leansearch",
    "#moogle",
    "#search",
    "#simp",
    "#norm_num",
    "#conv",
    "#instances",
    "#minimize_imports",
    "#min_imports",
    "#redundant_imports",
    "#show_deprecated_modules",
    "#count_heartbeats",
    "#unfold",
    "#explode",
    "#widget",
    "#html",
    "#test",
    "#sample",
    "#discr_tree_key",
    "#discr_tree_simp_key",
    "#grind_lint",
    "#string_diagram",
];

fn word(text: &str) -> Option<&'static str> {
    listed(WORDS, text)
}

fn constant(name: &str) -> Option<&'static str> {
    let plain: String = name.chars().filter(|c| !matches!(c, '«' | '»')).collect();
    listed(CONSTANTS, plain.rsplit('.').next().unwrap_or_default())
}

fn listed(table: &[(&'static str, &[&str])], text: &str) -> Option<&'static str> {
    table.iter().find(|(_, words)| words.contains(&text)).map(|(reason, _)| *reason)
}

fn hash_command(text: &str) -> Option<&'static str> {
    HASH_COMMANDS.contains(&text).then_some(DECLARES)
}

/// A token among its neighbours.
struct Around<'a> {
    proof: &'a str,
    tokens: &'a [Token],
    idx: usize,
}

impl Around<'_> {
    /// Words that are refused in some places only.
    fn in_context(&self, text: &str) -> Option<&'static str> {
        match text {
            // `decide +native`, `decide (config := { native := true })` and whatever else the option is given.
            "native" if self.before(1) == "+" => Some(NATIVE),
            "native" if self.text(1) == ":=" && self.text(2) != "false" => Some(NATIVE),
            "set_option" if switches_a_check_off(self.text(1)) => Some(OPTION),
            // `stop` is a tactic that gives up, and a field of ranges.
            "stop" if self.begins_a_tactic() && self.text(1) != ":=" => Some(UNPROVED),
            // `class` alone is a word of Mathlib's prose, not of its tactics; `ofClass` and the like are other words.
            "class" if self.begins_line() => Some(DECLARES),
            _ => None,
        }
    }

    /// True in `(range).end`: behind a dot that touches what precedes it, every word is a field's name.
    fn is_field(&self) -> bool {
        let [.., value, dot] = &self.tokens[..self.idx] else { return false };
        let touches = value.span.end == dot.span.start && dot.span.end == self.tokens[self.idx].span.start;
        touches && self.before(1) == "."
    }

    fn begins_line(&self) -> bool {
        self.tokens[self.idx].begins_line
    }

    fn begins_a_tactic(&self) -> bool {
        self.begins_line() || matches!(self.before(1), ";" | "by" | "=>" | "·" | "." | "(" | ">" | "{" | "|")
    }

    fn after(&self, word: &str) -> bool {
        self.before(1) == word
    }

    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.idx + ahead).map_or("", |token| token.text(self.proof))
    }

    fn before(&self, back: usize) -> &str {
        self.idx.checked_sub(back).map_or("", |idx| self.tokens[idx].text(self.proof))
    }
}

fn switches_a_check_off(option: &str) -> bool {
    let option: String = option.chars().filter(|c| !matches!(c, '«' | '»')).collect();
    option.starts_with("debug.") || option.starts_with("compiler.") || option == "warn.sorry"
}
