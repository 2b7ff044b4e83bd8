//! What the Tree page shows: a search as an outline and as a drawing, with one selection.
//!
//! [`family`] says who comes from whom, [`outline`] which lines are visible and what keys do, [`row`] what a line shows,
//! [`layout`] where it lies in the drawing, [`svg`] draws it, and [`detail`] says all about one item.

pub mod detail;
pub mod family;
pub mod layout;
pub mod outline;
pub mod row;
#[cfg(test)]
pub(crate) mod sample;
pub mod svg;
