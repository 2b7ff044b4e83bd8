//! What changes on the screen, by few types: a closure in a view is a type of its own, and the library behind it makes some
//! two thousand bytes of code for each, which every visitor downloads.

#![allow(unreachable_pub, reason = "the component macro writes public items that only the view macro uses")]

use leptos::children::ViewFn;
use leptos::ev::MouseEvent;
use leptos::prelude::*;

/// A part of a view that changes.
pub(crate) type Part = Box<dyn FnMut() -> AnyView + Send>;

/// A value that changes, for attributes, properties and texts.
pub(crate) fn live<T: Send + Sync + 'static>(value: impl Fn() -> T + Send + Sync + 'static) -> Signal<T> {
    Signal::derive(value)
}

/// A value that is told on only where it is another one.
pub(crate) fn kept<T: PartialEq + Send + Sync + 'static>(value: impl Fn() -> T + Send + Sync + 'static) -> Memo<T> {
    kept_boxed(Box::new(value))
}

fn kept_boxed<T: PartialEq + Send + Sync + 'static>(value: Box<dyn Fn() -> T + Send + Sync>) -> Memo<T> {
    Memo::new(move |_| value())
}

/// What a button does.
pub(crate) fn pressed(act: impl Fn() + 'static) -> Box<dyn FnMut(MouseEvent)> {
    Box::new(move |_| act())
}

/// A part that is made anew whenever what it reads has changed.
pub(crate) fn part<V: IntoView + 'static>(view: impl Fn() -> V + Send + 'static) -> Part {
    Box::new(move || view().into_any())
}

/// A part that is there while something is so, and another one while it is not.
#[component]
pub(crate) fn Shown(
    when: Signal<bool>,
    children: ChildrenFn,
    #[prop(optional, into)] fallback: ViewFn,
) -> impl IntoView {
    let is_so = kept(move || when.get());
    part(move || if is_so.get() { children() } else { fallback.run() })
}
