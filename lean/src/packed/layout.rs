//! Headers of Lean's objects (lean4/src/include/lean/lean.h), and how long what stands behind one is.

/// Words of a header.
pub(super) const HEADER: usize = 2;

/// An array of objects: its length, its capacity, and the objects.
pub(super) const ARRAY: u32 = 246;
/// An array of numbers: length, capacity, and the numbers.
pub(super) const SCALAR_ARRAY: u32 = 248;
/// A string: its size in bytes with the zero at its end, its capacity, its length in characters, and the bytes.
pub(super) const STRING: u32 = 249;
/// A large number: capacity, size with its sign, an address, and the digits.
pub(super) const NUMBER: u32 = 250;
/// Constructors' objects have smaller tags, the constructor's number.
pub(super) const LAST_CONSTRUCTOR: u32 = 244;

/// Words before a string's bytes.
pub(super) const BEFORE_TEXT: usize = 5;

/// The second word of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// A constructor's object's size in bytes.
    pub(super) size: u32,
    /// How many fields a constructor's object has; the size of an array's numbers.
    pub(super) n_fields: u32,
    pub(super) tag: u32,
}

impl Header {
    pub(super) fn of(word: u32) -> Self {
        Self { size: word & 0xffff, n_fields: word >> 16 & 0xff, tag: word >> 24 }
    }

    /// How many words the object has, as far as the words behind its header tell (`None` where they are not known yet);
    /// at most `room`.
    pub(super) fn n_words(self, behind: Option<[u32; 2]>, room: usize) -> usize {
        let [first, second] = behind.unwrap_or_default();
        let n_words = match self.tag {
            0..=LAST_CONSTRUCTOR => self.size.div_ceil(4) as usize,
            ARRAY => 4_usize.saturating_add(first as usize),
            SCALAR_ARRAY => 4_usize.saturating_add(n_words(first.saturating_mul(self.n_fields.max(1)))),
            STRING => BEFORE_TEXT.saturating_add(n_words(first)),
            NUMBER => 5_usize.saturating_add(second.cast_signed().unsigned_abs() as usize),
            _ => 4,
        };
        n_words.clamp(HEADER.min(room), room)
    }

    /// Whether a constructor's object can be like this.
    pub(super) fn is_sound(self) -> bool {
        let least = 8 + 4 * self.n_fields;
        self.tag > LAST_CONSTRUCTOR || (self.size >= least && self.size.is_multiple_of(4))
    }
}

/// How many words so many bytes take.
pub(super) const fn n_words(bytes: u32) -> usize {
    bytes.div_ceil(4) as usize
}
