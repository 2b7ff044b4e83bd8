//! The drawing on the screen: scrolled, zoomed, clicked, and drawn only where it is in sight.

use leptos::ev::{KeyboardEvent, MouseEvent, WheelEvent};
use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlElement;

use super::page::Page;
use crate::tree::svg::{self, SCALES, Scene, Window};
use crate::view::live::{kept, pressed};

/// One press of a zoom button.
const ZOOM: f64 = 1.25;

/// The smallest scale that a search opens with: below it texts are hard to read.
const LEGIBLE: f64 = 0.75;

/// Where the visitor looks: scrolled so far, so wide and high, at this scale.
#[derive(Clone, Copy)]
struct Look {
    page: Page,
    container: NodeRef<html::Div>,
    scrolled: RwSignal<(f64, f64)>,
    size: RwSignal<(f64, f64)>,
    scale: RwSignal<f64>,
}

impl Look {
    /// Reads from the browser how far the drawing is scrolled and how large its frame is.
    fn measure(self) {
        if let Some(frame) = self.container.get_untracked() {
            self.scrolled.set((f64::from(frame.scroll_left()), f64::from(frame.scroll_top())));
            let size = (f64::from(frame.client_width()), f64::from(frame.client_height()));
            if size.0 > 0.0 && size.1 > 0.0 {
                self.size.set(size);
            }
        }
    }

    /// What is to be drawn: what is in sight and half as much around it, in steps, so that scrolling seldom draws.
    fn window(self) -> Window {
        let ((left, top), (width, height)) = (self.scrolled.get(), self.size.get());
        let (full_width, full_height) = self.page.layout.with(|layout| svg::size(layout, self.scale.get()));
        let span = |from: f64, length: f64, full: f64| {
            let step = length / 2.0;
            let start = ((from / step).floor() * step - step).max(0.0);
            (start, (4.0 * step).min(full.max(length) - start).max(0.0))
        };
        let ((left, width), (top, height)) = (span(left, width, full_width), span(top, height, full_height));
        Window { left, top, width, height }
    }

    fn scroll_to(self, (left, top): (f64, f64)) {
        self.scrolled.set((left.max(0.0), top.max(0.0)));
        // The frame can scroll so far only once its content has its new size.
        request_animation_frame(move || {
            if let Some(Some(frame)) = self.container.try_get_untracked() {
                frame.set_scroll_left(left.round() as i32);
                frame.set_scroll_top(top.round() as i32);
                self.measure();
            }
        });
    }

    /// Zooms, and what lies at a point of the frame stays there.
    fn zoom(self, factor: f64, at: Option<(f64, f64)>) {
        let before = self.scale.get_untracked();
        let after = (before * factor).clamp(*SCALES.start(), *SCALES.end());
        let ((left, top), (width, height)) = (self.scrolled.get_untracked(), self.size.get_untracked());
        let (x, y) = at.unwrap_or((width / 2.0, height / 2.0));
        let ratio = after / before;
        self.scale.set(after);
        self.scroll_to(((left + x) * ratio - x, (top + y) * ratio - y));
    }

    fn fit(self) {
        self.measure();
        let scale = self.page.layout.with_untracked(|layout| svg::fitting(layout, self.size.get_untracked()));
        self.scale.set(scale);
        self.center();
    }

    /// Where the active line lies.
    fn place(self) -> Option<(f64, f64)> {
        let (at, _) = self.page.active.get();
        let scale = self.scale.get();
        self.page.lines.with(|lines| self.page.layout.with(|layout| svg::place(lines, layout, at, scale)))
    }

    /// Brings the active line into the middle, but the root to the left.
    fn center(self) {
        if let Some((x, y)) = untrack(|| self.place()) {
            let (width, height) = self.size.get_untracked();
            self.scroll_to((x - width / 3.0, y - height / 2.0));
        }
    }

    fn bring_into_sight(self) {
        let Some((x, y)) = untrack(|| self.place()) else { return };
        let ((left, top), (width, height)) = (self.scrolled.get_untracked(), self.size.get_untracked());
        let text_width = 150.0 * self.scale.get_untracked();
        let is_in_sight =
            (left + 10.0..left + width - text_width).contains(&x) && (top + 15.0..top + height - 15.0).contains(&y);
        if !is_in_sight {
            self.center();
        }
    }

    /// The point of the drawing under the pointer.
    fn point(self, event: &MouseEvent) -> Option<(f64, f64)> {
        let frame = self.container.get_untracked()?;
        let (x, y) = pointer(&frame, event);
        Some((x + f64::from(frame.scroll_left()), y + f64::from(frame.scroll_top())))
    }
}

pub(super) fn drawing(page: Page) -> impl IntoView {
    let look = Look {
        page,
        container: NodeRef::new(),
        scrolled: RwSignal::new((0.0, 0.0)),
        size: RwSignal::new((600.0, 400.0)),
        scale: RwSignal::new(1.0),
    };
    let resized = window_event_listener(leptos::ev::resize, move |_| look.measure());
    on_cleanup(move || resized.remove());
    let window = kept(move || look.window());
    let drawn = kept(move || {
        let (active, _) = page.active.get();
        page.lines.with(|lines| {
            page.layout.with(|layout| {
                page.read(|replay, family| {
                    let (tree, name) = (replay.search().tree(), &replay.log().header.theorem.name);
                    svg::content(&Scene { tree, family, name, lines, layout, active }, &window.get(), look.scale.get())
                })
            })
        })
    });
    // A search that opens is shown legibly, a small one as a whole.
    Effect::new(move |before: Option<Option<u64>>| {
        let serial = page.serial();
        if look.container.get().is_some() && before != Some(serial) {
            look.measure();
            let fitting = page.layout.with_untracked(|layout| svg::fitting(layout, look.size.get_untracked()));
            look.scale.set(if fitting >= LEGIBLE { fitting } else { 1.0 });
            look.center();
        }
        serial
    });
    // While the page is hidden its frame has no size, and nothing in it can be placed.
    Effect::new(move |_| {
        if page.is_shown.get() {
            request_animation_frame(move || {
                look.measure();
                look.bring_into_sight();
            });
        }
    });
    // Another selection is brought into sight. Where the same one moves, because branches grow or fold, the drawing
    // moves along, so that it stays where it was on the screen.
    Effect::new(move |before: Option<Option<_>>| {
        let (_, item) = page.active.get();
        let scale = look.scale.get();
        let (x, y) = look.place()?;
        match before.flatten() {
            Some((before, at_scale, from_x, from_y)) if before == item && at_scale == scale => {
                if (from_x, from_y) != (x, y) {
                    let (left, top) = look.scrolled.get_untracked();
                    look.scroll_to((left + x - from_x, top + y - from_y));
                }
            }
            Some((before, ..)) if before == item => {}
            _ => look.bring_into_sight(),
        }
        Some((item, scale, x, y))
    });

    let on_click = move |event: MouseEvent| {
        let Some(point) = look.point(&event) else { return };
        page.lines.with_untracked(|lines| {
            let at = page.layout.with_untracked(|layout| svg::hit(lines, layout, point, look.scale.get_untracked()));
            if let Some(line) = at.and_then(|at| lines.get(at)) {
                page.outline.update(|outline| outline.click(line));
            }
        });
    };
    let on_wheel = move |event: WheelEvent| {
        if event.ctrl_key()
            && let Some(frame) = look.container.get_untracked()
        {
            event.prevent_default();
            look.zoom((-event.delta_y() * 0.002).exp(), Some(pointer(&frame, &event)));
        }
    };
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        match event.key().as_str() {
            "+" | "=" => look.zoom(ZOOM, None),
            "-" => look.zoom(1.0 / ZOOM, None),
            "0" => look.fit(),
            _ => return,
        }
        event.prevent_default();
    };
    let scale = move || {
        let percent = look.scale.get() * 100.0;
        if percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
    };
    let save = move |_| {
        let file = page.lines.with_untracked(|lines| {
            page.layout.with_untracked(|layout| {
                page.read_untracked(|replay, family| {
                    let (tree, name) = (replay.search().tree(), &replay.log().header.theorem.name);
                    svg::document(&Scene { tree, family, name, lines, layout, active: usize::MAX })
                })
            })
        });
        page.save("search.svg", "image/svg+xml", file.as_bytes());
    };
    view! {
        <section class="drawing-pane" aria-label="Drawing">
            <div class="pane-tools">
                <button type="button" aria-label="Zoom out" on:click=pressed(move || look.zoom(1.0 / ZOOM, None))>"−"</button>
                <output aria-label="Scale">{scale}</output>
                <button type="button" aria-label="Zoom in" on:click=pressed(move || look.zoom(ZOOM, None))>"+"</button>
                <button type="button" on:click=pressed(move || look.fit())>"Fit"</button>
                <button type="button" class="save" on:click=save>"Save SVG"</button>
            </div>
            <div
                class="drawing"
                role="group"
                tabindex="0"
                aria-label="Drawing of the search tree; plus and minus zoom, zero fits"
                node_ref=look.container
                on:scroll=move |_| look.measure()
                on:wheel=on_wheel
                on:keydown=on_key
                on:click=on_click
                inner_html=drawn
            />
        </section>
    }
}

/// Where the pointer is in the frame.
fn pointer(frame: &HtmlElement, event: &MouseEvent) -> (f64, f64) {
    let edge = frame.get_bounding_client_rect();
    (f64::from(event.client_x()) - edge.left(), f64::from(event.client_y()) - edge.top())
}
