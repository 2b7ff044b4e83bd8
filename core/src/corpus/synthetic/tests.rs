//! The same corpus for the same seed, without repeats.

use super::*;

#[test]
fn a_longer_corpus_begins_with_a_shorter_one() {
    assert_eq!(generate(7, 40), generate(7, 80)[..40]);
    assert_ne!(generate(7, 40), generate(8, 40));
}
