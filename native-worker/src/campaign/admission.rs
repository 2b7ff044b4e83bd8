//! Who is served now, and when those are to come back who are not: as soon as it is their turn, and few of them at once.
//!
//! Ten thousand machines come back together when a coordinator does. Those who are turned away at random times meet again,
//! and those who wait in the system's own queue are forgotten there for a minute; both was measured. So everybody is let
//! in, asked to wait where that is short, and otherwise told when it is his turn, by how fast requests are served.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

use super::coordinator::App;
use super::http::MESSAGE_BYTES;
use crate::serve::problem::Problem;

/// How many may wait at once, and for how long.
#[derive(Clone, Copy, Debug)]
struct Patience {
    time: Duration,
    /// Each of them takes memory.
    at_once: u32,
}

/// That of those who want something new.
const SHORT: Patience = Patience { time: Duration::from_secs(3), at_once: 1024 };

/// That of those who bring what is done, or say that they are there: they are turned away last.
const LONG: Patience = Patience { time: Duration::from_secs(10), at_once: 2048 };

/// Nobody is told to stay away for longer.
const LONGEST: Duration = Duration::from_secs(120);

/// So many are told the same turn: to turn a crowd away takes time too, in which fewer are served than will be then. Who
/// comes too early is told another.
const TOGETHER: u32 = 4;

/// What a request is taken to last before any was served.
const FIRST_GUESS: Duration = Duration::from_millis(2);

/// The share that a request has in how long requests are taken to last: as many as this are remembered.
const MEMORY: f64 = 256.0;

/// The requests that are being served, and the turns of those who are not.
pub(super) struct Admission(Mutex<Served>);

/// A request that is being served.
struct Place<'a> {
    admission: &'a Admission,
    begun: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Served {
    /// Requests that are being served.
    n: u32,
    /// How long one takes, where many are served at once.
    each: Duration,
    /// When one was served last.
    last: Instant,
    /// From when on no turn is given away.
    free: Instant,
}

impl Admission {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Served { n: 0, each: FIRST_GUESS, last: now, free: now }))
    }

    fn place(&self) -> Place<'_> {
        self.0.lock().n += 1;
        Place { admission: self, begun: Instant::now() }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.admission.0.lock().end(self.begun, Instant::now());
    }
}

impl Served {
    /// A request is served that began then.
    fn end(&mut self, begun: Instant, now: Instant) {
        // Alone it takes as long as it takes; among others as long as nobody else was served.
        let took = now.duration_since(self.last.max(begun));
        self.each = self.each.mul_f64(1.0 - 1.0 / MEMORY) + took.div_f64(MEMORY);
        self.last = now;
        self.n = self.n.saturating_sub(1);
    }

    /// How long to stay away for somebody who has so much patience; `None` for whoever is served now.
    fn turn(&mut self, patience: Patience, now: Instant) -> Option<Duration> {
        let wait = self.each * self.n;
        if wait <= patience.time && self.n < patience.at_once {
            return None;
        }
        // Behind all who wait, and all who were told a turn.
        let turn = self.free.max(now + wait) + self.each / TOGETHER;
        // Where there are more than can be told one, they begin to share.
        self.free = if turn - now > LONGEST { now + wait } else { turn };
        Some((turn - now).min(LONGEST))
    }
}

/// Serves those who want something new where that is soon.
pub(super) async fn beginning(State(app): State<App>, request: Request, next: Next) -> Response {
    serve(&app.admission, SHORT, request, next).await
}

/// Serves those who bring something, or say that they are there.
pub(super) async fn bringing(State(app): State<App>, request: Request, next: Next) -> Response {
    serve(&app.admission, LONG, request, next).await
}

async fn serve(admission: &Admission, patience: Patience, request: Request, next: Next) -> Response {
    let turn = admission.0.lock().turn(patience, Instant::now());
    if let Some(turn) = turn {
        let busy = Problem::unavailable("more ask than can be served at once; your turn comes");
        return closing(busy.after(turn).into_response());
    }
    // A slow line is nobody else's: it counts once all has arrived.
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, MESSAGE_BYTES).await {
        Ok(body) => body,
        Err(error) => return closing(Problem::too_large(error.to_string()).into_response()),
    };
    let _place = admission.place();
    closing(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// An answer after which the connection ends: whoever asks again does so in half a minute, and others want its place.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TWO_SECONDS: Patience = Patience { time: Duration::from_secs(2), at_once: 5000 };

    fn served(n: u32, each_ms: u64, now: Instant) -> Served {
        Served { n, each: Duration::from_millis(each_ms), last: now, free: now }
    }

    #[test]
    fn who_can_be_served_soon_is() {
        let now = Instant::now();
        let mut served = served(1000, 2, now);
        assert_eq!(served.turn(TWO_SECONDS, now), None);
        served.n += 1;
        assert!(served.turn(TWO_SECONDS, now).is_some());
        assert_eq!(served.turn(Patience { time: 10 * SECOND, ..TWO_SECONDS }, now), None);
        assert!(served.turn(Patience { time: 10 * SECOND, at_once: 1001 }, now).is_some());
    }

    #[test]
    fn turns_come_one_after_the_other_as_fast_as_requests_are_served() {
        let now = Instant::now();
        let mut served = served(2000, 2, now);
        let turns: Vec<u128> =
            (0..3).filter_map(|_| served.turn(TWO_SECONDS, now)).map(|turn| turn.as_micros()).collect();
        assert_eq!(turns, [4_000_500, 4_001_000, 4_001_500]);
        // Those who come later get later turns, and those of the past are free again.
        assert_eq!(served.turn(TWO_SECONDS, now + SECOND), Some(Duration::from_micros(4_000_500)));
        assert_eq!(served.turn(TWO_SECONDS, now + 60 * SECOND), Some(Duration::from_micros(4_000_500)));
    }

    #[test]
    fn nobody_is_sent_away_for_good() {
        let now = Instant::now();
        let mut served = served(1000, 4, now);
        let turns: Vec<Duration> = (0..300_000).filter_map(|_| served.turn(TWO_SECONDS, now)).collect();
        assert_eq!(turns.len(), 300_000);
        assert_eq!(turns.iter().max(), Some(&LONGEST));
        assert!(turns.iter().filter(|turn| **turn == LONGEST).count() < 5);
    }

    #[test]
    fn what_requests_take_is_seen_alone_and_in_a_crowd() {
        let begun = Instant::now();
        let mut alone = served(0, 2, begun);
        for second in 1..2000 {
            alone.n += 1;
            let now = begun + second * SECOND;
            alone.end(now - Duration::from_millis(10), now);
        }
        assert_eq!(alone.each.as_millis(), 9);
        // A crowd that waits for a minute, of which one is served each millisecond.
        let mut crowd = served(60_000, 2, begun);
        for ms in 1..3000 {
            crowd.end(begun, begun + Duration::from_millis(ms));
        }
        assert_eq!((crowd.n, crowd.each.as_micros()), (57_001, 1000));
    }
}
