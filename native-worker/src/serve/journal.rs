//! The events of a session's search: kept as they happen, and told in batches.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stepwise_core::search::TimedEvent;
use stepwise_core::wire::Body;
use stepwise_core::wire::search::Event;
use tokio::sync::Notify;

use super::outbox::Outbox;
use crate::run::Journal;
use crate::run::log_file::LogFileError;
use crate::stop::StopLevel;

/// Events are told this often at most: a page redraws no faster.
const BATCH: Duration = Duration::from_millis(40);

/// Bytes of events in one message, by estimate.
const MESSAGE_BYTES: usize = 256 << 10;

/// Bytes of events that a search may have, by estimate; it is given up beyond that.
const MAX_BYTES: usize = 64 << 20;

/// A search's events so far.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    events: Mutex<Events>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Events {
    events: Vec<(Event, usize)>,
    n_bytes: usize,
    is_over: bool,
}

/// Writes a search's events into [`EventStream`].
pub(super) struct Writer {
    told: Arc<EventStream>,
    /// Stops the search when it has told too much.
    stop: tokio::sync::watch::Sender<StopLevel>,
}

impl Writer {
    pub(super) fn new(told: Arc<EventStream>, stop: tokio::sync::watch::Sender<StopLevel>) -> Self {
        Self { told, stop }
    }
}

impl Journal for Writer {
    fn append(&mut self, event: &TimedEvent) -> Result<(), LogFileError> {
        let event = Event::from(event);
        let n_bytes = serde_json::to_string(&event).map_or(0, |text| text.len());
        let mut events = self.told.events.lock();
        events.n_bytes += n_bytes;
        events.events.push((event, n_bytes));
        let is_too_much = events.n_bytes > MAX_BYTES;
        drop(events);
        if is_too_much {
            self.stop.send_replace(StopLevel::Abort);
        }
        self.told.news.notify_waiters();
        Ok(())
    }
}

impl EventStream {
    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.events.lock().events.len()
    }

    /// No event follows.
    pub(super) fn end(&self) {
        self.events.lock().is_over = true;
        self.news.notify_waiters();
    }

    /// Tells all events, as they come, until there are no more.
    pub(super) async fn tell(&self, re: u64, outbox: &Outbox) {
        let mut from = 0;
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable(); // from here on no event is missed
            let is_over = self.events.lock().is_over;
            from = self.tell_from(from, usize::MAX, re, outbox);
            if is_over {
                return;
            }
            news.await;
            tokio::time::sleep(BATCH).await;
        }
    }

    /// Tells what there is from number `from` on, until it has told about `max_bytes`, and returns the number after the
    /// last.
    pub(super) fn tell_from(&self, mut from: usize, max_bytes: usize, re: u64, outbox: &Outbox) -> usize {
        let mut n_told = 0;
        while n_told < max_bytes {
            let events = self.events.lock();
            let mut n_bytes = 0;
            let mut batch: Vec<Event> = Vec::new();
            for (event, bytes) in events.events.iter().skip(from) {
                if !batch.is_empty() && n_bytes + bytes > MESSAGE_BYTES {
                    break;
                }
                n_bytes += bytes;
                batch.push(event.clone());
            }
            drop(events);
            if batch.is_empty() {
                break;
            }
            n_told += n_bytes;
            let first = from;
            from += batch.len();
            outbox.push(re, Body::Searched { from: first, events: batch });
        }
        from
    }
}
