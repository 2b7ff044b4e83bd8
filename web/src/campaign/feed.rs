//! What happened, the latest first.

use stepwise_core::wire::campaign::Event;

use crate::link;
use stepwise_core::markup::escape_into;

/// Events that are shown.
pub const KEPT: usize = 50;

/// Adds what was heard; only the last [`KEPT`] stay.
pub fn add(known: &mut Vec<Event>, heard: Vec<Event>) {
    let last = known.last().map_or(0, |event| event.seq);
    known.extend(heard.into_iter().filter(|event| event.seq > last));
    known.drain(..known.len().saturating_sub(KEPT));
}

/// The events as a list; `time` has a time in words.
#[must_use]
pub fn list(events: &[Event], time: impl Fn(u64) -> String) -> String {
    let mut html = String::from("<ol class=\"feed\" reversed>");
    for event in events.iter().rev() {
        html.push_str("<li><span class=\"faint\">");
        escape_into(&mut html, &time(event.at_ms));
        html.push_str("</span> ");
        match event.problem {
            Some(problem) => {
                html.push_str(&format!("<a href=\"{}\">", link::problem(problem)));
                escape_into(&mut html, &event.text);
                html.push_str("</a>");
            }
            None => escape_into(&mut html, &event.text),
        }
        html.push_str("</li>");
    }
    html.push_str("</ol>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64) -> Event {
        Event { seq, at_ms: 1000 * seq, text: format!("<{seq}>"), problem: (seq == 2).then_some(9) }
    }

    #[test]
    fn the_latest_comes_first_and_nothing_twice() {
        let mut known = Vec::new();
        add(&mut known, vec![event(1), event(2)]);
        add(&mut known, vec![event(2), event(3)]);
        assert_eq!(
            list(&known, |ms| format!("{ms}")),
            "<ol class=\"feed\" reversed><li><span class=\"faint\">3000</span> &lt;3&gt;</li>\
             <li><span class=\"faint\">2000</span> <a href=\"#/campaign?problem=9\">&lt;2&gt;</a></li>\
             <li><span class=\"faint\">1000</span> &lt;1&gt;</li></ol>"
        );
        add(&mut known, (4..200).map(event).collect());
        assert_eq!((known.len(), known[0].seq), (KEPT, 150));
    }
}
