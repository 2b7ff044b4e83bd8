//! Claims that were told that there is nothing to search. Where a network brings one of them once more, its sender has heard
//! that answer and asks under another name by now: what it were given then would wait for nobody until its leases end.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;

/// So many are remembered, which is minutes of ten thousand donors without anything to do.
const REMEMBERED: usize = 1 << 14;

#[derive(Default)]
pub(super) struct IdleClaims(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    names: HashSet<String>,
    order: VecDeque<String>,
}

impl IdleClaims {
    /// Whether this one was told so.
    pub(super) fn knows(&self, claim: &str) -> bool {
        self.0.lock().names.contains(claim)
    }

    /// Remembers one.
    pub(super) fn note(&self, claim: &str) {
        let mut remembered = self.0.lock();
        if !remembered.names.insert(claim.to_owned()) {
            return;
        }
        remembered.order.push_back(claim.to_owned());
        if remembered.order.len() > REMEMBERED
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.names.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let claims = IdleClaims::default();
        for n in 0..REMEMBERED + 2 {
            claims.note(&format!("{n}"));
            claims.note(&format!("{n}"));
        }
        assert_eq!((claims.knows("1"), claims.knows("2"), claims.knows("x")), (false, true, false));
        assert_eq!(claims.0.lock().names.len(), REMEMBERED);
    }
}
