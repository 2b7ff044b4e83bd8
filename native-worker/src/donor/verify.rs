//! An operator's machine that verifies: it asks the coordinator for proofs that wait, has a Lean look at each that nothing
//! else has used, and says what came of it.

use std::sync::Arc;
use std::time::Duration;

use stepwise_core::wire::campaign::{
    Abandon, Beat, Check, Checked, Checking, Doing, Enrolled, Enrolment, ToCheck, VERSION,
};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::account::{AccountError, Home};
use super::client::{CLIENT, Client, ClientError, Verdict};
use super::engine::Teller;
use super::retry::{Trouble, random_share, spread};
use super::{DonorError, Farewell};
use crate::campaign::judge;
use crate::lean::host::Launch;
use crate::lean::pool::{Pool, PoolConfig};
use crate::stop::{Stop, StopLevel};

/// How long a verifier that is stopped waits for the coordinator.
const GRACE: Duration = Duration::from_secs(8);

/// What a proof may take before the coordinator has said so, in seconds.
const FIRST_LIMIT_S: u64 = 60;

/// What an operator's machine verifies with.
#[derive(Clone)]
pub struct Verifiers {
    /// Proofs at once, each by a Lean process of its own.
    pub count: usize,
    /// What its owner calls the machine.
    pub label: String,
    pub launch: Arc<dyn Launch>,
}

/// Verifies until the caller ends it: at [`StopLevel::Drain`] when the proofs under way are judged, at
/// [`StopLevel::Abort`] at once, when they go to other verifiers.
///
/// # Errors
/// Another program works with this account, the coordinator refuses it, or Lean does not run here.
pub async fn verify(
    home: Home,
    verifiers: Verifiers,
    stop: Stop,
    teller: Arc<dyn Teller>,
) -> Result<Farewell, DonorError> {
    let _lock = home.lock()?;
    let account = home.account()?.ok_or(AccountError::NoneJoined)?;
    let mut tasks = JoinSet::new();
    for _ in 0..verifiers.count.max(1) {
        let verifier = Verifier {
            client: Client::of(&account),
            label: verifiers.label.clone(),
            launch: Arc::clone(&verifiers.launch),
            pool: None,
            stop: stop.clone(),
            teller: Arc::clone(&teller),
        };
        tasks.spawn(verifier.work());
    }
    // Each ends when it is told to, or with the others when one cannot go on.
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|died| DonorError::NoLean(format!("a verifier died: {died}")))??;
    }
    Ok(if stop.level() == StopLevel::Abort { Farewell::HandedBack } else { Farewell::Finished })
}

/// One that verifies a proof at a time.
struct Verifier {
    client: Client,
    label: String,
    launch: Arc<dyn Launch>,
    /// Its Lean, with the seconds that a proof may take.
    pool: Option<(u64, Pool)>,
    stop: Stop,
    teller: Arc<dyn Teller>,
}

impl Verifier {
    async fn work(mut self) -> Result<(), DonorError> {
        let worked = self.rounds().await;
        if let Some((_, pool)) = self.pool.take() {
            pool.shutdown().await;
        }
        worked
    }

    async fn rounds(&mut self) -> Result<(), DonorError> {
        let mut session: Option<Enrolled> = None;
        let mut trouble: Option<Trouble> = None;
        while self.stop.level() == StopLevel::Run {
            let step = match &session {
                None => self.enrol().await.map(|enrolled| {
                    session = Some(enrolled);
                    Duration::ZERO
                }),
                Some(enrolled) => self.round(enrolled.session, enrolled.beat_s).await,
            };
            let rest = match step {
                Ok(rest) => {
                    trouble = None;
                    rest
                }
                Err(Stopped::Lean(message)) => return Err(DonorError::NoLean(message)),
                Err(Stopped::Client(error)) => match error.verdict() {
                    // It has not been heard of for too long.
                    Verdict::Unknown => {
                        session = None;
                        Duration::ZERO
                    }
                    Verdict::Again => {
                        let again = Trouble::again(trouble.as_ref(), error.to_string(), error.retry_after());
                        self.teller.update(&format!("tries again: {}", again.reason));
                        let wait = again.until.saturating_duration_since(std::time::Instant::now());
                        trouble = Some(again);
                        wait
                    }
                    Verdict::Refused | Verdict::Final => return Err(error.into()),
                },
            };
            let _ = tokio::time::timeout(rest, self.stop.reached(StopLevel::Drain)).await;
        }
        if let Some(Enrolled { session, .. }) = session {
            let abandon = Abandon { session, units: Vec::new(), leave: true };
            // Whoever does not hear it notices that nobody beats.
            let _ = tokio::time::timeout(GRACE, self.client.abandon(&abandon)).await;
        }
        Ok(())
    }

    async fn enrol(&mut self) -> Result<Enrolled, Stopped> {
        let lean = self.pool(FIRST_LIMIT_S).info().await.map_err(|e| Stopped::Lean(e.to_string()))?;
        let enrolment = Enrolment {
            protocol: VERSION,
            client: CLIENT.to_owned(),
            lean: lean.to_string(),
            label: self.label.clone(),
            cores: 0,
            memory_mb: 0,
        };
        Ok(self.client.enrol(&enrolment).await?)
    }

    /// Verifies the next proof, if there is one; how long to wait then.
    async fn round(&mut self, session: u64, beat_s: u64) -> Result<Duration, Stopped> {
        let ToCheck { candidate, theorem, side, proof, limit_s } =
            match self.client.check(&Checking { session }).await? {
                Check::Proof(proof) => proof,
                Check::Idle { retry_s } => {
                    self.teller.update("no proof waits");
                    return Ok(spread(Duration::from_secs(retry_s), random_share()));
                }
            };
        self.teller.update(&format!("verifies a proof of {}", theorem.name));
        let pool = self.pool(limit_s);
        let mut stop = self.stop.clone();
        let judged = tokio::select! {
            judged = judge(&pool, &theorem, side, &proof) => judged,
            () = beats(&self.client, session, beat_s) => return Ok(Duration::ZERO),
            () = stop.reached(StopLevel::Abort) => return Ok(Duration::ZERO),
        };
        let (verdict, told) = match judged {
            Ok(verdict) => {
                let told = if verdict.accepted {
                    "accepted".to_owned()
                } else {
                    format!("refused: {}", verdict.reasons.join("; "))
                };
                (Some(verdict), told)
            }
            Err(error) => (None, format!("not decided: {error}")),
        };
        self.teller.say(&format!("{}: {told}", theorem.name));
        self.client.checked(&Checked { session, candidate, verdict }).await?;
        Ok(Duration::ZERO)
    }

    /// Its Lean, which gives up on a proof after so many seconds.
    fn pool(&mut self, limit_s: u64) -> Pool {
        if let Some((limit, pool)) = &self.pool
            && *limit == limit_s
        {
            return pool.clone();
        }
        let config = PoolConfig { hosts: 1, recheck_limit: Duration::from_secs(limit_s), ..PoolConfig::default() };
        let pool = Pool::start(Arc::clone(&self.launch), config);
        self.pool = Some((limit_s, pool.clone()));
        pool
    }
}

/// Why a step could not be made.
enum Stopped {
    Client(ClientError),
    Lean(String),
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// Tells the coordinator again and again that the session is there. Who does not hear it is told again.
async fn beats(client: &Client, session: u64, beat_s: u64) {
    let mut every = tokio::time::interval(Duration::from_secs(beat_s.max(1)));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let _ = client.beat(&Beat { session, doing: Doing::Working, held: Vec::new() }).await;
    }
}
