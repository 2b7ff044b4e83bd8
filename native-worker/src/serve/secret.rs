//! What only its owner may know: tokens, keys of sessions, and tickets, which are good once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use subtle::ConstantTimeEq;

/// The header in which a request carries its session's key.
pub(super) const KEY: &str = "stepwise-key";

/// For how long a ticket is good.
pub(super) const TICKET_LIFE: Duration = Duration::from_secs(30);

/// Tickets that have not been used; more at once are nobody's need.
const MAX_TICKETS: usize = 1024;

/// 128 random bits in hexadecimal.
///
/// # Panics
/// The operating system gives no random numbers: nothing that follows would be secret.
#[must_use]
pub fn new_token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    hex::encode(bytes)
}

/// Compares without telling by its time how much is right.
pub(super) fn same(given: &str, wanted: &str) -> bool {
    given.as_bytes().ct_eq(wanted.as_bytes()).into()
}

/// The tickets that are out.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Instant>>);

impl Tickets {
    /// A new one; `None` when too many are out.
    pub(super) fn issue(&self) -> Option<String> {
        let mut tickets = self.0.lock();
        tickets.retain(|_, issued| issued.elapsed() < TICKET_LIFE);
        if tickets.len() >= MAX_TICKETS {
            return None;
        }
        let ticket = new_token();
        tickets.insert(ticket.clone(), Instant::now());
        Some(ticket)
    }

    /// Whether it was good, which it is no more.
    pub(super) fn redeem(&self, ticket: &str) -> bool {
        self.0.lock().remove(ticket).is_some_and(|issued| issued.elapsed() < TICKET_LIFE)
    }
}
