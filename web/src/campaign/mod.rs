//! What the Campaign page shows of a campaign, as HTML: tables, news, problems, rounds and plots. Every text in it comes from
//! somebody else, and is escaped.

pub mod feed;
pub mod plot;
pub mod problem;
pub mod rates;
pub mod rounds;
pub mod tables;
pub mod words;
