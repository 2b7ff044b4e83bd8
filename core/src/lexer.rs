//! Lean's surface tokens, as far as a filter or a file splitter needs them: identifiers, comments, strings, the rest.
