//! What the Campaign page shows of a campaign, as HTML: tables, news, problems and a plot. Every text in it comes from
//! somebody else, and is escaped.

pub mod feed;
pub mod plot;
pub mod problem;
mod table;
pub mod tables;
pub mod words;
