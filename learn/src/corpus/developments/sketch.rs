//! What a scheme draws: a claim, the lemmas that give it, and how each is proved.

use super::language::{Claim, Expr, Program, Prop, Ty, var};
use super::world::World;

/// The variable that laws are about.
pub(super) const SUBJECT: &str = "it";

/// How a claim is proved. The proof is tried by Lean, and a sketch whose proof fails is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// By induction on a variable, for any values of others.
    Induction { on: String, generalizing: Vec<String> },
    /// By the lemmas, and what unfolding gives.
    FromLemmas,
    /// By a text of its own.
    Script(String),
}

/// A claim on the way, with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lemma {
    pub(super) claim: Claim,
    pub(super) how: How,
}

/// A theorem with all that gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch {
    pub(super) scheme: &'static str,
    /// From 1 to 5: how many ideas the proof takes.
    pub(super) grade: u32,
    pub(super) claim: Claim,
    pub(super) lemmas: Vec<Lemma>,
    pub(super) how: How,
}

/// A theorem that is written as text, and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) scheme: &'static str,
    pub(super) grade: u32,
    pub(super) preamble: String,
    /// Binders and claim, behind the theorem's name.
    pub(super) theorem: String,
    pub(super) proof: String,
}

impl Sketch {
    /// A theorem that needs no lemma.
    pub(super) fn of(scheme: &'static str, grade: u32, lemma: Lemma) -> Self {
        Self { scheme, grade, claim: lemma.claim, lemmas: Vec::new(), how: lemma.how }
    }

    /// All claims, the lemmas first.
    pub(super) fn claims(&self) -> Vec<&Claim> {
        self.lemmas.iter().map(|lemma| &lemma.claim).chain([&self.claim]).collect()
    }

    /// The theorem with variables as people name them, drawn anew for each claim.
    pub(super) fn with_drawn_variables(mut self, world: &mut World<'_>) -> Self {
        rename(world, &mut self.claim, &mut self.how);
        for lemma in &mut self.lemmas {
            rename(world, &mut lemma.claim, &mut lemma.how);
        }
        self
    }
}

fn rename(world: &mut World<'_>, claim: &mut Claim, how: &mut How) {
    // Scripts name what they take apart; of those only the subject's name is drawn.
    if let How::Script(script) = how {
        let name = world.dice.pick(&["t", "w", "v", "q", "u"]);
        *script = script.replace(&format!(" {SUBJECT} "), &format!(" {name} "));
        for (old, _) in claim.variables.iter_mut().filter(|(old, _)| old == SUBJECT) {
            name.clone_into(old);
        }
        let mut change = |term: &Expr| (*term == var(SUBJECT)).then(|| var(name));
        claim.goal = claim.goal.rewritten(&mut change);
        claim.hypotheses.iter_mut().for_each(|hypothesis| *hypothesis = hypothesis.rewritten(&mut change));
        return;
    }
    let names = variables(world, &claim.variables.iter().map(|(_, ty)| ty.clone()).collect::<Vec<_>>());
    let pairs: Vec<(String, String)> =
        claim.variables.iter().map(|(name, _)| name.clone()).zip(names.iter().cloned()).collect();
    let new = |name: &String| pairs.iter().find(|(old, _)| old == name).map_or(name.clone(), |(_, new)| new.clone());
    let terms: Vec<(String, Expr)> = pairs.iter().map(|(old, new)| (old.clone(), var(new))).collect();
    let mut change = |term: &Expr| match term {
        Expr::Var(name) => terms.iter().find(|(old, _)| old == name).map(|(_, new)| new.clone()),
        _ => None,
    };
    claim.goal = claim.goal.rewritten(&mut change);
    for hypothesis in &mut claim.hypotheses {
        *hypothesis = hypothesis.rewritten(&mut change);
    }
    for ((name, _), drawn) in claim.variables.iter_mut().zip(&names) {
        name.clone_from(drawn);
    }
    match how {
        How::Induction { on, generalizing } => {
            *on = new(on);
            generalizing.iter_mut().for_each(|name| *name = new(name));
        }
        How::FromLemmas | How::Script(_) => {}
    }
}

/// A name for each of these types' variables, by what kind of thing it is.
fn variables(world: &mut World<'_>, types: &[Ty]) -> Vec<String> {
    const NUMBERS: [&str; 8] = ["n", "m", "k", "i", "j", "a", "b", "c"];
    const LISTS: [&str; 6] = ["xs", "ys", "zs", "l", "as", "ws"];
    const VALUES: [&str; 8] = ["t", "s", "u", "v", "w", "e", "q", "r"];
    const FUNCTIONS: [&str; 4] = ["f", "g", "env", "ρ"];
    const FLAGS: [&str; 3] = ["p", "flag", "o"];
    let offset = usize::try_from(world.dice.int(0, 5)).unwrap_or(0);
    let mut taken: Vec<String> = Vec::new();
    for ty in types {
        let pool: &[&str] = match ty {
            Ty::Nat | Ty::Int | Ty::Param => &NUMBERS,
            Ty::List(_) => &LISTS,
            Ty::Env(_) => &FUNCTIONS,
            Ty::Bool => &FLAGS,
            Ty::Data(_) => &VALUES,
        };
        let names = (0..).map(|idx: usize| {
            let name = pool[(offset + idx) % pool.len()];
            // `as` is a word of Lean.
            let name = if name == "as" { "ts" } else { name };
            format!("{name}{}", "'".repeat(idx / pool.len()))
        });
        let free = names.into_iter().find(|name| !taken.contains(name));
        taken.extend(free);
    }
    taken
}

impl Program {
    /// The proof of a claim that stands as `name`, as tactics' text; `lemmas` are the names of what may be used.
    pub(super) fn script(&self, claim: &Claim, how: &How, lemmas: &[Known], is_introduced: bool) -> String {
        let named = |functions: &[usize]| Facts {
            functions: functions.iter().map(|idx| self.functions[*idx].name.clone()).collect(),
            lemmas: lemmas.to_vec(),
        };
        let facts = named(&self.functions_of(claim));
        let mut spoken_of = Vec::new();
        claim.props().flat_map(Prop::terms).for_each(|term| term.functions(&mut spoken_of));
        let names: Vec<&str> = claim.variables.iter().map(|(name, _)| name.as_str()).collect();
        let mut script = String::new();
        if !is_introduced && !names.is_empty() {
            script.push_str(&format!("intro {}\n", names.join(" ")));
        }
        // Where there are lemmas, what they are about should not be unfolded.
        let first = named(&spoken_of);
        let end = if lemmas.is_empty() || first == facts {
            format!("first{}", facts.endings())
        } else {
            format!("first{}{}", first.endings(), facts.endings())
        };
        match how {
            How::Script(text) => {
                let lemma = lemmas.first().map_or("", |lemma| &lemma.name);
                script.push_str(&text.replace(LEMMA, lemma));
            }
            How::FromLemmas => {
                let only = lemmas.iter().map(|lemma| lemma.name.as_str()).collect::<Vec<_>>().join(", ");
                let (simp, grind) = (facts.for_simp(), facts.for_grind());
                script.push_str(&format!("first\n  | (simp [{only}]; done)\n  | (simp only [{only}]; done)\n"));
                script.push_str(&format!("  | (simp [{only}] <;> omega)\n  | grind\n  | (simp [{simp}] <;> omega)\n"));
                script.push_str(&format!("  | grind [{grind}]"));
            }
            How::Induction { on, generalizing } => {
                let behind = match generalizing.as_slice() {
                    [] => String::new(),
                    names => format!(" generalizing {}", names.join(" ")),
                };
                script.push_str(&format!("induction {on}{behind} <;> {end}"));
            }
        }
        script
    }
}

/// What stands in a script where its first lemma's name belongs.
pub(super) const LEMMA: &str = "LEMMA";

/// A lemma's name, and whether it stands in front as a theorem rather than among the hypotheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) is_given: bool,
}

/// What a tactic may use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    functions: Vec<String>,
    lemmas: Vec<Known>,
}

impl Facts {
    fn for_simp(&self) -> String {
        let lemmas = self.lemmas.iter().map(|lemma| lemma.name.clone());
        self.functions.iter().cloned().chain(lemmas).collect::<Vec<_>>().join(", ")
    }

    /// Without the hypotheses, which `grind` sees by itself and refuses to be told.
    fn for_grind(&self) -> String {
        let lemmas = self.lemmas.iter().filter(|lemma| lemma.is_given).map(|lemma| lemma.name.clone());
        self.functions.iter().cloned().chain(lemmas).collect::<Vec<_>>().join(", ")
    }

    /// Ways to end a case in which the functions' equations and what induction gives suffice.
    fn endings(&self) -> String {
        let (facts, grind) = (self.for_simp(), self.for_grind());
        [
            format!("(simp_all [{facts}]; done)"),
            format!("(simp_all [{facts}] <;> omega)"),
            format!("(simp_all [{facts}, Nat.add_comm, Nat.add_left_comm, Nat.add_assoc]; done)"),
            format!("grind [{grind}]"),
            format!("(simp_all [{facts}, Nat.mul_add, Nat.add_mul] <;> omega)"),
            format!("(simp_all [{facts}] <;> grind)"),
            format!("(simp [{facts}] <;> omega)"),
            format!("((try simp_all [{facts}]) <;> (repeat' split) <;> (try simp_all) <;> (try omega); done)"),
        ]
        .map(|way| format!("\n  | {way}"))
        .concat()
    }
}
