//! What the page knows of a campaign: it asks the coordinator again and again, and keeps what is shown as HTML.

use std::time::Duration;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use stepwise_core::wire::Problem;
use stepwise_core::wire::campaign::{
    Curve, Event, Events, Instruction, Invited, Inviting, MAX_PROBLEMS, Me, Overview, ProblemList, ProblemPage,
    ProblemRow, Rounds, State, Workers,
};
use wasm_bindgen_futures::spawn_local;

use crate::campaign::{feed, plot, problem, rates, rounds, tables};
use crate::json;
use crate::link::{self, PageName, Target};
use crate::view::browser;
use crate::view::socket::{Reply, fetch};

/// Where a coordinator answers.
pub(super) const API: &str = "/api/v1/campaign/";

/// Ids of what is not drawn anew under somebody's hands.
pub(super) const PROBLEMS: &str = "problems";
pub(super) const FEED: &str = "feed";
pub(super) const PROBLEM: &str = "problem";

/// How often the page asks how things stand; the workers at every second time, the rest at every sixth.
const EVERY: Duration = Duration::from_secs(5);

/// How long it waits after trouble.
const REST: Duration = Duration::from_secs(5);

/// How many seconds the coordinator may wait for news.
const WAIT_S: u32 = 25;

/// For how many seconds a link is good with which somebody joins: a week.
const INVITED_S: u64 = 604_800;

/// Counts are said at most once in so many milliseconds.
const QUIET_MS: f64 = 60_000.0;

/// The campaign as the page shows it.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    page: RwSignal<PageName>,
    said: RwSignal<String>,
    pub(super) head: RwSignal<String>,
    pub(super) pace: RwSignal<String>,
    pub(super) counts: RwSignal<String>,
    pub(super) stages: RwSignal<String>,
    pub(super) plot: RwSignal<String>,
    /// The rounds, and the plot of their pass rates; empty where the campaign has none.
    pub(super) rounds: RwSignal<String>,
    pub(super) rates: RwSignal<String>,
    pub(super) workers: RwSignal<String>,
    pub(super) problems: RwSignal<String>,
    pub(super) has_more: RwSignal<bool>,
    pub(super) feed: RwSignal<String>,
    /// The problem whose page is open, and that page.
    pub(super) open: RwSignal<Option<u64>>,
    pub(super) problem: RwSignal<String>,
    /// Whether the token is one of the campaign's; its account's numbers; and whether it is an operator's.
    pub(super) is_known: RwSignal<bool>,
    pub(super) own: RwSignal<String>,
    pub(super) is_operator: RwSignal<bool>,
    /// The link that invites, where the page was opened with one.
    pub(super) invitation: RwSignal<Option<String>>,
    /// Whether the campaign can only be looked at.
    pub(super) is_watch_only: RwSignal<bool>,
    /// What is wrong just now.
    pub(super) notice: RwSignal<String>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    token: Option<String>,
    n_ticks: u32,
    events: Vec<Event>,
    /// The last event that was heard of; `None` before any was asked for.
    last_event: Option<u64>,
    /// What the list of problems is asked for, and what it has.
    wanted: String,
    rows: Vec<ProblemRow>,
    next: Option<u64>,
    state: Option<State>,
    counts: String,
    /// What the last round came to, in words.
    round: Option<String>,
    said_at: f64,
}

impl Watch {
    /// Nothing is known yet, and nothing asked. `said` is what is said to those who listen.
    pub(crate) fn new(page: RwSignal<PageName>, said: RwSignal<String>, token: Option<String>) -> Self {
        let text = || RwSignal::new(String::new());
        Self {
            page,
            said,
            head: text(),
            pace: text(),
            counts: text(),
            stages: text(),
            plot: text(),
            rounds: text(),
            rates: text(),
            workers: text(),
            problems: text(),
            has_more: RwSignal::new(false),
            feed: text(),
            open: RwSignal::new(None),
            problem: text(),
            is_known: RwSignal::new(false),
            own: text(),
            is_operator: RwSignal::new(false),
            invitation: RwSignal::new(None),
            is_watch_only: RwSignal::new(false),
            notice: text(),
            inner: StoredValue::new_local(Inner { token, ..Inner::default() }),
        }
    }

    /// Begins to watch, as long as the page is open.
    pub(crate) fn start(self, is_watch_only: bool) {
        set_other(self.is_watch_only, is_watch_only);
        self.tick();
        self.list_problems(String::new(), String::new());
        self.listen();
        // It fails only where there is no window.
        let _ = set_interval_with_handle(move || self.tick(), EVERY);
    }

    /// Shows what an address asks for.
    pub(crate) fn follow(self, target: &Target) {
        if target.is_invitation {
            self.invitation.set(Some(browser::address()));
        }
        if target.page == Some(PageName::Campaign) {
            self.show(target.problem);
        }
    }

    /// Shows a problem, or the campaign.
    fn show(self, problem: Option<u64>) {
        let before = self.open.get_untracked();
        self.open.set(problem);
        match problem {
            Some(_) if before == problem => {}
            Some(id) => {
                self.problem.set(String::new());
                spawn_local(async move {
                    self.ask_problem(id).await;
                    focus_soon("problem-title");
                });
            }
            None if before.is_some() => focus_soon("problems-title"),
            None => {}
        }
    }

    /// Whether anybody looks.
    fn is_seen(self) -> bool {
        self.page.get_untracked() == PageName::Campaign && !document().hidden()
    }

    fn tick(self) {
        let mut n = 0;
        self.inner.update_value(|inner| {
            n = inner.n_ticks;
            inner.n_ticks += u32::from(self.is_seen() || n == 0);
        });
        if n > 0 && !self.is_seen() {
            return;
        }
        spawn_local(async move {
            if let Some(overview) = self.ask::<Overview>("campaign").await {
                self.see(&overview);
            }
            if n.is_multiple_of(2)
                && let Some(workers) = self.ask::<Workers>("workers").await
            {
                put(self.workers, &tables::workers(&workers));
            }
            if n.is_multiple_of(6) {
                if let Some(curve) = self.ask::<Curve>("effort").await {
                    put(self.plot, &plot::plot(&curve.points));
                }
                if let Some(all) = self.ask::<Rounds>("rounds").await {
                    self.see_rounds(&all);
                }
                self.ask_own().await;
                if let Some(id) = self.open.get_untracked() {
                    self.ask_problem(id).await;
                }
            }
        });
    }

    /// Asks the coordinator; what is wrong is shown.
    async fn ask<T: DeserializeOwned>(self, path: &str) -> Option<T> {
        self.read(&self.get(path).await?)
    }

    /// What the coordinator answers, as text: waiting for it in one way for all types is less code than in many.
    async fn get(self, path: &str) -> Option<String> {
        let token = self.inner.with_value(|inner| inner.token.clone());
        self.hear(fetch("GET", &format!("{API}{path}"), token.as_deref(), None).await)
    }

    /// What an answer says.
    fn read<T: DeserializeOwned>(self, body: &str) -> Option<T> {
        match json::read(body) {
            Ok(value) => {
                put(self.notice, "");
                Some(value)
            }
            Err(error) => {
                put(self.notice, &format!("The coordinator speaks otherwise ({error}); reload the page"));
                None
            }
        }
    }

    /// The answer, where there is one.
    fn hear(self, reply: Reply) -> Option<String> {
        let trouble = match reply {
            Reply::Unreachable => "The coordinator does not answer; trying again".to_owned(),
            Reply::Answer(200 | 201, body) => return Some(body),
            Reply::Answer(401, body) => {
                self.sign_out();
                detail(&body)
            }
            Reply::Answer(_, body) => detail(&body),
        };
        put(self.notice, &trouble);
        None
    }

    /// Shows how the campaign stands, and says what changed.
    fn see(self, overview: &Overview) {
        put(self.head, &tables::head(overview));
        put(self.pace, &tables::pace(overview));
        put(self.counts, &tables::counts(overview));
        put(self.stages, &tables::stages(&overview.stages, "Searches by stage"));
        let counts = tables::spoken_counts(overview);
        let (mut news, mut is_other) = (None, false);
        self.inner.update_value(|inner| {
            let before = inner.state.replace(overview.state);
            is_other = inner.counts != counts;
            let now = browser::now();
            if before.is_some_and(|before| before != overview.state) {
                news = Some(tables::spoken_state(overview));
            } else if before.is_some() && is_other && now - inner.said_at > QUIET_MS {
                inner.said_at = now;
                news = Some(counts.clone());
            }
            inner.counts = counts;
        });
        if let Some(news) = news {
            self.said.set(news);
        }
        // Who has asked for more than the first problems has them until the next question.
        if is_other && self.inner.with_value(|inner| inner.rows.len() as u64 <= MAX_PROBLEMS) {
            self.ask_problems(None);
        }
    }

    /// Shows the rounds, and says that one has ended.
    fn see_rounds(self, Rounds { rounds: all }: &Rounds) {
        put(self.rounds, &rounds::table(all));
        put(self.rates, &rates::plots(all));
        let mut before = None;
        let last = rounds::spoken(all);
        self.inner.update_value(|inner| before = Some(std::mem::replace(&mut inner.round, last.clone())));
        // Whoever opens the page reads what was before.
        let is_first = self.n_ticks() <= 1;
        if let Some(last) = last.filter(|last| !is_first && before.flatten().as_ref() != Some(last)) {
            self.said.set(last);
        }
    }

    fn n_ticks(self) -> u32 {
        self.inner.with_value(|inner| inner.n_ticks)
    }

    /// Lists the problems that stand so and have this in their name; empty texts ask for all.
    pub(super) fn list_problems(self, standing: String, name: String) {
        let standing = if standing.is_empty() { standing } else { format!("&standing={standing}") };
        self.inner.update_value(|inner| inner.wanted = format!("{standing}&name={}", link::encode(&name)));
        self.ask_problems(None);
    }

    /// Lists more of them.
    pub(super) fn more_problems(self) {
        self.ask_problems(self.inner.with_value(|inner| inner.next));
    }

    fn ask_problems(self, after: Option<u64>) {
        let wanted = self.inner.with_value(|inner| inner.wanted.clone());
        let path = format!("problems?after={}{wanted}", after.unwrap_or(0));
        spawn_local(async move {
            let Some(list) = self.ask::<ProblemList>(&path).await else { return };
            let mut html = String::new();
            self.inner.update_value(|inner| {
                // Somebody may have asked for others meanwhile.
                if inner.wanted != wanted {
                    return;
                }
                if after.is_none() {
                    inner.rows.clear();
                }
                inner.rows.extend(list.problems);
                inner.next = list.next;
                html = tables::problems(&inner.rows);
            });
            if !html.is_empty() {
                self.has_more.set(list.next.is_some());
                put_unless_used(self.problems, PROBLEMS, &html);
            }
        });
    }

    async fn ask_problem(self, id: u64) {
        let Some(page) = self.ask::<ProblemPage>(&format!("problems/{id}")).await else { return };
        if self.open.get_untracked() == Some(id) {
            let solved = page.problem.solved_ms.map(browser::time);
            put_unless_used(self.problem, PROBLEM, &problem::page(&page, solved.as_deref()));
        }
    }

    /// Hears what happens, for ever.
    fn listen(self) {
        spawn_local(async move {
            let heard = match self.is_seen() {
                true => self.ask_events().await,
                false => false,
            };
            set_timeout(move || self.listen(), if heard { Duration::ZERO } else { REST });
        });
    }

    async fn ask_events(self) -> bool {
        let after = self.inner.with_value(|inner| inner.last_event);
        let path = after.map_or_else(|| "events".to_owned(), |after| format!("events?after={after}&wait={WAIT_S}"));
        let Some(heard) = self.ask::<Events>(&path).await else { return false };
        let mut html = String::new();
        self.inner.update_value(|inner| {
            inner.last_event = Some(heard.last);
            feed::add(&mut inner.events, heard.events);
            html = feed::list(&inner.events, browser::time);
        });
        put_unless_used(self.feed, FEED, &html);
        true
    }

    /// Uses a token, and keeps it for a reload of this tab.
    pub(super) fn sign_in(self, token: String) {
        self.inner.update_value(|inner| inner.token = browser::token(Some(token)));
        spawn_local(async move {
            self.ask_own().await;
            self.said.set(if self.is_operator.get_untracked() { "You may run the campaign" } else { "" }.to_owned());
        });
    }

    /// Forgets the token.
    pub(super) fn sign_out(self) {
        browser::forget_token();
        self.inner.update_value(|inner| inner.token = None);
        self.is_known.set(false);
        self.is_operator.set(false);
    }

    async fn ask_own(self) {
        // Where there are no accounts a token is of another server.
        if self.is_watch_only.get_untracked() || self.inner.with_value(|inner| inner.token.is_none()) {
            return;
        }
        if let Some(me) = self.ask::<Me>("me").await {
            put(self.own, &tables::own(&me));
            set_other(self.is_known, true);
            set_other(self.is_operator, me.operator);
        }
    }

    /// Makes a link with which one machine joins, and shows what to do with it.
    pub(super) fn invite(self) {
        let body = serde_json::to_string(&Inviting { uses: 1, expires_s: INVITED_S }).unwrap_or_default();
        let token = self.inner.with_value(|inner| inner.token.clone());
        spawn_local(async move {
            let reply = fetch("POST", &format!("{API}invitations"), token.as_deref(), Some(&body)).await;
            if let Some(Invited { invitation }) = self.hear(reply).and_then(|body| self.read(&body)) {
                self.invitation.set(Some(format!("{}/#join={invitation}", browser::origin())));
                self.said.set("A link is made, with which one machine can join".to_owned());
                focus_soon("join-title");
            }
        });
    }

    /// Puts the commands by which a machine joins into the clipboard.
    pub(super) fn copy_commands(self) {
        let commands = self.commands();
        spawn_local(async move {
            let said = if browser::copy(&commands).await { "Copied" } else { "The browser does not let the page copy" };
            self.said.set(said.to_owned());
        });
    }

    /// The commands by which a machine joins, and works.
    pub(super) fn commands(self) -> String {
        let link = self.invitation.get().unwrap_or_else(|| "LINK".to_owned());
        format!("stepwise donate join '{link}'\nstepwise donate")
    }

    /// Tells the campaign what to do, and shows what it does then.
    pub(super) fn instruct(self, instruction: Instruction) {
        let body = serde_json::to_string(&instruction).unwrap_or_default();
        let token = self.inner.with_value(|inner| inner.token.clone());
        spawn_local(async move {
            let reply = fetch("POST", &format!("{API}instructions"), token.as_deref(), Some(&body)).await;
            if let Some(overview) = self.hear(reply).and_then(|body| self.read::<Overview>(&body)) {
                self.see(&overview);
            }
        });
    }
}

/// Moves the focus to what is about to be drawn.
fn focus_soon(id: &'static str) {
    request_animation_frame(move || browser::focus(id));
}

/// What an answer says is wrong.
fn detail(body: &str) -> String {
    json::read::<Problem>(body).map_or_else(|_| "The coordinator failed; trying again".to_owned(), |it| it.detail)
}

/// Sets a text where it is another one: what is the same is not drawn again.
fn put(signal: RwSignal<String>, text: &str) {
    if signal.with_untracked(|before| before != text) {
        signal.set(text.to_owned());
    }
}

/// The same, unless somebody's focus is inside, which would be lost.
fn put_unless_used(signal: RwSignal<String>, id: &str, text: &str) {
    if !browser::has_focus_inside(id) {
        put(signal, text);
    }
}

fn set_other(signal: RwSignal<bool>, value: bool) {
    if signal.get_untracked() != value {
        signal.set(value);
    }
}
