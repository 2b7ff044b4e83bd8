//! What a donor does next, as a function of how it stands: no clock, no network, no Lean.

/// What is asked of the donor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To search.
    Work,
    /// To finish what is under way, and end.
    Finish,
    /// To hand everything back, and end.
    Stop,
}

/// What is said to the coordinator; one of each kind at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Enrol,
    Claim,
    Send,
    Beat,
    Abandon,
    Leave,
}

/// What becomes of Lean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeanState {
    Down,
    Starting,
    Up,
}

/// How a donor stands.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    pub(super) asked: Asked,
    /// Whether owner and schedule let searches run.
    pub(super) may_run: bool,
    pub(super) lean: LeanState,
    pub(super) is_enrolled: bool,
    /// Whether it has said goodbye.
    pub(super) has_left: bool,
    pub(super) cores: usize,
    pub(super) running: usize,
    /// Searches that wait for a core.
    pub(super) waiting: usize,
    /// Those of them whose models are here.
    pub(super) ready: usize,
    /// Searches that are given back, and the coordinator has not heard it.
    pub(super) abandoned: usize,
    /// Results without receipts.
    pub(super) unsent: usize,
    /// Whether results may be kept, so that there may be more.
    pub(super) has_room: bool,
    /// Whether the one bundle that it was to work on is there.
    pub(super) is_last_bundle: bool,
    pub(super) is_beat_due: bool,
    /// Whether the coordinator's time to ask again for searches has come.
    pub(super) is_claim_due: bool,
    /// Questions without an answer.
    pub(super) in_flight: Vec<Kind>,
    /// Questions that did not work and are not asked again yet.
    pub(super) held_off: Vec<Kind>,
}

/// The next thing to do. Doing it changes the situation, so that it is not the next one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Stop all searches, and give back those under way and those that wait.
    HandBack,
    /// Give back the searches that wait.
    ReturnWaiting,
    StartLean,
    StopLean,
    /// Begin a search that waits.
    Begin,
    /// Say something to the coordinator.
    Say(Kind),
    /// It is over.
    End,
}

impl Situation {
    fn is_in_flight(&self, kind: Kind) -> bool {
        self.in_flight.contains(&kind)
    }

    fn may_say(&self, kind: Kind) -> bool {
        !self.is_in_flight(kind) && !self.held_off.contains(&kind)
    }

    /// Whether nothing will be searched any more.
    fn is_over(&self) -> bool {
        let is_asked = self.asked != Asked::Work || self.is_last_bundle;
        is_asked && self.running + self.waiting == 0 && !self.is_in_flight(Kind::Claim)
    }

    /// Whether all results have receipts, or have to wait for the next start. Who was asked to end does not stay for a
    /// network that is down.
    fn has_sent(&self) -> bool {
        let gives_up = self.asked != Asked::Work && self.held_off.contains(&Kind::Send);
        (self.unsent == 0 || gives_up) && !self.is_in_flight(Kind::Send)
    }
}

/// The next thing to do; `None` to wait for something to happen.
pub(super) fn next(now: &Situation) -> Option<Step> {
    let is_stopping = now.asked == Asked::Stop;
    // What may not run does not, before anything else.
    if (is_stopping || !now.may_run) && now.running + now.waiting > 0 {
        return Some(Step::HandBack);
    }
    if !now.may_run && now.lean == LeanState::Up {
        return Some(Step::StopLean);
    }
    if now.asked == Asked::Finish && now.waiting > 0 {
        return Some(Step::ReturnWaiting);
    }
    // Results go before everything that costs the coordinator work.
    if now.unsent > 0 && now.may_say(Kind::Send) {
        return Some(Step::Say(Kind::Send));
    }
    if now.is_over() && now.has_sent() {
        return match now.is_enrolled && !now.has_left {
            // This gives back whatever is left.
            true => Some(Step::Say(Kind::Leave)),
            false if now.is_in_flight(Kind::Leave) => None,
            false => Some(Step::End),
        };
    }
    if now.is_enrolled && now.abandoned > 0 && now.may_say(Kind::Abandon) {
        return Some(Step::Say(Kind::Abandon));
    }
    if now.is_enrolled && now.is_beat_due && now.may_say(Kind::Beat) {
        return Some(Step::Say(Kind::Beat));
    }
    if now.asked != Asked::Work || !now.may_run {
        return None;
    }
    match now.lean {
        LeanState::Down => return Some(Step::StartLean),
        LeanState::Starting => return None,
        LeanState::Up => {}
    }
    if now.ready > 0 && now.running < now.cores {
        return Some(Step::Begin);
    }
    if !now.is_enrolled {
        // What an earlier session still asks could be taken for the new one's.
        let is_quiet = ![Kind::Claim, Kind::Beat, Kind::Abandon].into_iter().any(|kind| now.is_in_flight(kind));
        return (is_quiet && now.may_say(Kind::Enrol)).then_some(Step::Say(Kind::Enrol));
    }
    let is_quiet = now.unsent == 0 && now.abandoned == 0;
    let is_quiet = is_quiet && !now.is_in_flight(Kind::Send) && !now.is_in_flight(Kind::Abandon);
    let wants_more = now.waiting < now.cores && now.has_room && !now.is_last_bundle && now.is_claim_due;
    (is_quiet && wants_more && now.may_say(Kind::Claim)).then_some(Step::Say(Kind::Claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn working() -> Situation {
        Situation {
            asked: Asked::Work,
            may_run: true,
            lean: LeanState::Up,
            is_enrolled: true,
            has_left: false,
            cores: 2,
            running: 2,
            waiting: 2,
            ready: 2,
            abandoned: 0,
            unsent: 0,
            has_room: true,
            is_last_bundle: false,
            is_beat_due: false,
            is_claim_due: true,
            in_flight: Vec::new(),
            held_off: Vec::new(),
        }
    }

    fn say(kind: Kind) -> Option<Step> {
        Some(Step::Say(kind))
    }

    #[test]
    fn a_donor_starts_lean_then_enrols_then_claims() {
        let down =
            Situation { lean: LeanState::Down, is_enrolled: false, running: 0, waiting: 0, ready: 0, ..working() };
        assert_eq!(next(&down), Some(Step::StartLean));
        assert_eq!(next(&Situation { lean: LeanState::Starting, ..down.clone() }), None);
        let up = Situation { lean: LeanState::Up, ..down };
        assert_eq!(next(&up), say(Kind::Enrol));
        assert_eq!(next(&Situation { held_off: vec![Kind::Enrol], ..up.clone() }), None);
        assert_eq!(next(&Situation { in_flight: vec![Kind::Beat], ..up.clone() }), None);
        // Finished work goes first, whoever asked for it.
        assert_eq!(next(&Situation { unsent: 3, ..up.clone() }), say(Kind::Send));
        let enrolled = Situation { is_enrolled: true, ..up };
        assert_eq!(next(&enrolled), say(Kind::Claim));
        assert_eq!(next(&Situation { in_flight: vec![Kind::Claim], ..enrolled.clone() }), None);
        assert_eq!(next(&Situation { is_claim_due: false, ..enrolled }), None);
    }

    #[test]
    fn cores_are_kept_busy_and_more_is_claimed_in_time() {
        assert_eq!(next(&working()), None);
        assert_eq!(next(&Situation { running: 1, ..working() }), Some(Step::Begin));
        // Models that are on their way are waited for.
        assert_eq!(next(&Situation { running: 1, ready: 0, ..working() }), None);
        let few = Situation { waiting: 1, ..working() };
        assert_eq!(next(&few), say(Kind::Claim));
        assert_eq!(next(&Situation { has_room: false, ..few.clone() }), None);
        assert_eq!(next(&Situation { unsent: 1, ..few.clone() }), say(Kind::Send));
        assert_eq!(next(&Situation { unsent: 1, held_off: vec![Kind::Send], ..few.clone() }), None);
        assert_eq!(next(&Situation { abandoned: 1, ..few.clone() }), say(Kind::Abandon));
        assert_eq!(next(&Situation { in_flight: vec![Kind::Abandon], ..few.clone() }), None);
        assert_eq!(next(&Situation { is_beat_due: true, ..few }), say(Kind::Beat));
    }

    #[test]
    fn a_pause_frees_everything_and_beats_go_on() {
        let paused = Situation { may_run: false, ..working() };
        assert_eq!(next(&paused), Some(Step::HandBack));
        let handed = Situation { running: 0, waiting: 0, ready: 0, abandoned: 4, ..paused };
        assert_eq!(next(&handed), Some(Step::StopLean));
        let freed = Situation { lean: LeanState::Down, ..handed };
        assert_eq!(next(&freed), say(Kind::Abandon));
        let quiet = Situation { abandoned: 0, ..freed };
        assert_eq!(next(&quiet), None);
        assert_eq!(next(&Situation { is_beat_due: true, ..quiet.clone() }), say(Kind::Beat));
        assert_eq!(next(&Situation { may_run: true, ..quiet }), Some(Step::StartLean));
    }

    #[test]
    fn finishing_lets_searches_end_and_sends_what_they_found() {
        let finishing = Situation { asked: Asked::Finish, ..working() };
        assert_eq!(next(&finishing), Some(Step::ReturnWaiting));
        let under_way = Situation { waiting: 0, abandoned: 2, ..finishing };
        assert_eq!(next(&under_way), say(Kind::Abandon));
        let under_way = Situation { abandoned: 0, ..under_way };
        assert_eq!(next(&under_way), None);
        let found = Situation { running: 0, unsent: 2, ..under_way };
        assert_eq!(next(&found), say(Kind::Send));
        assert_eq!(next(&Situation { in_flight: vec![Kind::Send], ..found.clone() }), None);
        // What cannot be sent stays on disk.
        assert_eq!(next(&Situation { held_off: vec![Kind::Send], ..found.clone() }), say(Kind::Leave));
        let sent = Situation { unsent: 0, ..found };
        assert_eq!(next(&Situation { in_flight: vec![Kind::Claim], ..sent.clone() }), None);
        assert_eq!(next(&sent), say(Kind::Leave));
        let left = Situation { has_left: true, in_flight: vec![Kind::Leave], ..sent };
        assert_eq!(next(&left), None);
        assert_eq!(next(&Situation { in_flight: Vec::new(), ..left }), Some(Step::End));
    }

    #[test]
    fn stopping_hands_everything_back_at_once() {
        let stopping = Situation { asked: Asked::Stop, ..working() };
        assert_eq!(next(&stopping), Some(Step::HandBack));
        let handed = Situation { running: 0, waiting: 0, ready: 0, abandoned: 4, ..stopping };
        assert_eq!(next(&handed), say(Kind::Leave));
        assert_eq!(next(&Situation { is_enrolled: false, ..handed }), Some(Step::End));
    }

    #[test]
    fn one_bundle_is_enough_where_only_one_is_wanted() {
        let last = Situation { is_last_bundle: true, waiting: 1, ready: 0, ..working() };
        assert_eq!(next(&last), None);
        let ended = Situation { running: 0, waiting: 0, ready: 0, unsent: 1, ..last };
        assert_eq!(next(&ended), say(Kind::Send));
        // Nobody is in a hurry: receipts are waited for.
        assert_eq!(next(&Situation { held_off: vec![Kind::Send], ..ended.clone() }), None);
        assert_eq!(next(&Situation { unsent: 0, ..ended }), say(Kind::Leave));
    }
}
