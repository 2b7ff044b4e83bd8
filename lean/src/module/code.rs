//! The code of one piece: the package's, with functions and globals renumbered, and calls into other pieces sent through
//! the table.

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BlockType, CodeSection, Function};
use wasmparser::{BinaryReader, FunctionBody, Operator};

use super::parse::Parsed;
use super::slots::Slots;
use super::{IMPORTED_GLOBALS, Mismatch, TARGET_NUMBER, global};

/// A function of the host's that is told the place of each function that runs, once.
#[derive(Clone, Copy)]
pub(super) struct Watch {
    /// Its number.
    pub(super) function: u32,
    /// The number of the first of as many globals as there are functions.
    pub(super) first_global: u32,
}

/// Writes the functions of a piece.
pub(super) struct Writer<'m, 'a> {
    pub(super) module: &'m Parsed<'a>,
    /// Functions that are called from other pieces get slots on the way.
    pub(super) slots: &'m mut Slots,
    /// The numbers in this piece of the package's functions; none where one is elsewhere.
    pub(super) numbers: &'m [Option<u32>],
    pub(super) watch: Option<Watch>,
    /// Whether the data is in this piece.
    pub(super) has_data: bool,
    pub(super) section: CodeSection,
}

impl Reencode for Writer<'_, '_> {
    type Error = Mismatch;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Mismatch>> {
        let number = self.numbers.get(function as usize).copied().flatten();
        let elsewhere =
            || Mismatch(format!("it refers to a function {function} of another piece, or that is not there"));
        number.ok_or_else(|| reencode::Error::UserError(elsewhere()))
    }

    fn data_index(&mut self, number: u32) -> Result<u32, reencode::Error<Mismatch>> {
        let elsewhere = || Mismatch(format!("the data {number} is laid down by a piece that does not have it"));
        if self.has_data { Ok(number) } else { Err(reencode::Error::UserError(elsewhere())) }
    }

    fn global_index(&mut self, number: u32) -> Result<u32, reencode::Error<Mismatch>> {
        let own = number.checked_sub(IMPORTED_GLOBALS).filter(|own| (*own as usize) < global::COUNT);
        own.ok_or_else(|| reencode::Error::UserError(Mismatch(format!("it changes the global {number}"))))
    }
}

impl Writer<'_, '_> {
    /// Adds the package's function in this place.
    pub(super) fn own(&mut self, place: usize) -> Result<(), Mismatch> {
        let body = FunctionBody::new(BinaryReader::new(&self.module.bodies[place], 0));
        let mut function = self.new_function_with_parsed_locals(&body)?;
        self.tell(&mut function, place);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            self.operator(&mut function, operators.read()?)?;
        }
        self.section.function(&function);
        Ok(())
    }

    fn operator(&mut self, function: &mut Function, operator: Operator<'_>) -> Result<(), Mismatch> {
        match operator {
            Operator::Call { function_index } if self.is_elsewhere(function_index) => {
                let slot = self.slots.table.slot_of(function_index).cast_signed();
                let type_number = self.module.type_number(function_index)?;
                let mut code = function.instructions();
                code.i32_const(slot).global_set(TARGET_NUMBER).i32_const(slot).call_indirect(0, type_number);
            }
            Operator::CallIndirect { type_index, table_index: 0 } => {
                let mut code = function.instructions();
                code.global_set(TARGET_NUMBER).global_get(TARGET_NUMBER).call_indirect(0, type_index);
            }
            Operator::GlobalGet { global_index } => match self.constant(global_index) {
                Some(value) => _ = function.instructions().i32_const(value),
                None => _ = function.instructions().global_get(self.global_index(global_index)?),
            },
            Operator::ReturnCallIndirect { .. } | Operator::CallRef { .. } | Operator::TableSet { .. } => {
                return Err(Mismatch(format!("its code has the instruction {operator:?}")));
            }
            other => _ = function.instruction(&self.instruction(other)?),
        }
        Ok(())
    }

    fn is_elsewhere(&self, function: u32) -> bool {
        self.numbers.get(function as usize).is_some_and(Option::is_none)
    }

    /// The value of a global that nobody changes.
    fn constant(&self, number: u32) -> Option<i32> {
        match number.checked_sub(IMPORTED_GLOBALS) {
            None => self.slots.got.get(number as usize).map(|slot| slot.cast_signed()),
            Some(own) => self.module.globals.get(own as usize).copied().filter(|_| own as usize >= global::COUNT),
        }
    }

    /// Tells who watches that the function in this place runs, the first time.
    fn tell(&self, function: &mut Function, place: usize) {
        let Some(Watch { function: told, first_global }) = self.watch else { return };
        let has_run = first_global + place as u32;
        let mut code = function.instructions();
        code.global_get(has_run).i32_eqz().if_(BlockType::Empty);
        code.i32_const(1).global_set(has_run).i32_const(place as i32).call(told);
        code.end();
    }
}
