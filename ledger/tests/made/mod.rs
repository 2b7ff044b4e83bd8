//! What workers and verifiers say in tests.

use stepwise_core::outcome::Verdict;
use stepwise_core::wire::campaign::Enrolment;

pub(crate) fn verdict(accepted: bool) -> Verdict {
    Verdict {
        accepted,
        reasons: Vec::new(),
        checker: "lean".to_owned(),
        lean_version: "lean".to_owned(),
        axioms: Vec::new(),
        unopened: 0,
        notes: Vec::new(),
    }
}

/// A machine of one core.
pub(crate) fn enrolment() -> Enrolment {
    Enrolment {
        protocol: 1,
        client: "test".to_owned(),
        lean: "lean".to_owned(),
        label: "here".to_owned(),
        cores: 1,
        memory_mb: 1024,
    }
}
