//! Which own declarations a goal's tactics name: functions to open, lemmas to use.

use crate::facts::{Declaration, GoalFacts, Kind, Recursion};

/// More functions than these make a simplifier slow and its result unreadable.
const MAX_FUNCTIONS: usize = 8;
const MAX_LEMMAS: usize = 6;

/// What `do` is made of in a computation that can fail: the library has few simp lemmas for it.
const EXCEPT: [&str; 9] = [
    "bind",
    "Except.bind",
    "pure",
    "Except.pure",
    "Functor.map",
    "Except.map",
    "throw",
    "throwThe",
    "MonadExceptOf.throw",
];

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
        // The equation of a well-founded recursion rewrites its own right side for ever.
        let opens = |function: &&&Declaration| function.recursion != Some(Recursion::WellFounded);
        let mut names: Vec<String> =
            self.functions.iter().filter(opens).map(|function| function.name.clone()).collect();
        names.extend(self.own_methods());
        let lemmas = self.lemmas.iter().filter(|lemma| !is_order(lemma) || lemma.kind == Kind::Theorem);
        names.extend(lemmas.map(|lemma| lemma.name.clone()));
        if self.functions.iter().any(|function| function.result == "Except") {
            names.extend(EXCEPT.map(str::to_owned));
        }
        distinct(names)
    }

    /// What `grind` is given.
    pub(super) fn grind(&self) -> String {
        let mut names = self.opened();
        names.extend(self.lemmas.iter().map(|lemma| lemma.name.clone()));
        names.extend(self.constructors());
        names.extend(self.own_methods());
        distinct(names)
    }

    /// The constructors of own predicates in the goal, as lemmas.
    pub(super) fn constructors(&self) -> Vec<String> {
        let predicates = self.constants.iter().filter_map(|name| self.find(name));
        let predicates = predicates.filter(|declaration| declaration.kind == Kind::Predicate);
        predicates.flat_map(|predicate| predicate.constructors.iter().map(|c| c.name.clone())).take(8).collect()
    }

    /// The instances of own and library classes that matter, most important first.
    pub(super) fn instances(&self) -> &[&'a Declaration] {
        &self.instances
    }

    /// Instances of own classes in the goal, and the fields through which they are seen.
    fn own_methods(&self) -> Vec<String> {
        let is_own = |instance: &&&Declaration| self.find(&instance.result).is_some_and(|d| d.kind == Kind::Class);
        let own: Vec<&&Declaration> = self.instances.iter().filter(is_own).collect();
        let fields = self.constants.iter().filter_map(|name| self.find(name)).filter(|field| {
            field.kind == Kind::Projection
                && own
                    .iter()
                    .any(|instance| field.name.strip_prefix(&instance.result).is_some_and(|r| r.starts_with('.')))
        });
        fields.map(|field| field.name.clone()).chain(own.iter().map(|instance| instance.name.clone())).collect()
    }

    /// Functions that do not stand in the goal and that a function in the goal is made of.
    pub(super) fn helpers(&self) -> &[&'a Declaration] {
        &self.functions[self.n_in_goal..]
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

fn distinct(names: Vec<String>) -> String {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept.join(", ")
}
