//! What a report on a run of expert iteration needs from the machine: its folder, and pixels.

pub mod folder;
#[cfg(feature = "png")]
pub mod png;
mod rounds;
