//! The page's tables of proofs, each with its Lean text.

use super::super::html::Html;
use super::super::words::{counted, grouped, seconds};
use super::super::{Proof, Report};

/// The statements with the longest shortest proofs.
pub(super) fn longest(report: &Report, html: &mut Html) {
    let proofs = &report.solved.longest;
    if proofs.is_empty() {
        html.leaf("p", &[], "No statement is proved yet.");
        return;
    }
    let shown = shown(proofs.len(), report.solved.proved);
    table(html, &format!("Statements by the length of their shortest proof, longest first ({shown})"), proofs);
}

/// What was disproved.
pub(super) fn disproved(report: &Report, html: &mut Html) {
    let proofs = &report.solved.disproofs;
    if proofs.is_empty() {
        html.leaf("p", &[], "No statement is disproved yet.");
        return;
    }
    let shown = shown(proofs.len(), report.solved.disproved);
    table(html, &format!("Statements whose negation is proved, in the order in which they were ({shown})"), proofs);
}

fn shown(n: usize, of: u64) -> String {
    if n as u64 == of { format!("n = {}", grouped(of)) } else { format!("{n} of n = {}", grouped(of)) }
}

fn table(html: &mut Html, caption: &str, proofs: &[Proof]) {
    html.within("div", &[("class", "scroll"), ("tabindex", "0"), ("role", "group"), ("aria-label", caption)], |html| {
        html.within("table", &[("class", "proofs")], |html| {
            html.leaf("caption", &[], caption);
            html.within("thead", &[], |html| {
                html.within("tr", &[], |html| {
                    for head in ["statement", "proof"] {
                        html.leaf("th", &[("scope", "col")], head);
                    }
                    for head in ["tactics", "found in", "Lean CPU in s"] {
                        html.leaf("th", &[("scope", "col"), ("class", "n")], head);
                    }
                });
            });
            html.within("tbody", &[], |html| proofs.iter().for_each(|proof| row(html, proof)));
        });
    });
}

fn row(html: &mut Html, proof: &Proof) {
    html.within("tr", &[], |html| {
        html.leaf("th", &[("scope", "row")], &proof.name);
        html.within("td", &[], |html| {
            if let Some(statement) = &proof.statement {
                html.leaf("code", &[], statement);
            }
            match &proof.file {
                Some(file) => html.within("details", &[], |html| {
                    html.within("summary", &[], |html| {
                        html.text(&format!("Lean text, {}", counted(proof.length, "tactic", "tactics")));
                        html.leaf("span", &[("class", "hidden")], &format!(" of the proof of {}", proof.name));
                    });
                    html.within("pre", &[("tabindex", "0")], |html| html.leaf("code", &[], file.trim_end()));
                }),
                None => html.leaf("p", &[], "The record has no Lean text."),
            }
        });
        let before =
            if proof.first_length > proof.length { format!(" (first {})", proof.first_length) } else { String::new() };
        html.leaf("td", &[("class", "n")], &format!("{}{before}", proof.length));
        html.leaf("td", &[("class", "n")], &format!("round {}, {}", proof.round, proof.stage.name()));
        html.leaf("td", &[("class", "n")], &seconds(proof.lean_cpu_s));
    });
}
