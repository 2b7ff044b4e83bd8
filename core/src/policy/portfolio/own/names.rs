//! Which own declarations a goal's tactics name: functions to open, lemmas to use.

use crate::facts::{Declaration, GoalFacts, Kind};

/// More functions than these make a simplifier slow and its result unreadable.
const MAX_FUNCTIONS: usize = 8;
const MAX_LEMMAS: usize = 6;

/// Own declarations that matter to a goal, most important first.
#[derive(Debug)]
pub(super) struct Names<'a> {
    all: &'a [Declaration],
    /// Functions that stand in the goal, then those that their bodies speak of.
    functions: Vec<&'a Declaration>,
    n_in_goal: usize,
    instances: Vec<&'a Declaration>,
    lemmas: Vec<&'a Declaration>,
    constants: &'a [String],
}

impl<'a> Names<'a> {
    pub(super) fn new(facts: &'a GoalFacts, all: &'a [Declaration]) -> Self {
        let find = |name: &String| all.iter().find(|declaration| declaration.name == *name);
        let mut known: Vec<&Declaration> = facts.constants.iter().filter_map(find).collect();
        let n_in_goal = known.iter().filter(|declaration| declaration.is_function()).count();
        // Breadth first, so that what is nearer to the goal comes first.
        let mut at = 0;
        while let Some(declaration) = known.get(at) {
            at += 1;
            if matches!(declaration.kind, Kind::Definition | Kind::Instance) {
                for used in declaration.uses.iter().filter_map(find) {
                    if !known.iter().any(|other| other.name == used.name) {
                        known.push(used);
                    }
                }
            }
        }
        let functions: Vec<_> = known.iter().copied().filter(|d| d.is_function()).take(MAX_FUNCTIONS).collect();
        let n_in_goal = n_in_goal.min(functions.len());
        let instances = known.iter().copied().filter(|d| d.kind == Kind::Instance).collect();
        let about = |lemma: &&Declaration| {
            let n_shared = lemma.uses.iter().filter(|used| known.iter().any(|d| d.name == **used)).count();
            // A lemma about something that is not here will not rewrite anything.
            let functions = |name: &&String| find(name).is_some_and(Declaration::is_function);
            let n_strange = lemma.uses.iter().filter(functions).filter(|used| !known.iter().any(|d| d.name == **used));
            if n_shared == 0 { None } else { Some((n_strange.count(), usize::MAX - n_shared)) }
        };
        let mut lemmas: Vec<_> = all.iter().filter(|declaration| declaration.is_lemma()).collect();
        lemmas.retain(|lemma| about(lemma).is_some());
        lemmas.sort_by_key(about);
        lemmas.truncate(MAX_LEMMAS);
        Self { all, functions, n_in_goal, instances, lemmas, constants: &facts.constants }
    }

    /// Whether nothing of the file's own stands in the goal.
    pub(super) fn is_empty(&self) -> bool {
        self.constants.is_empty() && self.lemmas.is_empty()
    }

    pub(super) fn find(&self, name: &str) -> Option<&'a Declaration> {
        self.all.iter().find(|declaration| declaration.name == name)
    }

    pub(super) fn lemmas(&self) -> &[&'a Declaration] {
        &self.lemmas
    }

    pub(super) fn functions(&self) -> &[&'a Declaration] {
        &self.functions
    }

    /// The names of the functions that stand in the goal itself.
    pub(super) fn functions_in_goal(&self) -> Vec<&'a str> {
        self.functions.iter().take(self.n_in_goal).map(|declaration| declaration.name.as_str()).collect()
    }

    /// What `simp` is given.
    pub(super) fn simp(&self) -> String {
        let mut names = self.opened();
        names.extend(
            self.instances.iter().flat_map(|instance| methods(&instance.result)).map(|name| (*name).to_owned()),
        );
        let lemmas = self.lemmas.iter().filter(|lemma| !is_order(lemma) || lemma.kind == Kind::Theorem);
        names.extend(lemmas.map(|lemma| lemma.name.clone()));
        distinct(names)
    }

    /// What `grind` is given.
    pub(super) fn grind(&self) -> String {
        let mut names = self.opened();
        names.extend(self.lemmas.iter().map(|lemma| lemma.name.clone()));
        names.extend(self.constructors());
        distinct(names)
    }

    /// The constructors of own predicates in the goal, as lemmas.
    pub(super) fn constructors(&self) -> Vec<String> {
        let predicates = self.constants.iter().filter_map(|name| self.find(name));
        let predicates = predicates.filter(|declaration| declaration.kind == Kind::Predicate);
        predicates.flat_map(|predicate| predicate.constructors.iter().map(|c| c.name.clone())).take(8).collect()
    }

    /// Whether a lemma's conclusion has the target's head.
    pub(super) fn concludes_like(&self, lemma: &Declaration, head: &str) -> bool {
        !head.is_empty() && lemma.result == head && !matches!(head, "Eq" | "Iff" | "And" | "Or" | "Not")
            || (head == "Eq" && lemma.result == "Eq" && self.n_in_goal > 0)
    }

    fn opened(&self) -> Vec<String> {
        self.functions.iter().map(|declaration| declaration.name.clone()).collect()
    }
}

/// An associative or commutative law, with which a simplifier can go round in circles, is a class's law.
fn is_order(lemma: &Declaration) -> bool {
    lemma.name.ends_with("comm")
}

/// The functions of a library class through which an instance is seen.
fn methods(class: &str) -> &'static [&'static str] {
    match class {
        "Add" => &["HAdd.hAdd", "Add.add"],
        "Mul" => &["HMul.hMul", "Mul.mul"],
        "Sub" => &["HSub.hSub", "Sub.sub"],
        "Neg" => &["Neg.neg"],
        "Append" => &["HAppend.hAppend", "Append.append"],
        "LE" => &["LE.le"],
        "LT" => &["LT.lt"],
        "BEq" => &["BEq.beq"],
        "Functor" => &["Functor.map"],
        "Bind" | "Monad" => &["bind", "pure"],
        "Membership" => &["Membership.mem"],
        _ => &[],
    }
}

fn distinct(names: Vec<String>) -> String {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept.join(", ")
}
