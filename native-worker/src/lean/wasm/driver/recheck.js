// Judges whole proofs: the file is elaborated from its preamble on, the statement is compared with one elaborated apart
// from the proof, every new declaration is added once more to a kernel environment, and the axioms are collected.
// Plain script for Node and Web Workers alike; needs abi.js and driver.js.
"use strict";

StepwiseLean.createRecheck = (abi, driver) => {
  const { box, isBoxed, tag, field, retain, release, construct, call } = abi;
  const { COMMAND_STATE, timed, preamble, runCommands, elaborateStatement, declarationName, isOneDeclaration, errorsOf, nameText } = driver.internals;
  const { find, isImported, signature, typeOf, bodyOf, constantsIn, keyOf, usedOf, usesWhatItMayNot } = driver.internals;

  // Constructors of Lean.ConstantInfo that a proof may add, with the constructor of Lean.Declaration that adds them.
  const KIND = ["axiom", "definition", "theorem", "opaque", "quotient", "inductive type", "constructor", "recursor"];
  const ADDABLE = new Set([1, 2, 3]);
  const AXIOM = 0;
  const THEOREM = 2;
  const STANDARD_AXIOMS = new Set(["propext", "Quot.sound", "Classical.choice"]);
  // This Lean imports its library at the exported level, where the library's theorems appear as axioms without proofs.
  // These are the library's real axioms beyond the standard three; all of them mean that the kernel was not asked.
  const REFUSED_AXIOMS = new Set(["sorryAx", "Lean.ofReduceBool", "Lean.ofReduceNat", "Lean.trustCompiler"]);

  const environmentOf = (state) => field(state, COMMAND_STATE.env);

  /**
   * Walks from `name` through everything that is not imported. Returns the declarations that `base` lacks in the order in
   * which a kernel can take them, and the axioms. Infos are owned by the caller.
   */
  const reachable = (env, base, name) => {
    const seen = new Set();
    const added = [];
    const axioms = new Set();
    const declaredAxioms = new Set();
    const visit = (n) => {
      const key = keyOf(n);
      if (seen.has(key)) return;
      seen.add(key);
      if (isImported(env, n)) {
        const text = nameText(n);
        if (STANDARD_AXIOMS.has(text) || REFUSED_AXIOMS.has(text)) axioms.add(text);
        return;
      }
      const info = find(env, n);
      if (info === null) return;
      if (tag(info) === AXIOM) declaredAxioms.add(userName(nameText(n)));
      for (const expr of [typeOf(info), bodyOf(info)]) {
        if (expr === null) continue;
        const names = constantsIn(expr);
        names.forEach(visit);
        names.forEach(release);
      }
      const old = find(base, n);
      if (old === null) added.push(info);
      else { release(old); release(info); }
    };
    visit(name);
    return { added, axioms: [...axioms].sort(), declaredAxioms: [...declaredAxioms].sort() };
  };

  // `_private.Module.0.foo` is how Lean stores what no other module may see.
  const userName = (text) => text.replace(/^_private\.(?:.*?\.)?0\./, "");

  /** Adds declarations one by one to the kernel environment of `base` (borrowed). Returns a complaint or null. */
  const kernelReplay = (base, infos) => {
    let env = abi.x.lean_elab_environment_to_kernel_env(retain(base));
    try {
      for (const info of infos) {
        const name = userName(nameText(field(signature(info), 0)));
        if (!ADDABLE.has(tag(info))) return `the proof declares the ${KIND[tag(info)]} ${name}`;
        const declaration = construct(tag(info), [retain(field(info, 0))]);
        const noHeartbeatLimit = construct(0, [], 4);
        const result = call("Lean_Kernel_Environment_addDeclCore", env, noHeartbeatLimit, declaration, box(0));
        const accepted = tag(result) === 1;
        env = retain(field(result, 0));
        release(result);
        if (!accepted) return `the kernel refuses ${name} when it is checked again`;
      }
      return null;
    } finally {
      release(env);
    }
  };

  /** The first of the names `without` that the body of `name` (borrowed) rests on, or null. */
  const usedBy = (env, name, without) => {
    const info = find(env, name);
    const body = info === null ? null : bodyOf(info);
    const used = body === null ? null : usedOf(env, body, without);
    if (info !== null) release(info);
    return used;
  };

  const axiomComplaints = (axioms, declaredAxioms) => [
    ...axioms.filter((a) => REFUSED_AXIOMS.has(a)).map((a) => (a === "sorryAx" ? "the proof uses sorry" : `the proof rests on ${a}, which the kernel does not check`)),
    ...declaredAxioms.map((a) => `the file declares the axiom ${a}`),
  ];

  /** Judges `statement := by` + body after `preamble`. Returns {accepted, reasons, axioms} or {timeout}. */
  const recheck = (request) => {
    const { value, fired } = timed(request.limit_ms, () => judge(request));
    return fired && !value.accepted ? { timeout: true } : value;
  };

  const judge = ({ preamble: preambleText, statement, without, body }) => {
    const refuse = (reasons) => ({ accepted: false, reasons, axioms: [] });
    const before = preamble(preambleText ?? "");
    if (before.errors.length > 0) return refuse(before.errors.map((e) => `the preamble is refused: ${e}`));
    let name = null;
    const alone = elaborateStatement(statement, before.state, (args) => { name ??= retain(declarationName(args[3])); });
    const whole = runCommands(`${statement} := by\n${body}\n`, retain(before.state));
    const base = environmentOf(before.state);
    try {
      const errors = errorsOf(whole.messages);
      if (errors.length > 0) return refuse(errors);
      if (!isOneDeclaration(whole.kinds)) return refuse([`the file holds ${whole.kinds.length} commands where one declaration was expected`]);
      if (name === null || isBoxed(name)) return refuse(["the statement opens no tactic proof"]);
      const asked = find(environmentOf(alone.state), name);
      const given = find(environmentOf(whole.state), name);
      try {
        if (asked === null || given === null) return refuse([`the file does not declare ${userName(nameText(name))}`]);
        if (tag(asked) !== tag(given)) return refuse([`${userName(nameText(name))} is a ${KIND[tag(given)]}, not a ${KIND[tag(asked)]}`]);
        // The level parameters are part of the statement: compare both.
        const same = abi.truth(call("Lean_Expr_eqv", retain(typeOf(asked)), retain(typeOf(given))));
        const levels = (info) => abi.listItems(field(signature(info), 1)).map(keyOf).join();
        if (!same || levels(asked) !== levels(given)) return refuse(["the type proved is not the type that was asked for"]);
      } finally {
        if (asked !== null) release(asked);
        if (given !== null) release(given);
      }
      const { added, axioms, declaredAxioms } = reachable(environmentOf(whole.state), base, name);
      const reasons = axiomComplaints(axioms, declaredAxioms);
      const used = usedBy(environmentOf(whole.state), name, new Set(without ?? []));
      if (used !== null) reasons.push(usesWhatItMayNot(used));
      if (reasons.length === 0) {
        const complaint = kernelReplay(base, added);
        if (complaint !== null) reasons.push(complaint);
      }
      added.forEach(release);
      return { accepted: reasons.length === 0, reasons, axioms };
    } finally {
      release(alone.state);
      release(whole.state);
      if (name !== null) release(name);
    }
  };

  /** Elaborates the statement with this proof and returns the errors. Judges nothing. */
  const elaborate = ({ preamble: preambleText, statement, body, limit_ms: limitMs }) => {
    const { value, fired } = timed(limitMs, () => {
      const before = preamble(preambleText ?? "");
      if (before.errors.length > 0) return { errors: before.errors };
      const whole = runCommands(`${statement} := by\n${body}\n`, retain(before.state));
      release(whole.state);
      return { errors: errorsOf(whole.messages) };
    });
    return fired ? { timeout: true } : value;
  };

  /** Elaborates a whole file and judges every theorem that it declares. */
  const checkFile = ({ text, limit_ms: limitMs }) => {
    const { value, fired } = timed(limitMs, () => {
      const base = preamble("");
      const whole = runCommands(text, retain(base.state));
      const env = environmentOf(whole.state);
      const theorems = localTheorems(env).map(({ name, info }) => {
        const { added, axioms, declaredAxioms } = reachable(env, environmentOf(base.state), name);
        const reasons = axiomComplaints(axioms, declaredAxioms);
        const complaint = reasons.length === 0 ? kernelReplay(environmentOf(base.state), added.filter((i) => ADDABLE.has(tag(i)))) : null;
        if (complaint !== null) reasons.push(complaint);
        added.forEach(release);
        release(info);
        const shown = userName(nameText(name));
        release(name);
        return { name: shown, accepted: reasons.length === 0, reasons, axioms };
      });
      release(whole.state);
      return { errors: errorsOf(whole.messages), theorems };
    });
    return fired ? { timeout: true } : value;
  };

  /** The theorems that an environment declares itself, without the auxiliary ones that elaboration made. */
  const localTheorems = (env) => {
    const kernel = abi.x.lean_elab_environment_to_kernel_env(retain(env));
    const local = field(field(kernel, 0), 1); // constants.map₂
    const list = call("Lean_PersistentHashMap_toList___redArg", retain(local));
    const theorems = abi.listItems(list)
      .map((pair) => ({ name: field(pair, 0), info: field(pair, 1) }))
      .filter(({ name, info }) => tag(info) === THEOREM && !/(^|\.)(_|match_|proof_|eq_|congr_)/.test(userName(nameText(name))))
      .map(({ name, info }) => ({ name: retain(name), info: retain(info) }));
    release(list);
    release(kernel);
    return theorems.sort((a, b) => (nameText(a.name) < nameText(b.name) ? -1 : 1));
  };

  return { recheck, elaborate, checkFile };
};
