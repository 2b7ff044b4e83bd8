// What a constant rests on: axioms, everything that its file declares, and library theorems that cannot be opened.
// Plain script for Node and Web Workers alike; needs abi.js, driver.js and replay.js.
//
// This build of Lean has its library at the exported level: a theorem of the library is there without its proof, as an
// axiom that Lean remembers to have been a theorem. Bodies that are there are walked through; what is not is counted, so
// that a verdict can say how much was not looked into.
"use strict";

StepwiseLean.createAxioms = (abi, driver, replay) => {
  const { tag, retain, release, call } = abi;
  const { find, isImported, keyOf, nameText, userName, CONSTANT } = driver.internals;

  const STANDARD = new Set(["propext", "Quot.sound", "Classical.choice"]);
  /** The library's other real axioms; all of them mean that the kernel was not asked. */
  const REFUSED = new Set(["sorryAx", "Lean.ofReduceBool", "Lean.ofReduceNat", "Lean.trustCompiler"]);

  // What an imported constant rests on directly does not change: key -> {key -> name} with names owned for ever.
  const imported = new Map();
  const importedDependencies = (env, name, key) => {
    let known = imported.get(key);
    if (known === undefined) {
      const info = find(env, name);
      known = { isAxiom: info !== null && tag(info) === CONSTANT.axiom, names: new Map() };
      if (info !== null) {
        for (const n of replay.dependencies(env, info)) {
          const k = keyOf(n);
          if (known.names.has(k)) release(n);
          else known.names.set(k, n);
        }
        release(info);
      }
      imported.set(key, known);
    }
    return known;
  };

  /**
   * Walks from `name` (borrowed). Returns {axioms, declared, unopened, local}: the known axioms by name, sorted; the axioms that
   * the file declares; how many constants of the library could not be opened; and the keys of all constants that are not imported.
   */
  const restsOn = (env, name) => {
    const seen = new Set();
    const axioms = new Set();
    const declared = new Set();
    const local = new Set();
    let unopened = 0;
    const visit = (n, key) => {
      if (seen.has(key)) return;
      seen.add(key);
      if (isImported(env, n)) {
        const text = nameText(n);
        if (STANDARD.has(text) || REFUSED.has(text)) {
          axioms.add(text);
          return;
        }
        const { isAxiom, names } = importedDependencies(env, n, key);
        if (isAxiom) unopened += 1;
        else names.forEach((dependency, k) => visit(dependency, k));
        return;
      }
      local.add(key);
      const info = find(env, n);
      if (info === null) return;
      if (tag(info) === CONSTANT.axiom) declared.add(userName(nameText(n)));
      const names = replay.dependencies(env, info);
      release(info);
      for (const dependency of names) visit(dependency, keyOf(dependency));
      names.forEach(release);
    };
    visit(name, keyOf(name));
    return { axioms: [...axioms].sort(), declared: [...declared].sort(), unopened, local };
  };

  /** The refused axioms that a constant (borrowed) names itself. */
  const namesRefused = (env, info) => {
    const names = replay.dependencies(env, info);
    const found = names.filter((name) => isImported(env, name)).map(nameText).filter((text) => REFUSED.has(text));
    names.forEach(release);
    return [...new Set(found)].sort();
  };

  const complaint = (axiom) => (axiom === "sorryAx" ? "it uses `sorry`" : `it rests on ${axiom}, which the kernel does not check`);
  /** Why what rests on these is no proof. */
  const complaints = ({ axioms, declared }) => [
    ...axioms.filter((axiom) => REFUSED.has(axiom)).map(complaint),
    ...declared.map((axiom) => `the file declares the axiom ${axiom}`),
  ];

  return { restsOn, namesRefused, complaint, complaints };
};
