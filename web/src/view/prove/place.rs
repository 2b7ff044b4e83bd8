//! Where the models run: the visitor's choice, how it goes, and why it is otherwise where it is.

use leptos::ev::Event;
use leptos::prelude::*;

use super::Prove;
use crate::lean::LeanPlace;
use crate::models::{ModelStatus, Place, Speed};
use crate::view::browser;
use crate::view::live::{kept, live, part};
use crate::view::models::BrowserModels;

/// Where the choice is kept.
const PLACE_KEY: &str = "stepwise-models";

const PLACES: [(Place, &str, &str); 4] = [
    (Place::Server, "server", "on the server"),
    (Place::BrowserFaster, "faster", "in this browser, on the faster of WebGPU and CPU"),
    (Place::BrowserGpu, "webgpu", "in this browser, on WebGPU"),
    (Place::BrowserCpu, "cpu", "in this browser, on the CPU"),
];

/// What there is instead of a server's, where Lean runs in this browser.
const NO_MODELS: &str = "nowhere: the built-in tactics alone";

/// Where the models run.
#[derive(Clone, Copy)]
pub(super) struct PlaceSignals {
    /// What the visitor chose.
    pub(super) choice: RwSignal<Place>,
    pub(super) models: StoredValue<Option<BrowserModels>, LocalStorage>,
    pub(super) status: RwSignal<ModelStatus>,
    /// Why the models run elsewhere than the visitor chose.
    note: RwSignal<Option<String>>,
}

impl PlaceSignals {
    pub(super) fn new() -> Self {
        Self {
            choice: RwSignal::new(Place::Server),
            models: StoredValue::new_local(None),
            status: RwSignal::new(ModelStatus::Idle),
            note: RwSignal::new(None),
        }
    }
}

impl Prove {
    /// Starts the models where the visitor had them last.
    pub(super) fn start_models(self) {
        let kept = browser::kept(PLACE_KEY);
        let place = PLACES.into_iter().find(|(_, name, _)| Some(*name) == kept.as_deref());
        if let Some((place, _, _)) = place {
            self.run_models(place);
        }
    }

    /// Whether Lean runs in this browser.
    fn has_lean_here(self) -> bool {
        self.session.place.get_untracked() == LeanPlace::Browser
    }

    fn choose_place(self, place: Place) {
        if let Some((_, name, _)) = PLACES.into_iter().find(|(other, _, _)| *other == place) {
            browser::keep(PLACE_KEY, name);
        }
        self.run_models(place);
        if place == Place::Server && self.suggest.always.get_untracked() {
            self.suggest();
        }
    }

    fn run_models(self, place: Place) {
        if let Some(models) = self.place.models.try_update_value(Option::take).flatten() {
            models.stop();
        }
        self.clear_suggestions();
        self.place.note.set(None);
        self.place.choice.set(place);
        self.place.status.set(ModelStatus::Idle);
        if place == Place::Server {
            return;
        }
        let on_status = move |status: ModelStatus| self.models_tell(status);
        let on_fallback = move |place: Place, reason: String| {
            self.place.choice.set(place);
            let note = format!("They run {}: {reason}", words(place));
            self.say(note.clone());
            self.place.note.set(Some(note));
        };
        let models = BrowserModels::start(place, on_status, on_fallback);
        self.place.models.set_value(Some(models));
    }

    fn models_tell(self, status: ModelStatus) {
        if self.place.choice.get_untracked() == Place::Server {
            return;
        }
        match &status {
            ModelStatus::Failed { reason } => {
                let instead =
                    if self.has_lean_here() { "the built-in tactics propose" } else { "they run on the server" };
                let note = format!("The models cannot run in this browser ({reason}); {instead} now");
                self.run_models(Place::Server);
                self.say(note.clone());
                self.place.note.set(Some(note));
                if self.suggest.always.get_untracked() {
                    self.suggest();
                }
            }
            ModelStatus::Ready { device, .. } => {
                self.say(format!("The models are ready on {device}"));
                self.place.status.set(status);
                if self.suggest.always.get_untracked() && self.suggest.found.with_untracked(Option::is_none) {
                    self.suggest();
                }
            }
            _ => self.place.status.set(status),
        }
    }
}

#[component]
pub(super) fn PlacePane(prove: Prove) -> impl IntoView {
    let on_change = move |event: Event| {
        let chosen = event_target_value(&event);
        if let Some((place, _, _)) = PLACES.into_iter().find(|(_, name, _)| *name == chosen) {
            prove.choose_place(place);
        }
    };
    let choices = PLACES.map(|(place, name, title)| {
        view! {
            <label class="check">
                <input
                    type="radio"
                    name="place"
                    value=name
                    prop:checked=live(move || prove.place.choice.get() == place)
                    on:change=on_change
                />
                " "
                {live(move || match prove.session.place.get() {
                    LeanPlace::Browser if place == Place::Server => NO_MODELS,
                    _ => title,
                })}
            </label>
        }
    });
    let on_server = move || {
        prove.session.info.with(|info| {
            info.as_ref().map(|info| match &info.critic {
                Some(critic) => format!("policy {}, critic {critic}; {}", info.policy, info.lean),
                None => format!("policy {}, no critic; {}", info.policy, info.lean),
            })
        })
    };
    let standing = move || match prove.place.status.get() {
        _ if prove.place.choice.get() == Place::Server => on_server().unwrap_or_default(),
        ModelStatus::Idle => "The worker starts…".into(),
        ModelStatus::Loading { done, total } => format!("Loading {} of {}", megabytes(done), megabytes(total)),
        ModelStatus::Testing => "Holding the device against the CPU…".into(),
        ModelStatus::Ready { device, speeds, self_test_error, .. } => {
            format!("Ready on {device}{}; self-test error {self_test_error:.1e}", measured(&speeds))
        }
        ModelStatus::Failed { reason } => reason,
    };
    let loading = kept(move || match prove.place.status.get() {
        ModelStatus::Loading { done, total } if total > 0 => Some((done, total)),
        _ => None,
    });
    view! {
        <section class="card" aria-labelledby="place-title">
            <h2 id="place-title">"Where the models run"</h2>
            <fieldset class="places">
                <legend class="spoken">"Where the models run"</legend>
                {choices.collect_view()}
            </fieldset>
            {part(move || loading.get().map(|(done, total)| view! {
                <progress aria-label="Models loaded" max=total.to_string() value=done.to_string()></progress>
            }))}
            <p class="hint">{live(standing)}</p>
            {part(move || prove.place.note.get().map(|note| view! { <p class="alarm note">{note}</p> }))}
        </section>
    }
}

fn words(place: Place) -> &'static str {
    PLACES.into_iter().find(|(other, _, _)| *other == place).map_or("", |(_, _, title)| title)
}

/// What was measured, behind the device's name.
fn measured(speeds: &[Speed]) -> String {
    let mut parts = speeds.iter().map(|Speed { device, tokens }| format!("{tokens:.0} tokens/s on {device}"));
    let Some(fastest) = parts.next() else { return String::new() };
    let others: String = parts.map(|part| format!(", {part}")).collect();
    format!(", the faster: {fastest}{others}")
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
