//! What a constant rests on: axioms, what its file declares, and library theorems that cannot be opened.
//!
//! This build of Lean has its library at the exported level: a theorem of the library is there without its proof, as
//! an axiom that Lean remembers to have been a theorem. Bodies that are there are walked through; what is not is
//! counted, so that a verdict can say how much was not looked into.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::driver::constants::{Key, find, is_imported, key_of, kind, user_name, with_info};
use crate::driver::replay::dependencies;
use crate::machine::{Machine, Result};
use crate::object::Object;

/// The axioms that a proof may rest on: those of Lean itself, which all of mathematics uses.
pub const STANDARD: [&str; 3] = ["propext", "Quot.sound", "Classical.choice"];
/// The library's other real axioms; all of them mean that the kernel was not asked.
const REFUSED: [&str; 4] = [SORRY, "Lean.ofReduceBool", "Lean.ofReduceNat", "Lean.trustCompiler"];
/// The axiom that stands for whatever was not proved.
pub(crate) const SORRY: &str = "sorryAx";

/// What a constant rests on.
#[derive(Debug, Default)]
pub(crate) struct RestsOn {
    /// The known axioms.
    pub(crate) axioms: BTreeSet<String>,
    /// The axioms that the file declares.
    pub(crate) declared: BTreeSet<String>,
    /// How many constants of the library could not be opened.
    pub(crate) unopened: u64,
}

impl RestsOn {
    /// Why what rests on these is no proof.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let refused = self.axioms.iter().filter(|axiom| is_refused(axiom)).map(|axiom| complaint(axiom));
        refused.chain(self.declared.iter().map(|axiom| declares(axiom))).collect()
    }
}

fn is_refused(axiom: &str) -> bool {
    REFUSED.contains(&axiom)
}

/// Why what rests on a refused axiom is no proof.
pub(crate) fn complaint(axiom: &str) -> String {
    if axiom == SORRY {
        "it uses `sorry`".to_owned()
    } else {
        format!("it rests on {axiom}, which the kernel does not check")
    }
}

/// Why what rests on an axiom of its own file is no proof.
pub(crate) fn declares(axiom: &str) -> String {
    format!("the file declares the axiom {axiom}")
}

/// The refused axioms that a constant (its info is borrowed) names itself.
pub(crate) fn names_refused(lean: &mut dyn Machine, environment: Object, info: Object) -> Result<BTreeSet<String>> {
    let names = dependencies(lean, environment, info)?;
    let mut found = BTreeSet::new();
    for &name in &names {
        if is_imported(lean, environment, name)? {
            let text = lean.name_text(name)?;
            if is_refused(&text) {
                found.insert(text);
            }
        }
    }
    lean.release_all(&names)?;
    Ok(found)
}

/// What imported constants rest on directly, which does not change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imported {
    constants: HashMap<Key, Known>,
}

#[derive(Clone, Debug)]
enum Known {
    /// What cannot be opened.
    Axiom,
    /// Names (owned for ever) and what tells them apart.
    RestsOn(Vec<(Key, Object)>),
}

impl Known {
    fn of(lean: &mut dyn Machine, environment: Object, name: Object) -> Result<Self> {
        let Some(info) = find(lean, environment, name)? else { return Ok(Self::RestsOn(Vec::new())) };
        let known = if lean.tag(info)? == kind::AXIOM {
            Self::Axiom
        } else {
            let names = dependencies(lean, environment, info)?;
            Self::RestsOn(told_apart(lean, names)?)
        };
        lean.release(info)?;
        Ok(known)
    }
}

/// Each of these names (owned) once, with what tells it from others.
fn told_apart(lean: &mut dyn Machine, names: Vec<Object>) -> Result<Vec<(Key, Object)>> {
    let mut seen = HashSet::new();
    let mut apart = Vec::new();
    for name in names {
        let key = key_of(lean, name)?;
        if seen.insert(key.clone()) {
            apart.push((key, name));
        } else {
            lean.release(name)?;
        }
    }
    Ok(apart)
}

impl Imported {
    /// Walks from `name`; name and environment are borrowed.
    pub(crate) fn rests_on(&mut self, lean: &mut dyn Machine, environment: Object, name: Object) -> Result<RestsOn> {
        let mut walk = Walk { environment, seen: HashSet::new(), met: Vec::new(), found: RestsOn::default() };
        let key = key_of(lean, name)?;
        walk.meet(lean, &key, name)?;
        while let Some((key, name)) = walk.met.pop() {
            if is_imported(lean, environment, name)? {
                self.visit(lean, &mut walk, key, name)?;
            } else {
                walk.visit_local(lean, name)?;
            }
            lean.release(name)?;
        }
        Ok(walk.found)
    }

    fn visit(&mut self, lean: &mut dyn Machine, walk: &mut Walk, key: Key, name: Object) -> Result<()> {
        let text = lean.name_text(name)?;
        if STANDARD.contains(&text.as_str()) || is_refused(&text) {
            walk.found.axioms.insert(text);
            return Ok(());
        }
        let known = match self.constants.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Known::of(lean, walk.environment, name)?),
        };
        match known {
            Known::Axiom => walk.found.unopened += 1,
            Known::RestsOn(names) => {
                for (key, name) in names {
                    walk.meet(lean, key, *name)?;
                }
            }
        }
        Ok(())
    }
}

/// A walk over constants. What it has yet to visit is in a list: a file may chain more of them than any stack holds.
struct Walk {
    environment: Object,
    seen: HashSet<Key>,
    /// Names (owned) that were seen and not visited yet.
    met: Vec<(Key, Object)>,
    found: RestsOn,
}

impl Walk {
    /// Remembers to visit `name` (borrowed), once.
    fn meet(&mut self, lean: &mut dyn Machine, key: &Key, name: Object) -> Result<()> {
        if !self.seen.contains(key) {
            self.seen.insert(key.clone());
            self.met.push((key.clone(), lean.retain(name)?));
        }
        Ok(())
    }

    /// Visits a constant that is not imported.
    fn visit_local(&mut self, lean: &mut dyn Machine, name: Object) -> Result<()> {
        let environment = self.environment;
        let constant = with_info(lean, environment, name, |lean, info| {
            let names = dependencies(lean, environment, info)?;
            Ok((lean.tag(info)?, names))
        })?;
        let Some((tag, names)) = constant else { return Ok(()) };
        if tag == kind::AXIOM {
            let text = lean.name_text(name)?;
            self.found.declared.insert(user_name(&text).to_owned());
        }
        for &name in &names {
            let key = key_of(lean, name)?;
            self.meet(lean, &key, name)?;
        }
        lean.release_all(&names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_axioms_are_no_complaint_and_all_others_are() {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let rests_on = RestsOn {
            axioms: set(&["Classical.choice", "Quot.sound", "propext", "Lean.ofReduceBool", SORRY]),
            declared: set(&["Colour.collapse"]),
            unopened: 3,
        };
        let expected = [
            "it rests on Lean.ofReduceBool, which the kernel does not check",
            "it uses `sorry`",
            "the file declares the axiom Colour.collapse",
        ];
        assert_eq!(rests_on.complaints(), expected);
        assert!(RestsOn { axioms: set(&STANDARD), ..RestsOn::default() }.complaints().is_empty());
    }
}
