// What Lean knows of a goal beyond its printed text: the file's own declarations, and which of them stand in the goal.
// Plain script for Node and Web Workers alike; needs abi.js.
//
// A preamble's declarations are told once for each opened statement, a goal's facts with the goal; both are bounded.
// core/src/facts.rs is the twin that says what each field means.
"use strict";

/** @param tools what driver.js knows of constants: {find, isImported, typeOf, bodyOf, nameText, keyOf, expectFields} */
StepwiseLean.createFacts = (abi, tools) => {
  const { isBoxed, field, tag, byte, retain, release, call, x, listItems } = abi;
  const { find, isImported, typeOf, bodyOf, nameText, keyOf, expectFields } = tools;

  const LIMITS = {
    declarations: 200,
    locals: 32, // variables and proofs of one goal
    calls: 12,
    constants: 40,
    nodes: 20_000, // of the terms of one goal or one declaration
    textBytes: 120, // of a printed argument
  };

  // Constructors of Lean.Expr, Lean.Literal and Lean.ConstantInfo.
  const EXPR = { bvar: 0, fvar: 1, mvar: 2, sort: 3, const: 4, app: 5, lam: 6, forallE: 7, letE: 8, lit: 9, mdata: 10, proj: 11 };
  const NAT_LITERAL = 0;
  const INFO = { definition: 1, theorem: 2, inductive: 5 };
  // Field numbers of Lean 4.28 structures.
  const DEFINITION = { value: 1, all: 3, n: 4 };
  const INDUCTIVE = { numParams: 1, numIndices: 2, constructors: 4, n: 6 };
  const CONSTRUCTOR = { numParams: 3, n: 5 };
  const MVAR_DECL = { lctx: 1, type: 2, n: 7 };
  const LOCAL_CONTEXT = { decls: 1, n: 3 };
  const LOCAL_DECL = { fvarId: 1, userName: 2, type: 3 };
  // Behind a binder's three fields stands the term's hash of eight bytes, then what kind of binder it is.
  const BINDER_INFO_BYTE = 8 + 3 * 4 + 8;
  // A hypothesis without a value has its binder's kind before its own; one with a value has whether it is used opaquely.
  const localKindByte = (decl) => 8 + 4 * abi.nFields(decl) + 1;

  // ---- names

  const truthOf = (name, ...args) => abi.truth(call(name, ...args.map(retain)));
  const isInternal = (name) => truthOf("Lean_Name_isInternalDetail", name);
  const userName = (text) => text.replace(/^_private\.(?:.*?\.)?0\./, "");
  const textOf = (name) => userName(nameText(name));
  /** A name below another, owned. */
  const below = (name, part) => call("Lean_Name_str___override", retain(name), abi.toLean(part));
  /** The text of a binder's name as it was written. */
  const plainName = (name) => {
    const plain = x.lean_erase_macro_scopes(retain(name));
    const text = nameText(plain);
    release(plain);
    return text;
  };
  const WRITABLE = /^[\p{L}_][\p{L}\p{N}_'!?\u2080-\u2089]*(\.[\p{L}_][\p{L}\p{N}_'!?\u2080-\u2089]*)*$/u;
  const isWritable = (text) => WRITABLE.test(text) && !text.includes("._hyg.") && !text.includes("_@");

  // ---- terms; all are borrowed

  const skipData = (e) => { while (tag(e) === EXPR.mdata) e = field(e, 1); return e; };
  /** The head and the arguments of an application, outermost last. */
  const spine = (e) => {
    const args = [];
    let head = skipData(e);
    for (; tag(head) === EXPR.app; head = skipData(field(head, 0))) args.push(field(head, 1));
    return { head, args: args.reverse() };
  };
  const headName = (e) => { const { head } = spine(e); return tag(head) === EXPR.const ? nameText(field(head, 0)) : ""; };
  const isExplicit = (binder) => byte(binder + BINDER_INFO_BYTE) === 0;
  const isPropSort = (e) => tag(e) === EXPR.sort && isBoxed(field(e, 0));
  /** The binders of a type, and what is behind them. */
  const telescope = (type) => {
    const binders = [];
    let e = skipData(type);
    for (; tag(e) === EXPR.forallE; e = skipData(field(e, 2))) binders.push(e);
    return { binders, result: e };
  };

  /** Calls `visit(e, depth)` for every subterm, outermost first, until it answers false for one (which is then not entered). */
  const walk = (root, visit) => {
    const stack = [[root, 0]];
    let left = LIMITS.nodes;
    while (stack.length > 0 && left-- > 0) {
      const [e, depth] = stack.pop();
      if (visit(e, depth) === false) continue;
      switch (tag(e)) {
        case EXPR.app: stack.push([field(e, 1), depth], [field(e, 0), depth]); break;
        case EXPR.lam: case EXPR.forallE: stack.push([field(e, 2), depth + 1], [field(e, 1), depth]); break;
        case EXPR.letE: stack.push([field(e, 3), depth + 1], [field(e, 2), depth], [field(e, 1), depth]); break;
        case EXPR.mdata: stack.push([field(e, 1), depth]); break;
        case EXPR.proj: stack.push([field(e, 2), depth]); break;
        default:
      }
    }
  };

  const withInfo = (env, name, use, otherwise) => {
    const info = find(env, name);
    if (info === null) return otherwise;
    try { return use(info); } finally { release(info); }
  };
  const inductive = (info) => (tag(info) === INFO.inductive ? expectFields("Lean.InductiveVal", field(info, 0), INDUCTIVE.n) : null);
  const nat = (o) => abi.unbox(o);

  /** How many of a constant's arguments are there, explicit ones among them: a list of booleans. */
  const explicitOf = (env, name) => withInfo(env, name, (info) => telescope(typeOf(info)).binders.map(isExplicit), []);

  /** Whether the type of a proof, told by its head; `sortOf(fvar)` gives the type of a local variable. */
  const isProposition = (env, type, typeOfLocal) => {
    const { result } = telescope(type);
    const { head } = spine(result);
    if (tag(head) === EXPR.const) return withInfo(env, field(head, 0), (info) => isPropSort(telescope(typeOf(info)).result), false);
    if (tag(head) === EXPR.fvar) { const ty = typeOfLocal(field(head, 0)); return ty !== undefined && isPropSort(telescope(ty).result); }
    return false;
  };

  // ---- what a preamble declares

  /** Own names that a term speaks of, in order, seen through what elaboration made of the definition. */
  const ownNames = (env, root, isOwn) => {
    const found = new Map();
    const seen = new Set();
    const inside = (e, deep) => walk(e, (part) => {
      if (tag(part) !== EXPR.const) return true;
      const name = field(part, 0);
      const key = keyOf(name);
      if (seen.has(key)) return true;
      seen.add(key);
      if (isOwn(key)) found.set(key, textOf(name));
      else if (deep < 3 && !isImported(env, name) && isInternal(name)) {
        withInfo(env, name, (info) => { const body = bodyOf(info); if (body !== null) inside(body, deep + 1); });
      }
      return true;
    });
    inside(root, 0);
    return [...found.values()];
  };

  const mentions = (env, root, isIt) => {
    let found = false;
    walk(root, (e) => {
      if (!found && tag(e) === EXPR.const) found = isIt(field(e, 0));
      return !found;
    });
    return found;
  };
  const CONDITIONALS = new Set(["ite", "dite", "cond", "Bool.rec", "bif"]);
  const APPENDING = new Set(["HAppend.hAppend", "List.append"]);
  const branches = (env, body) => mentions(env, body, (name) => CONDITIONALS.has(nameText(name)) || truthOf("Lean_Meta_isMatcherCore", env, name));

  /** Indices of lambdas' variables: in `fun x y => .. x ..` variable 0 is x. Null where the term is no such variable. */
  const outerVariable = (e, depth, n) => {
    const plain = skipData(e);
    if (tag(plain) !== EXPR.bvar) return null;
    const index = depth - 1 - nat(field(plain, 0));
    return index >= 0 && index < n ? index : null;
  };

  /**
   * How a definition recurs: {kind, on, varying}, the last two as indices of all its arguments, or null. The recursive
   * calls as they were written stand in the copy of its body that Lean keeps for smart unfolding.
   */
  const recursionOf = (env, name, body, all) => {
    let n = 0;
    let inner = body;
    for (; tag(inner) === EXPR.lam; inner = field(inner, 2)) n++;
    let kind = null;
    let on = null;
    walk(body, (e, depth) => {
      const { head, args } = tag(e) === EXPR.app ? spine(e) : { head: e, args: [] };
      if (tag(head) !== EXPR.const) return true;
      const text = nameText(field(head, 0));
      if (/^WellFounded\.(Nat\.)?fix/.test(text) || /\._unary|\._mutual|\.eq_def/.test(text)) kind = "well_founded";
      if (kind === null && /\.(brecOn(_\d+)?|rec|recOn)$/.test(text)) {
        const type = field(field(head, 0), 0);
        const major = args.map((arg) => outerVariable(arg, depth, n)).filter((index) => index !== null);
        const count = withInfo(env, type, (info) => { const val = inductive(info); return val === null ? null : nat(field(val, INDUCTIVE.numParams)) + 1 + nat(field(val, INDUCTIVE.numIndices)); }, null);
        const at = count !== null && args.length > count ? outerVariable(args[count], depth, n) : null;
        if (at !== null || major.length > 0) { kind = "structural"; on = at ?? major[0]; }
      }
      return true;
    });
    const varying = new Set();
    const sunfold = below(name, "_sunfold");
    const found = find(env, sunfold);
    release(sunfold);
    const self = keyOf(name);
    if (found !== null) {
      walk(bodyOf(found) ?? typeOf(found), (e, depth) => {
        if (tag(e) !== EXPR.app) return true;
        const { head, args } = spine(e);
        if (tag(head) === EXPR.const && keyOf(field(head, 0)) === self) {
          if (kind === null) kind = "structural";
          args.forEach((arg, i) => { if (outerVariable(arg, depth, n) !== i) varying.add(i); });
        }
        return true;
      });
      release(found);
    }
    return kind === null ? null : { kind, on, varying: [...varying].sort((a, b) => a - b), mutual: all > 1 };
  };

  /** Type heads of the explicit arguments, and of the result. */
  const signatureOf = (type) => {
    const { binders, result } = telescope(type);
    return {
      args: binders.filter(isExplicit).map((binder) => headName(field(binder, 1))),
      result: isPropSort(result) ? "Prop" : headName(result),
    };
  };
  /** The index among the explicit arguments that an index among all arguments has, or null. */
  const explicitIndex = (type, index) => {
    const { binders } = telescope(type);
    if (index === null || index >= binders.length || !isExplicit(binders[index])) return null;
    return binders.slice(0, index).filter(isExplicit).length;
  };

  const constructorsOf = (env, val) => {
    const type = keyOf(field(field(val, 0), 0));
    return listItems(field(val, INDUCTIVE.constructors)).map((name) => withInfo(env, name, (info) => {
      const params = nat(field(expectFields("Lean.ConstructorVal", field(info, 0), CONSTRUCTOR.n), CONSTRUCTOR.numParams));
      const fields = telescope(typeOf(info)).binders.slice(params).filter(isExplicit).map((binder) => {
        const { head } = spine(telescope(field(binder, 1)).result);
        const recursive = tag(head) === EXPR.const && keyOf(field(head, 0)) === type;
        const text = plainName(field(binder, 0));
        return { name: isWritable(text) && !text.includes(".") ? text : "", ...(recursive ? { recursive } : {}) };
      });
      return { name: textOf(name), fields };
    }, { name: textOf(name), fields: [] }));
  };

  /** Last parts of names that Lean gives to theorems of its own about a declaration. */
  const GENERATED = /^(inj|injEq|sizeOf_spec|eq_def|eq_\d+|induct|induct_unfolding|fun_cases|fun_cases_unfolding|mutual_induct|congr_simp|hcongr_\d+|ext|ext_iff|noConfusion.*|ofNat_.*|toCtorIdx.*|ctorIdx.*|ctorElim.*|below.*|brecOn.*|rec.*|casesOn|elim|partial_correctness|fixpoint_induct)$/;

  /** Names below what Lean makes of a type. */
  const AUXILIARY = /\.(brecOn|below|binductionOn|ibelow|noConfusionType|noConfusion)(_\d+)?\./;

  const describe = (env, name, info, isOwn) => {
    const text = textOf(name);
    const type = typeOf(info);
    const is = (f) => truthOf(f, env, name);
    const declared = { name: text };
    if (tag(info) === INFO.inductive) {
      const val = inductive(info);
      const { result } = telescope(type);
      const kind = isPropSort(result) ? "predicate" : is("Lean_isClass") ? "class" : is("Lean_isStructure") ? "structure" : "inductive";
      return { ...declared, kind, ...signatureOf(type), constructors: constructorsOf(env, val) };
    }
    const { result } = telescope(type);
    if (tag(info) === INFO.theorem) {
      const head = headName(result);
      return { ...declared, kind: "theorem", ...signatureOf(type), uses: ownNames(env, type, isOwn), result: head };
    }
    const body = bodyOf(info);
    if (tag(info) !== INFO.definition || body === null) return null;
    // Notation, syntax and macros are declarations too, of Lean's own types; no goal speaks of them.
    if (/^Lean\./.test(headName(result))) return null;
    if (is("Lean_Meta_isMatcherCore") || is("Lean_isAuxRecursor") || is("Lean_isNoConfusion")) return null;
    const uses = ownNames(env, body, isOwn).filter((other) => other !== text);
    if (is("Lean_Environment_isProjectionFn")) {
      const law = isProposition(env, type, () => undefined);
      return { ...declared, kind: law ? "law" : "projection", ...signatureOf(type), uses: law ? ownNames(env, type, isOwn) : [] };
    }
    if (is("Lean_Meta_isInstanceCore")) return { ...declared, kind: "instance", ...signatureOf(type), uses };
    const block = listItems(field(expectFields("Lean.DefinitionVal", field(info, 0), DEFINITION.n), DEFINITION.all));
    for (const other of block.map(textOf)) if (other !== text && !uses.includes(other)) uses.push(other);
    const recursion = recursionOf(env, name, body, block.length);
    const told = { ...declared, kind: "definition", ...signatureOf(type), uses };
    if (branches(env, body)) told.branches = true;
    if (mentions(env, body, (name) => APPENDING.has(nameText(name)))) told.appends = true;
    if (recursion !== null) {
      told.recursion = recursion.kind;
      const on = explicitIndex(type, recursion.on);
      if (on !== null) told.on = on;
      told.varying = recursion.varying.map((i) => explicitIndex(type, i)).filter((i) => i !== null && i !== on);
      if (recursion.mutual) told.mutual = true;
    }
    return told;
  };

  /** Everything that an environment (borrowed) declares itself and a person wrote: {list, isOwn(key)}. */
  const declarations = (env) => {
    const kernel = x.lean_elab_environment_to_kernel_env(retain(env));
    const local = field(field(kernel, 0), 1); // constants.map₂
    const all = call("Lean_PersistentHashMap_toList___redArg", retain(local));
    const own = new Map();
    for (const pair of listItems(all)) {
      const [name, info] = [field(pair, 0), field(pair, 1)];
      const text = textOf(name);
      const last = text.split(".").at(-1);
      if (isInternal(name) && !nameText(name).startsWith("_private.")) continue;
      if (!isWritable(text) || GENERATED.test(last) || AUXILIARY.test(text) || /(^|\.)(match_\d+|proof_\d+|_.*)(\.|$)/.test(text)) continue;
      own.set(keyOf(name), { name, info });
    }
    const list = [];
    for (const [, { name, info }] of own) {
      if (list.length === LIMITS.declarations) break;
      const told = describe(env, name, info, (key) => own.has(key));
      if (told !== null) list.push(told);
    }
    const keys = new Set(own.keys());
    release(all);
    release(kernel);
    list.sort((a, b) => (a.name < b.name ? -1 : 1));
    const known = new Map(list.map((d) => [d.name, d]));
    return { list, known, isOwn: (key) => keys.has(key) };
  };

  // ---- what a goal holds

  /** A term as a tactic may name it, or null where it is too long or has parts without a name. */
  const print = (env, e, nameOfLocal) => {
    const go = (term, atom) => {
      const { head, args } = spine(term);
      if (args.length === 0) {
        if (tag(head) === EXPR.fvar) return nameOfLocal(field(head, 0)) ?? null;
        if (tag(head) === EXPR.const) { const text = textOf(field(head, 0)); return isWritable(text) ? text : null; }
        if (tag(head) === EXPR.lit && tag(field(head, 0)) === NAT_LITERAL) return abi.takeString(call("Nat_reprFast", retain(field(field(head, 0), 0))));
        return null;
      }
      if (tag(head) === EXPR.fvar) {
        const parts = [nameOfLocal(field(head, 0)), ...args.map((arg) => go(arg, true))];
        return parts.some((part) => part === null || part === undefined) ? null : wrap(parts.join(" "), atom);
      }
      if (tag(head) !== EXPR.const) return null;
      const text = textOf(field(head, 0));
      if (text === "OfNat.ofNat" && args.length === 3) return go(args[1], atom);
      if (!isWritable(text)) return null;
      const explicit = explicitOf(env, field(head, 0));
      if (explicit.length < args.length) return null;
      const parts = args.filter((_, i) => explicit[i]).map((arg) => go(arg, true));
      return parts.some((part) => part === null) ? null : parts.length === 0 ? text : wrap([text, ...parts].join(" "), atom);
    };
    const wrap = (text, atom) => (atom ? `(${text})` : text);
    const text = go(e, true);
    return text === null || text.length > LIMITS.textBytes ? null : text;
  };

  /** The facts of one goal (borrowed) in a metavariable context and an environment (both borrowed). */
  const ofGoal = (env, mctx, goal, declared) => {
    const kept = [];
    const found = call("Lean_MetavarContext_findDecl_x3f", retain(mctx), retain(goal));
    if (isBoxed(found)) return null;
    try {
      const decl = expectFields("Lean.MetavarDecl", field(found, 0), MVAR_DECL.n);
      const instantiate = (e) => {
        const pair = x.lean_instantiate_expr_mvars(retain(mctx), retain(e));
        kept.push(pair);
        return field(pair, 1);
      };
      const lctx = expectFields("Lean.LocalContext", field(decl, MVAR_DECL.lctx), LOCAL_CONTEXT.n);
      const array = call("Lean_PersistentArray_toArray___redArg", retain(field(lctx, LOCAL_CONTEXT.decls)));
      kept.push(array);
      const locals = new Map(); // key of the id -> {text, type}
      const lastOf = new Map(); // a name -> the key of the last hypothesis that has it
      for (let i = 0; i < abi.arraySize(array); i++) {
        const item = abi.arrayItem(array, i);
        if (isBoxed(item)) continue;
        const local = field(item, 0);
        if (byte(local + localKindByte(local)) !== 0) continue;
        const key = keyOf(field(local, LOCAL_DECL.fvarId));
        const text = nameText(field(local, LOCAL_DECL.userName));
        locals.set(key, { key, text, type: instantiate(field(local, LOCAL_DECL.type)) });
        lastOf.set(text, key);
      }
      const nameOf = (key) => {
        const local = locals.get(key);
        return local !== undefined && lastOf.get(local.text) === key && isWritable(local.text) && !local.text.includes(".") ? local.text : undefined;
      };
      const nameOfLocal = (id) => nameOf(keyOf(id));
      const target = instantiate(field(decl, MVAR_DECL.type));
      const inTarget = new Set();
      walk(target, (e) => { if (tag(e) === EXPR.fvar) inTarget.add(keyOf(field(e, 0))); return true; });

      const constants = new Map();
      const calls = new Map();
      let conditional = false;
      /** Own constants and calls of own definitions in a term. */
      const collect = (root, isTarget) => walk(root, (e) => {
        if (tag(e) === EXPR.const) {
          const name = field(e, 0);
          const key = keyOf(name);
          if (declared.isOwn(key)) { if (constants.size < LIMITS.constants) constants.set(key, textOf(name)); }
          else if (isTarget && !conditional) conditional = CONDITIONALS.has(nameText(name)) || truthOf("Lean_Meta_isMatcherCore", env, name);
        } else if (tag(e) === EXPR.app) {
          const { head, args } = spine(e);
          if (tag(head) !== EXPR.const || !declared.isOwn(keyOf(field(head, 0)))) return true;
          const text = textOf(field(head, 0));
          const known = declared.known.get(text);
          if (known?.kind !== "definition" || calls.size >= LIMITS.calls) return true;
          const explicit = explicitOf(env, field(head, 0));
          const given = args.filter((_, i) => explicit[i] ?? true);
          if (given.length < known.args.length) return true;
          const shown = given.map((arg) => print(env, arg, nameOfLocal) ?? "");
          const key = JSON.stringify([text, shown]);
          // A proof that speaks of it too does not take it out of the target.
          if (!calls.has(key)) calls.set(key, { of: text, args: shown, ...(isTarget ? { in_target: true } : {}) });
        }
        return true;
      });
      collect(target, true);
      const order = [...locals.values()].slice(-LIMITS.locals);
      const variables = [];
      const proofs = [];
      for (const { key, type } of order) {
        const name = nameOf(key);
        const proof = isProposition(env, type, (id) => locals.get(keyOf(id))?.type);
        if (proof) collect(type, false);
        if (name === undefined) continue;
        const { binders, result } = telescope(type);
        const { head } = spine(result);
        const text = tag(head) === EXPR.const ? textOf(field(head, 0)) : "";
        const own = tag(head) === EXPR.const && declared.isOwn(keyOf(field(head, 0)));
        const told = { name, head: text, ...(own ? { own } : {}) };
        if (proof) {
          proofs.push({ ...told, ...(binders.length > 0 ? { binders: binders.length } : {}) });
        } else if (binders.length === 0) {
          variables.push({ ...told, ...(inTarget.has(key) ? { in_target: true } : {}) });
        }
      }
      const { result } = telescope(target);
      const facts = { head: headName(result), constants: [...constants.values()], variables, proofs, calls: [...calls.values()] };
      if (conditional) facts.branches = true;
      return facts;
    } finally {
      kept.forEach(release);
      release(found);
    }
  };

  return { declarations, ofGoal };
};
