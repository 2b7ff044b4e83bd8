//! Where objects lie in the memory: in the files of the library, one behind the other, and in the pages of the allocator,
//! which are divided into blocks of one size each. Both are found by what they look like, and for the memory to come back
//! it does not matter whether they are that.

use super::WORD;
use super::coder::{Chance, Coder};
use super::layout::{HEADER, Header};

/// A part of the memory, in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) start: usize,
    pub(super) length: usize,
    /// The size of its blocks; 0 where each object begins where the one before ends.
    pub(super) block: usize,
}

impl Area {
    pub(super) fn end(&self) -> usize {
        self.start + self.length
    }
}

/// The areas of a memory: the library's files first, because what the allocator gave out points into them.
pub(super) fn find(memory: &[u32], runs: &[(u32, u32)]) -> Vec<Area> {
    let mut areas = Vec::new();
    for &(start, length) in runs {
        let (start, end) = ((start / WORD) as usize, ((start + length) / WORD) as usize);
        let mut at = start;
        while at < end {
            at = match file_at(&memory[..end], at) {
                Some(file) => {
                    areas.push(file);
                    file.end()
                }
                None => at + 1,
            };
        }
    }
    let n_files = areas.len();
    for page in pages(memory) {
        let is_free = |other: &Area| page.end() <= other.start || other.end() <= page.start;
        let last = areas[n_files..].last();
        if last.is_none_or(|last| last.end() <= page.start) && areas[..n_files].iter().all(is_free) {
            areas.push(page);
        }
    }
    areas
}

/// The objects of a library's file that begins here (lean4/src/runtime/compact.cpp and library/module.cpp).
fn file_at(memory: &[u32], at: usize) -> Option<Area> {
    const MAGIC: [u32; 2] = [u32::from_le_bytes(*b"olea"), u32::from_le_bytes(*b"n\x02\0\0")];
    const HEAD: usize = 88 / WORD as usize;

    let [first, second] = *memory.get(at..at + 2)?.as_array()?;
    if [first, second & 0xffff] != MAGIC {
        return None;
    }
    let start = at + HEAD;
    let mut end = start;
    while let Some(object) = memory.get(end..).filter(|rest| rest.len() > HEADER + 2) {
        let header = Header::of(object[1]);
        // What lies in a file is counted by nobody.
        let n_words = header.n_words(Some([object[2], object[3]]), object.len());
        if object[0] != 0 || !header.is_sound() || (header.tag, header.size) == (0, 0) || n_words == object.len() {
            break;
        }
        end += n_words;
    }
    (end > start).then_some(Area { start, length: end - start, block: 0 })
}

/// The allocator's pages (mimalloc 2.2, `struct mi_page_s` for 32 bits), in the order of their addresses.
fn pages(memory: &[u32]) -> Vec<Area> {
    /// A segment begins with what there is to know about its pages.
    const SEGMENT: usize = (4 << 20) / WORD as usize;
    const KNOWN: usize = (32 << 10) / WORD as usize;
    const CAPACITY: usize = 2;
    const RESERVED: usize = 3;
    const USED: usize = 6;
    const BLOCK: usize = 7;
    const START: usize = 8;
    const N_WORDS: usize = 9;

    let mut pages = Vec::new();
    for (number, segment) in memory.chunks_exact(SEGMENT).enumerate() {
        for page in segment[..KNOWN].windows(N_WORDS) {
            // Block sizes and addresses are in bytes, and only whole words are of interest.
            let (block, start) = ((page[BLOCK] / WORD) as usize, (page[START] / WORD) as usize);
            let (capacity, reserved) = ((page[CAPACITY] >> 16) as usize, (page[RESERVED] & 0xffff) as usize);
            let used = (page[USED] & 0xffff) as usize;
            let (first, behind) = (number * SEGMENT, (number + 1) * SEGMENT);
            let length = capacity * block;
            if page[BLOCK].is_multiple_of(WORD)
                && page[START].is_multiple_of(WORD)
                && block >= HEADER
                && (1..=reserved).contains(&capacity)
                && used <= capacity
                && start > first
                && start.saturating_add(length) <= behind
            {
                pages.push(Area { start, length, block });
            }
        }
    }
    pages.sort_unstable_by_key(|page| page.start);
    pages
}

/// What of the runs lies in none of the areas, in words.
pub(super) fn between(areas: &[Area], runs: &[(u32, u32)]) -> Vec<(usize, usize)> {
    let mut taken: Vec<(usize, usize)> = areas.iter().map(|area| (area.start, area.end())).collect();
    taken.sort_unstable();
    let mut rest = Vec::new();
    for &(start, length) in runs {
        let (mut at, end) = ((start / WORD) as usize, ((start + length) / WORD) as usize);
        let first = taken.partition_point(|(_, end)| *end <= at);
        for &(from, to) in taken[first..].iter().take_while(|(from, _)| *from < end) {
            if from > at {
                rest.push((at, from - at));
            }
            at = at.max(to);
        }
        if at < end {
            rest.push((at, end - at));
        }
    }
    rest
}

/// Codes the areas themselves.
pub(super) fn code<C: Coder>(coder: &mut C, areas: &[Area]) -> Vec<Area> {
    /// More than any memory has.
    const MOST: u32 = 1 << 20;
    const WIDTHS: usize = 64;

    let mut widths = [[Chance::EVEN; WIDTHS]; 4];
    let [counts, starts, lengths, blocks] = &mut widths;
    let n_areas = coder.number(counts, areas.len() as u32).min(MOST);
    let mut known: Vec<Area> = Vec::new();
    for i in 0..n_areas as usize {
        let area = areas.get(i).copied().unwrap_or_default();
        // The allocator's first page lies before the library, so that the way to it goes around.
        let last = known.last().map_or(0, Area::end) as u32;
        let start = last.wrapping_add(coder.number(starts, (area.start as u32).wrapping_sub(last)));
        let length = coder.number(lengths, area.length as u32);
        let block = coder.number(blocks, area.block as u32);
        known.push(Area { start: start as usize, length: length as usize, block: block as usize });
    }
    known
}

/// Whether areas that were read can be those of a memory.
pub(super) fn are_sound(areas: &[Area], n_words: usize) -> bool {
    let is_inside = |area: &Area| area.start.checked_add(area.length).is_some_and(|end| end <= n_words);
    let is_divided = |area: &Area| area.block == 0 || (area.block >= HEADER && area.length.is_multiple_of(area.block));
    let total = areas.iter().try_fold(0_usize, |sum, area| sum.checked_add(area.length));
    areas.iter().all(|area| is_inside(area) && is_divided(area)) && total.is_some_and(|total| total <= n_words)
}
