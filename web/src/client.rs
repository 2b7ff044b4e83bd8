//! A session with a server as the page keeps it: what was asked and has not ended, and what has been heard, so that a lost
//! connection can be taken up where it broke.
//!
//! Nothing here knows a WebSocket: texts go in and out, and `socket` carries them.

use std::collections::BTreeMap;

use stepwise_core::wire::{Body, Greeting, Hello, Info, Message, Op, Problem, Reception, Request, Resume, VERSION};

use crate::json;

/// A question of the page, which keeps this name when it has to be asked again under another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask(pub u64);

/// The kind of problem of a question whose session is gone: its states are, too, and the page opens them again.
pub const SESSION_LOST: &str = "session-lost";

/// What the page knows of its session.
#[derive(Debug, Default)]
pub struct Client {
    session: Option<(String, String)>,
    /// Bytes of a message that the server takes, once it has said so.
    message_bytes: Option<usize>,
    /// The last sequence number that was heard.
    after: u64,
    last_id: u64,
    last_ask: u64,
    /// What has not ended, by the id under which it was asked last.
    pending: BTreeMap<u64, Pending>,
}

#[derive(Debug)]
struct Pending {
    ask: Ask,
    op: Op,
    /// Events that were told: of a search those before the first gap, of a look into its log all.
    n_events: usize,
    /// A search's last message, kept back until its log has told what comes before.
    end: Option<Body>,
}

/// What a text from the server says to the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The greeting was answered.
    Welcome {
        info: Box<Info>,
        /// True when a session of this page is gone: its statement has to be opened again.
        renewed: bool,
        /// What to send now, in this order.
        send: Vec<String>,
        /// Questions that the server will not answer, and what is to be said instead.
        ended: Vec<(Ask, Body)>,
    },
    /// The server wants nothing to do with the page.
    Refused(Problem),
    /// An answer, or a part of one.
    Answer { ask: Ask, body: Box<Body> },
    /// Part of what was missed; this text asks for the next part.
    More(String),
    /// Something that was heard before, or that answers nothing.
    Nothing,
}

impl Client {
    /// The first message of a connection.
    #[must_use]
    pub fn greeting(&self) -> String {
        let resume = self.session.clone().map(|(session, key)| Resume { session, key, after: self.after });
        let client = concat!("stepwise-web ", env!("CARGO_PKG_VERSION")).to_owned();
        text(&Greeting::Hello(Hello { protocol: VERSION, client, resume }))
    }

    /// Notes a question, and gives its name and the text to send. While there is no connection the text is not sent: the
    /// next [`Heard::Welcome`] has it. An error is the answer to one that is too long to be sent, and is not noted.
    pub fn ask(&mut self, op: Op) -> (Ask, Result<String, Body>) {
        self.last_ask += 1;
        let ask = Ask(self.last_ask);
        let text = self.send(ask, op);
        let refusal = self.message_bytes.and_then(|limit| too_large(&text, limit));
        if refusal.is_some() {
            self.pending.remove(&self.last_id);
        }
        (ask, refusal.map_or(Ok(text), Err))
    }

    /// The text that gives a question up; `None` when it has ended.
    pub fn cancel(&mut self, ask: Ask) -> Option<String> {
        let (request, _) = self.pending.iter().find(|(_, pending)| pending.ask == ask)?;
        let request = *request;
        self.ask(Op::Cancel { request }).1.ok()
    }

    /// Takes a text in. An error is a text that is no message of the protocol.
    pub fn hear(&mut self, text: &str, greeted: bool) -> Result<Heard, serde_json::Error> {
        if !greeted {
            return Ok(match json::read(text)? {
                Reception::Refused { problem } => Heard::Refused(problem),
                Reception::Welcome(welcome) => {
                    let had_one = self.session.replace((welcome.session, welcome.key)).is_some();
                    let renewed = had_one && !welcome.resumed;
                    let mut ended = if renewed { self.lose() } else { Vec::new() };
                    if !welcome.resumed {
                        self.after = 0;
                    }
                    ended.extend(self.refuse(welcome.info.limits.message_bytes));
                    let send = if welcome.missed { self.ask_anew() } else { self.ask_again() };
                    Heard::Welcome { info: Box::new(welcome.info), renewed, send, ended }
                }
            });
        }
        let Message { seq, re, body } = json::read(text)?;
        if seq <= self.after {
            return Ok(Heard::Nothing);
        }
        self.after = seq;
        let Some(pending) = self.pending.get_mut(&re) else { return Ok(Heard::Nothing) };
        let ask = pending.ask;
        if let Body::Searched { from, events } = &body {
            if matches!(pending.op, Op::SearchLog { .. }) {
                pending.n_events += events.len();
            }
            if !self.searched(ask, *from, events.len()) {
                return Ok(Heard::Nothing);
            }
        }
        Ok(if body.ends() { self.end(re, body) } else { Heard::Answer { ask, body: Box::new(body) } })
    }

    fn send(&mut self, ask: Ask, op: Op) -> String {
        self.last_id += 1;
        let text = text(&Request { id: self.last_id, op: op.clone() });
        self.pending.insert(self.last_id, Pending { ask, op, n_events: 0, end: None });
        text
    }

    /// The search behind a question, as long as it has not ended, and its id.
    fn search(&mut self, ask: Ask) -> Option<(u64, &mut Pending)> {
        let is_it = |pending: &Pending| pending.ask == ask && matches!(pending.op, Op::Search { .. });
        self.pending.iter_mut().find(|(_, pending)| is_it(pending)).map(|(id, pending)| (*id, pending))
    }

    /// Counts events of a search; false when they lie behind a gap. The search's log has them, too.
    fn searched(&mut self, ask: Ask, from: usize, n: usize) -> bool {
        let Some((_, search)) = self.search(ask) else { return false };
        let is_next = from <= search.n_events;
        if is_next {
            search.n_events = search.n_events.max(from + n);
        }
        is_next
    }

    /// Takes in the last message of a request.
    fn end(&mut self, id: u64, body: Body) -> Heard {
        let Some(pending) = self.pending.remove(&id) else { return Heard::Nothing };
        let ask = pending.ask;
        if matches!(pending.op, Op::SearchLog { .. }) {
            return self.look_on(ask, pending.n_events > 0);
        }
        // Only a search shares its question, and that with looks into its log.
        if self.pending.values().any(|other| other.ask == ask) {
            self.pending.insert(id, Pending { end: Some(body), ..pending });
            return Heard::Nothing;
        }
        Heard::Answer { ask, body: Box::new(body) }
    }

    /// After a look into a search's log, which tells only so much at once: the next one, or the end that was kept back.
    fn look_on(&mut self, ask: Ask, told_some: bool) -> Heard {
        let Some((id, search)) = self.search(ask) else { return Heard::Nothing };
        let from = search.n_events;
        let is_whole = matches!(search.end, Some(Body::SearchEnded { n_events, .. }) if n_events <= from);
        if told_some && !is_whole {
            return Heard::More(self.send(ask, Op::SearchLog { from }));
        }
        let Some(body) = search.end.take() else { return Heard::Nothing };
        self.pending.remove(&id);
        Heard::Answer { ask, body: Box::new(body) }
    }

    /// What has not ended, under the same ids: the server carries nothing out twice.
    fn ask_again(&self) -> Vec<String> {
        self.pending.iter().map(|(id, pending)| text(&Request { id: *id, op: pending.op.clone() })).collect()
    }

    /// What has not ended, under new ids, because its messages may be gone. A search goes on under its own id, and its log
    /// is looked into for what was missed.
    fn ask_anew(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        for (id, pending) in std::mem::take(&mut self.pending) {
            let ask = pending.ask;
            match pending.op {
                Op::Search { .. } => {
                    let log = Op::SearchLog { from: pending.n_events };
                    self.pending.insert(id, pending);
                    texts.push(self.send(ask, log));
                }
                Op::SearchLog { .. } => {}
                op => texts.push(self.send(ask, op)),
            }
        }
        texts
    }

    /// Forgets what refers to the states of a session that is gone; a statement can be opened all the same.
    fn lose(&mut self) -> Vec<(Ask, Body)> {
        let lost = self.pending.extract_if(.., |_, pending| !matches!(pending.op, Op::Open { .. }));
        lost.map(|(_, pending)| (pending.ask, session_lost())).collect()
    }

    /// Forgets what the server would close the connection for, each time that it is sent.
    fn refuse(&mut self, message_bytes: usize) -> Vec<(Ask, Body)> {
        self.message_bytes = Some(message_bytes);
        let mut refused = Vec::new();
        self.pending.retain(|id, pending| {
            let refusal = too_large(&text(&Request { id: *id, op: pending.op.clone() }), message_bytes);
            let is_kept = refusal.is_none();
            refused.extend(refusal.map(|body| (pending.ask, body)));
            is_kept
        });
        refused
    }
}

fn session_lost() -> Body {
    let detail = "the server's session is gone; the statement is opened again".to_owned();
    Body::Failed { problem: Problem { kind: SESSION_LOST.to_owned(), status: 409, detail } }
}

fn too_large(text: &str, limit: usize) -> Option<Body> {
    let detail = format!("this makes a message of {} bytes, and the server takes {limit}; shorten it", text.len());
    let problem = Problem { kind: "too-large".to_owned(), status: 413, detail };
    (text.len() > limit).then_some(Body::Failed { problem })
}

/// How long to wait before the next try to connect, in milliseconds: doubled each time from 0.2 to 10 seconds, and drawn
/// from the upper half by `random` (0 to 1), so that the pages of a server that starts again do not all come at once.
#[must_use]
pub fn backoff_ms(n_failures: u32, random: f64) -> u32 {
    let longest = 200.0 * 2_f64.powi(n_failures.min(10) as i32);
    (longest.min(10_000.0) * (0.5 + random / 2.0)).round() as u32
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("wire types have string keys and cannot fail to serialise")
}

#[cfg(test)]
mod tests;
