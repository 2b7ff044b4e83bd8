//! The page's session as the view sees it: questions with answers that can be awaited, and a connection that comes back
//! by itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use stepwise_core::wire::campaign::CoordinatorInfo;
use stepwise_core::wire::{Body, Info, Op, Problem};
use wasm_bindgen_futures::spawn_local;

use crate::client::{Ask, Client, Heard, backoff_ms};
use crate::json;
use crate::lean::{FromLean, LeanPlace, is_listing};
use crate::view::browser;
use crate::view::lean::{self, LISTING, SOON};
use crate::view::socket::{self, Happening, Reply, Socket};
use crate::view::worker::PageWorker;

/// How the connection stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Connection {
    Connecting,
    Connected,
    /// Lean's files for this browser are on the way: bytes that are there, and of all.
    Loading {
        done: u64,
        total: u64,
    },
    /// They are there, and Lean starts.
    Starting,
    /// Lean cannot run in this browser, and this is why.
    NoLean(String),
    /// Lost; the next try comes in so many seconds.
    Waiting(u32),
    /// The page comes from a server that only has files.
    NoServer,
    /// The server is a campaign's coordinator, which proves nothing for pages.
    Campaign,
    /// The server does not want this page, and says why.
    Refused(String),
}

/// What the server has of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Campaign {
    /// Machines can join it here.
    Shared,
    /// It can only be looked at.
    WatchOnly,
}

impl Campaign {
    fn of(info: &CoordinatorInfo) -> Self {
        if info.watch_only { Self::WatchOnly } else { Self::Shared }
    }
}

/// The session.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    inner: StoredValue<Inner, LocalStorage>,
    /// How the connection stands.
    pub(crate) connection: RwSignal<Connection>,
    /// Where Lean runs.
    pub(crate) place: RwSignal<LeanPlace>,
    pub(crate) info: RwSignal<Option<Info>>,
    /// The server's campaign, if it has one.
    pub(crate) campaign: RwSignal<Option<Campaign>>,
    /// How often the session had to begin anew, its states gone.
    pub(crate) n_renewals: RwSignal<u32>,
}

struct Inner {
    client: Client,
    link: Option<Link>,
    greeted: bool,
    answers: BTreeMap<Ask, Replies>,
    n_failures: u32,
    /// Tells the tries to connect apart: what comes of an old one is passed over.
    attempt: u32,
    timer: Option<TimeoutHandle>,
    token: Option<String>,
    /// Whether `/api/v1/info` was answered once.
    known: bool,
}

/// What carries the session's texts.
enum Link {
    Socket(Socket),
    Lean(PageWorker),
}

/// Where the visitor's choice where Lean runs is kept.
const PLACE_KEY: &str = "stepwise-lean";
const IN_BROWSER: &str = "browser";
const ON_SERVER: &str = "server";

/// A question that was asked.
#[derive(Clone)]
pub(crate) struct Question {
    session: Session,
    ask: Ask,
    replies: Replies,
}

#[derive(Clone, Default)]
struct Replies(Rc<RefCell<Channel>>);

#[derive(Default)]
struct Channel {
    queue: VecDeque<Body>,
    waker: Option<Waker>,
    ended: bool,
}

impl Session {
    /// A session that begins to connect.
    pub(crate) fn start(token: Option<String>) -> Self {
        let inner = Inner {
            client: Client::default(),
            link: None,
            greeted: false,
            answers: BTreeMap::new(),
            n_failures: 0,
            attempt: 0,
            timer: None,
            token,
            known: false,
        };
        let is_here = browser::kept(PLACE_KEY).as_deref() == Some(IN_BROWSER);
        let session = Self {
            inner: StoredValue::new_local(inner),
            connection: RwSignal::new(Connection::Connecting),
            place: RwSignal::new(if is_here { LeanPlace::Browser } else { LeanPlace::Server }),
            info: RwSignal::new(None),
            campaign: RwSignal::new(None),
            n_renewals: RwSignal::new(0),
        };
        session.connect();
        let _ = window_event_listener_untyped("online", move |_| {
            if matches!(session.connection.get_untracked(), Connection::Waiting(_)) {
                session.connect();
            }
        });
        session
    }

    /// Asks. Without a connection the question waits for one.
    pub(crate) fn ask(self, op: Op) -> Question {
        let replies = Replies::default();
        let mut ask = Ask(0);
        self.inner.update_value(|inner| {
            let (new, text) = inner.client.ask(op);
            ask = new;
            match text {
                Ok(text) => {
                    inner.answers.insert(new, replies.clone());
                    inner.send(&text);
                }
                Err(refusal) => replies.put(refusal),
            }
        });
        Question { session: self, ask, replies }
    }

    /// Tells a Lean in this browser that a statement is about to be opened. A server has one ready at any time.
    pub(crate) fn get_ready(self) {
        self.inner.with_value(|inner| {
            if let Some(Link::Lean(worker)) = inner.link.as_ref().filter(|_| inner.greeted) {
                worker.send(SOON);
            }
        });
    }

    /// Has Lean run where the visitor wants it.
    pub(crate) fn choose(self, place: LeanPlace) {
        browser::keep(PLACE_KEY, if place == LeanPlace::Browser { IN_BROWSER } else { ON_SERVER });
        self.place.set(place);
        self.connect();
    }

    /// Whether the visitor once chose to have Lean run on the server.
    pub(crate) fn was_put_on_server() -> bool {
        browser::kept(PLACE_KEY).as_deref() == Some(ON_SERVER)
    }

    /// Tries to connect now.
    pub(crate) fn connect(self) {
        let mut attempt = 0;
        self.inner.update_value(|inner| {
            if let Some(timer) = inner.timer.take() {
                timer.clear();
            }
            inner.attempt += 1;
            attempt = inner.attempt;
            (inner.link, inner.greeted) = (None, false);
        });
        self.connection.set(Connection::Connecting);
        spawn_local(async move {
            let opened = self.open_link(attempt).await;
            if !self.is_current(attempt) {
                return;
            }
            match opened {
                Ok(()) => {}
                Err(None | Some(Connection::NoServer)) if !self.is_known() && self.may_run_here().await => {
                    self.place.set(LeanPlace::Browser);
                    self.connect();
                }
                Err(Some(connection)) => self.connection.set(connection),
                Err(None) => self.try_later(),
            }
        });
    }

    /// Whether a server has ever said what it is.
    fn is_known(self) -> bool {
        self.inner.with_value(|inner| inner.known)
    }

    /// Whether Lean can run in this browser, where the visitor did not decide otherwise.
    async fn may_run_here(self) -> bool {
        if Self::was_put_on_server() {
            return false;
        }
        matches!(socket::fetch("GET", LISTING, None, None).await, Reply::Answer(200, text) if is_listing(&text))
    }

    /// `Err(None)` is a failure that may pass, `Err(Some(_))` one that will not.
    async fn open_link(self, attempt: u32) -> Result<(), Option<Connection>> {
        if self.place.get_untracked() == LeanPlace::Server {
            return self.open_socket(attempt).await;
        }
        let worker = lean::start(move |what| {
            if self.is_current(attempt) {
                self.lean_says(what);
            }
        });
        let worker = worker.map_err(|reason| Some(Connection::NoLean(reason)))?;
        self.inner.update_value(|inner| inner.link = Some(Link::Lean(worker)));
        Ok(())
    }

    fn lean_says(self, what: FromLean) {
        match what {
            FromLean::Loading { done, total } => self.connection.set(Connection::Loading { done, total }),
            FromLean::Starting => self.connection.set(Connection::Starting),
            FromLean::Opened => self.happened(Happening::Opened),
            FromLean::Text { text } => self.happened(Happening::Text(text)),
            FromLean::Failed { reason } => {
                self.inner.update_value(|inner| {
                    (inner.link, inner.greeted) = (None, false);
                    inner.attempt += 1;
                });
                self.connection.set(Connection::NoLean(reason));
            }
        }
    }

    /// As [`Session::open_link`], to the server.
    async fn open_socket(self, attempt: u32) -> Result<(), Option<Connection>> {
        let (token, known) = self.inner.with_value(|inner| (inner.token.clone(), inner.known));
        if !known {
            match socket::info(token.as_deref()).await {
                Reply::Unreachable => return Err(None),
                Reply::Answer(200, body) => {
                    let Ok(info) = json::read::<Info>(&body) else {
                        let Ok(info) = json::read::<CoordinatorInfo>(&body) else {
                            return Err(Some(Connection::NoServer));
                        };
                        self.campaign.set(Some(Campaign::of(&info)));
                        return Err(Some(Connection::Campaign));
                    };
                    self.campaign.set(info.campaign.as_ref().map(Campaign::of));
                    self.info.set(Some(info));
                }
                Reply::Answer(status, body) => return Err(hindrance(status, &body)),
            }
            self.inner.update_value(|inner| inner.known = true);
        }
        let ticket = match token {
            None => None,
            Some(token) => match socket::ticket(&token).await {
                Ok(ticket) => Some(ticket),
                Err(Reply::Unreachable) => return Err(None),
                Err(Reply::Answer(status, body)) => return Err(hindrance(status, &body)),
            },
        };
        if !self.is_current(attempt) {
            return Ok(());
        }
        let socket = Socket::open(ticket.as_deref(), move |happening| {
            if self.is_current(attempt) {
                self.happened(happening);
            }
        });
        let socket = socket.ok_or(None)?;
        self.inner.update_value(|inner| inner.link = Some(Link::Socket(socket)));
        Ok(())
    }

    fn is_current(self, attempt: u32) -> bool {
        self.inner.try_with_value(|inner| inner.attempt == attempt).unwrap_or(false)
    }

    fn happened(self, happening: Happening) {
        match happening {
            Happening::Opened => self.inner.with_value(|inner| {
                if let Some(link) = &inner.link {
                    link.send(&inner.client.greeting());
                }
            }),
            Happening::Text(text) => self.hear(&text),
            Happening::Closed => self.try_later(),
        }
    }

    fn hear(self, text: &str) {
        let mut heard = None;
        self.inner.update_value(|inner| heard = Some(inner.client.hear(text, inner.greeted)));
        match heard {
            Some(Ok(Heard::Answer { ask, body })) => self.answer(ask, *body),
            Some(Ok(Heard::Welcome { info, renewed, send, ended })) => {
                self.inner.update_value(|inner| {
                    (inner.greeted, inner.n_failures) = (true, 0);
                    send.iter().for_each(|text| inner.send(text));
                });
                self.info.set(Some(*info));
                self.connection.set(Connection::Connected);
                if self.place.get_untracked() == LeanPlace::Browser {
                    browser::keep_for_offline();
                }
                for (ask, body) in ended {
                    self.answer(ask, body);
                }
                if renewed {
                    self.n_renewals.update(|n| *n += 1);
                }
            }
            Some(Ok(Heard::Refused(problem))) => {
                self.inner.update_value(|inner| inner.attempt += 1);
                self.connection.set(Connection::Refused(problem.detail));
            }
            Some(Err(error)) => {
                leptos::logging::warn!("the server said what this page does not understand: {error}");
                self.try_later();
            }
            Some(Ok(Heard::More(text))) => self.inner.with_value(|inner| inner.send(&text)),
            Some(Ok(Heard::Nothing)) | None => {}
        }
    }

    fn answer(self, ask: Ask, body: Body) {
        let mut replies = None;
        self.inner.update_value(|inner| {
            replies = if body.ends() { inner.answers.remove(&ask) } else { inner.answers.get(&ask).cloned() };
        });
        if let Some(replies) = replies {
            replies.put(body);
        }
    }

    fn try_later(self) {
        let mut wait = 0;
        self.inner.update_value(|inner| {
            (inner.link, inner.greeted) = (None, false);
            inner.attempt += 1;
            wait = backoff_ms(inner.n_failures, browser::random());
            inner.n_failures += 1;
        });
        self.wait(wait);
    }

    /// Waits, and shows how long still.
    fn wait(self, ms: u32) {
        self.connection.set(Connection::Waiting(ms.div_ceil(1000)));
        let step = if ms.is_multiple_of(1000) { ms.min(1000) } else { ms % 1000 };
        let go_on = move || if ms <= step { self.connect() } else { self.wait(ms - step) };
        let timer = set_timeout_with_handle(go_on, Duration::from_millis(step.into())).ok();
        self.inner.update_value(|inner| inner.timer = timer);
    }
}

impl Inner {
    fn send(&self, text: &str) {
        if let Some(link) = self.link.as_ref().filter(|_| self.greeted) {
            link.send(text);
        }
    }
}

impl Link {
    fn send(&self, text: &str) {
        match self {
            Self::Socket(socket) => socket.send(text),
            Self::Lean(worker) => worker.send(text),
        }
    }
}

impl Question {
    /// The next answer; `None` after the last one.
    pub(crate) async fn next(&self) -> Option<Body> {
        std::future::poll_fn(|context| {
            let mut channel = self.replies.0.borrow_mut();
            if let Some(body) = channel.queue.pop_front() {
                channel.ended |= body.ends();
                return Poll::Ready(Some(body));
            }
            if channel.ended {
                return Poll::Ready(None);
            }
            channel.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Gives it up; it ends with what it has. Without a connection it ends at once, and the server is told later.
    pub(crate) fn cancel(&self) {
        let (session, ask) = (self.session, self.ask);
        let mut is_there = false;
        session.inner.update_value(|inner| {
            is_there = inner.greeted;
            if let Some(text) = inner.client.cancel(ask) {
                inner.send(&text);
            }
        });
        if !is_there {
            let detail = "cancelled while there was no connection".to_owned();
            let problem = Problem { kind: "cancelled".into(), status: 409, detail };
            session.answer(ask, Body::Failed { problem });
        }
    }
}

impl Replies {
    fn put(&self, body: Body) {
        let waker = {
            let mut channel = self.0.borrow_mut();
            channel.queue.push_back(body);
            channel.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What an answer that is none of ours, or a refusal, means for the connection.
fn hindrance(status: u16, body: &str) -> Option<Connection> {
    match json::read::<Problem>(body) {
        Ok(problem) if status == 401 => {
            Some(Connection::Refused(format!("{}; open the address that the server printed", problem.detail)))
        }
        Ok(problem) if status == 403 => Some(Connection::Refused(problem.detail)),
        // Too busy, or a defect of the server's: that may pass.
        Ok(_) => None,
        Err(_) if status == 502 || status == 503 || status == 504 => None,
        Err(_) => Some(Connection::NoServer),
    }
}
