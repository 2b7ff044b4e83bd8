// Judges whole proofs and whole files: they are elaborated from the preamble on, a statement is compared with one
// elaborated apart from the proof, every declaration is added once more to a kernel environment, and axioms are collected.
// Plain script for Node and Web Workers alike; needs abi.js, driver.js, declared.js, replay.js and axioms.js.
"use strict";

StepwiseLean.createRecheck = (abi, driver) => {
  const { isBoxed, tag, field, retain, release, call, listItems } = abi;
  const { timed, preamble, runCommands, elaborateStatement, isOneDeclaration, errorsOf, nameText, userName } = driver.internals;
  const { find, environmentOf, signature, typeOf, bodyOf, keyOf, usedOf, usesWhatItMayNot, CONSTANT } = driver.internals;
  const { declared } = driver;
  const replay = StepwiseLean.createReplay(abi, driver);
  const axioms = StepwiseLean.createAxioms(abi, driver, replay);

  /** The first of the names `without` that the body of `name` (borrowed) rests on, or null. */
  const usedBy = (env, name, without) => {
    const info = find(env, name);
    const body = info === null ? null : bodyOf(info);
    const used = body === null ? null : usedOf(env, body, without);
    if (info !== null) release(info);
    return used;
  };

  // ---- one proof

  const refuse = (reasons) => ({ accepted: false, reasons, axioms: [] });

  /** Judges `statement := by` + body after `preamble`. Returns {accepted, reasons, axioms, unopened, notes} or {timeout}. */
  const recheck = (request) => {
    const { value, fired } = timed(request.limit_ms, () => judge(request));
    return fired && !value.accepted ? { timeout: true } : value;
  };

  const judge = ({ preamble: preambleText, statement, without, body }) => {
    const before = preamble(preambleText ?? "");
    if (before.errors.length > 0) return refuse(before.errors.map((e) => `the preamble is refused: ${e}`));
    const alone = elaborateStatement(statement, before, () => {}, { examplesAreKept: true });
    const whole = runCommands(`${statement} := by\n${body}\n`, retain(before.state), { examplesAreKept: true });
    try {
      const errors = errorsOf(whole.messages);
      if (errors.length > 0) return refuse(errors);
      if (!isOneDeclaration(whole.kinds)) return refuse([`the file holds ${whole.kinds.length} commands where one declaration was expected`]);
      if (alone.name === null || isBoxed(alone.name)) return refuse(["the statement opens no tactic proof"]);
      if (alone.unbound.refused.length > 0) return refuse(alone.unbound.refused);
      const differs = difference(environmentOf(alone.state), environmentOf(whole.state), alone.name);
      if (differs !== null) return refuse([differs]);
      const verdict = judgeConstant(environmentOf(whole.state), environmentOf(before.state), alone.name, new Set(without ?? []));
      return { ...verdict, notes: alone.unbound.notes };
    } finally {
      release(alone.state);
      release(whole.state);
      if (alone.name !== null) release(alone.name);
    }
  };

  /** How what was proved differs from what was asked for, or null. The level parameters are part of a statement. */
  const difference = (askedEnv, givenEnv, name) => {
    const [asked, given] = [find(askedEnv, name), find(givenEnv, name)];
    const shown = userName(nameText(name));
    const levels = (info) => listItems(field(signature(info), 1)).map(keyOf).join();
    try {
      if (asked === null || given === null) return `the file does not declare ${shown}`;
      if (tag(asked) !== tag(given)) return `${shown} is a ${declared.KIND[tag(given)]}, not a ${declared.KIND[tag(asked)]}`;
      const same = abi.truth(call("Lean_Expr_eqv", retain(typeOf(asked)), retain(typeOf(given))));
      return same && levels(asked) === levels(given) ? null : "the type proved is not the type that was asked for";
    } finally {
      for (const info of [asked, given]) if (info !== null) release(info);
    }
  };

  const judgeConstant = (env, base, name, without) => {
    const { axioms: named, unopened, declared: own } = axioms.restsOn(env, name);
    const reasons = axioms.complaints({ axioms: named, declared: own });
    const used = usedBy(env, name, without);
    if (used !== null) reasons.push(usesWhatItMayNot(used));
    if (reasons.length === 0) {
      const kernel = replay.start(env, base);
      const complaint = kernel.add(name);
      kernel.end();
      if (complaint !== null) reasons.push(complaint);
    }
    return { accepted: reasons.length === 0, reasons, axioms: named, unopened };
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

  // ---- whole files

  /**
   * Elaborates a whole file and judges what it declares: every theorem and example, and whatever else is not proved, is not
   * checked, or is taken for granted.
   */
  const checkFile = ({ text, limit_ms: limitMs }) => {
    const { value, fired } = timed(limitMs, () => {
      const base = preamble("");
      const whole = runCommands(text, retain(base.state), { examplesAreKept: true });
      const judged = judgeFile(environmentOf(whole.state), environmentOf(base.state), whole.messages);
      release(whole.state);
      return { errors: errorsOf(whole.messages), notes: whole.notes, ...judged };
    });
    return fired ? { timeout: true } : value;
  };

  const judgeFile = (env, base, messages) => {
    const before = new Set(declared.localConstants(base).map(({ name, info, key }) => { release(name); release(info); return key; }));
    const all = declared.declarations(env, before);
    const kernel = replay.start(env, base);
    const reasonsOf = new Map(all.map((d) => [d.key, []]));
    const told = (d, reason) => {
      const reasons = reasonsOf.get(d.key);
      if (!reasons.includes(reason)) reasons.push(reason);
    };
    for (const d of all) {
      // What a constant does wrong itself is told of whoever wrote it, whatever else rests on it.
      const owner = declared.ownerOf(all, d);
      if (tag(d.info) === CONSTANT.axiom) told(owner, `the file declares the axiom ${d.shown}`);
      for (const axiom of axioms.namesRefused(env, d.info)) told(owner, axioms.complaint(axiom));
    }
    const isStatement = ({ kind, isAuthored }) => isAuthored && (kind === "theorem" || kind === "example");
    const theorems = [];
    for (const d of all) {
      const found = isStatement(d) ? axioms.restsOn(env, d.name) : null;
      if (found !== null) axioms.complaints(found).forEach((reason) => told(d, reason));
      const mustHold = d.isAuthored && !replay.isUnsafe(d.info);
      if (mustHold && reasonsOf.get(d.key).length === 0) {
        const complaint = kernel.add(d.name);
        if (complaint !== null) told(d, complaint);
      }
      const reasons = reasonsOf.get(d.key);
      if (found !== null || reasons.length > 0) {
        const { axioms: named, unopened } = found ?? axioms.restsOn(env, d.name);
        theorems.push({ name: d.shown, kind: d.kind, line: d.lines?.first ?? null, accepted: reasons.length === 0, reasons, axioms: named, unopened });
      }
    }
    kernel.end();
    // A macro may make an example, which leaves nothing behind but Lean's own warning.
    const covered = (line) => all.some((d) => d.lines !== null && d.lines.first <= line && line <= d.lines.last && reasonsOf.get(d.key).length > 0);
    for (const { line } of messages.filter((message) => message.isSorry && !covered(message.line))) {
      theorems.push({ name: `line ${line}`, kind: "declaration", line, accepted: false, reasons: [axioms.complaint("sorryAx")], axioms: ["sorryAx"], unopened: 0 });
    }
    all.forEach(({ name, info }) => { release(name); release(info); });
    return { theorems };
  };

  return { recheck, elaborate, checkFile };
};
