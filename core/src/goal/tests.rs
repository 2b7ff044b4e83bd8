//! Tests of the goal parser.
