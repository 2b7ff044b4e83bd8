//! What every handler of a request is given.

use std::sync::Arc;

use axum::extract::FromRef;
use stepwise_core::wire::campaign::CoordinatorInfo;

use super::access::Access;
use super::sessions::Sessions;
use crate::stop::Stop;

/// What every handler is given.
#[derive(Clone)]
pub(super) struct App {
    pub(super) sessions: Arc<Sessions>,
    pub(super) access: Arc<Access>,
    pub(super) stop: Stop,
    /// What is said of the campaign that is served too.
    pub(super) campaign: Option<CoordinatorInfo>,
}

impl FromRef<App> for Arc<Access> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.access)
    }
}
