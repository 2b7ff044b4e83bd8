//! The kernel against its reference.

use wgpu::BufferUsages;

use super::{Fill, Pattern, SOURCE, word};
use crate::testing::{check_source, on_gpu};

#[test]
fn naga_accepts_the_kernel() {
    check_source("fill", SOURCE);
}

#[test]
fn every_word_is_the_one_that_the_cpu_makes() {
    on_gpu("fill", async |gpu| {
        let fill = Fill::new(gpu).await.unwrap();
        for (n_words, first, seed) in [(1_u32, 0_u32, 0_u32), (255, 7, 1), (257, u32::MAX - 3, 2), (20_000_000, 5, 9)] {
            let words = gpu.storage("words", 4 * u64::from(n_words), BufferUsages::COPY_SRC);
            let pattern = Pattern { keep: 0x00ff_f0ff, set: 0x8000_0001 };
            gpu.run(&[fill.step(gpu, &words, seed, first, pattern)]);
            let found = gpu.read_words("fill", &words, 0..u64::from(n_words)).await.unwrap();
            let is_right = |(idx, found): (usize, &u32)| *found == word(seed, first.wrapping_add(idx as u32), pattern);
            assert!(found.iter().enumerate().all(is_right), "{n_words} words from {first}, seed {seed}");
        }
    });
}

#[test]
fn words_are_spread_evenly_and_differ_between_seeds() {
    let all = Pattern { keep: u32::MAX, set: 0 };
    for seed in [0, 1, 0xffff_ffff] {
        for bit in 0..32 {
            let ones = (0..10_000).filter(|idx| word(seed, *idx, all) >> bit & 1 == 1).count();
            assert!((4700..5300).contains(&ones), "bit {bit} of seed {seed} is set in {ones} of 10,000 words");
        }
    }
    let same = (0..10_000).filter(|idx| word(1, *idx, all) == word(2, *idx, all)).count();
    assert!(same < 3, "{same} words of two seeds are the same");
}

#[test]
fn half_to_one_is_what_it_says() {
    for idx in 0..1000 {
        let magnitude = f32::from_bits(word(3, idx, Pattern::HALF_TO_ONE)).abs();
        assert!((0.5..1.0).contains(&magnitude), "{magnitude}");
    }
}
