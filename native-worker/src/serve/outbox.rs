//! A session's messages on their way to a reader: numbered, bounded, and kept for a while, so that a reader that lost its
//! connection gets what it missed.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use stepwise_core::wire::{Body, Message};
use tokio::sync::Notify;

/// Bytes of messages that are kept. What is older is dropped, whether it was read or not.
const MAX_BYTES: usize = 4 << 20;

/// The messages of one session.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    kept: Mutex<Kept>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    messages: VecDeque<Arc<str>>,
    n_bytes: usize,
    /// The number of the last message.
    last: u64,
}

/// What a reader gets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Messages in order, as JSON.
    pub(super) messages: Vec<Arc<str>>,
    /// Whether some before them are dropped already.
    pub(super) missed: bool,
    /// The number of the last of them, or the reader's own.
    pub(super) last: u64,
}

impl Outbox {
    /// Numbers and keeps a message.
    pub(super) fn push(&self, re: u64, body: Body) {
        let mut kept = self.kept.lock();
        kept.last += 1;
        let message = Message { seq: kept.last, re, body };
        // The types of the protocol have string keys only, which is all that can fail.
        let text: Arc<str> = serde_json::to_string(&message).unwrap_or_default().into();
        kept.n_bytes += text.len();
        kept.messages.push_back(text);
        while kept.n_bytes > MAX_BYTES && kept.messages.len() > 1 {
            let dropped = kept.messages.pop_front().map_or(0, |text| text.len());
            kept.n_bytes -= dropped;
        }
        drop(kept);
        self.news.notify_waiters();
    }

    /// What comes after message number `after`, now.
    pub(super) fn after(&self, after: u64) -> Batch {
        let kept = self.kept.lock();
        // A number from another life of the session is as good as none.
        let after = after.min(kept.last);
        let n_wanted = usize::try_from(kept.last - after).unwrap_or(usize::MAX);
        let n_kept = kept.messages.len();
        let missed = n_wanted > n_kept;
        let messages = kept.messages.iter().skip(n_kept.saturating_sub(n_wanted)).cloned().collect();
        Batch { messages, missed, last: kept.last }
    }

    /// What comes after message number `after`, as soon as there is any.
    pub(super) async fn next(&self, after: u64) -> Batch {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable(); // from here on no message is missed
            let batch = self.after(after);
            if !batch.messages.is_empty() {
                return batch;
            }
            news.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(batch: &Batch) -> String {
        format!("{:?} missed {} last {}", batch.messages, batch.missed, batch.last)
    }

    #[tokio::test]
    async fn readers_get_what_they_have_not_read() {
        let outbox = Arc::new(Outbox::default());
        assert_eq!(text(&outbox.after(0)), "[] missed false last 0");
        outbox.push(7, Body::Done);
        outbox.push(8, Body::Done);
        assert_eq!(text(&outbox.after(1)), r#"["{\"seq\":2,\"re\":8,\"type\":\"done\"}"] missed false last 2"#);
        assert_eq!(outbox.next(0).await.messages.len(), 2);
        // A number that was never given out is taken for the last one.
        assert_eq!(text(&outbox.after(99)), "[] missed false last 2");
        let reader = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.next(2).await }
        });
        tokio::task::yield_now().await;
        outbox.push(9, Body::Done);
        assert_eq!(reader.await.unwrap().last, 3);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let outbox = Outbox::default();
        let message = "x".repeat(MAX_BYTES / 4);
        for re in 0..10 {
            outbox.push(re, Body::Rejected { message: message.clone() });
        }
        let batch = outbox.after(0);
        assert!(batch.missed && batch.messages.len() == 3 && batch.last == 10);
        assert!(!outbox.after(7).missed);
        // One message that is too large alone is kept nevertheless: its reader waits for it.
        outbox.push(10, Body::Rejected { message: "y".repeat(2 * MAX_BYTES) });
        assert_eq!(outbox.after(10).messages.len(), 1);
    }
}
