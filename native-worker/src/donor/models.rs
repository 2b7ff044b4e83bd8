//! Models that recipes name: downloaded beside the searches that run, verified, and opened.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use stepwise_core::wire::campaign::{Blob, Recipe};
use tokio::sync::OnceCell;

use super::client::{Client, ClientError, Verdict};
use super::retry::Trouble;
use crate::blobs::{BlobError, Blobs};
use crate::models::recipe::{self, Opened, RecipeError};
use crate::models::{DeviceChoice, ModelDevice};

/// Bytes that are asked for at once.
const PIECE: u64 = 4 << 20;

/// How long a recipe that could not be opened is not tried again.
const AGAIN: Duration = Duration::from_secs(600);

/// What is lent to models.
#[derive(Clone, Copy, Debug)]
pub struct ModelOffer {
    /// Where they run.
    pub device: DeviceChoice,
    /// How many threads they have on the CPU.
    pub threads: usize,
    /// What downloaded files may take on disk, in bytes.
    pub disk_bytes: u64,
}

/// What recipes run with here.
pub(super) struct Models {
    blobs: Blobs,
    client: Client,
    offer: ModelOffer,
    /// Found when the first model is opened.
    device: Arc<OnceCell<ModelDevice>>,
    /// By the recipe's hash.
    known: BTreeMap<String, State>,
}

enum State {
    Arriving(Arc<Arrival>),
    Here(Opened),
    Failed { reason: String, until: Instant },
}

/// Models on their way.
struct Arrival {
    names: String,
    arrived: AtomicU64,
    /// All bytes of their files.
    total: u64,
    /// Why they do not get on.
    trouble: Mutex<Option<String>>,
}

/// Why a recipe cannot be run here.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("{0}")]
    Device(&'static stepwise_inference::device::DeviceError),
    #[error("opening it died: {0}")]
    Died(#[from] tokio::task::JoinError),
}

impl Models {
    pub(super) fn new(blobs: Blobs, client: Client, offer: ModelOffer) -> Self {
        Self { blobs, client, offer, device: Arc::default(), known: BTreeMap::new() }
    }

    /// Why a recipe's searches cannot be run here, as far as is known.
    pub(super) fn unfit(&self, hash: &str, recipe: &Recipe) -> Option<String> {
        let total = total(recipe);
        if total > self.offer.disk_bytes {
            let (needed, lent) = (in_mb(total), in_mb(self.offer.disk_bytes));
            return Some(format!(
                "their models take {needed} MB, and {lent} MB are lent to models: say `--models-disk {needed}` or more"
            ));
        }
        match self.known.get(hash) {
            Some(State::Failed { reason, until }) if Instant::now() < *until => Some(reason.clone()),
            _ => None,
        }
    }

    /// Begins to get what a recipe needs, unless that is done: what gives it in the end.
    pub(super) fn want(
        &mut self,
        hash: &str,
        recipe: &Arc<Recipe>,
    ) -> Option<impl Future<Output = Result<Opened, ModelError>> + Send + 'static> {
        match self.known.get(hash) {
            Some(State::Arriving(_) | State::Here(_)) => return None,
            Some(State::Failed { .. }) | None => {}
        }
        let arrival = Arc::new(Arrival {
            names: distinct_names(recipe),
            arrived: AtomicU64::new(0),
            total: total(recipe),
            trouble: Mutex::new(None),
        });
        self.known.insert(hash.to_owned(), State::Arriving(Arc::clone(&arrival)));
        let (blobs, client, offer) = (self.blobs.clone(), self.client.clone(), self.offer);
        Some(get(blobs, client, offer, Arc::clone(&self.device), Arc::clone(recipe), arrival))
    }

    /// Takes in what a recipe came to; why it came to nothing, if it did.
    pub(super) fn take_in(&mut self, hash: String, got: Result<Opened, ModelError>) -> Option<String> {
        let (state, reason) = match got {
            Ok(opened) => (State::Here(opened), None),
            Err(error) => {
                let reason = format!("what they run with cannot be used here: {error}");
                (State::Failed { reason: reason.clone(), until: Instant::now() + AGAIN }, Some(reason))
            }
        };
        self.known.insert(hash, state);
        reason
    }

    /// What a recipe's searches run with, if it is here.
    pub(super) fn opened(&self, hash: &str) -> Option<&Opened> {
        match self.known.get(hash) {
            Some(State::Here(opened)) => Some(opened),
            _ => None,
        }
    }

    /// Frees the memory of all but these.
    pub(super) fn keep_only(&mut self, hashes: &BTreeSet<&str>) {
        self.known.retain(|hash, state| hashes.contains(hash.as_str()) || !matches!(state, State::Here(_)));
    }

    /// What is on its way, in words.
    pub(super) fn arriving(&self) -> Option<String> {
        self.known.values().find_map(|state| match state {
            State::Arriving(arrival) if arrival.total > 0 => Some(arrival.in_words()),
            _ => None,
        })
    }
}

impl Arrival {
    fn in_words(&self) -> String {
        let Self { names, arrived, total, trouble } = self;
        let arrived = arrived.load(Ordering::Relaxed);
        let what = if names.is_empty() { "lemmas" } else { names };
        match trouble.lock().as_ref() {
            Some(trouble) => format!("downloading {what} does not get on: {trouble}"),
            None if arrived < *total => format!("downloading {what}, {} of {} MB", in_mb(arrived), in_mb(*total)),
            None => format!("opening {what}"),
        }
    }
}

/// Bytes of all files that a recipe needs.
fn total(recipe: &Recipe) -> u64 {
    distinct(recipe).iter().map(|blob| blob.bytes).fold(0, u64::saturating_add)
}

fn distinct_names(recipe: &Recipe) -> String {
    let names: BTreeSet<&str> = recipe.model_names().into_iter().collect();
    names.into_iter().collect::<Vec<_>>().join(" and ")
}

fn distinct(recipe: &Recipe) -> BTreeSet<&Blob> {
    recipe.files().into_iter().collect()
}

/// Megabytes, rounded up.
fn in_mb(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

async fn get(
    blobs: Blobs,
    client: Client,
    offer: ModelOffer,
    device: Arc<OnceCell<ModelDevice>>,
    recipe: Arc<Recipe>,
    arrival: Arc<Arrival>,
) -> Result<Opened, ModelError> {
    let files = distinct(&recipe);
    if !files.is_empty() {
        blobs.make_folder()?;
        blobs.make_room(&files.iter().copied().collect::<Vec<_>>(), offer.disk_bytes)?;
    }
    for blob in files {
        if blobs.has(blob) {
            arrival.arrived.fetch_add(blob.bytes, Ordering::Relaxed);
        } else {
            download(&blobs, &client, blob, &arrival).await?;
        }
        blobs.touch(blob);
    }
    let device = match recipe.model_names().is_empty() {
        true => ModelDevice::cpu(offer.threads),
        false => {
            let choose = || ModelDevice::choose(offer.device, Some(offer.threads));
            device.get_or_try_init(choose).await.map_err(ModelError::Device)?.clone()
        }
    };
    Ok(tokio::task::spawn_blocking(move || recipe::open(&recipe, &blobs, &device)).await??)
}

/// Downloads a file, from where it was left before. It is asked for until it is there or refused.
async fn download(blobs: &Blobs, client: &Client, blob: &Blob, arrival: &Arrival) -> Result<(), ModelError> {
    let path = blobs.arriving(blob);
    let failed = |source| BlobError::Io { path: path.clone(), source };
    let mut file = std::fs::File::options().create(true).append(true).open(&path).map_err(failed)?;
    let mut here = file.metadata().map_err(failed)?.len();
    if here > blob.bytes {
        file.set_len(0).map_err(failed)?;
        here = 0;
    }
    arrival.arrived.fetch_add(here, Ordering::Relaxed);
    let mut trouble: Option<Trouble> = None;
    while here < blob.bytes {
        match client.piece(&blob.sha256, here, (here + PIECE).min(blob.bytes) - 1).await {
            Ok(piece) if !piece.is_empty() && here + piece.len() as u64 <= blob.bytes => {
                file.write_all(&piece).map_err(failed)?;
                here += piece.len() as u64;
                arrival.arrived.fetch_add(piece.len() as u64, Ordering::Relaxed);
                (trouble, *arrival.trouble.lock()) = (None, None);
            }
            Ok(_) => return Err(BlobError::Damaged { sha256: blob.sha256.clone() }.into()),
            Err(error) if error.verdict() == Verdict::Again => {
                let again = Trouble::again(trouble.as_ref(), error.to_string(), error.retry_after());
                *arrival.trouble.lock() = Some(again.reason.clone());
                tokio::time::sleep_until(again.until.into()).await;
                trouble = Some(again);
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(file);
    let (blobs, blob) = (blobs.clone(), blob.clone());
    Ok(tokio::task::spawn_blocking(move || blobs.take_in(&blob)).await??)
}
