//! Everything that leaves a process as JSON between stepwise's parts: a search's events, and the protocol `stepwise.v1`
//! between a page and a server.
//!
//! The types here are the formats. The search's own types are converted to and from them by hand, so that a format is a
//! decision and not an accident. `docs/protocol.md` shows every message; a test holds it against this module.

pub mod campaign;
pub mod driver;
mod lean;
pub mod log;
mod model;
mod protocol;
pub mod search;
mod tagged;

pub use lean::{Candidate, Cost, Goal, Hypothesis, ModelCost, Outcome};
pub use model::{ProposalRequest, Proposals, ScoreRequest, Scores};
pub use protocol::{
    Accepted, Body, Greeting, Hello, Info, Limits, Message, Messages, Op, Order, Problem, Reception, Request, Resume,
    SearchPlan, Step, Ticket, Welcome,
};

pub use tagged::{Tagged, read};

/// The version of the protocol, and the only one that this code speaks.
pub const VERSION: u32 = 1;

/// The protocol's name as a WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "stepwise.v1";

#[cfg(test)]
mod tests;
