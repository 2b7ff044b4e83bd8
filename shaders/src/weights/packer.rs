//! A matrix that is put together block by block, so that no more of it than a block need ever be there in f32.

use half::f16;

use super::pack::{add_block, is_exact};
use super::{BLOCK, Format, FormatError, MatrixShape, Packed};

/// A matrix that is being filled, row by row.
#[derive(Debug)]
pub struct Packer {
    packed: Packed,
    /// Blocks that are there.
    n_blocks: usize,
    /// Half-precision numbers that are there.
    n_halves: usize,
}

impl Packer {
    /// Room for a matrix, of which nothing is there yet.
    ///
    /// # Errors
    /// A side is 0, or the columns are no multiple of 32.
    pub fn new(format: Format, shape: MatrixShape) -> Result<Self, FormatError> {
        shape.check(format)?;
        let n_blocks = shape.n_rows as usize * shape.n_blocks();
        let packed = Packed {
            format,
            shape,
            quants: Vec::with_capacity(n_blocks * format.quant_words()),
            scales: Vec::with_capacity(format.scale_words(n_blocks)),
        };
        Ok(Self { packed, n_blocks: 0, n_halves: 0 })
    }

    /// What the matrix is stored in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.packed.format
    }

    /// Stores the next values, whole blocks of them, as [`Packed::new`] would.
    ///
    /// # Errors
    /// A value is NaN, infinite or beyond the format, or the values are no whole blocks or more than there is room for.
    /// What came before the value's block is stored.
    pub fn push(&mut self, values: &[f32]) -> Result<(), FormatError> {
        let (blocks, rest) = values.as_chunks::<BLOCK>();
        self.check_room(blocks.len(), rest.len())?;
        // Without an early exit, so that it compiles to vector instructions.
        if !values.iter().fold(true, |finite, value| finite & value.is_finite()) {
            let idx = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
            let (row, column) = self.place(idx);
            return Err(FormatError::NotFinite { row, column, value: values[idx] });
        }
        for block in blocks {
            let Some(halves) = add_block(self.packed.format, block, &mut self.packed.quants) else {
                let largest = (0..BLOCK).max_by(|a, b| block[*a].abs().total_cmp(&block[*b].abs())).unwrap_or(0);
                let (row, column) = self.place(largest);
                return Err(FormatError::TooLarge { format: self.packed.format, row, column, value: block[largest] });
            };
            self.end_block(halves);
        }
        Ok(())
    }

    /// Stores the next block of a D8 matrix as it is: each weight is `scale * quant`. False when the scale is one that
    /// the format does not have (it is a normal half or 0); nothing is stored then.
    ///
    /// # Errors
    /// The matrix is full.
    ///
    /// # Panics
    /// When the matrix is of another format.
    pub fn push_d8(&mut self, scale: f16, quants: [i8; BLOCK]) -> Result<bool, FormatError> {
        assert_eq!(self.packed.format, Format::D8, "a block of D8 for another format");
        self.check_room(1, 0)?;
        if !is_exact(scale) {
            return Ok(false);
        }
        let (words, _) = quants.as_chunks::<4>();
        self.packed.quants.extend(words.iter().map(|word| u32::from_le_bytes(word.map(|quant| quant as u8))));
        self.end_block([scale, f16::ZERO]);
        Ok(true)
    }

    /// Stores the next block of a D4 matrix as it is: byte `b` has the quant of weight `b` in its lower half and that of
    /// weight `16 + b` in its upper half, and each weight is `minimum + scale * quant`. False when scale or minimum is one
    /// that the format does not have (they are normal halves or 0); nothing is stored then.
    ///
    /// # Errors
    /// The matrix is full.
    ///
    /// # Panics
    /// When the matrix is of another format.
    pub fn push_d4(&mut self, scale: f16, minimum: f16, nibbles: [u8; BLOCK / 2]) -> Result<bool, FormatError> {
        assert_eq!(self.packed.format, Format::D4, "a block of D4 for another format");
        self.check_room(1, 0)?;
        if !is_exact(scale) || !is_exact(minimum) {
            return Ok(false);
        }
        let (words, _) = nibbles.as_chunks::<4>();
        self.packed.quants.extend(words.iter().map(|word| u32::from_le_bytes(*word)));
        self.end_block([scale, minimum]);
        Ok(true)
    }

    /// The matrix.
    ///
    /// # Errors
    /// Some of it is not there.
    pub fn finish(self) -> Result<Packed, FormatError> {
        if self.n_blocks < self.capacity() { Err(self.wrong_length(0)) } else { Ok(self.packed) }
    }

    fn end_block(&mut self, halves: [f16; 2]) {
        self.n_blocks += 1;
        for half in &halves[..self.packed.format.n_halves()] {
            let bits = u32::from(half.to_bits());
            match self.packed.scales.last_mut() {
                Some(word) if self.n_halves % 2 == 1 => *word |= bits << 16,
                _ => self.packed.scales.push(bits),
            }
            self.n_halves += 1;
        }
    }

    /// Blocks that the matrix has.
    fn capacity(&self) -> usize {
        self.packed.shape.n_rows as usize * self.packed.shape.n_blocks()
    }

    fn check_room(&self, n_blocks: usize, n_more: usize) -> Result<(), FormatError> {
        let has_room = n_more == 0 && self.n_blocks + n_blocks <= self.capacity();
        if has_room { Ok(()) } else { Err(self.wrong_length(n_blocks * BLOCK + n_more)) }
    }

    /// That there are other data than the shape says, with so many more values.
    fn wrong_length(&self, n_more: usize) -> FormatError {
        let MatrixShape { n_rows, n_columns } = self.packed.shape;
        let (expected, given) = (self.capacity() * BLOCK, self.n_blocks * BLOCK + n_more);
        FormatError::Length { format: self.packed.format, n_rows, n_columns, expected, given }
    }

    /// Row and column of the value number `idx` of those that come next.
    fn place(&self, idx: usize) -> (usize, usize) {
        let (at, n_columns) = (self.n_blocks * BLOCK + idx, self.packed.shape.n_columns as usize);
        (at / n_columns, at % n_columns)
    }
}
