//! Developments as Lean reads them.

use super::language::{Arm, Body, Claim, Data, Declared, Expr, Function, Op, Pattern, Predicate, Program, Prop, Ty};

/// How tightly what stands around a term binds: its operators' precedences, as Lean has them.
mod level {
    pub(super) const TOP: u32 = 0;
    pub(super) const IFF: u32 = 20;
    pub(super) const IMPLIES: u32 = 25;
    pub(super) const OR: u32 = 30;
    pub(super) const AND: u32 = 35;
    pub(super) const EQUAL: u32 = 51;
    pub(super) const ADD: u32 = 65;
    pub(super) const CONS: u32 = 67;
    pub(super) const MUL: u32 = 70;
    pub(super) const POW: u32 = 75;
    pub(super) const ARGUMENT: u32 = 1024;
}

impl Program {
    /// All declarations, a blank line apart.
    pub(super) fn text(&self) -> String {
        let declared = self.order.iter().map(|declared| match declared {
            Declared::Data(idx) => self.data_text(&self.datas[*idx]),
            Declared::Function(idx) => self.function_text(&self.functions[*idx]),
            Declared::Predicate(idx) => self.predicate_text(&self.predicates[*idx]),
        });
        declared.collect::<Vec<_>>().join("\n\n")
    }

    /// A type, in brackets where it would be an argument of several words.
    fn ty(&self, ty: &Ty, is_argument: bool) -> String {
        let text = match ty {
            Ty::Nat => "Nat".to_owned(),
            Ty::Int => "Int".to_owned(),
            Ty::Bool => "Bool".to_owned(),
            Ty::Param => "α".to_owned(),
            Ty::Env(value) => format!("Nat → {}", self.ty(value, false)),
            Ty::List(item) => format!("List {}", self.ty(item, true)),
            Ty::Data(idx) => {
                let Data { name, has_param, .. } = &self.datas[*idx];
                if *has_param { format!("{name} α") } else { name.clone() }
            }
        };
        if is_argument && text.contains(' ') { format!("({text})") } else { text }
    }

    /// A type left of an arrow.
    fn domain(&self, ty: &Ty) -> String {
        self.ty(ty, matches!(ty, Ty::Env(_)))
    }

    fn binders(&self, variables: &[(String, Ty)]) -> String {
        let mut text = String::new();
        let mut rest = variables;
        while let [(_, ty), ..] = rest {
            let n = rest.iter().take_while(|(_, other)| other == ty).count();
            let names: Vec<&str> = rest[..n].iter().map(|(name, _)| name.as_str()).collect();
            text.push_str(&format!(" ({} : {})", names.join(" "), self.ty(ty, false)));
            rest = &rest[n..];
        }
        text
    }

    fn data_text(&self, data: &Data) -> String {
        let param = if data.has_param { " (α : Type)" } else { "" };
        if data.is_structure {
            let fields = data.ctors.iter().flat_map(|ctor| &ctor.fields);
            let fields: String = fields.map(|(name, ty)| format!("\n  {name} : {}", self.ty(ty, false))).collect();
            return format!("structure {}{param} where{fields}", data.name);
        }
        let ctors = data.ctors.iter().map(|ctor| format!("\n  | {}{}", ctor.name, self.binders(&ctor.fields)));
        format!("inductive {}{param} where{}", data.name, ctors.collect::<String>())
    }

    fn function_text(&self, function: &Function) -> String {
        let Function { name, params, result, body } = function;
        let speaks_of_param = params.iter().any(|(_, ty)| self.has_param(ty)) || self.has_param(result);
        let implicit = if speaks_of_param { " {α : Type}" } else { "" };
        match body {
            Body::Plain(value) => format!(
                "def {name}{implicit}{} : {} :=\n  {}",
                self.binders(params),
                self.ty(result, false),
                self.term(value, level::TOP)
            ),
            Body::Cases { n_fixed, arms } => {
                let (fixed, matched) = params.split_at(*n_fixed);
                let domains: String = matched.iter().map(|(_, ty)| format!("{} → ", self.domain(ty))).collect();
                let arms: String = arms.iter().map(|arm| self.arm_text(arm)).collect();
                format!("def {name}{implicit}{} : {domains}{}{arms}", self.binders(fixed), self.ty(result, false))
            }
        }
    }

    fn predicate_text(&self, predicate: &Predicate) -> String {
        let Predicate { name, params, rules, .. } = predicate;
        let domains: String = params.iter().map(|ty| format!("{} → ", self.domain(ty))).collect();
        let rules = rules.iter().map(|rule| {
            let premises: String = rule
                .premises
                .iter()
                .map(|premise| format!("{} → ", self.prop_in(premise, level::IMPLIES + 1)))
                .collect();
            let conclusion: String = rule.conclusion.iter().map(|arg| format!(" {}", self.argument(arg))).collect();
            format!("\n  | {}{} : {premises}{name}{conclusion}", rule.name, self.binders(&rule.variables))
        });
        format!("inductive {name} : {domains}Prop where{}", rules.collect::<String>())
    }

    fn arm_text(&self, arm: &Arm) -> String {
        let patterns: Vec<String> =
            arm.patterns.iter().map(|pattern| self.pattern(pattern, &arm.value, level::TOP)).collect();
        format!("\n  | {} => {}", patterns.join(", "), self.term(&arm.value, level::TOP))
    }

    /// A pattern; what `value` does not speak of is `_`.
    fn pattern(&self, pattern: &Pattern, value: &Expr, around: u32) -> String {
        let inner = |pattern: &Pattern, around| self.pattern(pattern, value, around);
        let bracketed = |text: String, own: u32| if own < around { format!("({text})") } else { text };
        match pattern {
            Pattern::Var(name) if value.mentions(name) => name.clone(),
            Pattern::Var(_) => "_".to_owned(),
            Pattern::Num(value) => value.to_string(),
            Pattern::Ctor(ty, idx, fields) => match (ty, idx, fields.as_slice()) {
                (Ty::Nat, 0, _) => "0".to_owned(),
                (Ty::Nat, _, [before]) => bracketed(format!("{} + 1", inner(before, level::ADD)), level::ADD),
                (Ty::Bool, _, _) => (*idx == 1).to_string(),
                (Ty::List(_), 0, _) => "[]".to_owned(),
                (Ty::List(_), _, [head, tail]) => {
                    bracketed(format!("{} :: {}", inner(head, level::CONS + 1), inner(tail, level::CONS)), level::CONS)
                }
                (Ty::Data(data), _, _) if self.datas[*data].is_structure => {
                    let fields: Vec<String> = fields.iter().map(|field| inner(field, level::TOP)).collect();
                    format!("⟨{}⟩", fields.join(", "))
                }
                _ => {
                    let name = self.ctors(ty).get(*idx).map_or_else(String::new, |ctor| ctor.name.clone());
                    let fields: String =
                        fields.iter().map(|field| format!(" {}", inner(field, level::ARGUMENT))).collect();
                    let own = if fields.is_empty() { level::ARGUMENT } else { level::ARGUMENT - 1 };
                    bracketed(format!(".{name}{fields}"), own)
                }
            },
        }
    }

    /// A term, in brackets when what stands around it binds more tightly than it does.
    pub(super) fn term(&self, term: &Expr, around: u32) -> String {
        let (text, own) = self.open_term(term);
        if own < around { format!("({text})") } else { text }
    }

    /// A term as an argument.
    pub(super) fn argument(&self, term: &Expr) -> String {
        self.term(term, level::ARGUMENT)
    }

    /// A term without brackets, and how tightly it binds.
    fn open_term(&self, term: &Expr) -> (String, u32) {
        let application = |head: &str, args: &[Expr]| {
            let args: String = args.iter().map(|arg| format!(" {}", self.argument(arg))).collect();
            (format!("{head}{args}"), if args.is_empty() { level::ARGUMENT } else { level::ARGUMENT - 1 })
        };
        match term {
            Expr::Var(name) => (name.clone(), level::ARGUMENT),
            Expr::Num(value) => (value.to_string(), if *value < 0 { level::ADD } else { level::ARGUMENT }),
            Expr::Bool(value) => (value.to_string(), level::ARGUMENT),
            Expr::Call(function, args) => application(&self.functions[*function].name, args),
            Expr::Ctor(ty, idx, args) => self.ctor_text(ty, *idx, args),
            Expr::Field(inner, data, field) => {
                let name = &self.datas[*data].ctors[0].fields[*field].0;
                (format!("{}.{name}", self.argument(inner)), level::ARGUMENT)
            }
            Expr::Op(op, args) => self.operation(*op, args),
            Expr::Map(function, list) => {
                (format!("{}.map {}", self.argument(list), self.functions[*function].name), level::ARGUMENT - 1)
            }
            Expr::If(test, yes, no) => {
                let (yes, no) = (self.term(yes, level::TOP), self.term(no, level::TOP));
                (format!("if {} then {yes} else {no}", self.prop(test)), level::TOP)
            }
            Expr::Decide(test) => (format!("decide ({})", self.prop(test)), level::ARGUMENT - 1),
            Expr::Shifted(env, n) => (format!("fun x => {} (x + {n})", self.argument(env)), level::TOP),
        }
    }

    fn ctor_text(&self, ty: &Ty, idx: usize, args: &[Expr]) -> (String, u32) {
        match (ty, idx, args) {
            (Ty::Nat, 0, _) => ("0".to_owned(), level::ARGUMENT),
            (Ty::Nat, _, [before]) => (format!("{} + 1", self.term(before, level::ADD)), level::ADD),
            (Ty::Bool, _, _) => ((idx == 1).to_string(), level::ARGUMENT),
            (Ty::List(_), 0, _) => ("[]".to_owned(), level::ARGUMENT),
            (Ty::List(_), _, [head, Expr::Ctor(Ty::List(_), 0, _)]) => {
                (format!("[{}]", self.term(head, level::TOP)), level::ARGUMENT)
            }
            (Ty::List(_), _, [head, tail]) => {
                (format!("{} :: {}", self.term(head, level::CONS + 1), self.term(tail, level::CONS)), level::CONS)
            }
            _ => {
                let owner = match ty {
                    Ty::Data(data) => self.datas[*data].name.as_str(),
                    _ => "",
                };
                let name = self.ctors(ty).get(idx).map_or_else(String::new, |ctor| ctor.name.clone());
                let args: String = args.iter().map(|arg| format!(" {}", self.argument(arg))).collect();
                let own = if args.is_empty() { level::ARGUMENT } else { level::ARGUMENT - 1 };
                (format!("{owner}.{name}{args}"), own)
            }
        }
    }

    fn operation(&self, op: Op, args: &[Expr]) -> (String, u32) {
        let infix = |sign: &str, own: u32| {
            let [left, right] = args else { return (sign.to_owned(), level::ARGUMENT) };
            (format!("{} {sign} {}", self.term(left, own), self.term(right, own + 1)), own)
        };
        let application = |head: &str| {
            let args: String = args.iter().map(|arg| format!(" {}", self.argument(arg))).collect();
            (format!("{head}{args}"), level::ARGUMENT - 1)
        };
        let method = |name: &str| {
            let of: String = args.iter().map(|arg| self.argument(arg)).collect();
            (format!("{of}.{name}"), level::ARGUMENT)
        };
        match op {
            Op::Add => infix("+", level::ADD),
            Op::Sub => infix("-", level::ADD),
            Op::Mul => infix("*", level::MUL),
            Op::Mod => infix("%", level::MUL),
            Op::Pow => infix("^", level::POW),
            Op::Append => infix("++", level::ADD),
            Op::And => infix("&&", level::AND),
            Op::Or => infix("||", level::OR),
            Op::Max => application("max"),
            Op::Min => application("min"),
            Op::Not => {
                (format!("!{}", args.iter().map(|arg| self.argument(arg)).collect::<String>()), level::ARGUMENT - 1)
            }
            Op::Length => method("length"),
            Op::Reverse => method("reverse"),
            Op::Sum => method("sum"),
            Op::Apply => match args {
                [function, rest @ ..] => {
                    let rest: String = rest.iter().map(|arg| format!(" {}", self.argument(arg))).collect();
                    (format!("{}{rest}", self.argument(function)), level::ARGUMENT - 1)
                }
                [] => (String::new(), level::ARGUMENT),
            },
        }
    }

    /// A proposition.
    pub(super) fn prop(&self, prop: &Prop) -> String {
        self.prop_in(prop, level::TOP)
    }

    fn prop_in(&self, prop: &Prop, around: u32) -> String {
        let relation = |a: &Expr, sign: &str, b: &Expr| {
            (format!("{} {sign} {}", self.term(a, level::EQUAL), self.term(b, level::EQUAL)), level::EQUAL - 1)
        };
        let joined = |a: &Prop, sign: &str, b: &Prop, own: u32| {
            (format!("{} {sign} {}", self.prop_in(a, own + 1), self.prop_in(b, own)), own)
        };
        let (text, own) = match prop {
            Prop::Eq(a, b) => relation(a, "=", b),
            Prop::Ne(a, b) => relation(a, "≠", b),
            Prop::Le(a, b) => relation(a, "≤", b),
            Prop::Lt(a, b) => relation(a, "<", b),
            Prop::All(name, list, body) => {
                (format!("∀ {name} ∈ {}, {}", self.term(list, level::EQUAL), self.prop(body)), level::TOP)
            }
            Prop::Is(predicate, args) => {
                let args: String = args.iter().map(|arg| format!(" {}", self.argument(arg))).collect();
                (format!("{}{args}", self.predicates[*predicate].name), level::ARGUMENT - 1)
            }
            Prop::Iff(a, b) => joined(a, "↔", b, level::IFF),
            Prop::And(a, b) => joined(a, "∧", b, level::AND),
            Prop::Implies(a, b) => joined(a, "→", b, level::IMPLIES),
        };
        if own < around { format!("({text})") } else { text }
    }

    fn implicit(&self, claim: &Claim) -> &'static str {
        if claim.variables.iter().any(|(_, ty)| self.has_param(ty)) { " {α : Type}" } else { "" }
    }

    /// A claim as a theorem, up to before `:=`.
    pub(super) fn theorem(&self, name: &str, claim: &Claim) -> String {
        let hypotheses = claim.hypotheses.iter().enumerate().map(|(idx, hypothesis)| {
            let number = if claim.hypotheses.len() == 1 { String::new() } else { (idx + 1).to_string() };
            format!(" (h{number} : {})", self.prop(hypothesis))
        });
        format!(
            "theorem {name}{}{}{} : {}",
            self.implicit(claim),
            self.binders(&claim.variables),
            hypotheses.collect::<String>(),
            self.prop(&claim.goal)
        )
    }

    /// A claim as one proposition.
    pub(super) fn quantified(&self, claim: &Claim) -> String {
        let hypotheses: String = claim
            .hypotheses
            .iter()
            .map(|hypothesis| format!("{} → ", self.prop_in(hypothesis, level::IMPLIES + 1)))
            .collect();
        let goal = self.prop(&claim.goal);
        match claim.variables.is_empty() {
            true => format!("{hypotheses}{goal}"),
            false => format!("∀{}, {hypotheses}{goal}", self.binders(&claim.variables)),
        }
    }
}
