//! Answers to those who watch a campaign, and to its operator.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use stepwise_core::wire::campaign::{
    Events, Instruction, Invited, Inviting, MAX_EVENTS, MAX_PROBLEMS, MAX_WORKERS, Me, ProblemList, Standing,
    State as CampaignState, Worker, Workers,
};
use stepwise_ledger::hash_of;
use stepwise_ledger::operations::{self, Account, Trust};
use tokio::sync::SemaphorePermit;

use super::coordinator::App;
use super::http::{find, operator, problem};
use super::news;
use crate::serve::body::{json, read, whole};
use crate::serve::new_token;
use crate::serve::problem::Problem;

/// How long somebody may wait for an event.
const MAX_WAIT_S: u64 = 30;

/// How many events are told to somebody who has heard none.
const FIRST_EVENTS: u64 = 50;

/// Characters of a name that is looked for.
const LONGEST_NAME: usize = 200;

/// How many may join with an invitation that the page makes, and for how many seconds it may be good.
const MAX_USES: u64 = 1000;
const MAX_LIFE_S: u64 = 366 * 86_400;

/// How long somebody who watches waits for a turn at the ledger.
const PATIENCE: Duration = Duration::from_secs(5);

/// `GET /api/v1/info`.
pub(super) async fn info(State(app): State<App>) -> Response {
    json(StatusCode::OK, &app.info())
}

/// `GET /campaign`.
pub(super) async fn overview(State(app): State<App>) -> Response {
    let overview = Arc::clone(&app.seen.read().overview);
    json(StatusCode::OK, &*overview)
}

/// `GET /effort`.
pub(super) async fn effort(State(app): State<App>) -> Response {
    let curve = Arc::clone(&app.seen.read().curve);
    json(StatusCode::OK, &*curve)
}

/// `GET /rounds`.
pub(super) async fn rounds(State(app): State<App>) -> Response {
    let rounds = Arc::clone(&app.seen.read().rounds);
    json(StatusCode::OK, &*rounds)
}

/// `GET /workers`.
pub(super) async fn workers(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let who = match headers.contains_key(axum::http::header::AUTHORIZATION) {
        true => Some(find(&app, &headers).await?),
        false => None,
    };
    let all = Arc::clone(&app.seen.read().workers);
    let workers = all.iter().take(MAX_WORKERS).map(|worker| shown(worker, who.as_ref())).collect();
    Ok(json(StatusCode::OK, &Workers { total: all.len() as u64, workers }))
}

/// A worker as somebody may see it: its label is for its owner and the operator.
fn shown(worker: &Worker, to: Option<&Account>) -> Worker {
    let may_see = to.is_some_and(|account| account.trust == Trust::Operator || account.id == worker.account);
    let mut worker = worker.clone();
    worker.label = worker.label.filter(|_| may_see);
    worker
}

/// What `problems` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProblemsWanted {
    #[serde(default)]
    after: u64,
    standing: Option<Standing>,
    #[serde(default)]
    name: String,
}

/// `GET /problems`.
pub(super) async fn problems(
    State(app): State<App>,
    wanted: Result<Query<ProblemsWanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(ProblemsWanted { after, standing, name }) = wanted.map_err(|e| Problem::bad_message(e.body_text()))?;
    if name.chars().count() > LONGEST_NAME {
        return Err(Problem::bad_message(format!("a name that is looked for has at most {LONGEST_NAME} characters")));
    }
    let _turn = turn(&app).await?;
    // One more than is told, so that an end is known as one.
    let wanted = operations::ReadProblems { after, at_most: MAX_PROBLEMS + 1, standing, name };
    let mut problems = app.ledger.read(wanted).await.map_err(problem)?;
    let is_more = problems.len() as u64 > MAX_PROBLEMS;
    problems.truncate(MAX_PROBLEMS as usize);
    let next = problems.last().filter(|_| is_more).map(|row| row.id);
    Ok(json(StatusCode::OK, &ProblemList { problems, next }))
}

/// `GET /problems/ID`.
pub(super) async fn problem_page(
    State(app): State<App>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|e| Problem::bad_message(e.body_text()))?;
    let _turn = turn(&app).await?;
    let page = app.ledger.read(operations::ReadProblem(id)).await.map_err(problem)?;
    Ok(json(StatusCode::OK, &page))
}

/// What `events` may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsWanted {
    after: Option<u64>,
    #[serde(default)]
    wait: u64,
}

/// `GET /events`.
pub(super) async fn events(
    State(app): State<App>,
    wanted: Result<Query<EventsWanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(EventsWanted { after, wait }) = wanted.map_err(|e| Problem::bad_message(e.body_text()))?;
    let mut told = app.last_event.subscribe();
    let last = *told.borrow_and_update();
    let after = after.unwrap_or(last.saturating_sub(FIRST_EVENTS));
    let mut has_news = last > after;
    // Whoever waits holds a connection, of which donors need some.
    if !has_news && let Ok(_place) = app.waiting.try_acquire() {
        let patience = Duration::from_secs(wait.min(MAX_WAIT_S));
        has_news = tokio::time::timeout(patience, told.wait_for(|last| *last > after)).await.is_ok();
    }
    let events = if has_news {
        let _turn = turn(&app).await?;
        app.ledger.read(operations::ReadEvents { after, at_most: MAX_EVENTS }).await.map_err(problem)?
    } else {
        Vec::new()
    };
    let last = events.last().map_or(after, |event| event.seq);
    Ok(json(StatusCode::OK, &Events { events: events.iter().map(news::told).collect(), last }))
}

/// `GET /me`. A blocked account may look too.
pub(super) async fn me(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let account = find(&app, &headers).await?;
    let _turn = turn(&app).await?;
    let own = app.ledger.read(operations::ReadOwn(account.id)).await.map_err(problem)?;
    let all = Arc::clone(&app.seen.read().workers);
    let workers = all.iter().filter(|worker| worker.account == account.id).take(MAX_WORKERS).cloned().collect();
    let me = Me {
        account: account.id,
        name: Some(account.name).filter(|name| !name.is_empty()),
        operator: account.trust == Trust::Operator,
        blocked: account.blocked,
        accepted: own.accepted,
        refused: own.refused,
        waiting: own.waiting,
        cost: own.cost,
        day: own.day,
        workers,
    };
    Ok(json(StatusCode::OK, &me))
}

/// `POST /instructions`.
pub(super) async fn instruct(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    operator(&app, &headers, "only the operator may do this; `stepwise campaign token` makes a token for it").await?;
    let set = |state| operations::SetState(state, String::new());
    let done = match read(&whole(body)?, "an instruction")? {
        Instruction::Pause => app.ledger.run(set(CampaignState::Paused)).await,
        Instruction::Resume => app.ledger.run(set(CampaignState::Running)).await,
        Instruction::Finish => app.ledger.run(set(CampaignState::Finishing)).await,
        Instruction::Stop => app.ledger.run(set(CampaignState::Done)).await,
        Instruction::Block { account, message } => app.ledger.run(operations::Block { account, message }).await,
    };
    done.map_err(problem)?;
    // The keeper sees it too, a little later.
    let now = Arc::new(app.ledger.read(operations::ReadOverview).await.map_err(problem)?);
    {
        let mut seen = app.seen.write();
        seen.overview = Arc::clone(&now);
        seen.n_instructions += 1;
    }
    Ok(json(StatusCode::OK, &*now))
}

/// `POST /invitations`.
pub(super) async fn invite(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    operator(&app, &headers, "only the operator may do this; `stepwise campaign token` makes a token for it").await?;
    let Inviting { uses, expires_s } = read(&whole(body)?, "a wish to invite")?;
    if !(1..=MAX_USES).contains(&uses) || !(1..=MAX_LIFE_S).contains(&expires_s) {
        return Err(Problem::bad_message(format!(
            "an invitation is for 1 to {MAX_USES}, and good for 1 to {MAX_LIFE_S} seconds"
        )));
    }
    let secret = new_token() + &new_token();
    let invite =
        operations::Invite { secret_sha: hash_of(&secret), trust: Trust::Donor, uses, lives_ms: expires_s * 1000 };
    app.ledger.run(invite).await.map_err(problem)?;
    Ok(json(StatusCode::CREATED, &Invited { invitation: secret }))
}

/// A turn at the ledger for somebody who watches: they are given few at once, so that donors never wait for them.
///
/// # Errors
/// Too many want one.
pub(super) async fn turn(app: &App) -> Result<SemaphorePermit<'_>, Problem> {
    let busy = || Problem::unavailable("too many look at the campaign just now; try again in a few seconds");
    tokio::time::timeout(PATIENCE, app.watching.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())
}
