//! Reading what lies in a memory, whatever it is.

use std::time::Duration;

use super::*;
use crate::hooks::Hooks;
use crate::imports::Process;
use crate::machine::{Fault, Machine, Result};
use crate::object::{NIL, Object, boxed};
use crate::symbols::Symbols;

/// A memory without a Lean: nothing in it can be called.
#[derive(Default)]
struct Memory(Vec<u8>);

impl Machine for Memory {
    fn invoke(&mut self, slot: u32, _: &[u32]) -> Result<u32> {
        Err(Fault::Unfit(format!("slot {slot} is empty")))
    }

    fn arity(&mut self, slot: u32) -> Result<usize> {
        Err(Fault::Unfit(format!("slot {slot} is empty")))
    }

    fn memory_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, address: u32, into: &mut [u8]) -> Result<()> {
        let bytes = self.0.get(address as usize..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(bytes.ok_or(Fault::OutOfBounds(address))?);
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let place = self.0.get_mut(address as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.ok_or(Fault::OutOfBounds(address))?.copy_from_slice(bytes);
        Ok(())
    }

    fn most_memory_bytes(&self) -> u64 {
        self.memory_bytes()
    }

    fn grow(&mut self, _: u64) -> bool {
        false
    }

    fn global(&mut self, _: usize) -> u32 {
        0
    }

    fn set_global(&mut self, _: usize, _: u32) {}

    fn symbols(&self) -> &Symbols {
        unreachable!("nothing is looked up where nothing can be called")
    }

    fn hooks(&mut self) -> &mut Hooks {
        unreachable!("nothing calls back")
    }

    fn process(&mut self) -> &mut Process {
        unreachable!("nothing runs")
    }

    fn start_clock(&mut self, _: u32, _: Duration) {}

    fn stop_clock(&mut self) {}
}

impl Memory {
    /// Lays an object down, with eight bytes of scalars more than it needs.
    fn object(&mut self, tag: u8, fields: &[u32]) -> Object {
        let address = self.0.len().next_multiple_of(8);
        self.0.resize(address, 0);
        let size = 8 + 4 * fields.len() as u32 + 16;
        let header = [1, size | (fields.len() as u32) << 16 | u32::from(tag) << 24];
        self.0.extend(header.iter().chain(fields).flat_map(|word| word.to_le_bytes()));
        self.0.resize(address + size as usize, 0);
        address as Object
    }

    fn set_field(&mut self, o: Object, i: u32, value: u32) {
        self.write(o + 8 + 4 * i, &value.to_le_bytes()).unwrap();
    }
}

/// What is read of an expression: the whole table, and where the expression stands in it.
fn read(memory: &mut Memory, expression: Object) -> (Vec<Expression>, Id) {
    let mut reader = Reader::default();
    let id = reader.expression(memory, expression).unwrap();
    (reader.finish().expressions.values, id)
}

const HOLE: Id = 0;

#[test]
fn an_expression_is_read_once_for_each_of_its_values() {
    let mut memory = Memory(vec![0; 8]);
    let [x, same] = [memory.object(tag::BOUND, &[boxed(3)]), memory.object(tag::BOUND, &[boxed(3)])];
    let noted = memory.object(tag::METADATA, &[NIL, same]);
    let whole = memory.object(tag::APPLY, &[x, noted]);
    let expected = vec![Expression::Hole, Expression::Bound(3), Expression::Apply([1, 1])];
    assert_eq!(read(&mut memory, whole), (expected, 2));
}

#[test]
fn what_is_no_expression_is_a_hole() {
    let mut memory = Memory(vec![0; 8]);
    let (variable, odd) = (memory.object(1, &[NIL]), memory.object(200, &[NIL, NIL]));
    let large_index = memory.object(tag::BOUND, &[odd]);
    for hole in [NIL, variable, odd, large_index] {
        assert_eq!(read(&mut memory, hole).1, HOLE);
    }
    let applied = memory.object(tag::APPLY, &[variable, NIL]);
    assert_eq!(read(&mut memory, applied).0[1], Expression::Apply([HOLE, HOLE]));
}

#[test]
fn an_expression_within_itself_is_a_hole() {
    let mut memory = Memory(vec![0; 8]);
    let function = memory.object(tag::LAMBDA, &[NIL, NIL, NIL]);
    let whole = memory.object(tag::APPLY, &[function, function]);
    memory.set_field(function, 2, whole);
    let (expressions, id) = read(&mut memory, whole);
    let Expression::Apply([function, _]) = expressions[id as usize] else { panic!("{expressions:?}") };
    let Expression::Lambda(binder) = &expressions[function as usize] else { panic!("{expressions:?}") };
    assert_eq!(binder.parts, [HOLE, HOLE]);

    let level = memory.object(tag::SUCCESSOR, &[NIL]);
    memory.set_field(level, 0, level);
    let sort = memory.object(tag::SORT, &[level]);
    let mut reader = Reader::default();
    reader.expression(&mut memory, sort).unwrap();
    assert_eq!(reader.finish().levels.values, [Level::Hole, Level::Successor(HOLE)]);
}

#[test]
fn a_name_within_itself_ends() {
    let mut memory = Memory(vec![0; 8]);
    let name = memory.object(2, &[NIL, boxed(7)]);
    memory.set_field(name, 0, name);
    let mut reader = Reader::default();
    reader.name(&mut memory, name).unwrap();
    assert!(reader.finish().names.values.len() > 1);
}

#[test]
fn an_address_outside_the_memory_is_a_fault() {
    let mut memory = Memory(vec![0; 8]);
    let whole = memory.object(tag::APPLY, &[NIL, 0x7fff_fff0]);
    let read = Reader::default().expression(&mut memory, whole);
    assert_eq!(read, Err(Fault::OutOfBounds(0x7fff_fff7)));
}

#[test]
fn a_value_has_one_place() {
    let mut table = Table::default();
    let places: Vec<Id> = ["a", "b", "a", "c", "b"].into_iter().map(|value| table.add(value)).collect();
    assert_eq!(places, [0, 1, 0, 2, 1]);
    assert_eq!(table.values, ["a", "b", "c"]);
}
