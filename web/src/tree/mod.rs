//! The Tree page: a search as an outline and as a drawing, with one selection.
//!
//! [`family`] says who comes from whom, [`outline`] which lines are visible and what keys do, [`row`] what a line shows,
//! [`layout`] where it lies in the drawing, [`svg`] draws it, and [`detail`] says all about one item. The view, on wasm32
//! only, puts them on the screen.

pub mod detail;
pub mod family;
pub mod layout;
pub mod markup;
pub mod outline;
pub mod row;
#[cfg(test)]
pub(crate) mod sample;
pub mod svg;

#[cfg(target_arch = "wasm32")]
mod drawing;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod pane;
#[cfg(target_arch = "wasm32")]
mod side;
#[cfg(target_arch = "wasm32")]
mod time_line;
#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use view::TreePage;
