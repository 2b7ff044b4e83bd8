//! A problem's own page.

use stepwise_core::outcome::Verdict;
use stepwise_core::wire::campaign::{CheckedProof, ProblemPage, Side};

use super::tables::{facts, stages};
use super::words::{self, badge, cpu, number};
use stepwise_core::markup::escape_into;

/// All about a problem; `solved` is when it was solved, in words.
#[must_use]
pub fn page(page: &ProblemPage, solved: Option<&str>) -> String {
    let ProblemPage { problem, theorem, proof, waiting, cost, .. } = page;
    let mut html = String::from("<h2 id=\"problem-title\" tabindex=\"-1\">");
    escape_into(&mut html, &problem.name);
    html.push_str(&format!("</h2><p class=\"state\">{}", badge(words::standing(problem.standing))));
    if let Some(solved) = solved {
        html.push_str(" <span class=\"faint\">since ");
        escape_into(&mut html, solved);
        html.push_str("</span>");
    }
    html.push_str("</p><h3>Statement</h3>");
    code(&mut html, &[theorem.preamble.trim_end(), theorem.statement.trim_end()]);
    if let Some(proof) = proof {
        proof_of(&mut html, proof);
    }
    html.push_str("<h3>Effort</h3>");
    let mut effort = vec![
        ("Searches that ended", number(cost.searches)),
        ("CPU time of Lean", cpu(cost.lean_cpu_ms)),
        ("Proofs that wait", number(*waiting)),
    ];
    if cost.device_ms > 0 {
        effort.push(("Time of models", cpu(cost.device_ms)));
    }
    let endings = [
        ("With a proof", cost.proofs),
        ("Exhausted", cost.exhausted),
        ("Out of budget", cost.out_of_budget),
        ("Timed out", cost.timed_out),
        ("Bad statement", cost.bad_statement),
        ("Crashed", cost.crashed),
    ];
    effort.extend(endings.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name, number(n))));
    html.push_str(&facts(&effort));
    html.push_str("<div class=\"scroll\" role=\"group\" aria-label=\"Its searches by stage\" tabindex=\"0\">");
    html.push_str(&stages(&page.stages, "Its searches by stage"));
    html.push_str("</div>");
    html
}

fn proof_of(html: &mut String, proof: &CheckedProof) {
    let CheckedProof { side, file, checker, axioms, unopened } = proof;
    html.push_str(match side {
        Side::Statement => "<h3>Proof</h3>",
        Side::Negation => "<h3>Proof of the negation</h3>",
    });
    code(html, &[file.trim_end()]);
    // Said as everywhere else, which is where a verdict's words are made.
    let verdict = Verdict {
        accepted: true,
        reasons: Vec::new(),
        checker: checker.clone(),
        lean_version: String::new(),
        axioms: axioms.clone(),
        unopened: *unopened,
        notes: Vec::new(),
    };
    let axioms = verdict.axioms_in_words();
    html.push_str(&facts(&[("Accepted by", verdict.checker), ("It rests on", axioms)]));
}

fn code(html: &mut String, parts: &[&str]) {
    html.push_str("<pre class=\"code\" tabindex=\"0\">");
    for (idx, part) in parts.iter().filter(|part| !part.is_empty()).enumerate() {
        if idx > 0 {
            html.push_str("\n\n");
        }
        escape_into(html, part);
    }
    html.push_str("</pre>");
}
