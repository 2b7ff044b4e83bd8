//! The memory, object by object.

use std::collections::HashMap;

use super::WORD;
use super::areas::Area;
use super::coder::{Chance, Coder};
use super::fields::{Fields, Fresh, Place, hash};
use super::hashes::{self, View};
use super::index::{Marks, Objects};
use super::layout::{ARRAY, BEFORE_TEXT, HEADER, Header, STRING};
use super::texts::Texts;

/// Kinds of objects that are told apart, by their headers; the first stands for all others.
const KIND_BITS: u32 = 11;
pub(super) const KINDS: usize = 1 << KIND_BITS;
/// Bits of a word's place in its object, as far as places are told apart.
pub(super) const PLACE_BITS: u32 = 4;
const LAST_PLACE: usize = (1 << PLACE_BITS) - 1;
/// Arrays' objects are all alike from here on.
const LAST_OF_ARRAY: usize = 5;
/// Contexts in which a kind is told by the one before.
const BEFORE: usize = 256;
/// Contexts in which a kind is told to be the expected one.
const EXPECTED: usize = 1 << 16;

/// The memory with all that is known of it.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) memory: Vec<u32>,
    objects: Objects,
    kinds: Kinds,
    fields: Fields,
    fresh: Fresh,
    texts: Texts,
    /// Objects in blocks whose computed words are not there yet.
    open: Marks,
    to_compute: Vec<u32>,
    is_computed: Vec<Chance>,
    is_full: Chance,
    is_short: Chance,
}

/// What is known of headers.
#[derive(Debug)]
struct Kinds {
    headers: Vec<[u32; 2]>,
    by_header: HashMap<[u32; 2], u32>,
    expected: Vec<u16>,
    is_expected: Vec<Chance>,
    after: Vec<[Chance; KINDS]>,
    last: [u32; 2],
}

impl Kinds {
    fn new() -> Self {
        Self {
            headers: vec![[0; 2]],
            by_header: HashMap::new(),
            expected: vec![0; 1 << super::fields::MEMORY_BITS],
            is_expected: vec![Chance::EVEN; EXPECTED],
            after: vec![[Chance::EVEN; KINDS]; BEFORE],
            last: [0; 2],
        }
    }

    fn of(&self, header: [u32; 2]) -> u32 {
        self.by_header.get(&header).copied().unwrap_or_default()
    }

    /// Codes a header, of an object in blocks of this size: the header and its kind.
    fn code<C: Coder>(&mut self, coder: &mut C, block: usize, header: [u32; 2]) -> ([u32; 2], u32) {
        let [last, before] = self.last;
        let context = hash(last | before << KIND_BITS, block as u32);
        let expected = u32::from(self.expected[context]);
        let kind = if C::WRITES { self.of(header) } else { 0 };
        let is_expected = &mut self.is_expected[context % EXPECTED];
        let kind = if coder.flag(is_expected, kind == expected && kind != 0) {
            expected
        } else {
            coder.tree(&mut self.after[(last as usize).min(BEFORE - 1)], KIND_BITS, kind)
        };
        let (header, kind) = match self.headers.get(kind as usize) {
            Some(known) if kind != 0 => (*known, kind),
            _ => {
                let header = header.map(|word| coder.plain(u32::BITS, word));
                (header, self.learn(header))
            }
        };
        self.expected[context] = kind as u16;
        self.last = [kind, last];
        (header, kind)
    }

    fn learn(&mut self, header: [u32; 2]) -> u32 {
        let count = self.headers.len();
        if count < KINDS && !self.by_header.contains_key(&header) {
            self.headers.push(header);
            self.by_header.insert(header, count as u32);
        }
        self.of(header)
    }
}

/// An object that is being coded.
#[derive(Clone, Copy)]
struct Subject {
    at: usize,
    number: u32,
    kind: u32,
    header: Header,
    /// How many words it may have.
    room: usize,
    /// Whether it lies in a block of its own, which it need not fill.
    is_block: bool,
    /// What its words may be expected to point to, in a block.
    neighbour: u32,
}

impl Model {
    /// A model of a memory that is to be written, or of one full of zeros that is to be read.
    pub(super) fn new(memory: Vec<u32>) -> Self {
        let n_words = memory.len();
        Self {
            objects: Objects::new(n_words),
            kinds: Kinds::new(),
            fields: Fields::new(),
            fresh: Fresh::new(n_words),
            texts: Texts::new(),
            open: Marks::new(n_words),
            to_compute: Vec::new(),
            is_computed: vec![Chance::EVEN; KINDS],
            is_full: Chance::EVEN,
            is_short: Chance::EVEN,
            memory,
        }
    }

    /// Codes these areas, and what lies between them.
    pub(super) fn run<C: Coder>(&mut self, coder: &mut C, areas: &[Area], between: &[(usize, usize)]) {
        let (files, pages): (Vec<&Area>, Vec<&Area>) = areas.iter().partition(|area| area.block == 0);
        for file in files {
            self.fresh.forget();
            let mut at = file.start;
            while at < file.end() {
                self.objects.push(at);
                at += self.object(coder, at, file.end() - at, false);
            }
        }
        // Blocks point to one another in all directions, so that all of them are known before the first.
        let blocks =
            || pages.iter().flat_map(|page| (page.start..page.end()).step_by(page.block).map(|at| (at, page.block)));
        for (at, _) in blocks() {
            self.objects.push(at);
        }
        for (at, block) in blocks() {
            self.object(coder, at, block, true);
        }
        self.compute_all(coder);
        for &(start, length) in between {
            self.texts.others(coder, &mut self.memory[start..start + length]);
        }
    }

    /// Codes an object, and gives its size in words.
    fn object<C: Coder>(&mut self, coder: &mut C, at: usize, room: usize, is_block: bool) -> usize {
        let number = self.objects.number(at as u32 * WORD).unwrap_or_default();
        if room < HEADER {
            self.texts.others(coder, &mut self.memory[at..at + room]);
            return room;
        }
        let block = if is_block { room } else { 0 };
        let (header, kind) = self.kinds.code(coder, block, [self.memory[at], self.memory[at + 1]]);
        self.memory[at..at + HEADER].copy_from_slice(&header);
        let header = Header::of(header[1]);
        let neighbour = number.checked_sub(1).and_then(|before| self.objects.address(before)).unwrap_or_default();
        let subject = Subject { at, number, kind, header, room, is_block, neighbour };
        let n_words = if header.tag == STRING && room > BEFORE_TEXT {
            self.string(coder, &subject)
        } else {
            self.words(coder, &subject)
        };
        if !is_block {
            self.fresh.push(at as u32 * WORD);
        }
        n_words
    }

    /// Codes the words behind a header.
    fn words<C: Coder>(&mut self, coder: &mut C, subject: &Subject) -> usize {
        let &Subject { at, header, room, is_block, .. } = subject;
        let computed = hashes::place(header, room);
        let mut n_words = if is_block { room } else { header.n_words(None, room) };
        let mut i = HEADER;
        while i < n_words {
            if Some(i) == computed {
                self.open.set(at, true);
                if is_block {
                    self.to_compute.push(at as u32);
                } else {
                    self.computed(coder, subject, i);
                }
                i += 2;
                continue;
            }
            let is_behind_computed = computed.is_some_and(|computed| i == computed + 2);
            self.word(coder, subject, i, if is_behind_computed { 3 } else { 1 });
            i += 1;
            if i == HEADER + 2 && !is_block {
                n_words = header.n_words(Some([self.memory[at + HEADER], self.memory[at + HEADER + 1]]), room);
            }
        }
        n_words
    }

    /// Codes the word at a place of an object; the one that it is told by lies `back` words before.
    fn word<C: Coder>(&mut self, coder: &mut C, subject: &Subject, i: usize, back: usize) {
        let &Subject { at, number, kind, header, is_block, neighbour, .. } = subject;
        let last = if header.tag == ARRAY { LAST_OF_ARRAY } else { LAST_PLACE };
        let place = Place {
            context: (kind as usize) << PLACE_BITS | i.min(last),
            before: self.memory[at + i - back],
            number,
            fresh: if is_block { neighbour } else { self.fresh.top() },
        };
        let word = self.fields.code(coder, &self.objects, &place, self.memory[at + i]);
        self.memory[at + i] = word;
        if !is_block {
            self.fresh.refer(word);
        }
    }

    /// Codes a string behind its header.
    fn string<C: Coder>(&mut self, coder: &mut C, subject: &Subject) -> usize {
        let &Subject { at, room, is_block, .. } = subject;
        let [size, capacity, length] = [HEADER, HEADER + 1, HEADER + 2];
        let known = self.texts.known(coder, &self.memory, at, room);
        match known {
            Some(known) => {
                self.memory[at + size] = self.memory[known + size];
                self.memory[at + length] = self.memory[known + length];
            }
            None => self.word(coder, subject, size, 1),
        }
        let n_bytes = self.memory[at + size];
        self.word_unless(coder, subject, capacity, n_bytes);
        let n_words = match known {
            Some(known) => self.texts.copy(coder, &mut self.memory, known, at),
            None => {
                self.word_unless(coder, subject, length, n_bytes.wrapping_sub(1));
                let n_words = subject.header.n_words(Some([n_bytes, 0]), room);
                self.texts.letters(coder, &mut self.memory[at + BEFORE_TEXT..at + n_words]);
                n_words
            }
        };
        self.texts.remember(&self.memory, at, room);
        if !is_block {
            return n_words;
        }
        for i in n_words..room {
            self.word(coder, subject, i, 1);
        }
        room
    }

    /// Codes a word of a string that is usually this one.
    fn word_unless<C: Coder>(&mut self, coder: &mut C, subject: &Subject, i: usize, usual: u32) {
        let chance = if i == HEADER + 1 { &mut self.is_full } else { &mut self.is_short };
        if coder.flag(chance, self.memory[subject.at + i] == usual) {
            self.memory[subject.at + i] = usual;
        } else {
            self.word(coder, subject, i, 1);
        }
    }

    /// Codes what Lean has computed for objects in blocks: for each after those that it points to.
    fn compute_all<C: Coder>(&mut self, coder: &mut C) {
        let mut seen = Marks::new(self.memory.len());
        for at in std::mem::take(&mut self.to_compute) {
            let mut stack = vec![at as usize];
            while let Some(&at) = stack.last() {
                let subject = self.subject_again(at);
                if !seen.has(at) {
                    seen.set(at, true);
                    let fields = &self.memory[at + HEADER..at + HEADER + subject.header.n_fields as usize];
                    let parts = fields.iter().filter(|field| field.is_multiple_of(WORD));
                    let parts = parts.map(|field| (field / WORD) as usize);
                    stack.extend(parts.filter(|part| self.open.has(*part) && !seen.has(*part)));
                    if stack.last() != Some(&at) {
                        continue;
                    }
                }
                stack.pop();
                if self.open.has(at) {
                    self.computed(coder, &subject, HEADER + subject.header.n_fields as usize);
                }
            }
        }
    }

    fn subject_again(&self, at: usize) -> Subject {
        let header = [self.memory[at], self.memory[at + 1]];
        Subject {
            at,
            number: self.objects.number(at as u32 * WORD).unwrap_or_default(),
            kind: self.kinds.of(header),
            header: Header::of(header[1]),
            room: 0,
            is_block: true,
            neighbour: 0,
        }
    }

    /// Codes two words that Lean has computed, if it has.
    fn computed<C: Coder>(&mut self, coder: &mut C, subject: &Subject, i: usize) {
        let &Subject { at, kind, .. } = subject;
        let view = View { memory: &self.memory, objects: &self.objects, open: &self.open };
        let computed = view.computed(at).unwrap_or_default();
        let computed = [computed as u32, (computed >> 32) as u32];
        let words = [self.memory[at + i], self.memory[at + i + 1]];
        if coder.flag(&mut self.is_computed[kind as usize], words == computed) {
            self.memory[at + i..at + i + 2].copy_from_slice(&computed);
        } else {
            self.word(coder, subject, i, 1);
            self.word(coder, subject, i + 1, 1);
        }
        self.open.set(at, false);
    }
}
