//! Expressions with an evaluator: optimisers, substitutions and compilers that are correct for it.

use super::functions::{Role, Tool};
use super::language::{Arm, Body, Claim, Expr, Function, Op, Pattern, Prop, Ty, add, is_true, num, op, var};
use super::laws::seems_true;
use super::sketch::{How, Lemma, Sketch};
use super::world::{Field, Signature, World};

/// What an operation of the expressions computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Add,
    Mul,
    Max,
    Min,
    Sub,
    /// Of one argument: so many times, and so much more.
    Affine(i64, i64),
    /// The second argument where the first is 0, and the third elsewhere.
    IfZero,
}

/// A type of expressions with its evaluator.
struct Language {
    ty: Ty,
    number: Ty,
    /// The operations, whose constructors follow those of literals and variables.
    meanings: Vec<Meaning>,
    eval: usize,
}

const LITERAL: usize = 0;
const VARIABLE: usize = 1;
const FIRST_OPERATION: usize = 2;
const ENV: &str = "env";
const E: &str = "it";

impl Meaning {
    fn n_arguments(self) -> usize {
        match self {
            Self::Affine(..) => 1,
            Self::IfZero => 3,
            _ => 2,
        }
    }

    fn of(self, args: &[Expr]) -> Expr {
        match (self, args) {
            (Self::Affine(scale, shift), [a]) => add(super::language::times(scale, a.clone()), num(shift)),
            (Self::IfZero, [a, b, c]) => {
                let test = Prop::Eq(a.clone(), num(0));
                Expr::If(Box::new(test), Box::new(b.clone()), Box::new(c.clone()))
            }
            (Self::Add, _) => Expr::Op(Op::Add, args.to_vec()),
            (Self::Mul, _) => Expr::Op(Op::Mul, args.to_vec()),
            (Self::Max, _) => Expr::Op(Op::Max, args.to_vec()),
            (Self::Min, _) => Expr::Op(Op::Min, args.to_vec()),
            _ => Expr::Op(Op::Sub, args.to_vec()),
        }
    }

    fn commutes(self) -> bool {
        matches!(self, Self::Add | Self::Mul | Self::Max | Self::Min)
    }
}

impl Language {
    fn draw(world: &mut World<'_>) -> Self {
        let number = if world.dice.percent(55) { Ty::Nat } else { Ty::Int };
        let mut all = vec![Meaning::Add, Meaning::Mul, Meaning::Max, Meaning::Min, Meaning::IfZero];
        all.push(Meaning::Affine(world.dice.int(1, 3), world.dice.int(1, 4)));
        if number == Ty::Int {
            all.push(Meaning::Sub);
        }
        world.dice.shuffle(&mut all);
        let n = world.dice.int(2, 3);
        let meanings: Vec<Meaning> = all.into_iter().take(usize::try_from(n).unwrap_or(2)).collect();
        let mut ctors = vec![vec![Field::Of(number.clone())], vec![Field::Of(Ty::Nat)]];
        ctors.extend(meanings.iter().map(|meaning| vec![Field::Itself; meaning.n_arguments()]));
        let ty = world.data(ctors, false, false);
        let env = vec![(ENV.to_owned(), Ty::Env(Box::new(number.clone())))];
        let signature = Signature { before: env, on: ty.clone(), behind: Vec::new(), result: number.clone() };
        let eval = world.by_cases(&signature, |_, case| match case.ctor {
            LITERAL => case.field(0),
            VARIABLE => op(Op::Apply, [var(ENV), case.field(0)]),
            ctor => {
                let args: Vec<Expr> = case.indices().map(|field| case.recur(field, [])).collect();
                meanings[ctor - FIRST_OPERATION].of(&args)
            }
        });
        Self { ty, number, meanings, eval }
    }

    fn env(&self) -> (String, Ty) {
        (ENV.to_owned(), Ty::Env(Box::new(self.number.clone())))
    }

    fn value(&self, env: Expr, of: Expr) -> Expr {
        Expr::Call(self.eval, vec![env, of])
    }

    fn literal(&self, value: Expr) -> Expr {
        Expr::Ctor(self.ty.clone(), LITERAL, vec![value])
    }

    fn changed(&self, on: &Ty) -> Signature {
        Signature { before: Vec::new(), on: on.clone(), behind: Vec::new(), result: self.ty.clone() }
    }

    /// A function that applies an operation where it must, and something shorter where that is worth the same.
    fn smart(&self, world: &mut World<'_>, ctor: usize, meaning: Meaning) -> usize {
        let literal = |pattern: Pattern| Pattern::Ctor(self.ty.clone(), LITERAL, vec![pattern]);
        let (a, b) = (|| Pattern::Var("a".to_owned()), || Pattern::Var("b".to_owned()));
        let mut arms = Vec::new();
        let mut arm = |patterns: [Pattern; 2], value: Expr| arms.push(Arm { patterns: patterns.to_vec(), value });
        match meaning {
            Meaning::Add => {
                arm([literal(Pattern::Num(0)), b()], var("b"));
                arm([a(), literal(Pattern::Num(0))], var("a"));
            }
            Meaning::Mul => {
                if world.dice.percent(60) {
                    arm([literal(Pattern::Num(0)), Pattern::Var("b".to_owned())], self.literal(num(0)));
                }
                arm([literal(Pattern::Num(1)), b()], var("b"));
                arm([a(), literal(Pattern::Num(1))], var("a"));
            }
            Meaning::Sub => arm([a(), literal(Pattern::Num(0))], var("a")),
            Meaning::Max if self.number == Ty::Nat => {
                arm([literal(Pattern::Num(0)), b()], var("b"));
                arm([a(), literal(Pattern::Num(0))], var("a"));
            }
            Meaning::Min if self.number == Ty::Nat => {
                arm([literal(Pattern::Num(0)), Pattern::Var("b".to_owned())], self.literal(num(0)));
            }
            _ => {}
        }
        if world.dice.percent(60) || arms.is_empty() {
            let both = [literal(Pattern::Var("m".to_owned())), literal(Pattern::Var("n".to_owned()))];
            arms.push(Arm { patterns: both.to_vec(), value: self.literal(meaning.of(&[var("m"), var("n")])) });
        }
        let whole = Expr::Ctor(self.ty.clone(), ctor, vec![var("a"), var("b")]);
        arms.push(Arm { patterns: vec![a(), b()], value: whole });
        let name = world.small();
        let params = ["a", "b"].map(|name| (name.to_owned(), self.ty.clone())).to_vec();
        let body = Body::Cases { n_fixed: 0, arms };
        world.program.define(Function { name, params, result: self.ty.clone(), body })
    }
}

/// A theorem about an evaluator.
pub(super) fn draw(world: &mut World<'_>) -> Option<Sketch> {
    let language = Language::draw(world);
    match world.dice.weighted(&[5, 3, 2, 2, 3]) {
        0 => optimised(world, &language),
        1 => compiled(world, &language),
        2 => shifted(world, &language),
        3 => closed(world, &language),
        _ => mixed(world, &language),
    }
}

fn induction(claim: Claim) -> Lemma {
    Lemma { claim, how: How::Induction { on: E.to_owned(), generalizing: Vec::new() } }
}

/// An optimiser that is made of the operations' shorter forms keeps values.
fn optimised(world: &mut World<'_>, language: &Language) -> Option<Sketch> {
    let mut smart: Vec<Option<usize>> = Vec::new();
    let mut lemmas = Vec::new();
    for (idx, meaning) in language.meanings.iter().enumerate() {
        if meaning.n_arguments() != 2 || (!lemmas.is_empty() && world.dice.percent(40)) {
            smart.push(None);
            continue;
        }
        let function = language.smart(world, FIRST_OPERATION + idx, *meaning);
        let value = |of: Expr| language.value(var(ENV), of);
        let goal = Prop::Eq(
            value(Expr::Call(function, vec![var("a"), var("b")])),
            meaning.of(&[value(var("a")), value(var("b"))]),
        );
        let variables =
            [vec![language.env()], ["a", "b"].map(|n| (n.to_owned(), language.ty.clone())).to_vec()].concat();
        let claim = Claim::new(variables, goal);
        let (name, eval) = (&world.program.functions[function].name, &world.program.functions[language.eval].name);
        let script = format!(
            "unfold {name}\nsplit <;> first\n  | rfl\n  | (simp [{eval}]; done)\n  | (simp [{eval}] <;> omega)\n  | grind [{eval}]"
        );
        lemmas.push(Lemma { claim, how: How::Script(script) });
        smart.push(Some(function));
    }
    if lemmas.is_empty() {
        return None;
    }
    if world.dice.percent(20) {
        return Some(Sketch::of("evaluator", 2, world.dice.pick(&lemmas)));
    }
    let optimise = world.by_cases(&language.changed(&language.ty), |_, case| {
        if case.ctor < FIRST_OPERATION {
            return Expr::Ctor(language.ty.clone(), case.ctor, case.indices().map(|field| case.field(field)).collect());
        }
        let args: Vec<Expr> = case.indices().map(|field| case.recur(field, [])).collect();
        match smart[case.ctor - FIRST_OPERATION] {
            Some(function) => Expr::Call(function, args),
            None => Expr::Ctor(language.ty.clone(), case.ctor, args),
        }
    });
    let changed = Expr::Call(optimise, vec![var(E)]);
    let goal = Prop::Eq(language.value(var(ENV), changed), language.value(var(ENV), var(E)));
    let claim = Claim::new(vec![(E.to_owned(), language.ty.clone()), language.env()], goal);
    let how = induction(claim.clone()).how;
    let grade = 3 + u32::from(lemmas.len() > 1);
    seems_true(world, &claim).then_some(Sketch { scheme: "evaluator", grade, claim, lemmas, how })
}

/// Code for a machine with a stack does what the evaluator says.
fn compiled(world: &mut World<'_>, language: &Language) -> Option<Sketch> {
    let mut instructions = vec![vec![Field::Of(language.number.clone())], vec![Field::Of(Ty::Nat)]];
    instructions.extend(vec![Vec::new(); language.meanings.len()]);
    let instruction = world.data(instructions, false, false);
    let stack = Ty::list(language.number.clone());
    let cons = |head: Expr, tail: Expr| Expr::Ctor(stack.clone(), 1, vec![head, tail]);
    let code = Ty::list(instruction.clone());
    let names = ["c", "b", "a"];
    let mut arms = vec![
        Arm {
            patterns: vec![
                Pattern::Ctor(instruction.clone(), LITERAL, vec![Pattern::Var("n".to_owned())]),
                Pattern::Var("st".to_owned()),
            ],
            value: cons(var("n"), var("st")),
        },
        Arm {
            patterns: vec![
                Pattern::Ctor(instruction.clone(), VARIABLE, vec![Pattern::Var("x".to_owned())]),
                Pattern::Var("st".to_owned()),
            ],
            value: cons(op(Op::Apply, [var(ENV), var("x")]), var("st")),
        },
    ];
    for (idx, meaning) in language.meanings.iter().enumerate() {
        let n = meaning.n_arguments();
        let popped = &names[names.len() - n..];
        let pattern = popped.iter().rev().fold(Pattern::Var("st".to_owned()), |rest, name| {
            Pattern::Ctor(stack.clone(), 1, vec![Pattern::Var((*name).to_owned()), rest])
        });
        let args: Vec<Expr> = popped.iter().rev().map(|name| var(name)).collect();
        let instruction = Pattern::Ctor(instruction.clone(), FIRST_OPERATION + idx, Vec::new());
        arms.push(Arm { patterns: vec![instruction, pattern], value: cons(meaning.of(&args), var("st")) });
    }
    arms.push(Arm { patterns: vec![Pattern::Var("i".to_owned()), Pattern::Var("st".to_owned())], value: var("st") });
    let name = world.small();
    let params = vec![language.env(), ("i".to_owned(), instruction.clone()), ("st".to_owned(), stack.clone())];
    let body = Body::Cases { n_fixed: 1, arms };
    let act = world.program.define(Function { name, params, result: stack.clone(), body });
    let behind = vec![("st".to_owned(), stack.clone())];
    let signature = Signature { before: vec![language.env()], on: code.clone(), behind, result: stack.clone() };
    let run = world.by_cases(&signature, |_, case| {
        if case.ctor == 0 {
            return var("st");
        }
        case.recur(1, [Expr::Call(act, vec![var(ENV), case.field(0), var("st")])])
    });
    let signature = Signature { before: Vec::new(), on: language.ty.clone(), behind: Vec::new(), result: code.clone() };
    let single = |ctor: usize, args: Vec<Expr>| {
        let nil = Expr::Ctor(code.clone(), 0, Vec::new());
        Expr::Ctor(code.clone(), 1, vec![Expr::Ctor(instruction.clone(), ctor, args), nil])
    };
    let compile = world.by_cases(&signature, |_, case| {
        if case.ctor < FIRST_OPERATION {
            return single(case.ctor, vec![case.field(0)]);
        }
        let parts = case.indices().map(|field| case.recur(field, [])).chain([single(case.ctor, Vec::new())]);
        super::language::joined(Op::Append, parts, num(0))
    });
    let run_of = |code: Expr, st: Expr| Expr::Call(run, vec![var(ENV), code, st]);
    let appended = Claim::new(
        vec![
            language.env(),
            (E.to_owned(), code.clone()),
            ("q".to_owned(), code.clone()),
            ("st".to_owned(), stack.clone()),
        ],
        Prop::Eq(run_of(op(Op::Append, [var(E), var("q")]), var("st")), run_of(var("q"), run_of(var(E), var("st")))),
    );
    let how = How::Induction { on: E.to_owned(), generalizing: vec!["st".to_owned()] };
    let appended = Lemma { claim: appended, how: how.clone() };
    let (first, rest) = ("st".to_owned(), stack.clone());
    let goal = Prop::Eq(
        run_of(Expr::Call(compile, vec![var(E)]), var("st")),
        cons(language.value(var(ENV), var(E)), var("st")),
    );
    let claim = Claim::new(vec![(E.to_owned(), language.ty.clone()), language.env(), (first, rest)], goal);
    match world.dice.int(0, 3) {
        0 => Some(Sketch::of("evaluator", 3, appended)),
        _ => seems_true(world, &claim).then_some(Sketch {
            scheme: "evaluator",
            grade: 5,
            claim,
            lemmas: vec![appended],
            how,
        }),
    }
}

/// Variables are numbered on, and the environment is read further on.
fn shifted(world: &mut World<'_>, language: &Language) -> Option<Sketch> {
    let n = world.dice.int(1, 4);
    let shift = world.by_cases(&language.changed(&language.ty), |_, case| {
        let args = case.indices().map(|field| match case.ctor {
            VARIABLE => add(case.field(field), num(n)),
            LITERAL => case.field(field),
            _ => case.recur(field, []),
        });
        Expr::Ctor(language.ty.clone(), case.ctor, args.collect())
    });
    let moved = Expr::Shifted(Box::new(var(ENV)), n);
    let goal = Prop::Eq(language.value(var(ENV), Expr::Call(shift, vec![var(E)])), language.value(moved, var(E)));
    let claim = Claim::new(vec![(E.to_owned(), language.ty.clone()), language.env()], goal);
    seems_true(world, &claim).then(|| Sketch::of("evaluator", 2, induction(claim)))
}

/// What has no variables is worth the same everywhere.
fn closed(world: &mut World<'_>, language: &Language) -> Option<Sketch> {
    let signature = Signature { before: Vec::new(), on: language.ty.clone(), behind: Vec::new(), result: Ty::Bool };
    let is_closed = world.by_cases(&signature, |_, case| match case.ctor {
        LITERAL => Expr::Bool(true),
        VARIABLE => Expr::Bool(false),
        _ => super::language::joined(Op::And, case.indices().map(|field| case.recur(field, [])), Expr::Bool(true)),
    });
    let other = ("other".to_owned(), language.env().1);
    let claim = Claim {
        variables: vec![(E.to_owned(), language.ty.clone()), language.env(), other],
        hypotheses: vec![is_true(Expr::Call(is_closed, vec![var(E)]))],
        goal: Prop::Eq(language.value(var(ENV), var(E)), language.value(var("other"), var(E))),
    };
    seems_true(world, &claim).then(|| Sketch::of("evaluator", 3, induction(claim)))
}

/// The evaluator beside measures and changes as any type has them.
fn mixed(world: &mut World<'_>, language: &Language) -> Option<Sketch> {
    let swap = world.by_cases(&language.changed(&language.ty), |_, case| {
        let mut args: Vec<Expr> = case
            .indices()
            .map(|field| if case.ctor < FIRST_OPERATION { case.field(field) } else { case.recur(field, []) })
            .collect();
        if case.ctor >= FIRST_OPERATION && language.meanings[case.ctor - FIRST_OPERATION].commutes() {
            args.reverse();
        }
        Expr::Ctor(language.ty.clone(), case.ctor, args)
    });
    let tool = |function: usize, role: Role, before: Vec<(String, Ty)>, result: Ty| Tool {
        function,
        role,
        before,
        on: language.ty.clone(),
        result,
        maps: None,
    };
    let mut tools = vec![
        tool(language.eval, Role::Observer, vec![language.env()], language.number.clone()),
        tool(swap, Role::Transformer, Vec::new(), language.ty.clone()),
    ];
    tools.extend(super::functions::tools(world, &language.ty));
    let sketch = super::laws::theorem(world, &tools)?;
    Some(Sketch { scheme: "evaluator", ..sketch })
}
