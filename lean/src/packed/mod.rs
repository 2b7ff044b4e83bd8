//! Packs the memory of a snapshot small, for those who have to download it.
//!
//! What compresses texts knows nothing of a heap: it sees addresses, which never repeat, and hashes, which nobody can guess.
//! So the memory is told object by object, as Lean lays it out. A header is told by those of the objects before it, a
//! pointer by how many objects lie between, by where the last such pointer led, or by which object nobody has pointed to
//! yet, and what Lean computes from other fields (the hashes of names and expressions) is computed again. What remains is
//! coded by [`coder`], whose chances learn from all that came before. A snapshot of 144 MB becomes 15 MB, where gzip makes
//! 46 MB of it and xz 30 MB.
//!
//! None of it has to be understood for the memory to come back bit for bit: layout and formulas are guesses, and what does
//! not fit them is told word by word. Writing and reading are one code ([`Model`]), which is handed the memory or fills it.
//!
//! | module | job |
//! |---|---|
//! | [`coder`] | bits by their chances |
//! | `areas` | where objects lie |
//! | `index` | the objects by their numbers |
//! | `layout` | what Lean's objects look like |
//! | `model` | objects and their headers |
//! | `fields` | the words of objects |
//! | `texts` | strings, and what is no object |
//! | `hashes` | what Lean computes from other fields |

mod areas;
mod coder;
mod fields;
mod hashes;
mod index;
mod layout;
mod model;
#[cfg(test)]
mod tests;
mod texts;

use self::areas::Area;
use self::coder::{Decoder, Encoder};
use self::model::Model;
use crate::snapshot::{PAGE_BYTES, Snapshot};

/// The sources of all that shapes what is packed: whoever keeps it keeps a hash of these beside it.
pub const RECIPE: [&str; 9] = [
    include_str!("areas.rs"),
    include_str!("coder.rs"),
    include_str!("fields.rs"),
    include_str!("hashes.rs"),
    include_str!("index.rs"),
    include_str!("layout.rs"),
    include_str!("mod.rs"),
    include_str!("model.rs"),
    include_str!("texts.rs"),
];

/// Bytes of a word.
const WORD: u32 = 4;

/// Packs the bytes of a snapshot's runs, one after the other; `None` where there are fewer bytes than that, or runs that
/// lie outside the memory or are not made of words.
#[must_use]
pub fn pack(snapshot: &Snapshot, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut memory = empty(snapshot)?;
    let mut rest = bytes;
    for (start, length) in words_of_runs(snapshot) {
        let (run, behind) = rest.split_at_checked(length * WORD as usize)?;
        for (word, bytes) in memory.get_mut(start..start + length)?.iter_mut().zip(run.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        rest = behind;
    }
    let areas = areas::find(&memory, &snapshot.runs);
    let mut coder = Encoder::default();
    areas::code(&mut coder, &areas);
    Model::new(memory).run(&mut coder, &areas, &areas::between(&areas, &snapshot.runs));
    Some(coder.finish())
}

/// The memory, as words, of a snapshot that was packed; `None` where this is not what [`pack`] has made of it.
#[must_use]
pub fn unpack(snapshot: &Snapshot, packed: &[u8]) -> Option<Vec<u32>> {
    let memory = empty(snapshot)?;
    let mut coder = Decoder::new(packed);
    let areas: Vec<Area> = areas::code(&mut coder, &[]);
    if !areas::are_sound(&areas, memory.len()) {
        return None;
    }
    let mut model = Model::new(memory);
    model.run(&mut coder, &areas, &areas::between(&areas, &snapshot.runs));
    coder.is_used_up().then_some(model.memory)
}

/// The memory of a snapshot before anything is in it, if all its runs lie inside.
fn empty(snapshot: &Snapshot) -> Option<Vec<u32>> {
    let n_words = snapshot.pages.checked_mul(PAGE_BYTES / WORD)?;
    let fits = |&(start, length): &(u32, u32)| {
        let end = u64::from(start) + u64::from(length);
        start.is_multiple_of(WORD) && length.is_multiple_of(WORD) && end <= u64::from(n_words) * u64::from(WORD)
    };
    snapshot.runs.iter().all(fits).then(|| vec![0; n_words as usize])
}

/// The runs, in words: first and length.
pub fn words_of_runs(snapshot: &Snapshot) -> impl Iterator<Item = (usize, usize)> {
    snapshot.runs.iter().map(|(start, length)| ((start / WORD) as usize, (length / WORD) as usize))
}
