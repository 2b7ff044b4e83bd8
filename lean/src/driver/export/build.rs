//! Making what was read anew, by Lean's own constructors.

use super::{Binder, Constant, Export, Expression, Field, Hints, Id, Level, Name};
use crate::driver::constants::is_declared;
use crate::machine::{Machine, Result};
use crate::object::{NIL, Object, boxed};

/// What was made in a Lean.
#[derive(Debug)]
pub(crate) struct Built {
    /// Name and `ConstantInfo` of each constant, both owned.
    constants: Vec<[Object; 2]>,
}

impl Built {
    /// A constant's name and info (both borrowed).
    pub(crate) fn constant(&self, id: Id) -> [Object; 2] {
        self.constants[id as usize]
    }

    /// An environment (owned) with the constants on top of `base` (borrowed), as they stand: nobody has looked at them.
    /// Names that `base` has stay what they are there.
    pub(crate) fn environment(&self, lean: &mut dyn Machine, base: Object) -> Result<Object> {
        let mut environment = lean.retain(base)?;
        for &[name, info] in &self.constants {
            if !is_declared(lean, environment, name)? {
                lean.retain(info)?;
                environment = lean.runtime("lake_environment_add", &[environment, info])?;
            }
        }
        Ok(environment)
    }

    /// Lets go of it.
    pub(crate) fn release(self, lean: &mut dyn Machine) -> Result<()> {
        lean.release_all(self.constants.as_flattened())
    }
}

impl Export {
    /// Makes the constants.
    pub(crate) fn build(&self, lean: &mut dyn Machine) -> Result<Built> {
        let mut builder = Builder::default();
        for name in &self.names.values {
            let name = builder.build_name(lean, name)?;
            builder.names.push(name);
        }
        for level in &self.levels.values {
            let level = builder.build_level(lean, level)?;
            builder.levels.push(level);
        }
        for expression in &self.expressions.values {
            let expression = builder.build_expression(lean, expression)?;
            builder.expressions.push(expression);
        }
        let mut constants = Vec::with_capacity(self.constants.len());
        for constant in &self.constants {
            let name = take(lean, &builder.names, constant.name)?;
            constants.push([name, builder.build_constant(lean, constant)?]);
        }
        lean.release_all(&builder.names)?;
        lean.release_all(&builder.levels)?;
        lean.release_all(&builder.expressions)?;
        Ok(Built { constants })
    }
}

/// What was made so far, owned, in the order of the tables.
#[derive(Default)]
struct Builder {
    names: Vec<Object>,
    levels: Vec<Object>,
    expressions: Vec<Object>,
}

/// One of them, owned once more.
fn take(lean: &mut dyn Machine, made: &[Object], id: Id) -> Result<Object> {
    lean.retain(made[id as usize])
}

/// A list of some of them.
fn take_list(lean: &mut dyn Machine, made: &[Object], ids: &[Id]) -> Result<Object> {
    let items: Vec<Object> = ids.iter().map(|&id| take(lean, made, id)).collect::<Result<_>>()?;
    lean.list(&items)
}

impl Builder {
    fn build_name(&self, lean: &mut dyn Machine, name: &Name) -> Result<Object> {
        match name {
            Name::Anonymous => Ok(NIL),
            Name::Text(parent, text) => {
                let parent = take(lean, &self.names, *parent)?;
                let text = lean.string(text)?;
                lean.call("Lean_Name_str___override", &[parent, text])
            }
            Name::Number(parent, number) => {
                let parent = take(lean, &self.names, *parent)?;
                let number = build_number(lean, number)?;
                lean.call("Lean_Name_num___override", &[parent, number])
            }
        }
    }

    fn build_level(&self, lean: &mut dyn Machine, level: &Level) -> Result<Object> {
        let made = &self.levels;
        match *level {
            Level::Zero => {
                let zero = lean.constant("Lean_Level_zero___override")?;
                lean.retain(zero)
            }
            Level::Successor(of) => {
                let of = take(lean, made, of)?;
                lean.call("Lean_Level_succ___override", &[of])
            }
            Level::Max(a, b) => {
                let parts = [take(lean, made, a)?, take(lean, made, b)?];
                lean.call("Lean_Level_max___override", &parts)
            }
            Level::ImpredicativeMax(a, b) => {
                let parts = [take(lean, made, a)?, take(lean, made, b)?];
                lean.call("Lean_Level_imax___override", &parts)
            }
            Level::Parameter(name) => {
                let name = take(lean, &self.names, name)?;
                lean.call("Lean_Level_param___override", &[name])
            }
            Level::Hole => lean.call("Lean_Level_mvar___override", &[NIL]),
        }
    }

    fn build_expression(&self, lean: &mut dyn Machine, expression: &Expression) -> Result<Object> {
        let made = &self.expressions;
        match expression {
            Expression::Bound(index) => lean.call("Lean_Expr_bvar___override", &[boxed(*index)]),
            Expression::Sort(level) => {
                let level = take(lean, &self.levels, *level)?;
                lean.call("Lean_Expr_sort___override", &[level])
            }
            Expression::Constant { name, levels } => {
                let name = take(lean, &self.names, *name)?;
                let levels = take_list(lean, &self.levels, levels)?;
                lean.call("Lean_Expr_const___override", &[name, levels])
            }
            Expression::Apply([function, argument]) => {
                let parts = [take(lean, made, *function)?, take(lean, made, *argument)?];
                lean.call("Lean_Expr_app___override", &parts)
            }
            Expression::Lambda(binder) => self.build_binder(lean, "Lean_Expr_lam___override", binder),
            Expression::Pi(binder) => self.build_binder(lean, "Lean_Expr_forallE___override", binder),
            Expression::Let { name, parts: [ty, value, body], is_nondependent } => {
                let name = take(lean, &self.names, *name)?;
                let parts = [take(lean, made, *ty)?, take(lean, made, *value)?, take(lean, made, *body)?];
                let flag = boxed(u32::from(*is_nondependent));
                lean.call("Lean_Expr_letE___override", &[name, parts[0], parts[1], parts[2], flag])
            }
            Expression::Number(digits) => {
                let number = build_number(lean, digits)?;
                let literal = lean.construct(0, &[number], 0)?;
                lean.call("Lean_Expr_lit___override", &[literal])
            }
            Expression::Text(text) => {
                let text = lean.string(text)?;
                let literal = lean.construct(1, &[text], 0)?;
                lean.call("Lean_Expr_lit___override", &[literal])
            }
            Expression::Projection { structure, field, of } => {
                let structure = take(lean, &self.names, *structure)?;
                let of = take(lean, made, *of)?;
                lean.call("Lean_Expr_proj___override", &[structure, boxed(*field), of])
            }
            Expression::Hole => lean.call("Lean_Expr_mvar___override", &[NIL]),
        }
    }

    fn build_binder(&self, lean: &mut dyn Machine, constructor: &str, binder: &Binder) -> Result<Object> {
        let name = take(lean, &self.names, binder.name)?;
        let [ty, body] = binder.parts;
        let parts = [take(lean, &self.expressions, ty)?, take(lean, &self.expressions, body)?];
        lean.call(constructor, &[name, parts[0], parts[1], boxed(binder.info.into())])
    }

    fn build_constant(&self, lean: &mut dyn Machine, constant: &Constant) -> Result<Object> {
        let name = take(lean, &self.names, constant.name)?;
        let levels = take_list(lean, &self.names, &constant.levels)?;
        let ty = take(lean, &self.expressions, constant.ty)?;
        let mut fields = vec![lean.construct(0, &[name, levels, ty], 0)?];
        for field in &constant.fields {
            fields.push(self.build_field(lean, field)?);
        }
        let n_scalars = constant.scalars.len() as u32;
        // A value of one field and nothing else is no object of its own anywhere: `AxiomVal` has a byte behind it.
        let value = lean.construct(0, &fields, n_scalars)?;
        for (i, scalar) in (0..).zip(&constant.scalars) {
            lean.set_scalar(value, i, *scalar)?;
        }
        lean.construct(constant.tag, &[value], 0)
    }

    fn build_field(&self, lean: &mut dyn Machine, field: &Field) -> Result<Object> {
        match field {
            Field::Number(number) => Ok(boxed(*number)),
            Field::Name(name) => take(lean, &self.names, *name),
            Field::Names(names) => take_list(lean, &self.names, names),
            Field::Expression(expression) => take(lean, &self.expressions, *expression),
            Field::Hints(hints) => build_hints(lean, *hints),
            Field::Rules(rules) => {
                let mut items = Vec::with_capacity(rules.len());
                for (constructor, n_fields, right) in rules {
                    let constructor = take(lean, &self.names, *constructor)?;
                    let right = take(lean, &self.expressions, *right)?;
                    items.push(lean.construct(0, &[constructor, boxed(*n_fields), right], 0)?);
                }
                lean.list(&items)
            }
        }
    }
}

fn build_hints(lean: &mut dyn Machine, hints: Hints) -> Result<Object> {
    const REGULAR: u8 = 2;
    match hints {
        Hints::Opaque => Ok(boxed(0)),
        Hints::Abbreviation => Ok(boxed(1)),
        Hints::Regular(height) => {
            let hints = lean.construct(REGULAR, &[], 4)?;
            for (i, byte) in (0..).zip(height.to_le_bytes()) {
                lean.set_scalar(hints, i, byte)?;
            }
            Ok(hints)
        }
    }
}

/// A `Nat` (owned) of its digits.
fn build_number(lean: &mut dyn Machine, digits: &str) -> Result<Object> {
    const GREATEST_BOXED: u32 = u32::MAX >> 1;
    if let Ok(small) = digits.parse::<u32>()
        && small <= GREATEST_BOXED
    {
        return Ok(boxed(small));
    }
    let digits = lean.c_string(digits)?;
    let number = lean.runtime("lean_cstr_to_nat", &[digits])?;
    lean.runtime("free", &[digits])?;
    Ok(number)
}
