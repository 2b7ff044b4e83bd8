//! Running searches: the executor that carries out a search's commands, its log, and the runner of whole problem sets.

pub mod policy;
pub mod stop;
