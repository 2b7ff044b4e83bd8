//! What is retrieved for a goal, and what is drafted with it.
