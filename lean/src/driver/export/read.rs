//! Reading declarations from a Lean that nobody believes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Binder, Constant, Export, Expression, Field, Hints, Id, Level, Name, SHAPES, Shape, tag};
use crate::driver::constants::signature;
use crate::machine::{Machine, Result};
use crate::object::{NIL, Object, is_boxed, unboxed};

/// Where the byte of a binder stands among the scalars of an expression: its hash comes first.
const BEHIND_HASH: u32 = 8;
/// More components than a name can have, and more steps than a level can, unless they go in a circle.
const DEEPEST: usize = 4096;

/// Reads constants of one Lean, whose objects must stay where they are meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    export: Export,
    names: HashMap<Object, Id>,
    levels: HashMap<Object, Id>,
    expressions: HashMap<Object, Id>,
}

impl Reader {
    /// What was read.
    pub(crate) fn finish(self) -> Export {
        self.export
    }

    /// Reads a `ConstantInfo` (borrowed); `None` where it is none.
    pub(crate) fn constant(&mut self, lean: &mut dyn Machine, info: Object) -> Result<Option<Id>> {
        if is_boxed(info) {
            return Ok(None);
        }
        let tag = lean.tag(info)?;
        let Some((shapes, greatest)) = SHAPES.get(usize::from(tag)).copied().flatten() else { return Ok(None) };
        let value = lean.field(info, 0)?;
        if is_boxed(value) || lean.n_fields(value)? as usize != 1 + shapes.len() {
            return Ok(None);
        }
        let signature = signature(lean, info)?;
        let name = self.name_in(lean, signature, 0)?;
        let levels = lean.field(signature, 1)?;
        let levels = self.name_list(lean, levels)?;
        let ty = lean.field(signature, 2)?;
        let ty = self.expression(lean, ty)?;
        let mut fields = Vec::with_capacity(shapes.len());
        for (i, shape) in (1..).zip(shapes) {
            let field = lean.field(value, i)?;
            let Some(field) = self.field(lean, *shape, field)? else { return Ok(None) };
            fields.push(field);
        }
        let mut scalars = Vec::with_capacity(greatest.len());
        for (i, greatest) in (0..).zip(greatest) {
            let scalar = lean.scalar(value, i)?;
            if scalar > *greatest {
                return Ok(None);
            }
            scalars.push(scalar);
        }
        self.export.constants.push(Constant { tag, name, levels, ty, fields, scalars });
        Ok(Some(self.export.constants.len() as Id - 1))
    }

    fn field(&mut self, lean: &mut dyn Machine, shape: Shape, field: Object) -> Result<Option<Field>> {
        Ok(match shape {
            Shape::Number => is_boxed(field).then(|| Field::Number(unboxed(field))),
            Shape::Name => Some(Field::Name(self.name(lean, field)?)),
            Shape::Names => Some(Field::Names(self.name_list(lean, field)?)),
            Shape::Expression => Some(Field::Expression(self.expression(lean, field)?)),
            Shape::Hints => Some(Field::Hints(hints(lean, field)?)),
            Shape::Rules => self.rules(lean, field)?.map(Field::Rules),
        })
    }

    fn rules(&mut self, lean: &mut dyn Machine, list: Object) -> Result<Option<Vec<(Id, u32, Id)>>> {
        let mut rules = Vec::new();
        for rule in lean.list_items(list)? {
            let [constructor, n_fields, right] = [lean.field(rule, 0)?, lean.field(rule, 1)?, lean.field(rule, 2)?];
            if !is_boxed(n_fields) {
                return Ok(None);
            }
            rules.push((self.name(lean, constructor)?, unboxed(n_fields), self.expression(lean, right)?));
        }
        Ok(Some(rules))
    }

    fn name_list(&mut self, lean: &mut dyn Machine, list: Object) -> Result<Vec<Id>> {
        lean.list_items(list)?.into_iter().map(|name| self.name(lean, name)).collect()
    }

    /// Reads a name (borrowed).
    pub(crate) fn name(&mut self, lean: &mut dyn Machine, name: Object) -> Result<Id> {
        // From the last component to the first, up to one that is known.
        let mut unknown = Vec::new();
        let mut rest = name;
        while !is_boxed(rest) && !self.names.contains_key(&rest) && unknown.len() < DEEPEST {
            unknown.push(rest);
            rest = lean.field(rest, 0)?;
        }
        let mut id = match self.names.get(&rest) {
            Some(&known) => known,
            None => self.export.names.add(Name::Anonymous),
        };
        for name in unknown.into_iter().rev() {
            let last = lean.field(name, 1)?;
            let component = match lean.is_string(last)? {
                true => Name::Text(id, lean.text(last)?),
                false => Name::Number(id, digits(lean, last)?),
            };
            id = self.export.names.add(component);
            self.names.insert(name, id);
        }
        Ok(id)
    }

    /// Reads the name in a field of an object (borrowed).
    fn name_in(&mut self, lean: &mut dyn Machine, o: Object, field: u32) -> Result<Id> {
        let name = lean.field(o, field)?;
        self.name(lean, name)
    }

    fn level(&mut self, lean: &mut dyn Machine, level: Object, depth: usize) -> Result<Id> {
        if let Some(&known) = self.levels.get(&level) {
            return Ok(known);
        }
        // What is met below itself is no level.
        let hole = self.export.levels.add(Level::Hole);
        self.levels.insert(level, hole);
        let tag = if is_boxed(level) { tag::ZERO } else { lean.tag(level)? };
        let n_parts = match tag {
            _ if depth == DEEPEST => return Ok(hole),
            tag::ZERO | tag::PARAMETER => 0,
            tag::SUCCESSOR => 1,
            tag::MAX | tag::IMPREDICATIVE_MAX => 2,
            _ => return Ok(hole),
        };
        let mut parts = [hole; 2];
        for (i, part) in (0..n_parts).zip(&mut parts) {
            let of = lean.field(level, i)?;
            *part = self.level(lean, of, depth + 1)?;
        }
        let read = match tag {
            tag::ZERO => Level::Zero,
            tag::SUCCESSOR => Level::Successor(parts[0]),
            tag::MAX => Level::Max(parts[0], parts[1]),
            tag::IMPREDICATIVE_MAX => Level::ImpredicativeMax(parts[0], parts[1]),
            _ => Level::Parameter(self.name_in(lean, level, 0)?),
        };
        let id = self.export.levels.add(read);
        self.levels.insert(level, id);
        Ok(id)
    }

    /// Reads an expression (borrowed). What waits is kept in a list: expressions are deeper than any stack.
    pub(super) fn expression(&mut self, lean: &mut dyn Machine, root: Object) -> Result<Id> {
        // What is met below itself is no expression.
        let hole = self.export.expressions.add(Expression::Hole);
        self.expressions.insert(NIL, hole);
        let mut waiting = vec![(root, false)];
        while let Some((expression, has_parts)) = waiting.pop() {
            if has_parts {
                let id = self.read_node(lean, expression)?;
                self.expressions.insert(expression, id);
            } else if let Entry::Vacant(place) = self.expressions.entry(expression) {
                place.insert(hole);
                if !is_boxed(expression) {
                    waiting.push((expression, true));
                    for i in parts_of(lean.tag(expression)?) {
                        waiting.push((lean.field(expression, i)?, false));
                    }
                }
            }
        }
        Ok(self.expressions.get(&root).copied().unwrap_or(hole))
    }

    /// Reads an expression whose parts were read.
    fn read_node(&mut self, lean: &mut dyn Machine, expression: Object) -> Result<Id> {
        let tag = lean.tag(expression)?;
        let mut parts = [0; 3];
        for (i, part) in parts_of(tag).zip(&mut parts) {
            *part = self.expressions.get(&lean.field(expression, i)?).copied().unwrap_or(0);
        }
        let read = match tag {
            tag::BOUND => match lean.field(expression, 0)? {
                index if is_boxed(index) => Expression::Bound(unboxed(index)),
                _ => Expression::Hole,
            },
            tag::SORT => {
                let level = lean.field(expression, 0)?;
                Expression::Sort(self.level(lean, level, 0)?)
            }
            tag::CONSTANT => {
                let name = self.name_in(lean, expression, 0)?;
                let levels = lean.list_items(lean.field(expression, 1)?)?;
                let levels = levels.into_iter().map(|level| self.level(lean, level, 0));
                Expression::Constant { name, levels: levels.collect::<Result<_>>()? }
            }
            tag::APPLY => Expression::Apply([parts[0], parts[1]]),
            tag::LAMBDA => Expression::Lambda(self.binder(lean, expression, parts)?),
            tag::PI => Expression::Pi(self.binder(lean, expression, parts)?),
            tag::LET => {
                let name = self.name_in(lean, expression, 0)?;
                Expression::Let { name, parts, is_nondependent: lean.scalar(expression, BEHIND_HASH)? != 0 }
            }
            tag::LITERAL => {
                let value = lean.field(expression, 0)?;
                literal(lean, value)?
            }
            tag::METADATA => return Ok(parts[0]),
            tag::PROJECTION => match lean.field(expression, 1)? {
                field if is_boxed(field) => {
                    let structure = self.name_in(lean, expression, 0)?;
                    Expression::Projection { structure, field: unboxed(field), of: parts[0] }
                }
                _ => Expression::Hole,
            },
            _ => Expression::Hole,
        };
        Ok(self.export.expressions.add(read))
    }

    fn binder(&mut self, lean: &mut dyn Machine, expression: Object, [ty, body, _]: [Id; 3]) -> Result<Binder> {
        const GREATEST_INFO: u8 = 3;
        let name = self.name_in(lean, expression, 0)?;
        let info = lean.scalar(expression, BEHIND_HASH)?.min(GREATEST_INFO);
        Ok(Binder { name, parts: [ty, body], info })
    }
}

/// Which fields of an expression are expressions.
fn parts_of(tag: u8) -> std::ops::Range<u32> {
    match tag {
        tag::APPLY => 0..2,
        tag::LAMBDA | tag::PI => 1..3,
        tag::LET => 1..4,
        tag::METADATA => 1..2,
        tag::PROJECTION => 2..3,
        _ => 0..0,
    }
}

fn hints(lean: &dyn Machine, hints: Object) -> Result<Hints> {
    Ok(match hints {
        NIL => Hints::Opaque,
        hints if is_boxed(hints) => Hints::Abbreviation,
        hints => Hints::Regular(lean.field(hints, 0)?), // it has no fields: this is its scalar
    })
}

fn literal(lean: &mut dyn Machine, literal: Object) -> Result<Expression> {
    const TEXT: u8 = 1;
    if is_boxed(literal) {
        return Ok(Expression::Hole);
    }
    let value = lean.field(literal, 0)?;
    Ok(if lean.tag(literal)? == TEXT {
        Expression::Text(lean.text(value)?)
    } else {
        Expression::Number(digits(lean, value)?)
    })
}

/// A `Nat` (borrowed) in decimal.
fn digits(lean: &mut dyn Machine, number: Object) -> Result<String> {
    if is_boxed(number) {
        return Ok(unboxed(number).to_string());
    }
    lean.retain(number)?;
    let digits = lean.call("Nat_reprFast", &[number])?;
    lean.take_text(digits, u32::MAX)
}
