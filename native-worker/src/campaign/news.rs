//! The ledger's events in words, for everybody: no message to a single account, no label, no address.

use serde_json::Value;
use stepwise_core::wire::campaign::Event;
use stepwise_core::words::{capitalised, count};
use stepwise_ledger::operations;

/// An event as those who watch are told it.
pub(super) fn told(event: &operations::Event) -> Event {
    let problem = event.body["problem"].as_u64();
    Event { seq: event.seq, at_ms: event.at_ms, text: text(&event.kind, &event.body), problem }
}

fn text(kind: &str, body: &Value) -> String {
    let named = |field: &str| body[field].as_str().unwrap_or_default();
    let number = |field: &str| body[field].as_u64().unwrap_or_default();
    let n = |field: &str| usize::try_from(number(field)).unwrap_or(usize::MAX);
    match kind {
        "created" => format!("The campaign was made, with {}", count(n("problems"), "problem")),
        "opened" => {
            let name = match number("round") {
                0 => capitalised(named("name")),
                round => format!("Round {round}: {}", named("name")),
            };
            format!("{name} is open, {} to do", count(n("searches"), "search"))
        }
        "frozen" => format!("Stage {} has ended, with {}", number("stage"), count(n("results"), "result")),
        "round" => format!("Round {} has ended", number("round")),
        "state" => state(named("state"), named("reason")),
        "joined" if named("name").is_empty() => format!("Account {} joined", number("account")),
        "joined" => format!("{} joined, as account {}", named("name"), number("account")),
        "blocked" => format!("Account {} was blocked", number("account")),
        "unblocked" => format!("Account {} may work again", number("account")),
        "reranked" => format!("The operator put {} problems before the others", number("problems")),
        "revoked" => format!("The token of account {} was revoked", number("account")),
        "lost" => {
            let (workers, back) = (count(n("sessions"), "worker"), count(n("units"), "search"));
            format!("{workers} not heard of any more; {back} given to others")
        }
        "solved" => format!("{} is {}", named("name"), named("standing")),
        "undecided" => format!("A proof of problem {} could not be verified", number("problem")),
        // What a later version writes is at least named.
        other => other.replace('_', " "),
    }
}

fn state(state: &str, reason: &str) -> String {
    let text = match state {
        "running" => "The campaign goes on",
        "paused" => "The operator paused the campaign",
        "finishing" => "The campaign is being finished",
        "halted" => "The campaign is halted",
        "done" => "The campaign is over",
        other => other,
    };
    if reason.is_empty() { text.to_owned() } else { format!("{text}: {reason}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: &str, body: Value, expected: &str) {
        assert_eq!(text(kind, &body), expected);
    }

    #[test]
    fn events_are_told_in_words() {
        check("created", json!({ "problems": 1 }), "The campaign was made, with 1 problem");
        check("opened", json!({ "stage": 2, "name": "stage 2", "searches": 8 }), "Stage 2 is open, 8 searches to do");
        let scan = json!({ "stage": 4, "round": 2, "name": "scan", "searches": 1 });
        check("opened", scan, "Round 2: scan is open, 1 search to do");
        check("frozen", json!({ "stage": 1, "results": 8, "sha256": "x" }), "Stage 1 has ended, with 8 results");
        check("round", json!({ "round": 3 }), "Round 3 has ended");
        check("state", json!({ "state": "paused", "reason": "" }), "The operator paused the campaign");
        check("state", json!({ "state": "halted", "reason": "why" }), "The campaign is halted: why");
        check("joined", json!({ "account": 3, "name": "ada" }), "ada joined, as account 3");
        check("joined", json!({ "account": 3, "name": "" }), "Account 3 joined");
        check("lost", json!({ "sessions": 1, "units": 1 }), "1 worker not heard of any more; 1 search given to others");
        check("solved", json!({ "problem": 4, "name": "c1", "standing": "proved" }), "c1 is proved");
        check("something_new", json!({}), "something new");
    }

    #[test]
    fn what_an_account_alone_is_told_is_not_for_everybody() {
        check("blocked", json!({ "account": 3, "message": "write to me@example.org" }), "Account 3 was blocked");
    }
}
