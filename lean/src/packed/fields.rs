//! The words of objects, mostly pointers: each is told in the cheapest of eight ways.

use super::WORD;
use super::coder::{Chance, Coder, cost_of, width};
use super::index::{Marks, Objects};

/// Words by their places in objects: for each kind of object the first sixteen, the others like the last of these.
const CONTEXTS: usize = super::model::KINDS << super::model::PLACE_BITS;
/// Words that are remembered by what came before them.
pub(super) const MEMORY_BITS: u32 = 18;
/// Words of a place that are remembered, each where its hash says: what comes often, is found there often.
const RECENT_BITS: u32 = 7;
const RECENT: usize = 1 << RECENT_BITS;
/// Contexts of words that are told byte by byte.
const LITERALS: usize = 1 << 12;

/// The ways in which a word is told.
mod way {
    pub(super) const BITS: u32 = 3;
    pub(super) const COUNT: usize = 1 << BITS;
    /// As the last one in this place.
    pub(super) const SAME: u32 = 0;
    /// What followed the last time that the word before it was the same.
    pub(super) const AFTER_WORD: u32 = 1;
    /// What followed the last time that the last one in this place was the same.
    pub(super) const AFTER_LAST: u32 = 2;
    /// The last object that nothing has pointed to yet, or the object before this one.
    pub(super) const FRESH: u32 = 3;
    /// So many objects before this one.
    pub(super) const BEFORE: u32 = 4;
    /// So many objects from where the last one in this place has led.
    pub(super) const FROM_LAST: u32 = 5;
    /// One of those that are remembered in this place.
    pub(super) const RECENT: u32 = 6;
    /// Byte by byte.
    pub(super) const LITERAL: u32 = 7;
}

/// Where a word stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The kind of the object, and the word's place in it.
    pub(super) context: usize,
    /// The word before it in the object.
    pub(super) before: u32,
    /// The object's number.
    pub(super) number: u32,
    /// What an object may be expected to point to.
    pub(super) fresh: u32,
}

/// What is known of words.
#[derive(Debug)]
pub(super) struct Fields {
    last: Vec<u32>,
    last_way: Vec<u8>,
    after_word: Vec<u32>,
    after_last: Vec<u32>,
    recent: Vec<[u32; RECENT]>,
    ways: Vec<[Chance; way::COUNT]>,
    recents: Vec<[Chance; RECENT]>,
    distances: Vec<[Chance; 64]>,
    steps: Vec<[Chance; 128]>,
    mantissas: Vec<[Chance; 16]>,
    literals: Vec<[[Chance; 256]; WORD as usize]>,
}

/// What the ways would give, and what they need to give the word.
struct Offers {
    same: u32,
    after_word: u32,
    after_last: u32,
    fresh: u32,
}

/// The way to tell a word, and what goes with it.
#[derive(Clone, Copy, Default)]
struct Choice {
    way: u32,
    recent: u32,
    distance: u32,
    is_backward: bool,
}

impl Fields {
    pub(super) fn new() -> Self {
        Self {
            last: vec![0; CONTEXTS],
            last_way: vec![0; CONTEXTS],
            after_word: vec![0; 1 << MEMORY_BITS],
            after_last: vec![0; 1 << MEMORY_BITS],
            recent: vec![[0; RECENT]; CONTEXTS],
            ways: vec![[Chance::EVEN; way::COUNT]; CONTEXTS * way::COUNT],
            recents: vec![[Chance::EVEN; RECENT]; CONTEXTS],
            distances: vec![[Chance::EVEN; 64]; CONTEXTS],
            steps: vec![[Chance::EVEN; 128]; CONTEXTS],
            mantissas: vec![[Chance::EVEN; 16]; u32::BITS as usize + 1],
            literals: vec![[[Chance::EVEN; 256]; WORD as usize]; LITERALS],
        }
    }

    /// Codes a word.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, objects: &Objects, place: &Place, word: u32) -> u32 {
        let &Place { context, before, number, fresh } = place;
        let same = self.last[context];
        let behind_word = hash(context as u32, before);
        let behind_last = hash(!(context as u32), same);
        let offers =
            Offers { same, after_word: self.after_word[behind_word], after_last: self.after_last[behind_last], fresh };
        let ways = context * way::COUNT + usize::from(self.last_way[context]);
        let choice = if C::WRITES { self.choose(ways, objects, place, &offers, word) } else { Choice::default() };
        let chosen = coder.tree(&mut self.ways[ways], way::BITS, choice.way);
        let word = match chosen {
            way::SAME => same,
            way::AFTER_WORD => offers.after_word,
            way::AFTER_LAST => offers.after_last,
            way::FRESH => fresh,
            way::BEFORE => {
                let width = coder.tree(&mut self.distances[context], 6, width(choice.distance));
                let distance = self.mantissa(coder, width, choice.distance);
                objects.address(number.wrapping_sub(distance)).unwrap_or_default()
            }
            way::FROM_LAST => {
                let head = width(choice.distance) << 1 | u32::from(choice.is_backward);
                let head = coder.tree(&mut self.steps[context], 7, head);
                let distance = self.mantissa(coder, head >> 1, choice.distance);
                let from = objects.number(same).unwrap_or_default();
                let to = if head & 1 == 1 { from.wrapping_sub(distance) } else { from.wrapping_add(distance) };
                objects.address(to).unwrap_or_default()
            }
            way::RECENT => {
                let at = coder.tree(&mut self.recents[context], RECENT_BITS, choice.recent);
                self.recent[context][at as usize]
            }
            _ => self.literal(coder, context, word),
        };
        self.last_way[context] = chosen as u8;
        self.last[context] = word;
        self.after_word[behind_word] = word;
        self.after_last[behind_last] = word;
        self.recent[context][slot_of(word)] = word;
        word
    }

    /// The cheapest way.
    fn choose(&self, ways: usize, objects: &Objects, place: &Place, offers: &Offers, word: u32) -> Choice {
        /// What a word costs about that is told byte by byte.
        const LITERAL_BITS: f32 = 26.0;

        let context = place.context;
        let mut best = (f32::INFINITY, Choice::default());
        let mut offer = |bits: f32, choice: Choice| {
            let bits = bits + cost_of(&self.ways[ways], way::BITS, choice.way);
            if bits < best.0 {
                best = (bits, choice);
            }
        };
        offer(LITERAL_BITS, Choice { way: way::LITERAL, ..Choice::default() });
        let known = [
            (way::SAME, offers.same),
            (way::AFTER_WORD, offers.after_word),
            (way::AFTER_LAST, offers.after_last),
            (way::FRESH, offers.fresh),
        ];
        for (way, offered) in known {
            if offered == word {
                offer(0.0, Choice { way, ..Choice::default() });
            }
        }
        let slot = slot_of(word);
        if self.recent[context][slot] == word {
            let recent = slot as u32;
            let bits = cost_of(&self.recents[context], RECENT_BITS, recent);
            offer(bits, Choice { way: way::RECENT, recent, ..Choice::default() });
        }
        let Some(target) = objects.number(word) else { return best.1 };
        if target < place.number {
            let distance = place.number - target;
            let bits = cost_of(&self.distances[context], 6, width(distance)) + width(distance) as f32 - 1.0;
            offer(bits, Choice { way: way::BEFORE, distance, ..Choice::default() });
        }
        if let Some(from) = objects.number(offers.same) {
            let (distance, is_backward) = (target.abs_diff(from), target < from);
            let head = width(distance) << 1 | u32::from(is_backward);
            let bits = cost_of(&self.steps[context], 7, head) + width(distance) as f32;
            offer(bits, Choice { way: way::FROM_LAST, distance, is_backward, ..Choice::default() });
        }
        best.1
    }

    /// The bits of a number behind its first: the four highest by the number's width, the others plain.
    fn mantissa<C: Coder>(&mut self, coder: &mut C, width: u32, value: u32) -> u32 {
        const MODELLED: u32 = 4;

        let width = width.min(u32::BITS);
        let Some(n_bits) = width.checked_sub(1) else { return 0 };
        let high = n_bits.min(MODELLED);
        let low = n_bits - high;
        let rest = value & ((1 << n_bits) - 1);
        let top = coder.tree(&mut self.mantissas[width as usize], high, rest >> low);
        1 << n_bits | top << low | coder.plain(low, rest & ((1 << low) - 1))
    }

    fn literal<C: Coder>(&mut self, coder: &mut C, context: usize, word: u32) -> u32 {
        let chances = &mut self.literals[hash(context as u32, 0) % LITERALS];
        let mut bytes = word.to_le_bytes();
        for (byte, chances) in bytes.iter_mut().zip(chances) {
            *byte = coder.tree(chances, u8::BITS, u32::from(*byte)) as u8;
        }
        u32::from_le_bytes(bytes)
    }
}

/// The objects that nothing has pointed to yet, the last one on top. What the library's files hold was written so that an
/// object lies behind all that it points to, and right behind what nothing else has pointed to.
#[derive(Debug)]
pub(super) struct Fresh {
    objects: Vec<u32>,
    is_used: Marks,
}

impl Fresh {
    pub(super) fn new(n_words: usize) -> Self {
        Self { objects: Vec::new(), is_used: Marks::new(n_words) }
    }

    pub(super) fn top(&self) -> u32 {
        self.objects.last().copied().unwrap_or_default()
    }

    pub(super) fn push(&mut self, address: u32) {
        self.objects.push(address);
    }

    pub(super) fn forget(&mut self) {
        self.objects.clear();
    }

    /// A word that may point to one.
    pub(super) fn refer(&mut self, word: u32) {
        if word.is_multiple_of(WORD) {
            self.is_used.set((word / WORD) as usize, true);
            while self.objects.last().is_some_and(|top| self.is_used.has((top / WORD) as usize)) {
                self.objects.pop();
            }
        }
    }
}

/// Where a word is remembered in its place.
fn slot_of(word: u32) -> usize {
    hash(word, 0) % RECENT
}

/// Where to remember what came behind two words.
pub(super) fn hash(first: u32, second: u32) -> usize {
    let mut hash = first.wrapping_mul(0x9e37_79b1) ^ second.wrapping_mul(0x85eb_ca77);
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0x2c1b_3c6d);
    hash ^= hash >> 12;
    (hash & ((1 << MEMORY_BITS) - 1)) as usize
}
