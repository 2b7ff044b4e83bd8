// Asks Lean's kernel again: declarations are added once more, one after the other, to an environment that holds only what
// was there before them. Plain script for Node and Web Workers alike; needs abi.js and driver.js.
//
// Elaboration runs arbitrary code, so an environment may hold what no kernel has seen. Definitions, theorems and opaque
// constants are added as they stand. An inductive type is added with all types of its block and their constructors, and
// what the kernel makes of it (types of constructors, recursors and their rules) is compared with what the file has.
"use strict";

StepwiseLean.createReplay = (abi, driver) => {
  const { box, field, tag, retain, release, construct, call, listItems } = abi;
  const { find, isImported, signature, typeOf, bodyOf, constantsIn, keyOf, nameText, userName, expectFields, CONSTANT } = driver.internals;

  // Lean.Declaration's constructor for inductive types; those of axiom, definition, theorem and opaque are ConstantInfo's.
  const INDUCTIVE_DECLARATION = 6;
  const INDUCTIVE = { nParams: 1, all: 3, constructors: 4, n: 6, isUnsafeByte: 1 };
  const CONSTRUCTOR = { inductive: 1, n: 5 };
  const RECURSOR = { all: 1, rules: 6, n: 7 };
  const RULE = { rhs: 2, n: 3 };
  const DEFINITION = { n: 4 };

  const value = (info) => field(info, 0);
  const nameOf = (info) => field(signature(info), 0);
  const list = (items) => items.reduceRight((tail, item) => construct(1, [item, tail]), box(0));
  const inductive = (info) => expectFields("Lean.InductiveVal", value(info), INDUCTIVE.n);
  const recursor = (info) => expectFields("Lean.RecursorVal", value(info), RECURSOR.n);
  const scalar = (o, i) => abi.byte(o + 8 + 4 * abi.nFields(o) + i);
  const same = (a, b) => abi.truth(call("Lean_Expr_eqv", retain(a), retain(b)));

  /** Names (borrowed) of the inductive types that an inductive type, a constructor or a recursor comes with; else none. */
  const blockOf = (environment, info) => {
    switch (tag(info)) {
      case CONSTANT.inductive: return listItems(field(inductive(info), INDUCTIVE.all));
      case CONSTANT.recursor: return listItems(field(recursor(info), RECURSOR.all));
      case CONSTANT.constructor: {
        const owner = find(environment, field(expectFields("Lean.ConstructorVal", value(info), CONSTRUCTOR.n), CONSTRUCTOR.inductive));
        const names = owner === null ? [] : blockOf(environment, owner);
        if (owner !== null) release(owner);
        return names;
      }
      default: return [];
    }
  };

  /** Expressions (borrowed) that a constant consists of. */
  const partsOf = (info) => {
    const parts = [typeOf(info)];
    const body = bodyOf(info);
    if (body !== null) parts.push(body);
    if (tag(info) === CONSTANT.recursor) {
      for (const rule of listItems(field(recursor(info), RECURSOR.rules))) parts.push(field(expectFields("Lean.RecursorRule", rule, RULE.n), RULE.rhs));
    }
    return parts;
  };

  /** Names (owned) of all constants that a constant rests on directly. */
  const dependencies = (environment, info) => {
    const names = partsOf(info).flatMap(constantsIn);
    for (const name of blockOf(environment, info)) names.push(retain(name));
    if (tag(info) === CONSTANT.inductive) for (const name of listItems(field(inductive(info), INDUCTIVE.constructors))) names.push(retain(name));
    return names;
  };

  /** Whether the kernel may leave a constant unchecked, because nothing safe can use it: `unsafe` and `partial` code. */
  const isUnsafe = (info) => {
    switch (tag(info)) {
      case CONSTANT.definition: return scalar(expectFields("Lean.DefinitionVal", value(info), DEFINITION.n), 0) !== 1; // DefinitionSafety.safe
      case CONSTANT.opaque: return scalar(value(info), 0) !== 0;
      case CONSTANT.inductive: return scalar(inductive(info), INDUCTIVE.isUnsafeByte) !== 0;
      default: return false;
    }
  };

  /**
   * A kernel environment that begins with what `base` (borrowed) holds and takes constants of `environment` (borrowed).
   * `add(name)` adds a constant and whatever it rests on, and returns null or why the kernel refuses; `end()` lets go.
   */
  const start = (environment, base) => {
    let kernel = abi.x.lean_elab_environment_to_kernel_env(retain(base));
    const answers = new Map(); // key -> null or a complaint

    const addDeclaration = (declaration, shown) => {
      const noHeartbeatLimit = construct(0, [], 4);
      // A refusal gives an exception and no environment: what comes after it is checked in the one before.
      const result = call("Lean_Kernel_Environment_addDeclCore", retain(kernel), noHeartbeatLimit, declaration, box(0));
      const accepted = tag(result) === 1;
      if (accepted) {
        release(kernel);
        kernel = retain(field(result, 0));
      }
      release(result);
      return accepted ? null : `the kernel refuses ${shown} when it is checked again`;
    };

    /** What the kernel has under this name, owned, or null. */
    const added = (name) => {
      const found = abi.x.lean_environment_find(retain(kernel), retain(name));
      if (abi.isBoxed(found)) return null;
      const info = retain(field(found, 0));
      release(found);
      return info;
    };

    /** Whether the kernel made of its own what the file has under this name (borrowed). */
    const isRemade = (name) => {
      const [ours, theirs] = [added(name), find(environment, name)];
      const rules = (info) => (tag(info) === CONSTANT.recursor ? listItems(field(recursor(info), RECURSOR.rules)).map((rule) => field(rule, RULE.rhs)) : []);
      const equal = ours !== null && theirs !== null && tag(ours) === tag(theirs) && same(typeOf(ours), typeOf(theirs))
        && rules(ours).length === rules(theirs).length && rules(ours).every((rhs, i) => same(rhs, rules(theirs)[i]));
      for (const info of [ours, theirs]) if (info !== null) release(info);
      return equal;
    };

    const addBlock = (names) => {
      const infos = names.map((name) => find(environment, name));
      const first = infos[0];
      const shown = userName(nameText(names[0]));
      try {
        if (infos.some((info) => info === null || tag(info) !== CONSTANT.inductive)) return `${shown} is not whole: its block lacks a type`;
        const constructors = infos.map((info) => listItems(field(inductive(info), INDUCTIVE.constructors)));
        for (const [i, info] of infos.entries()) {
          for (const name of [...typeConstants(info), ...constructors[i].flatMap(typeConstantsOfName)]) {
            const inBlock = names.some((other) => keyOf(other) === keyOf(name));
            const complaint = inBlock ? null : add(name);
            release(name);
            if (complaint !== null) return complaint;
          }
        }
        const types = infos.map((info, i) => construct(0, [
          retain(nameOf(info)), retain(typeOf(info)),
          list(constructors[i].map((name) => {
            const constructor = find(environment, name);
            const pair = construct(0, [retain(name), retain(typeOf(constructor))]);
            release(constructor);
            return pair;
          })),
        ]));
        const declaration = construct(INDUCTIVE_DECLARATION, [retain(field(signature(first), 1)), retain(field(inductive(first), INDUCTIVE.nParams)), list(types)], 4);
        const complaint = addDeclaration(declaration, shown);
        if (complaint !== null) return complaint;
        const forged = constructors.flat().find((name) => !isRemade(name));
        return forged === undefined ? null : `${userName(nameText(forged))} is not the constructor that the kernel makes of ${shown}`;
      } finally {
        infos.forEach((info) => { if (info !== null) release(info); });
      }
    };
    const typeConstants = (info) => constantsIn(typeOf(info));
    const typeConstantsOfName = (name) => {
      const info = find(environment, name);
      if (info === null) return [];
      const names = typeConstants(info);
      release(info);
      return names;
    };

    const addNew = (name, info) => {
      const block = blockOf(environment, info);
      if (block.length > 0) {
        const key = keyOf(block[0]);
        if (!answers.has(`block ${key}`)) {
          answers.set(`block ${key}`, null); // its own constructors name it again
          answers.set(`block ${key}`, addBlock(block));
        }
        const complaint = answers.get(`block ${key}`);
        if (complaint !== null || tag(info) !== CONSTANT.recursor || isRemade(name)) return complaint;
        return `${userName(nameText(name))} is not the recursor that the kernel makes`;
      }
      const names = dependencies(environment, info);
      let complaint = null;
      for (const n of names) complaint ??= add(n);
      names.forEach(release);
      return complaint ?? addDeclaration(construct(tag(info), [retain(value(info))]), userName(nameText(name)));
    };

    const add = (name) => {
      const key = keyOf(name);
      const known = answers.get(key);
      if (known !== undefined) return known;
      answers.set(key, null);
      if (isImported(environment, name)) return null;
      const old = find(base, name);
      if (old !== null) {
        release(old);
        return null;
      }
      const info = find(environment, name);
      if (info === null) return null;
      const complaint = addNew(name, info);
      release(info);
      answers.set(key, complaint);
      return complaint;
    };

    return { add, end: () => release(kernel) };
  };

  return { start, dependencies, isUnsafe };
};
