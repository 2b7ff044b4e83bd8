//! Terms as a tactic may write them.

use super::limits;
use super::locals::Locals;
use super::names::{is_writable, user_text};
use super::terms::{Spine, constant_name, explicit_of, expr, spine};
use crate::driver::constants::key_of;
use crate::machine::{Machine, Result};
use crate::object::Object;

/// Constructor of `Lean.Literal`.
const NAT_LITERAL: u8 = 0;

/// A term as a tactic may write it as an argument; `None` where it is too long or has parts without a name.
pub(super) fn print(
    lean: &mut dyn Machine,
    environment: Object,
    term: Object,
    locals: &Locals,
) -> Result<Option<String>> {
    let mut printer = Printer { environment, locals, text: String::new(), room: limits::PRINTED };
    let is_whole = printer.argument(lean, term)?;
    Ok(is_whole.then_some(printer.text))
}

/// Its methods answer whether all of it could be written. What is too long ends at once, so that neither deep terms nor
/// ones that share many parts cost much.
struct Printer<'a> {
    environment: Object,
    locals: &'a Locals,
    text: String,
    room: usize,
}

impl Printer<'_> {
    fn argument(&mut self, lean: &mut dyn Machine, term: Object) -> Result<bool> {
        let Spine { head, arguments } = skip_numerals(lean, term)?;
        match lean.tag(head)? {
            expr::FVAR => {
                let key = key_of(lean, lean.field(head, 0)?)?;
                let Some(name) = self.locals.name_of(&key) else { return Ok(false) };
                self.application(lean, name, &arguments)
            }
            expr::CONST => {
                let name = lean.field(head, 0)?;
                self.constant(lean, name, &arguments)
            }
            expr::LIT if arguments.is_empty() => {
                let literal = lean.field(head, 0)?;
                self.literal(lean, literal)
            }
            _ => Ok(false),
        }
    }

    fn constant(&mut self, lean: &mut dyn Machine, name: Object, arguments: &[Object]) -> Result<bool> {
        let text = user_text(lean, name)?;
        if !is_writable(&text) {
            return Ok(false);
        }
        if arguments.is_empty() {
            return Ok(self.push(&text));
        }
        let explicit = explicit_of(lean, self.environment, name)?;
        if explicit.len() < arguments.len() {
            return Ok(false);
        }
        let arguments = arguments.iter().zip(explicit);
        let shown: Vec<_> = arguments.filter(|&(_, is_explicit)| is_explicit).map(|(&argument, _)| argument).collect();
        self.application(lean, &text, &shown)
    }

    fn application(&mut self, lean: &mut dyn Machine, function: &str, arguments: &[Object]) -> Result<bool> {
        if arguments.is_empty() {
            return Ok(self.push(function));
        }
        if !self.push("(") || !self.push(function) {
            return Ok(false);
        }
        for &argument in arguments {
            if !self.push(" ") || !self.argument(lean, argument)? {
                return Ok(false);
            }
        }
        Ok(self.push(")"))
    }

    fn literal(&mut self, lean: &mut dyn Machine, literal: Object) -> Result<bool> {
        if lean.tag(literal)? != NAT_LITERAL {
            return Ok(false);
        }
        let number = lean.field(literal, 0)?;
        lean.retain(number)?;
        let text = lean.call("Nat_reprFast", &[number])?;
        let text = lean.take_text(text, u32::MAX)?;
        Ok(self.push(&text))
    }

    fn push(&mut self, part: &str) -> bool {
        let room = self.room.checked_sub(part.encode_utf16().count());
        if let Some(room) = room {
            self.room = room;
            self.text.push_str(part);
        }
        room.is_some()
    }
}

/// A term taken apart, or the number of a numeral `OfNat.ofNat _ number _`.
fn skip_numerals(lean: &dyn Machine, term: Object) -> Result<Spine> {
    let mut e = term;
    loop {
        let parts = spine(lean, e)?;
        let &[_, number, _] = parts.arguments.as_slice() else { return Ok(parts) };
        match constant_name(lean, parts.head)? {
            Some(name) if user_text(lean, name)? == "OfNat.ofNat" => e = number,
            _ => return Ok(parts),
        }
    }
}
