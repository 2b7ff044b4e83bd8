//! All sessions by name: how many there may be, who gets back into one, and which are let go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stepwise_core::wire::{self, Greeting, Hello, Welcome};

use super::problem::Problem;
use super::secret::same;
use super::service::Service;
use super::session::Session;

/// A session without a connection for this long makes room when there are too many.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// The sessions of a server.
pub(super) struct Sessions {
    service: Arc<Service>,
    max: usize,
    by_name: Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    pub(super) fn new(service: Arc<Service>, max: usize) -> Self {
        Self { service, max, by_name: Mutex::default() }
    }

    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    /// Answers a greeting: the session, what its visitor is told, and the message after which it reads on.
    ///
    /// # Errors
    /// The versions differ, or there are too many sessions.
    pub(super) fn receive(&self, greeting: Greeting) -> Result<(Arc<Session>, Welcome, u64), Problem> {
        let Greeting::Hello(Hello { protocol, client: _, resume }) = greeting;
        if protocol != wire::VERSION {
            return Err(Problem::protocol(format!(
                "this server speaks version {} of the protocol and the client version {protocol}; reload the page",
                wire::VERSION
            )));
        }
        let known = resume.and_then(|resume| {
            let session = self.by_name.lock().get(&resume.session).cloned()?;
            (same(&resume.key, &session.key) && !session.is_over()).then_some((session, resume.after))
        });
        let known = known.inspect(|(session, _)| session.touch());
        let resumed = known.is_some();
        let (session, after) = match known {
            Some(known) => known,
            None => (self.create()?, 0),
        };
        let batch = session.outbox.after(after);
        // Who is told that messages are lost reads on with the first that is not.
        let after = if batch.missed { batch.last - batch.messages.len() as u64 } else { after };
        let welcome = Welcome {
            session: session.name.clone(),
            key: session.key.clone(),
            resumed,
            missed: batch.missed,
            info: self.service.info(),
        };
        Ok((session, welcome, after))
    }

    /// The session of this name, for who has its key.
    ///
    /// # Errors
    /// There is none, or the key is another.
    pub(super) fn find(&self, name: &str, key: &str) -> Result<Arc<Session>, Problem> {
        let session = self.by_name.lock().get(name).cloned();
        let session =
            session.ok_or_else(|| Problem::not_found(format!("there is no session `{name}`; begin a new one")))?;
        if !same(key, &session.key) {
            return Err(Problem::unauthorized("the header Stepwise-Key must have the session's key"));
        }
        session.touch();
        Ok(session)
    }

    /// Ends a session.
    pub(super) fn end(&self, session: &Session) {
        session.end();
        self.by_name.lock().remove(&session.name);
    }

    /// Ends all sessions.
    pub(super) fn end_all(&self) {
        let all = std::mem::take(&mut *self.by_name.lock());
        all.values().for_each(|session| session.end());
    }

    /// Parks idle sessions, and lets go of those that nobody came back to.
    pub(super) fn sweep(&self) {
        let keep = Duration::from_secs(self.service.limits.keep_s);
        let all: Vec<Arc<Session>> = self.by_name.lock().values().cloned().collect();
        for session in all {
            let is_over = session.is_over();
            if session.abandoned_for().is_some_and(|time| is_over && time > ABANDONED_AFTER || time > keep) {
                self.end(&session);
            } else {
                session.park_if_idle();
            }
        }
    }

    fn create(&self) -> Result<Arc<Session>, Problem> {
        let mut by_name = self.by_name.lock();
        if by_name.len() >= self.max {
            let idle = by_name.values().filter_map(|session| Some((session.abandoned_for()?, session)));
            let longest = idle.max_by_key(|(time, _)| *time).filter(|(time, _)| *time >= ABANDONED_AFTER);
            let Some(name) = longest.map(|(_, session)| session.name.clone()) else {
                return Err(Problem::too_many(format!(
                    "the server has its {} sessions; try again in a few minutes",
                    self.max
                )));
            };
            if let Some(session) = by_name.remove(&name) {
                session.end();
            }
        }
        let session = Arc::new(Session::new(Arc::clone(&self.service)));
        by_name.insert(session.name.clone(), Arc::clone(&session));
        Ok(session)
    }
}
