//! What the Tree page's parts share: the search, the selection, and when to draw anew.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use stepwise_core::words::count;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use crate::replay::Replay;
use crate::tree::detail::jump;
use crate::tree::family::Family;
use crate::tree::layout::Layout;
use crate::tree::outline::{Item, Line, Outline};
use crate::view::browser;
use crate::view::live::kept;

/// Events come in at any rate; the page is drawn anew at most so often, on the next frame.
const PAUSE: Duration = Duration::from_millis(80);

/// A log with more lines than this opens folded to its proof: nobody finds it among thousands.
const N_UNFOLDED: usize = 300;

/// What the visitor looks at. Its parts are drawn anew when `shown` changes, which follows the search at a distance:
/// fifty events a second must not mean fifty drawings.
#[derive(Clone, Copy)]
pub(super) struct Page {
    replay: RwSignal<Option<Replay>>,
    family: StoredValue<Family>,
    shown: RwSignal<Option<(u64, u64)>>,
    is_waiting: StoredValue<bool>,
    on_jump: Callback<Vec<String>>,
    /// Whether the visitor looks at this page.
    pub(super) is_shown: Memo<bool>,
    pub(super) outline: RwSignal<Outline>,
    /// The visible lines.
    pub(super) lines: Memo<Arc<Vec<Line>>>,
    /// Where they lie in the drawing.
    pub(super) layout: Memo<Arc<Layout>>,
    /// The index of the line that stands for the selection, and its item.
    pub(super) active: Memo<(usize, Item)>,
    /// What the live region says: the file's name after opening, or why it could not be opened.
    pub(super) notice: RwSignal<String>,
}

impl Page {
    pub(super) fn new(replay: RwSignal<Option<Replay>>, is_shown: Memo<bool>, on_jump: Callback<Vec<String>>) -> Self {
        let family = StoredValue::new(Family::default());
        let shown = RwSignal::new(None);
        let outline = RwSignal::new(Outline::default());
        let n_reshaped = kept(move || outline.with(Outline::n_reshaped));
        let lines = kept(move || {
            shown.track();
            // A memo that nobody has read tells nothing to those who track it.
            n_reshaped.get();
            let lines = replay.with_untracked(|replay| {
                let tree = replay.as_ref()?.search().tree();
                Some(outline.with_untracked(|outline| family.with_value(|family| outline.lines(tree, family))))
            });
            Arc::new(lines.unwrap_or_default())
        });
        let active = kept(move || {
            outline.track();
            lines.with(|lines| {
                let at = replay.with_untracked(|replay| {
                    let tree = replay.as_ref()?.search().tree();
                    Some(outline.with_untracked(|outline| outline.active(tree, lines)))
                });
                let at = at.unwrap_or(0);
                (at, lines.get(at).map_or(Item::Root, |line| line.item))
            })
        });
        let layout = kept(move || lines.with(|lines| Arc::new(Layout::of(lines))));
        let page = Self {
            replay,
            family,
            shown,
            is_waiting: StoredValue::new(false),
            on_jump,
            is_shown,
            outline,
            lines,
            layout,
            active,
            notice: RwSignal::new(String::new()),
        };
        Effect::new(move |_| {
            replay.track();
            page.follow();
        });
        page
    }

    /// Reads the search as it is shown.
    pub(super) fn read<T: Default>(self, read: impl FnOnce(&Replay, &Family) -> T) -> T {
        self.shown.track();
        self.read_untracked(read)
    }

    /// The same for whoever is not to be told of changes.
    pub(super) fn read_untracked<T: Default>(self, read: impl FnOnce(&Replay, &Family) -> T) -> T {
        self.replay
            .with_untracked(|replay| {
                let replay = replay.as_ref()?;
                Some(self.family.with_value(|family| read(replay, family)))
            })
            .unwrap_or_default()
    }

    /// Which search is shown.
    pub(super) fn serial(self) -> Option<u64> {
        self.shown.get().map(|(serial, _)| serial)
    }

    /// Changes the search as the visitor wishes, and shows it at once.
    pub(super) fn change(self, change: impl FnOnce(&mut Replay)) {
        self.replay.update(|replay| {
            if let Some(replay) = replay {
                change(replay);
            }
        });
        self.refresh();
    }

    /// Does what a key means in the outline; false when it means nothing there.
    pub(super) fn press(self, key: &str) -> bool {
        let mut outline = self.outline.get_untracked();
        let is_meant = self.lines.with_untracked(|lines| {
            self.read_untracked(|replay, _| {
                let tree = replay.search().tree();
                let mut letters = key.chars();
                outline.press(key, tree, lines)
                    || letters.next().is_some_and(|letter| {
                        letters.next().is_none() && outline.seek(letter, tree, lines, &replay.log().header.theorem.name)
                    })
            })
        });
        if is_meant {
            self.outline.set(outline);
        }
        is_meant
    }

    /// Asks the Prove page for the selected item's state.
    pub(super) fn open_on_prove_page(self) {
        let (_, item) = self.active.get_untracked();
        if let Some(jump) = self.read_untracked(|replay, _| jump(replay.search(), item)) {
            self.on_jump.run(jump.tactics);
        }
    }

    /// Reads a file that the visitor chose or dropped. A file that is no log leaves the page as it is.
    pub(super) fn open(self, file: File) {
        spawn_local(async move {
            let name = file.name();
            let Some(bytes) = browser::content(&file).await else {
                self.notice.set(format!("{name} cannot be read; choose it again"));
                return;
            };
            match Replay::open(&bytes) {
                Ok(replay) => {
                    let torn = if replay.log().torn { "; its last line is torn and was left out" } else { "" };
                    self.notice.set(format!("{name}: {}{torn}", count(replay.n_events(), "event")));
                    self.replay.set(Some(replay));
                    self.refresh();
                }
                Err(error) => self.notice.set(format!("{name}: {error}")),
            }
        });
    }

    /// Lets the visitor keep a file.
    pub(super) fn save(self, name: &str, media_type: &str, bytes: &[u8]) {
        let is_saved = browser::save(name, media_type, bytes);
        self.notice.set(if is_saved {
            format!("{name} was saved")
        } else {
            format!("this browser cannot save {name}")
        });
    }

    /// Shows what others did to the search, after a pause in which more may happen; another search is shown at once.
    fn follow(self) {
        let serial = |version: Option<(u64, u64)>| version.map(|(serial, _)| serial);
        let is_same = serial(self.version()) == serial(self.shown.get_untracked());
        if !is_same {
            self.refresh();
        } else if !self.is_waiting.get_value() {
            self.is_waiting.set_value(true);
            set_timeout(
                move || {
                    request_animation_frame(move || {
                        // The visitor may have left the page meanwhile, and its signals with it.
                        if self.is_waiting.try_set_value(false).is_none() {
                            self.refresh();
                        }
                    });
                },
                PAUSE,
            );
        }
    }

    fn refresh(self) {
        let version = self.version();
        let before = self.shown.get_untracked();
        if version == before {
            return;
        }
        let is_other = version.map(|(serial, _)| serial) != before.map(|(serial, _)| serial);
        if is_other {
            self.family.set_value(Family::default());
        }
        let mut outline = Outline::default();
        self.replay.with_untracked(|replay| {
            let Some(replay) = replay else { return };
            let tree = replay.search().tree();
            self.family.update_value(|family| {
                family.update(tree);
                let lines = if is_other && !replay.is_live() { outline.lines(tree, family) } else { Vec::new() };
                if lines.len() > N_UNFOLDED {
                    outline.fold_all(tree, family, &lines);
                }
            });
        });
        if is_other {
            self.outline.set(outline);
        }
        self.shown.set(version);
    }

    fn version(self) -> Option<(u64, u64)> {
        self.replay.with_untracked(|replay| replay.as_ref().map(Replay::version))
    }
}
