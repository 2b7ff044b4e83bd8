//! An arithmetic coder of bits: the more probable a bit was, the less it costs.
//!
//! One trait writes and reads, so that whoever uses it says once what is told in which order: [`Coder::bit`] takes the bit
//! that is to be written and gives the bit that was written or read.

/// Codes bits.
pub(super) trait Coder {
    /// Whether it writes: what it is given is then what is to be told, and otherwise of no account.
    const WRITES: bool;

    /// Codes a bit by its chance, which learns from it.
    fn bit(&mut self, chance: &mut Chance, bit: u32) -> u32;

    /// Codes whether something is so.
    #[inline]
    fn flag(&mut self, chance: &mut Chance, flag: bool) -> bool {
        self.bit(chance, u32::from(flag)) == 1
    }

    /// Codes a number of `n_bits` bits, each by the ones above it: a tree of 2^n chances.
    #[inline]
    fn tree(&mut self, chances: &mut [Chance], n_bits: u32, value: u32) -> u32 {
        let mut node = 1;
        for i in (0..n_bits).rev() {
            node = node << 1 | self.bit(&mut chances[node as usize], value >> i & 1);
        }
        node - (1 << n_bits)
    }

    /// Codes a number of at most 16 bits of which nothing is known.
    fn even(&mut self, n_bits: u32, value: u32) -> u32;

    /// The same bit by bit.
    fn even_bits(&mut self, n_bits: u32, value: u32) -> u32 {
        (0..n_bits).rev().fold(0, |read, i| {
            let mut even = Chance::EVEN;
            read << 1 | self.bit(&mut even, value >> i & 1)
        })
    }

    /// Codes a number of at most 32 bits of which nothing is known.
    #[inline]
    fn plain(&mut self, n_bits: u32, value: u32) -> u32 {
        const MOST: u32 = 16;

        let high = n_bits.saturating_sub(MOST);
        let low = n_bits - high;
        let mask = (1 << low) - 1;
        self.even(high, value >> low & ((1 << high) - 1)) << low | self.even(low, value & mask)
    }

    /// Codes a number by how many bits it has; `widths` is a tree of 64 chances.
    fn number(&mut self, widths: &mut [Chance], value: u32) -> u32 {
        let width = self.tree(widths, 6, width(value)).min(u32::BITS);
        match width {
            0 | 1 => width,
            _ => 1 << (width - 1) | self.plain(width - 1, value),
        }
    }
}

/// How many bits a number has.
pub(super) const fn width(value: u32) -> u32 {
    u32::BITS - value.leading_zeros()
}

/// How probable it is that a bit is one, in 65536ths: the mean of an estimate that learns fast and one that learns slowly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    fast: u16,
    slow: u16,
}

impl Chance {
    /// Of a bit of which nothing is known.
    pub(super) const EVEN: Self = Self { fast: 1 << 15, slow: 1 << 15 };

    #[inline(always)]
    fn of_one(self) -> u32 {
        /// No bit is ever held to be impossible.
        const LEAST: u32 = 48;
        ((u32::from(self.fast) + u32::from(self.slow)) >> 1).clamp(LEAST, (1 << 16) - LEAST)
    }

    #[inline(always)]
    fn learn(&mut self, bit: u32) {
        const FAST: u32 = 4;
        const SLOW: u32 = 7;
        if bit == 1 {
            self.fast += (u16::MAX - self.fast) >> FAST;
            self.slow += (u16::MAX - self.slow) >> SLOW;
        } else {
            self.fast -= self.fast >> FAST;
            self.slow -= self.slow >> SLOW;
        }
    }
}

/// What it would cost to code a number with [`Coder::tree`], in bits.
pub(super) fn cost_of(chances: &[Chance], n_bits: u32, value: u32) -> f32 {
    let mut node = 1;
    let mut bits = 0.0;
    for i in (0..n_bits).rev() {
        let bit = value >> i & 1;
        let of_one = chances[node as usize].of_one();
        let chance = if bit == 1 { of_one } else { (1 << 16) - of_one };
        bits += 16.0 - (chance as f32).log2();
        node = node << 1 | bit;
    }
    bits
}

/// The numbers that are still possible, of which the next bit takes a part.
#[derive(Debug)]
struct Range {
    low: u32,
    high: u32,
}

impl Range {
    const ALL: Self = Self { low: 0, high: u32::MAX };

    /// The last number of the part that stands for one.
    #[inline(always)]
    fn middle(&self, chance: Chance) -> u32 {
        self.low + ((u64::from(self.high - self.low) * u64::from(chance.of_one())) >> 16) as u32
    }

    #[inline(always)]
    fn take(&mut self, bit: u32, middle: u32) {
        if bit == 1 {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
    }

    /// How many numbers there are for each number of so many bits; none where there are too few.
    #[inline(always)]
    fn part(&self, n_bits: u32) -> u32 {
        (self.high - self.low) >> n_bits
    }

    #[inline(always)]
    fn take_part(&mut self, value: u32, part: u32) {
        self.low += part * value;
        self.high = self.low + (part - 1);
    }

    /// Drops the first byte where all numbers begin with it.
    #[inline(always)]
    fn settle(&mut self) -> Option<u8> {
        if (self.low ^ self.high) >> 24 != 0 {
            return None;
        }
        let byte = (self.high >> 24) as u8;
        self.low <<= 8;
        self.high = self.high << 8 | 0xff;
        Some(byte)
    }
}

/// Writes.
#[derive(Debug)]
pub(super) struct Encoder {
    range: Range,
    bytes: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { range: Range::ALL, bytes: Vec::new() }
    }
}

impl Encoder {
    /// What was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend(self.range.high.to_be_bytes());
        self.bytes
    }
}

impl Coder for Encoder {
    const WRITES: bool = true;

    #[inline]
    fn bit(&mut self, chance: &mut Chance, bit: u32) -> u32 {
        self.range.take(bit, self.range.middle(*chance));
        chance.learn(bit);
        while let Some(byte) = self.range.settle() {
            self.bytes.push(byte);
        }
        bit
    }

    #[inline]
    fn even(&mut self, n_bits: u32, value: u32) -> u32 {
        let part = self.range.part(n_bits);
        if part == 0 {
            return self.even_bits(n_bits, value);
        }
        self.range.take_part(value, part);
        while let Some(byte) = self.range.settle() {
            self.bytes.push(byte);
        }
        value
    }
}

/// Reads. Behind the end it reads zeros.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    range: Range,
    number: u32,
    rest: &'a [u8],
    n_missing: u32,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { range: Range::ALL, number: 0, rest: bytes, n_missing: 0 };
        (0..u32::BITS / u8::BITS).for_each(|_| decoder.shift());
        decoder
    }

    /// Whether as much was read as there is.
    pub(super) fn is_used_up(&self) -> bool {
        self.rest.is_empty() && self.n_missing == 0
    }

    #[inline(always)]
    fn shift(&mut self) {
        let byte = if let [byte, rest @ ..] = self.rest {
            self.rest = rest;
            *byte
        } else {
            self.n_missing = self.n_missing.saturating_add(1);
            0
        };
        self.number = self.number << 8 | u32::from(byte);
    }
}

impl Coder for Decoder<'_> {
    const WRITES: bool = false;

    #[inline]
    fn bit(&mut self, chance: &mut Chance, _: u32) -> u32 {
        let middle = self.range.middle(*chance);
        let bit = u32::from(self.number <= middle);
        self.range.take(bit, middle);
        chance.learn(bit);
        while self.range.settle().is_some() {
            self.shift();
        }
        bit
    }

    #[inline]
    fn even(&mut self, n_bits: u32, value: u32) -> u32 {
        let part = self.range.part(n_bits);
        if part == 0 {
            return self.even_bits(n_bits, value);
        }
        // What was damaged may lie behind the last part.
        let value = (self.number.saturating_sub(self.range.low) / part).min((1 << n_bits) - 1);
        self.range.take_part(value, part);
        while self.range.settle().is_some() {
            self.shift();
        }
        value
    }
}
