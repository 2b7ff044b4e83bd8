//! What the coordinator answers, and what becomes of the donor by it.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use stepwise_core::wire::campaign::{Beaten, Bundle, Claimed, Enrolled, Held, Lease, Receipt, Receipts};

use super::DonorError;
use super::client::{ClientError, Verdict};
use super::decide::Kind;
use super::engine::{Answer, Donor, Kept, Lean};
use super::models::ModelError;
use super::retry::{Trouble, random_share, spread};
use super::work::{Sorted, sort};
use crate::models::recipe::Opened;
use crate::stop::StopLevel;

/// How long nothing is claimed after a claim was answered again whose searches are over by now.
const EMPTY: Duration = Duration::from_secs(2);

/// How long nothing is claimed after a bundle of which nothing could be run here.
const UNFIT: Duration = Duration::from_secs(120);

impl Donor {
    pub(super) fn take_in(&mut self, answer: Answer) {
        match answer {
            Answer::Lean(Ok((pool, name))) => self.lean = Lean::Up { pool, name },
            Answer::Lean(Err(error)) => {
                self.lean = Lean::Down;
                self.failure.get_or_insert(DonorError::NoLean(error.to_string()));
            }
            Answer::Enrolled(answer) => {
                if let Some(enrolled) = self.answered(Kind::Enrol, answer) {
                    self.enrolled(enrolled);
                }
            }
            Answer::Claimed(answer) => {
                if let Some(claimed) = self.answered(Kind::Claim, answer) {
                    self.claimed(claimed);
                }
            }
            Answer::Sent(answer) => self.sent(answer),
            Answer::Beaten(held, answer) => {
                if let Some(beaten) = self.answered(Kind::Beat, answer) {
                    self.beaten(&held, beaten);
                }
            }
            Answer::Abandoned(units, answer) => {
                if self.answered(Kind::Abandon, answer).is_some() {
                    self.abandoned.retain(|unit| !units.contains(unit));
                }
            }
            Answer::Models(hash, got) => self.got_models(hash, got),
            Answer::Left => self.in_flight.retain(|kind| *kind != Kind::Leave),
        }
    }

    /// What was answered, if it was; otherwise what that means is noted.
    fn answered<A>(&mut self, kind: Kind, answer: Result<A, ClientError>) -> Option<A> {
        self.in_flight.retain(|other| *other != kind);
        match answer {
            Ok(answer) => {
                self.heard();
                self.troubles.retain(|(troubled, _)| *troubled != kind);
                Some(answer)
            }
            Err(error) => {
                self.not_answered(kind, error);
                None
            }
        }
    }

    /// Somebody answers again.
    fn heard(&mut self) {
        if self.silence.take().is_some() {
            self.teller.say("the coordinator answers again");
        }
    }

    fn not_answered(&mut self, kind: Kind, error: ClientError) {
        if !error.is_silence() {
            self.heard();
        }
        match error.verdict() {
            Verdict::Final => {
                self.failure.get_or_insert(error.into());
                return;
            }
            // Whoever is told so while it enrols or sends has no other session to ask with.
            Verdict::Unknown if !matches!(kind, Kind::Enrol | Kind::Send) => {
                self.forget_session();
                return;
            }
            Verdict::Refused | Verdict::Unknown if kind == Kind::Enrol => {
                self.failure.get_or_insert(error.into());
                return;
            }
            Verdict::Again | Verdict::Refused | Verdict::Unknown => {}
        }
        match kind {
            // A beat that was lost is made up for as soon as may be.
            Kind::Beat => self.beat_at = Instant::now(),
            Kind::Claim if error.verdict() == Verdict::Refused => self.claim = None,
            _ => {}
        }
        let (reason, asked) = (error.to_string(), error.retry_after());
        let before = if error.is_silence() {
            self.silence.take()
        } else {
            self.troubles.iter().position(|(troubled, _)| *troubled == kind).map(|idx| self.troubles.swap_remove(idx).1)
        };
        let trouble = Trouble::again(before.as_ref(), reason, asked);
        if before.is_none_or(|before| before.reason != trouble.reason) {
            self.teller.say(&trouble.reason);
        }
        if error.is_silence() {
            self.silence = Some(trouble);
        } else {
            self.troubles.push((kind, trouble));
        }
    }

    /// The session is over. Its searches are others' by now: those under way go on until the coordinator says that
    /// nobody wants them, because their proofs still count.
    fn forget_session(&mut self) {
        if self.enrolled.take().is_some() {
            self.teller.say("the coordinator does not know this session any more; a new one begins");
        }
        self.waiting.clear();
        self.abandoned.clear();
        self.claim = None;
    }

    fn enrolled(&mut self, enrolled: Enrolled) {
        let campaign = &enrolled.campaign;
        self.teller.say(&format!("{} searches at once for the campaign {campaign}", self.offer.cores));
        self.beat_at = Instant::now();
        self.enrolled = Some(enrolled);
    }

    fn claimed(&mut self, claimed: Claimed) {
        let claim = self.claim.take().unwrap_or_default();
        match claimed {
            Claimed::Idle { reason, retry_s, over } => {
                if over && !self.offer.once {
                    self.drain();
                }
                if self.offer.once {
                    let campaign = self.campaign.clone();
                    self.failure.get_or_insert(DonorError::NothingToDo { campaign, reason });
                } else {
                    self.rest(reason, spread(Duration::from_secs(retry_s), random_share()));
                }
            }
            Claimed::Bundle(bundle) => self.take_bundle(bundle, &claim),
        }
    }

    fn take_bundle(&mut self, bundle: Bundle, claim: &str) {
        let Lean::Up { name, .. } = &self.lean else {
            // It was stopped meanwhile.
            self.abandoned.extend(bundle.leases.iter().map(|lease| lease.unit));
            return;
        };
        let Sorted { orders, unfit, reasons } =
            sort(bundle, claim, name, self.source.modules, |hash, recipe| self.models.unfit(hash, recipe));
        for reason in &reasons {
            if self.telling.unfit.insert(reason.clone()) {
                self.teller.say(&format!("searches are given back that cannot run here: {reason}"));
            }
        }
        self.abandoned.extend(unfit);
        // What is given anew is not the earlier session's any more, which may still be at it: begun anew, it is counted.
        let anew: BTreeSet<u64> = orders.iter().map(|order| order.lease.unit).collect();
        self.let_go(|lease| anew.contains(&lease.unit));
        if !orders.is_empty() {
            self.idle = None;
            self.has_bundle = true;
            self.waiting.extend(orders);
            let orders = self.waiting.iter().chain(self.running.values().map(|running| &running.order));
            self.models.keep_only(&orders.map(|order| order.lease.recipe.as_str()).collect());
            return;
        }
        let (reason, wait) = reasons.first().map_or_else(
            || ("the coordinator gave no searches".to_owned(), EMPTY),
            |reason| (format!("its searches cannot run here: {reason}"), UNFIT),
        );
        if self.offer.once {
            let campaign = self.campaign.clone();
            self.failure.get_or_insert(DonorError::NothingToDo { campaign, reason });
        } else {
            self.rest(reason, spread(wait, random_share()));
        }
    }

    /// What a recipe's searches run with is here, or will not be.
    fn got_models(&mut self, hash: String, got: Result<Opened, ModelError>) {
        let Some(reason) = self.models.take_in(hash.clone(), got) else { return };
        self.teller.say(&format!("searches are given back that cannot run here: {reason}"));
        let (unfit, fit) = self.waiting.drain(..).partition::<VecDeque<_>, _>(|order| order.lease.recipe == hash);
        self.abandoned.extend(unfit.iter().map(|order| order.lease.unit));
        self.waiting = fit;
        self.rest(reason, spread(UNFIT, random_share()));
    }

    /// Claims nothing for a while.
    fn rest(&mut self, reason: String, wait: Duration) {
        self.idle = Some((reason, Instant::now() + wait));
    }

    /// Takes in the answer to a beat that said to hold these.
    fn beaten(&mut self, held: &[Held], beaten: Beaten) {
        let Beaten { revoked, drain, message } = beaten;
        // What was given out since the beat was sent is not what the answer is about, though its number may be the same.
        let revoked: BTreeSet<(u64, u64)> =
            held.iter().filter(|held| revoked.contains(&held.unit)).map(|held| (held.unit, held.attempt)).collect();
        self.let_go(|lease| revoked.contains(&(lease.unit, lease.attempt)));
        if drain {
            self.drain();
        }
        if message != self.telling.message {
            if let Some(message) = &message {
                self.teller.say(&format!("the campaign's operator says: {message}"));
            }
            self.telling.message = message;
        }
    }

    /// The coordinator gives nothing more.
    fn drain(&mut self) {
        if !std::mem::replace(&mut self.is_drained, true) {
            self.teller.say("the coordinator wants no more searches of this machine; it finishes what is under way");
        }
    }

    /// Stops and forgets searches that are not this session's any more.
    fn let_go(&mut self, is_over: impl Fn(&Lease) -> bool) {
        self.waiting.retain(|order| !is_over(&order.lease));
        self.running.retain(|_, running| {
            let is_over = is_over(&running.order.lease);
            if is_over {
                running.stop.send_replace(StopLevel::Abort);
            }
            !is_over
        });
    }

    fn sent(&mut self, answer: Result<Receipts, ClientError>) {
        let sending = std::mem::take(&mut self.sending);
        let is_refused =
            matches!(&answer, Err(error) if matches!(error.verdict(), Verdict::Refused | Verdict::Unknown));
        if let (true, Err(error)) = (is_refused, &answer) {
            self.in_flight.retain(|kind| *kind != Kind::Send);
            self.heard();
            if self.one_by_one || sending.len() == 1 {
                for (kept, _) in sending {
                    self.give_up(&kept, error);
                }
                self.one_by_one = false;
            } else {
                self.one_by_one = true;
            }
            return;
        }
        let Some(Receipts { receipts }) = self.answered(Kind::Send, answer) else { return };
        if receipts.len() != sending.len() {
            let reason = format!("the coordinator gave {} receipts for {} results", receipts.len(), sending.len());
            self.troubles.push((Kind::Send, Trouble::again(None, reason, Some(UNFIT))));
            return;
        }
        for (receipt, (kept, _)) in receipts.into_iter().zip(sending) {
            if let Receipt::Refused { reason } = receipt {
                self.teller.say(&format!("a finished search was not taken: {reason}"));
            }
            self.forget_result(&kept);
        }
    }

    /// Lets a result go that will never be taken.
    fn give_up(&mut self, kept: &Kept, error: &ClientError) {
        match kept {
            Kept::Spooled(name) => {
                let damaged = self.spool.put_aside(name, error.to_string());
                self.teller.say(&damaged.to_string());
            }
            Kept::InMemory(_) => {
                self.teller.say(&format!("a finished search was not taken: {error}"));
                self.forget_result(kept);
            }
        }
    }

    fn forget_result(&mut self, kept: &Kept) {
        match kept {
            Kept::Spooled(name) => {
                if let Err(error) = self.spool.remove(name) {
                    self.teller
                        .say(&format!("a finished search was taken, and its file {name} cannot be removed: {error}"));
                }
            }
            Kept::InMemory(submission) => self.unspooled.retain(|result| result.submission != *submission),
        }
    }
}
