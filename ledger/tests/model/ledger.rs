//! What is done to a ledger, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Advanced, Came, Canary, CanaryState, Candidate, CandidateState, Fault, Granted, Id, Judged, Ledger, Proof, Reaped,
    Receipt, Rules, Sent, Session, Side, Stage, Standing, State, Unit, UnitState, UnknownSession,
};

/// How often a proof is given to verifiers that come back with nothing.
const TRIES: u8 = 3;

/// Crashes after which a search is given up, where two accounts saw them.
const CRASHES: u8 = 3;

/// Crashes after which somebody else is to see it.
const ELSEWHERE: u8 = 2;

impl Ledger {
    /// A campaign of so many problems, and of stages with these sides; its first is open.
    pub(crate) fn new(n_problems: usize, stages: Vec<Vec<Side>>) -> Self {
        let mut ledger = Self {
            state: State::Running,
            stages: stages.into_iter().map(Stage::Planned).collect(),
            problems: vec![Standing::Open; n_problems],
            units: Vec::new(),
            sessions: Vec::new(),
            leases: BTreeMap::new(),
            results: BTreeMap::new(),
            candidates: Vec::new(),
            kept_back: BTreeSet::new(),
            canaries: BTreeMap::new(),
            arrived: BTreeSet::new(),
        };
        ledger.open_next();
        ledger
    }

    pub(crate) fn enrol(&mut self, account: Id) -> Id {
        self.sessions.push(Session { account, quiet: 0, is_over: false, last_claim: None, n_given: 0 });
        self.sessions.len() - 1
    }

    pub(crate) fn claim(
        &mut self,
        rules: &Rules,
        session: Id,
        claim: u32,
        at_most: usize,
    ) -> Result<Granted, UnknownSession> {
        let Session { account, is_over, last_claim, .. } = self.sessions[session];
        if is_over {
            return Err(UnknownSession);
        }
        self.sessions[session].quiet = 0;
        self.sessions[session].last_claim = last_claim.max(Some(claim));
        let is_old = last_claim >= Some(claim);
        let was_given = self.leases.values().any(|given| given.contains(&(session, claim)));
        let is_known = was_given && !(rules.has(Fault::OldClaimsAreForgotten) && last_claim > Some(claim));
        if !is_known {
            if is_old && !matches!(rules.fault, Some(Fault::OldClaimsAreForgotten | Fault::IdleClaimsAreForgotten)) {
                return Ok(Granted::Nothing);
            }
            if self.state != State::Running {
                return Ok(Granted::Closed(self.state));
            }
            let is_for_it = |unit: &Unit| {
                unit.state == UnitState::Ready && (unit.crashes < ELSEWHERE || unit.crashed_by != Some(account))
            };
            let has_canary = rules.canaries && at_most > 0 && self.give_canary(rules, session, claim);
            let at_most = at_most - usize::from(has_canary);
            let chosen: Vec<Id> =
                (0..self.units.len()).filter(|id| is_for_it(&self.units[*id])).take(at_most).collect();
            if chosen.is_empty() && !has_canary {
                return Ok(Granted::Nothing);
            }
            for id in chosen {
                let unit = &mut self.units[id];
                unit.state = UnitState::Leased { session, claim, left: rules.lease };
                if unit.attempt == 0 || !rules.has(Fault::AttemptsStay) {
                    unit.attempt += 1;
                }
                self.leases.entry((id, unit.attempt)).or_default().insert((session, claim));
            }
            self.sessions[session].n_given += 1;
        }
        let is_held = |unit: &Unit| matches!(unit.state, UnitState::Leased { session: s, claim: c, .. } if (s, c) == (session, claim));
        let held = self.units.iter().enumerate().filter(|(_, unit)| is_held(unit));
        let canaries = self
            .canaries
            .iter()
            .filter(|(_, canary)| (canary.session, canary.claim, canary.state) == (session, claim, CanaryState::Given));
        let held = held.map(|(id, unit)| (id, unit.attempt)).chain(canaries.map(|(canary, _)| *canary));
        Ok(Granted::Bundle(held.collect::<BTreeSet<_>>().into_iter().collect()))
    }

    /// Gives the search that solved a problem last to a session whose account knows nothing of it, where there is one.
    fn give_canary(&mut self, rules: &Rules, session: Id, claim: u32) -> bool {
        let account = self.sessions[session].account;
        let knows = |problem: Id| {
            let of_it = self.leases.iter().filter(|((unit, _), _)| self.units[*unit].problem == problem);
            of_it.flat_map(|(_, given)| given).any(|(session, _)| self.sessions[*session].account == account)
        };
        let solved_by = |problem: Id| match self.problems[problem] {
            Standing::Solved(_, by) => Some(by),
            Standing::Open => None,
        };
        let mut known: Vec<Id> = self.kept_back.iter().filter_map(|problem| solved_by(*problem)).collect();
        known.sort_unstable();
        let is_for_it = |by: &&Id| {
            let Candidate { unit, problem, .. } = self.candidates[**by];
            let Unit { state, stage, .. } = self.units[unit];
            state == UnitState::Done
                && self.stages[stage] == Stage::Open
                && (!knows(problem) || rules.has(Fault::CanariesAreKnown))
        };
        let Some(by) = known.iter().rev().find(is_for_it) else { return false };
        let unit = self.candidates[*by].unit;
        let attempt =
            self.leases.keys().filter(|(id, _)| *id == unit).map(|(_, attempt)| *attempt).max().unwrap_or(0) + 1;
        self.leases.entry((unit, attempt)).or_default().insert((session, claim));
        let canary = Canary { session, claim, left: rules.lease, state: CanaryState::Given };
        self.canaries.insert((unit, attempt), canary);
        true
    }

    /// Takes back the canaries that are given and of which this is true; how many.
    fn take_canaries_back(&mut self, which: impl Fn(&Canary, &[Session]) -> bool) -> u64 {
        let Self { canaries, sessions, .. } = self;
        let mut n = 0;
        for canary in canaries.values_mut().filter(|canary| canary.state == CanaryState::Given) {
            if which(canary, sessions) {
                canary.state = CanaryState::Back;
                n += 1;
            }
        }
        n
    }

    /// What a canary came to; its proof is among the candidates.
    fn answer(&mut self, id: Id, attempt: u8, came: Came) {
        let Unit { problem, side, .. } = self.units[id];
        let settled = |state: CandidateState, by: Id| match state {
            CandidateState::Accepted => CanaryState::Found,
            CandidateState::Refused => CanaryState::Missed,
            _ => CanaryState::Answered(by),
        };
        let state = match came {
            Came::Crashed => CanaryState::Back,
            Came::Nothing => CanaryState::Missed,
            Came::Proof(proof) => {
                let is_it = |c: &Candidate| (c.problem, c.side, c.proof) == (problem, side, proof);
                let by = self.candidates.iter().position(is_it);
                by.map_or(CanaryState::Missed, |by| settled(self.candidates[by].state, by))
            }
        };
        if let Some(canary) = self.canaries.get_mut(&(id, attempt)) {
            canary.state = state;
        }
    }

    pub(crate) fn beat(&mut self, session: Id) -> Result<(), UnknownSession> {
        let session = &mut self.sessions[session];
        if session.is_over {
            return Err(UnknownSession);
        }
        session.quiet = 0;
        Ok(())
    }

    /// A session gives back all that it holds.
    pub(crate) fn abandon(&mut self, session: Id) -> u64 {
        if !self.sessions[session].is_over {
            self.sessions[session].quiet = 0;
        }
        let canaries = self.take_canaries_back(|canary, _| canary.session == session);
        self.take_back(|unit, _| holder(unit) == Some(session)) + canaries
    }

    pub(crate) fn hand_in(&mut self, rules: &Rules, sent: Sent) -> Receipt {
        let Sent { submission, account, unit: id, attempt, claim, came } = sent;
        if let Came::Proof(proof) = came {
            self.arrived.insert((self.units[id].problem, self.units[id].side, proof));
        }
        let counts_all = rules.has(Fault::EveryArrivalCounts);
        if let Some((known, _)) = self.results.get(&submission)
            && !counts_all
        {
            return if known.account == account { Receipt::Duplicate } else { Receipt::Refused };
        }
        let given = self.leases.get(&(id, attempt)).into_iter().flatten();
        let is_own = given.clone().any(|(s, c)| self.sessions[*s].account == account && *c == claim);
        let unit = &self.units[id];
        if !is_own && !matches!(came, Came::Proof(_)) {
            return Receipt::Refused;
        }
        let is_leased = matches!(unit.state, UnitState::Leased { .. });
        let is_current = is_own && is_leased && (unit.attempt == attempt || rules.has(Fault::OldAttemptsEnd));
        let canary = self.canaries.get(&(id, attempt)).map(|canary| canary.state);
        let is_canary = is_own && !is_current && canary == Some(CanaryState::Given);
        let counts_all = counts_all || (is_canary && rules.has(Fault::CanariesCount));
        // Under this fault what was there already is there once more, under a name of its own.
        let name = if self.results.contains_key(&submission) { submission + 1_000_000 } else { submission };
        self.results.insert(name, (Sent { submission: name, ..sent }, is_current || (is_own && counts_all)));
        let is_known_wrong = match came {
            Came::Proof(proof) if is_current || !rules.has(Fault::LateProofsAreDropped) => {
                self.consider(rules, id, proof) == CandidateState::Refused && !rules.has(Fault::RepeatedLiesEnd)
            }
            _ => false,
        };
        if is_canary {
            self.answer(id, attempt, came);
            return Receipt::Stored;
        }
        if !is_current {
            return Receipt::Late;
        }
        let unit = &mut self.units[id];
        unit.state = UnitState::Done;
        if came == Came::Crashed || is_known_wrong {
            unit.crashes += 1;
            let others_saw = unit.crashed_by.is_some_and(|other| other != account);
            let is_dead = unit.crashes >= CRASHES || rules.has(Fault::DeadAtOneAccount) && unit.crashes >= ELSEWHERE;
            let is_dead = is_dead && (others_saw || rules.has(Fault::DeadAtOneAccount));
            unit.state = if is_dead { UnitState::Dead } else { UnitState::Ready };
            unit.crashed_by = Some(account);
        }
        Receipt::Stored
    }

    /// A proof is to be verified, unless the same text is known; gives what is known of it.
    fn consider(&mut self, rules: &Rules, unit: Id, proof: Proof) -> CandidateState {
        let Unit { problem, side, .. } = self.units[unit];
        let is_known = |c: &Candidate| (c.problem, c.side, c.proof) == (problem, side, proof);
        if let Some(known) = self.candidates.iter().find(|c| is_known(c)) {
            return known.state;
        }
        let state = CandidateState::Waiting;
        self.candidates.push(Candidate { problem, side, proof, unit, state, tries: 0 });
        if rules.has(Fault::DonorsDecide) {
            self.judge(rules, self.candidates.len() - 1, Some(true));
        }
        state
    }

    /// Whether a proof says what is not known: of a solved problem only one of the contrary does.
    fn is_news(&self, rules: &Rules, candidate: &Candidate) -> bool {
        match self.problems[candidate.problem] {
            Standing::Open => true,
            Standing::Solved(side, _) => side != candidate.side && !rules.has(Fault::OneProofIsEnough),
        }
    }

    /// Whether a proof waits for its verdict, which would say what is not known.
    pub(crate) fn waits_for_verdict(&self, rules: &Rules, candidate: &Candidate) -> bool {
        let is_open = matches!(candidate.state, CandidateState::Waiting | CandidateState::Checking(_));
        is_open && self.is_news(rules, candidate)
    }

    pub(crate) fn next_candidate(&mut self, rules: &Rules) -> Option<Id> {
        let is_canary = |id: Id| self.canaries.values().any(|canary| canary.state == CanaryState::Answered(id));
        let waits =
            |id: Id, c: &Candidate| c.state == CandidateState::Waiting && (self.is_news(rules, c) || is_canary(id));
        let id = self.candidates.iter().enumerate().position(|(id, candidate)| waits(id, candidate))?;
        let candidate = &mut self.candidates[id];
        candidate.state = CandidateState::Checking(rules.check);
        candidate.tries += 1;
        Some(id)
    }

    /// A verifier says something of a proof, or nothing.
    pub(crate) fn judge(&mut self, rules: &Rules, id: Id, is_right: Option<bool>) -> Judged {
        let Candidate { problem, side, unit, state, tries, .. } = self.candidates[id];
        match (state, is_right) {
            (CandidateState::Accepted, _) => return Judged::Known,
            (CandidateState::Refused, _) => return Judged::Refused,
            (_, None) => {
                let undecided = if tries >= TRIES { CandidateState::Undecided } else { CandidateState::Waiting };
                self.candidates[id].state = undecided;
                return Judged::Undecided;
            }
            (_, Some(false)) => {
                self.candidates[id].state = CandidateState::Refused;
                self.settle_canaries(id, CanaryState::Missed);
                self.reopen(rules, id);
                return Judged::Refused;
            }
            (_, Some(true)) => {
                self.candidates[id].state = CandidateState::Accepted;
                self.settle_canaries(id, CanaryState::Found);
            }
        }
        match self.problems[problem] {
            Standing::Open => {
                self.problems[problem] = Standing::Solved(side, id);
                let Unit { state, stage, .. } = self.units[unit];
                if rules.canaries && state == UnitState::Done && self.stages[stage] == Stage::Open {
                    self.kept_back.insert(problem);
                }
                self.cancel(|unit| unit.problem == problem);
                Judged::Solved
            }
            Standing::Solved(known, _) if known == side => Judged::Known,
            Standing::Solved(..) => {
                if !rules.has(Fault::ContradictionsPass) {
                    self.state = State::Halted;
                }
                Judged::Contradiction
            }
        }
    }

    /// The proof that canaries were answered with is judged.
    fn settle_canaries(&mut self, by: Id, state: CanaryState) {
        for canary in self.canaries.values_mut().filter(|canary| canary.state == CanaryState::Answered(by)) {
            canary.state = state;
        }
    }

    /// No search that ended with a refused proof is done.
    fn reopen(&mut self, rules: &Rules, refused: Id) {
        let Candidate { problem, side, proof, unit: first, .. } = self.candidates[refused];
        let Self { units, results, stages, problems, .. } = self;
        for (id, unit) in units.iter_mut().enumerate() {
            let came_to_it = |(sent, is_counted): &(Sent, bool)| {
                *is_counted && (sent.unit, sent.attempt, sent.came) == (id, unit.attempt, Came::Proof(proof))
            };
            let is_it = (unit.problem, unit.side) == (problem, side) && results.values().any(came_to_it);
            let is_it = match rules.fault {
                Some(Fault::LateLiesReopen) => id == first,
                Some(Fault::OneSearchIsReopened) => id == first && is_it,
                _ => is_it,
            };
            let is_open = problems[unit.problem] == Standing::Open && stages[unit.stage] == Stage::Open;
            if unit.state == UnitState::Done && is_it && is_open {
                unit.state = UnitState::Ready;
            }
        }
    }

    /// The keeper takes back what was lost.
    pub(crate) fn reap(&mut self, rules: &Rules) -> Reaped {
        let mut reaped = Reaped::default();
        for session in self.sessions.iter_mut().filter(|session| !session.is_over && session.quiet >= rules.lost) {
            (session.is_over, session.quiet) = (true, 0);
            reaped.sessions += 1;
        }
        let (keep, endless) = (rules.has(Fault::LostSessionsKeep), rules.has(Fault::LeasesNeverEnd));
        reaped.units = self.take_back(|unit, sessions| match unit.state {
            UnitState::Leased { session, left, .. } => (left == 0 && !endless) || (sessions[session].is_over && !keep),
            _ => false,
        });
        reaped.units += self.take_canaries_back(|canary, sessions| {
            canary.left == 0 || (sessions[canary.session].is_over && !rules.has(Fault::CanariesStay))
        });
        for candidate in &mut self.candidates {
            if candidate.state == CandidateState::Checking(0) && !rules.has(Fault::VerifiersKeep) {
                candidate.state = CandidateState::Waiting;
                reaped.candidates += 1;
            }
        }
        reaped
    }

    /// The keeper looks whether the stage has ended.
    pub(crate) fn advance(&mut self, rules: &Rules) -> Advanced {
        let Some(number) = self.stages.iter().position(|stage| *stage == Stage::Open) else { return Advanced::Done };
        if self.state != State::Running {
            return Advanced::Done;
        }
        let has = |what: &dyn Fn(&Unit) -> bool| self.units.iter().any(|unit| unit.stage == number && what(unit));
        if has(&|unit| unit.state == UnitState::Ready && self.is_waited_for(rules, unit)) {
            return Advanced::Working;
        }
        let of_it = self.units.iter().filter(|unit| unit.stage == number && unit.state != UnitState::Cancelled);
        let n_held = of_it.clone().filter(|unit| holder(unit).is_some()).count();
        let is_enough = rules.leaves_stragglers && 2 * n_held <= of_it.count();
        let is_under_way = n_held > 0 && !is_enough && !rules.has(Fault::FreezesUnderSearches);
        let waits = self.candidates.iter().any(|candidate| self.waits_for_verdict(rules, candidate));
        if is_under_way || (waits && !rules.has(Fault::FreezesUnderProofs)) {
            return Advanced::Draining;
        }
        for unit in self.units.iter_mut().filter(|unit| unit.stage == number) {
            let is_left = holder(unit).is_some() && !rules.has(Fault::FreezesUnderSearches);
            if unit.state == UnitState::Ready || is_left {
                unit.state = UnitState::Cancelled;
            }
        }
        self.stages[number] = Stage::Frozen(self.counted(number));
        let Self { kept_back, problems, candidates, units, .. } = self;
        kept_back.retain(|problem| match problems[*problem] {
            Standing::Solved(_, by) => units[candidates[by].unit].stage != number,
            Standing::Open => false,
        });
        if self.open_next() {
            return Advanced::Opened;
        }
        self.state = State::Done;
        self.kept_back.clear();
        self.take_canaries_back(|_, _| true);
        Advanced::Done
    }

    /// Whether anybody is here who may take a search that waits.
    fn is_waited_for(&self, rules: &Rules, unit: &Unit) -> bool {
        let others = |session: &Session| !session.is_over && Some(session.account) != unit.crashed_by;
        unit.crashes < ELSEWHERE || rules.has(Fault::PoisonHoldsUp) || self.sessions.iter().any(others)
    }

    /// The results that counted in a stage.
    pub(crate) fn counted(&self, number: Id) -> BTreeSet<(Id, u8, Came)> {
        let counted = self.results.values().filter(|(sent, counted)| *counted && self.units[sent.unit].stage == number);
        counted.map(|(sent, _)| (sent.unit, sent.attempt, sent.came)).collect()
    }

    fn open_next(&mut self) -> bool {
        let planned = self.stages.iter().position(|stage| matches!(stage, Stage::Planned(_)));
        let Some(number) = planned else { return false };
        let Stage::Planned(sides) = std::mem::replace(&mut self.stages[number], Stage::Open) else { return false };
        for side in sides {
            for problem in (0..self.problems.len()).filter(|problem| self.problems[*problem] == Standing::Open) {
                let (stage, state) = (number, UnitState::Ready);
                self.units.push(Unit { stage, problem, side, state, attempt: 0, crashes: 0, crashed_by: None });
            }
        }
        true
    }

    /// Time passes.
    pub(crate) fn tick(&mut self, rules: &Rules) {
        for session in self.sessions.iter_mut().filter(|session| !session.is_over) {
            session.quiet = (session.quiet + 1).min(rules.lost);
        }
        for unit in &mut self.units {
            if let UnitState::Leased { left, .. } = &mut unit.state {
                *left = left.saturating_sub(1);
            }
        }
        for canary in self.canaries.values_mut() {
            canary.left = canary.left.saturating_sub(1);
        }
        for candidate in &mut self.candidates {
            if let CandidateState::Checking(left) = &mut candidate.state {
                *left = left.saturating_sub(1);
            }
        }
    }

    fn cancel(&mut self, which: impl Fn(&Unit) -> bool) {
        for unit in self.units.iter_mut().filter(|unit| which(unit)) {
            if matches!(unit.state, UnitState::Ready | UnitState::Leased { .. }) {
                unit.state = UnitState::Cancelled;
            }
        }
    }

    fn take_back(&mut self, which: impl Fn(&Unit, &[Session]) -> bool) -> u64 {
        let Self { units, sessions, .. } = self;
        let mut n = 0;
        for unit in units.iter_mut().filter(|unit| which(unit, sessions)) {
            unit.state = UnitState::Ready;
            n += 1;
        }
        n
    }
}

/// The session that holds a unit.
pub(crate) fn holder(unit: &Unit) -> Option<Id> {
    match unit.state {
        UnitState::Leased { session, .. } => Some(session),
        _ => None,
    }
}
