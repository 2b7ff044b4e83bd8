//! What donors' machines ask a coordinator: the messages of [`stepwise_core::wire::campaign`].

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use stepwise_core::wire::campaign::{
    Abandon, Beat, Check, Checked, Checking, Claim, Claimed, Doing, Enrolled, Enrolment, Joined, Joining, MAX_RESULTS,
    Receipts, Results, State as CampaignState, ToCheck, VERSION,
};
use stepwise_ledger::operations::{
    self, Account, Authenticate, Candidate, Granted, Judge, NextCandidate, ReadWaiting, Trust,
};
use stepwise_ledger::{LedgerError, hash_of};

use super::coordinator::App;
use crate::serve::body::{json, read, whole};
use crate::serve::new_token;
use crate::serve::problem::Problem;

/// Bytes that a message may have.
pub(super) const MESSAGE_BYTES: usize = 8 << 20;

/// How often sessions beat at the least, as a part of the time after which they are lost.
const BEATS: u64 = 4;

/// How often they beat where they are few, in seconds.
const OFTEN_S: u64 = 5;

/// When to ask again where everything is given out, in seconds; with many sessions more, so that they are few at once.
const RETRY_S: u64 = 1;

/// Proofs of a blocked account that may wait at once: none is lost, because the others stay with who found them.
const BLOCKED: u64 = 64;

/// What a donor is told for whom there is nothing.
const NOTHING: &str = "every search is given out; others may come back, or new ones follow";

/// What a donor is told who wants to verify.
const NO_VERIFIER: &str = "only the campaign's own machines verify; join with a link of `campaign invite --operator`";

/// What a donor is told who gets no search whose end could not be checked.
const DOUBTED: &str = "your machines do not find proofs that others found by the same searches; see that they are well (time, \
                       memory, this program's version), and ask the operator, who can let you in again";

/// When a verifier asks again where no proof waits, in seconds.
const CHECK_RETRY_S: u64 = 2;

/// When to ask again where nothing is given out for longer, in seconds.
const LONG_RETRY_S: u64 = 60;

/// Sessions that may ask once a second in all.
const SESSIONS_PER_S: u64 = 50;

/// `POST /join`.
pub(super) async fn join(State(app): State<App>, body: Result<Bytes, BytesRejection>) -> Result<Response, Problem> {
    let Joining { protocol, invitation, name } = read(&whole(body)?, "a wish to join")?;
    check_protocol(protocol)?;
    let token = new_token() + &new_token();
    let join = operations::Join { secret_sha: hash_of(&invitation), token_sha: hash_of(&token), name };
    let (account, campaign) = app.ledger.run(join).await.map_err(problem)?;
    Ok(json(StatusCode::CREATED, &Joined { token, account, campaign }))
}

/// `POST /sessions`.
pub(super) async fn enrol(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let account = authenticate(&app, &headers).await?;
    let enrolment: Enrolment = read(&whole(body)?, "an enrolment")?;
    check_protocol(enrolment.protocol)?;
    let made = &app.made;
    if made.lean != enrolment.lean {
        return Err(Problem::forbidden(format!(
            "this campaign proves with {}, and your program has {}; use the same version of stepwise",
            made.lean, enrolment.lean
        )));
    }
    let cores = u64::from(enrolment.cores);
    let enrol = operations::Enrol { account: account.id, enrolment };
    let session = app.ledger.run(enrol).await.map_err(problem)?;
    app.seen.write().cores += cores;
    let lost_s = app.timing.lost_ms / 1000;
    // Where there are few they may beat more often, and hear the sooner that the campaign is over.
    let seldom = (lost_s / BEATS).max(1);
    let beat_s = (app.seen.read().overview.sessions / SESSIONS_PER_S).clamp(OFTEN_S.min(seldom), seldom);
    let enrolled =
        Enrolled { session, campaign: made.name.clone(), beat_s, lost_s, message_bytes: MESSAGE_BYTES as u64 };
    Ok(json(StatusCode::CREATED, &enrolled))
}

/// `POST /claims`.
pub(super) async fn claim(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let account = authenticate(&app, &headers).await?;
    let claim: Claim = read(&whole(body)?, "a claim")?;
    if !operations::is_random_name(&claim.claim) {
        return Err(Problem::bad_message("a claim is named by 22 to 128 random characters"));
    }
    let (pace_ms, share, is_behind, sessions) = {
        let seen = app.seen.read();
        (seen.pace_ms, seen.share(), seen.is_behind, seen.overview.sessions)
    };
    let told =
        |reason: &str, retry_s, over| json(StatusCode::OK, &Claimed::Idle { reason: reason.to_owned(), retry_s, over });
    let idle = |reason: &str, retry_s: u64| told(reason, retry_s, false);
    let short = RETRY_S.max(sessions / SESSIONS_PER_S);
    let claim = operations::Claim {
        account: account.id,
        claim,
        pace_ms,
        share,
        gives: !is_behind,
        measures: false,
        timing: app.timing,
    };
    Ok(match app.ledger.run(claim).await.map_err(problem)? {
        Granted::Bundle(bundle) => {
            let mut seen = app.seen.write();
            seen.ready = seen.ready.saturating_sub(bundle.leases.len() as u64);
            drop(seen);
            json(StatusCode::OK, &Claimed::Bundle(bundle))
        }
        Granted::Nothing if is_behind => idle("more proofs wait than the verifiers can look at", LONG_RETRY_S),
        Granted::Nothing => idle(NOTHING, short),
        Granted::Doubted => idle(DOUBTED, LONG_RETRY_S),
        Granted::Closed(CampaignState::Paused, reason) => {
            idle(&said("the operator paused the campaign", &reason), LONG_RETRY_S)
        }
        Granted::Closed(CampaignState::Halted, reason) => idle(&said("the campaign is halted", &reason), LONG_RETRY_S),
        Granted::Closed(CampaignState::Finishing, _) => idle("the campaign is being finished", short),
        Granted::Closed(CampaignState::Done | CampaignState::Running, _) => {
            told("the campaign is over", LONG_RETRY_S, true)
        }
    })
}

/// What a campaign does, and why where that is known.
fn said(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what}: {reason}") }
}

/// `POST /heartbeats`.
pub(super) async fn beat(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let account = authenticate(&app, &headers).await?;
    let beat: Beat = read(&whole(body)?, "a heartbeat")?;
    let beaten = app.ledger.run(operations::Beat { account: account.id, beat }).await.map_err(problem)?;
    Ok(json(StatusCode::OK, &beaten))
}

/// `POST /results`. A blocked account may still hand in: no proof that arrives is lost.
pub(super) async fn results(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let account = find(&app, &headers).await?;
    let Results { results } = read(&whole(body)?, "results")?;
    if results.len() > MAX_RESULTS {
        return Err(Problem::too_large(format!("a message hands in at most {MAX_RESULTS} results")));
    }
    let has_proof = results.iter().any(|result| result.proof.is_some());
    if account.blocked.is_some() && app.ledger.read(ReadWaiting(account.id)).await.map_err(problem)? >= BLOCKED {
        let many = "this account is blocked, and its proofs wait until no others do; send more when some are verified";
        return Err(Problem::too_many(many).after(Duration::from_secs(LONG_RETRY_S)));
    }
    let hand_in = operations::HandIn { account: account.id, results, timing: app.timing };
    let receipts = Receipts { receipts: app.ledger.run(hand_in).await.map_err(problem)? };
    if has_proof {
        app.proofs.notify_one();
    }
    Ok(json(StatusCode::OK, &receipts))
}

/// `POST /abandon`.
pub(super) async fn abandon(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let account = find(&app, &headers).await?;
    let abandon: Abandon = read(&whole(body)?, "what is given back")?;
    app.ledger.run(operations::Abandon { account: account.id, abandon }).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /checks`.
pub(super) async fn check(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let account = operator(&app, &headers, NO_VERIFIER).await?;
    let Checking { session } = read(&whole(body)?, "a question for a proof")?;
    let beat = Beat { session, doing: Doing::Working, held: Vec::new() };
    app.ledger.run(operations::Beat { account: account.id, beat }).await.map_err(problem)?;
    let candidate = app.ledger.run(NextCandidate(app.timing)).await.map_err(problem)?;
    let check = match candidate {
        Some(Candidate { id, theorem, side, proof, .. }) => {
            Check::Proof(ToCheck { candidate: id, theorem, side, proof, limit_s: app.verify_s })
        }
        None => Check::Idle { retry_s: CHECK_RETRY_S },
    };
    Ok(json(StatusCode::OK, &check))
}

/// `POST /verdicts`.
pub(super) async fn checked(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    operator(&app, &headers, NO_VERIFIER).await?;
    let Checked { candidate, verdict, .. } = read(&whole(body)?, "a verdict")?;
    app.ledger.run(Judge { candidate, verdict }).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Any other address of the API.
pub(super) async fn unknown() -> Problem {
    Problem::not_found("a campaign has no such address; docs/protocol.md lists them")
}

/// Any other method at one of its addresses.
pub(super) async fn other_method(method: Method) -> Problem {
    Problem::method(format!("{method} is not answered here; docs/protocol.md lists what is"))
}

/// Whose request this is.
///
/// # Errors
/// It has no token that is known, or its account is blocked.
pub(super) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Account, Problem> {
    let account = find(app, headers).await?;
    match account.blocked {
        Some(message) => Err(Problem::forbidden(format!("the operator blocked this account: {message}"))),
        None => Ok(account),
    }
}

/// Whose request this is, who must be one of the campaign's own; a donor is told `otherwise`.
pub(super) async fn operator(app: &App, headers: &HeaderMap, otherwise: &'static str) -> Result<Account, Problem> {
    let account = authenticate(app, headers).await?;
    match account.trust {
        Trust::Operator => Ok(account),
        Trust::Donor => Err(Problem::forbidden(otherwise)),
    }
}

/// Whose request this is, blocked or not.
pub(super) async fn find(app: &App, headers: &HeaderMap) -> Result<Account, Problem> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Err(Problem::unauthorized("join the campaign first: `stepwise donate join LINK`"));
    };
    let account = app.ledger.read(Authenticate { token_sha: hash_of(token) }).await.map_err(problem)?;
    account.ok_or_else(|| {
        Problem::unauthorized(
            "this campaign does not know the token: it is another campaign's, or was revoked; join with a new link",
        )
    })
}

fn check_protocol(protocol: u32) -> Result<(), Problem> {
    if protocol == VERSION {
        return Ok(());
    }
    Err(Problem::protocol(format!(
        "this campaign speaks version {VERSION} of its messages, and your program version {protocol}; use the version of \
         stepwise that the operator runs"
    )))
}

/// What went wrong with the ledger, as an answer.
pub(super) fn problem(error: LedgerError) -> Problem {
    match error {
        LedgerError::Unknown(what) => Problem::not_found(format!("there is no such {what}")),
        LedgerError::Refused(why) => Problem::forbidden(why),
        error if error.is_passing() => {
            tracing::warn!("{error}");
            Problem::unavailable("the campaign's ledger does not answer just now; try again in a few seconds")
        }
        error => {
            tracing::error!("{error}");
            Problem::machine("the campaign's ledger failed, which the operator's log explains")
        }
    }
}
