// Enumerates the theorems of the imported library, and states them anew: as problems whose answers are known to exist.
// Plain script for Node and Web Workers alike; needs abi.js, driver.js and shape.js.
"use strict";

StepwiseLean.createLibrary = (abi, driver, env) => {
  const { box, field, retain, release, call, tag } = abi;
  const { COMMAND_STATE, timed, preamble, runCommands, elaborateStatement, errorsOf, nameText, exceptionText, startHeartbeats } = driver.internals;
  const { find, signature, typeOf, usedOf, adopt, enter, expectFields } = driver.internals;

  // Field numbers of Lean 4.28's EnvironmentHeader and ModuleData; each is checked by what must be found there.
  const HEADER = { moduleData: 5, n: 6 };
  const MODULE_DATA = { names: 1, constants: 2, n: 5 };
  // At the exported level a theorem is an axiom that Lean remembers to have been a theorem.
  const AXIOM = 0;
  const THEOREM = 2;

  const expectArrays = (what, ...arrays) => {
    const sizes = arrays.map(abi.arraySize);
    if (sizes.some((n) => n !== sizes[0])) throw new Error(`${what} do not belong together in this Lean (${sizes}): this driver does not fit it`);
    return sizes[0];
  };
  /** Every theorem that is imported, in the order of its modules: {module, name, info}, the last two borrowed for ever. */
  const enumerate = () => {
    const header = expectFields("Lean.EnvironmentHeader", call("Lean_Environment_header", retain(env)), HEADER.n);
    const moduleNames = call("Lean_Environment_allImportedModuleNames", retain(env));
    const modules = field(header, HEADER.moduleData);
    const found = [];
    const n = expectArrays("the library's modules and their names", modules, moduleNames);
    for (let m = 0; m < n; m++) {
      const data = expectFields("Lean.ModuleData", abi.arrayItem(modules, m), MODULE_DATA.n);
      const [names, constants] = [field(data, MODULE_DATA.names), field(data, MODULE_DATA.constants)];
      const module = nameText(abi.arrayItem(moduleNames, m));
      const nConstants = expectArrays("a module's constants and their names", names, constants);
      for (let i = 0; i < nConstants; i++) {
        const [name, info] = [abi.arrayItem(names, i), abi.arrayItem(constants, i)];
        const isTheorem = tag(info) === THEOREM || (tag(info) === AXIOM && abi.truth(call("Lean_wasOriginallyTheorem", retain(env), retain(name))));
        if (isTheorem) found.push({ module, name, info });
      }
    }
    return found; // the header and the names stay alive with the environment
  };
  let known = null;
  const theorems = () => (known ??= enumerate());

  /** All of them as {modules, theorems: [[name, index of its module, shape or null, size]]}. */
  const list = ({ limit_ms: limitMs }) => {
    const { value, fired } = timed(limitMs, () => {
      const { shapeOf } = StepwiseLean.createShapes(abi, driver);
      const modules = [];
      const rows = theorems().map(({ module, name, info }) => {
        if (modules.at(-1) !== module) modules.push(module);
        const { shape, size } = shapeOf(typeOf(info)) ?? { shape: null, size: StepwiseLean.MAX_SHAPE_NODES };
        return [nameText(name), modules.length - 1, shape, size];
      });
      return { modules, theorems: rows };
    });
    return fired ? { timeout: true } : value;
  };

  // ---- printing

  const NAME = "[\\p{L}_][\\p{L}\\p{N}_'!?\\u2080-\\u2089]*";
  const TYPABLE = new RegExp(NAME, "gu");
  const UNTYPABLE = new RegExp(`(${NAME})✝[⁰¹²³⁴⁵⁶⁷⁸⁹]*`, "gu");

  /**
   * Names that nobody can type, as `a✝¹`, become names that are free in `text`: the first of `a`, `a_1`, `a_2`, .. for
   * each. Whether the text still says the same is seen when it is elaborated.
   */
  const withNamesToType = (text) => {
    const taken = new Set(text.replace(UNTYPABLE, " ").match(TYPABLE));
    const given = new Map();
    return text.replace(UNTYPABLE, (whole, base) => {
      let name = given.get(whole);
      if (name === undefined) {
        name = base;
        for (let i = 1; taken.has(name); i++) name = `${base}_${i}`;
        taken.add(name);
        given.set(whole, name);
      }
      return name;
    });
  };

  // From what a person would read to what Lean needs to read it again.
  const PLAIN = [];
  const PREFIX = ["pp.fullNames true", "pp.fieldNotation false", "pp.structureInstances false"];
  const TYPED = [...PREFIX, "pp.funBinderTypes true", "pp.piBinderTypes true", "pp.numericTypes true"];
  const COMPLETE = [...TYPED, "pp.proofs true", "pp.deepTerms true", "pp.coercions.types true"];
  const EXPLICIT = [...COMPLETE, "pp.explicit true", "pp.universes true", "pp.notation false", "pp.coercions false", "pp.letVarTypes true"];
  const OPTION_SETS = [PLAIN, PREFIX, TYPED, COMPLETE, EXPLICIT];
  const ONE_LINE = 1 << 20; // columns
  const MAX_BYTES = 1 << 12; // nobody reads longer ones, and what needs all its types to be read again mostly fails

  /** The contexts and states of Lean's Meta level in which these options are set. */
  const printers = new Map();
  const printer = (options) => {
    let session = printers.get(options);
    if (session === undefined) {
      const before = preamble(options.map((option) => `set_option ${option}\n`).join(""));
      if (before.errors.length > 0) throw new Error(`this Lean does not print as it should: ${before.errors[0]}`);
      session = null;
      const { state, name } = elaborateStatement("example : True", before, (args) => { session ??= adopt(args); });
      release(state);
      if (name !== null) release(name);
      if (session === null) throw new Error("this Lean opens no proof of True");
      printers.set(options, session);
    }
    return session;
  };

  /** `(n m : Nat) : n + m = m + n` with universe parameters before it, as Lean prints a theorem's signature; {signature} or {problem}. */
  const print = (name, options) => {
    const session = printer(options);
    startHeartbeats(0); // each theorem has the whole allowance
    const inside = enter(session, session.root);
    const { ok, error } = inside.metaM("Lean_PrettyPrinter_ppSignature", retain(name));
    inside.leave().forEach(release);
    if (error !== undefined) return { problem: exceptionText(error) };
    const format = retain(field(ok, 0));
    release(ok);
    const text = abi.takeString(call("Std_Format_pretty", format, box(ONE_LINE), box(0), box(0)), MAX_BYTES + 1);
    const own = call("Lean_Name_toString", retain(name), box(1));
    const printedName = abi.takeString(own);
    if (!text.startsWith(printedName)) return { problem: `Lean prints ${text.slice(0, 200)} for ${printedName}` };
    const rest = text.slice(printedName.length);
    // An instance without a name is printed as `[Monad m]`, even where the statement names it.
    const lost = rest.match(/\binst✝[⁰¹²³⁴⁵⁶⁷⁸⁹]*/gu)?.find((instance) => !rest.includes(`${instance} :`));
    if (lost !== undefined) return { problem: `its statement names the instance ${lost}, which is printed without a name` };
    return rest.length > MAX_BYTES ? { problem: `its statement prints to more than ${MAX_BYTES} bytes` } : { signature: withNamesToType(rest) };
  };

  // ---- stating

  const EXPR = { app: 5, lam: 6, forallE: 7, letE: 8, mdata: 10, proj: 11 };
  /** Where the parts of a term of several parts stand; names of variables, and how they are bound, are no parts. */
  const PARTS = new Map([[EXPR.app, [0, 1]], [EXPR.lam, [1, 2]], [EXPR.forallE, [1, 2]], [EXPR.letE, [1, 2, 3]], [EXPR.proj, [2]]]);

  /**
   * Whether two closed types (borrowed) are equal but for `mdata`: notes of the elaborator, as at a `match` or a
   * `no_index`, which mean nothing and which printing loses.
   */
  const sameBesidesNotes = (a, b) => {
    const same = new Set(); // pairs that have been compared: terms share their parts
    const go = (p, q) => {
      while (tag(p) === EXPR.mdata) p = field(p, 1);
      while (tag(q) === EXPR.mdata) q = field(q, 1);
      if (p === q) return true;
      if (tag(p) !== tag(q)) return false;
      const parts = PARTS.get(tag(p));
      if (parts === undefined) return abi.truth(call("Lean_Expr_eqv", retain(p), retain(q)));
      const pair = `${p} ${q}`;
      if (same.has(pair)) return true;
      if (tag(p) === EXPR.proj && !abi.truth(call("Lean_Name_beq", retain(field(p, 0)), retain(field(q, 0))))) return false;
      if (tag(p) === EXPR.proj && field(p, 1) !== field(q, 1)) return false;
      const equal = parts.every((i) => go(field(p, i), field(q, i)));
      if (equal) same.add(pair);
      return equal;
    };
    return go(a, b);
  };

  /** Null when a statement elaborates to the very type of a theorem (and one that a proof without `without` may name), else what differs. */
  const difference = (statement, before, info, without) => {
    const { state, messages, kinds, name } = elaborateStatement(statement, before, () => {});
    try {
      const errors = errorsOf(messages);
      if (errors.length > 0) return errors[0];
      if (kinds.length !== 1 || name === null) return "it is not one theorem";
      const stated = find(field(state, COMMAND_STATE.env), name);
      if (stated === null) return "Lean does not declare it";
      const used = usedOf(env, typeOf(info), without);
      if (used !== null) { release(stated); return `the statement itself rests on ${used}`; }
      const same = sameBesidesNotes(typeOf(stated), typeOf(info));
      const levels = (i) => abi.listItems(field(signature(i), 1)).map(nameText).join();
      const sameLevels = levels(stated) === levels(info);
      release(stated);
      return same && sameLevels ? null : "it elaborates to another type";
    } finally {
      if (name !== null) release(name);
      release(state);
    }
  };

  // Attributes by which a tactic finds a lemma without being told its name, as far as they can be taken away.
  const ATTRIBUTES = ["simp", "grind", "ext", "push_cast", "instance"];
  const erasures = new Map(); // name -> commands
  /** Commands that take the attributes of a lemma away, each on its own: those at which Lean has nothing to say. */
  const erasuresOf = (name) => {
    let commands = erasures.get(name);
    if (commands === undefined) {
      const { state } = preamble("");
      commands = ATTRIBUTES.map((attribute) => `attribute [-${attribute}] ${name}`).filter((command) => {
        const tried = runCommands(command, retain(state));
        release(tried.state);
        return tried.messages.length === 0;
      });
      erasures.set(name, commands);
    }
    return commands;
  };

  /**
   * States theorem number `index` as `theorem flat_name`, without the lemmas `without`.
   * Returns {statement, header} or {unstated: why}.
   */
  const state = ({ index, flat_name: flatName, without, limit_ms: limitMs }) => {
    const { value, fired } = timed(limitMs, () => {
      const { name, info } = theorems()[index];
      const header = without.flatMap(erasuresOf).join("\n");
      // Linters would only take time.
      const before = preamble(`set_option linter.all false\n${header}`);
      if (before.errors.length > 0) return { unstated: before.errors[0] };
      let unstated = null;
      for (const options of OPTION_SETS) {
        const { signature: printed, problem } = print(name, options);
        const statement = `theorem ${flatName}${printed}`;
        const differs = problem ?? difference(statement, before, info, new Set(without));
        if (differs === null) return { statement, header };
        unstated = differs;
      }
      return { unstated };
    });
    return fired ? { timeout: true } : value;
  };

  /** The names of all modules that are imported, directly or through others. */
  const moduleNames = () => {
    const array = call("Lean_Environment_allImportedModuleNames", retain(env));
    const names = Array.from({ length: abi.arraySize(array) }, (_, i) => nameText(abi.arrayItem(array, i)));
    release(array);
    return names;
  };

  return { list, state, moduleNames };
};
