// Elaborates statements and runs tactics in real Lean, from states that are kept: the search's view of one Lean process.
// Plain script for Node and Web Workers alike; needs abi.js and facts.js, and recheck.js adds the judgement of whole proofs.
//
// How a state stays alive: the statement is elaborated by Lean's own command elaborator with a proof that begins with
// `trace_state`. That tactic's built-in elaborator is replaced in the function table by ours, which receives the
// contexts and state references of the tactic framework and keeps them. A later tactic is parsed and handed to
// `Lean.Elab.Tactic.evalTactic` with the same contexts and fresh references to the kept states. Core, Meta, Term and
// Tactic states are persistent data, so a step costs what its tactic costs, at any depth, and siblings share memory.
"use strict";

/**
 * @param abi      what createAbi returned
 * @param env      the environment after the imports (owned by the driver from now on)
 * @param watchdog {arm(address, milliseconds), disarm() -> fired}: sets the word at `address` to `true` when time is up
 */
StepwiseLean.createDriver = (abi, env, watchdog) => {
  const { x, box, isBoxed, word, tag, field, retain, release, construct, withFields, call, split, listItems } = abi;

  const LIMITS = {
    goals: 64, // a tactic that leaves more open goals is refused: no search uses them
    factual: 4, // goals whose facts are told
    goalBytes: 1 << 16, // of all printed goals of one state
    messageBytes: 1 << 13,
  };

  // Field numbers of Lean 4.28 structures; `verifyLayout` compares what can be compared before anything depends on them.
  const ENVIRONMENT = { base: 0, n: 8 };
  const KERNEL_ENVIRONMENT = { header: 5, n: 6 };
  const HEADER = { n: 6, isModuleByte: 36 };
  const COMMAND_CONTEXT = { cancelToken: 9, n: 10 };
  const COMMAND_STATE = { env: 0, messages: 1, scopes: 2, n: 11 };
  const SCOPE = { options: 1, namespace: 2, openDecls: 3, variables: 5, n: 10, isNoncomputableByte: 48 };
  const MESSAGE = { position: 1, data: 4, n: 5, severityByte: 29 };
  const SEVERITY = ["information", "warning", "error"]; // Lean.MessageSeverity
  const SYNTAX = { node: 1, atom: 2, ident: 3 }; // constructors of Lean.Syntax
  const CONSTANT = { axiom: 0, definition: 1, theorem: 2, opaque: 3, quotient: 4, inductive: 5, constructor: 6, recursor: 7 }; // of Lean.ConstantInfo
  const CORE_CONTEXT = { initHeartbeats: 8, cancelToken: 12, n: 14 };
  const CORE_STATE = { env: 0, messages: 6, infoState: 7, n: 9 };
  const INFO_STATE = { n: 3, enabledByte: 20 };
  const TACTIC_CONTEXT = { n: 1, recoverByte: 12 };
  const META_STATE = { mctx: 0, n: 5 };

  const expectFields = (what, o, n) => {
    if (isBoxed(o) || abi.nFields(o) !== n) throw new Error(`${what} does not have the ${n} fields of Lean 4.28: this driver does not fit this Lean`);
    return o;
  };

  // ---- the environment that a plain file sees

  /**
   * This build has the library at the exported level only, and its import marks the environment as that of a `module`:
   * definitions would be private until they are said to be public, and `#print axioms` would refuse. People's files are
   * plain ones. The mark is a byte of the header, which both views of the environment hold.
   */
  const asPlainFile = () => {
    const views = expectFields("Lean.Environment's base", field(expectFields("Lean.Environment", env, ENVIRONMENT.n), ENVIRONMENT.base), 2);
    for (const i of [0, 1]) {
      const kernel = expectFields("Lean.Kernel.Environment", field(views, i), KERNEL_ENVIRONMENT.n);
      const header = expectFields("Lean.EnvironmentHeader", field(kernel, KERNEL_ENVIRONMENT.header), HEADER.n);
      if (abi.byte(header + HEADER.isModuleByte) > 1) throw new Error("Lean.EnvironmentHeader.isModule is no Bool: this driver does not fit this Lean");
      abi.setByte(header + HEADER.isModuleByte, 0);
    }
  };
  asPlainFile();

  // ---- cancellation: one token for the whole process, set by the watchdog's thread

  const token = call("IO_CancelToken_new");
  const TOKEN_FALSE = box(0);
  const tokenWord = token + 8; // `IO.Ref Bool`: its value is the first field
  if (word(tokenWord) !== TOKEN_FALSE) throw new Error("IO.CancelToken is not a reference to false: this driver does not fit this Lean");
  const someToken = () => abi.some(retain(token));

  /** Whether what runs was told to stop. */
  const isTold = () => word(tokenWord) !== TOKEN_FALSE;

  /** Runs `work` for at most `limitMs`; `fired` tells whether it was told to stop. */
  const timed = (limitMs, work) => {
    abi.setWord(tokenWord, TOKEN_FALSE);
    watchdog.arm(tokenWord, limitMs);
    let value;
    try {
      value = work();
    } finally {
      watchdog.disarm();
    }
    const fired = isTold();
    abi.setWord(tokenWord, TOKEN_FALSE);
    return { value, fired };
  };

  // ---- the hook

  let capture = null; // set while `open` elaborates: receives the contexts
  const HOOKED = "Lean_Elab_Tactic_evalTraceState";
  const slot = abi.slot(`l_${HOOKED}___boxed`); // its only one: wasm-rewrite.cjs has verified it
  if (slot === undefined) throw new Error("this build of Lean has no elaborator of trace_state");
  const original = abi.table.get(slot);
  // stx, then context and state reference of Tactic, Term, Meta and Core, then the world token.
  abi.table.set(slot, abi.wasmFunction(10, (...args) => {
    if (capture === null) return original(...args);
    capture(args);
    args.forEach(release);
    return abi.ok(abi.unit);
  }));

  // ---- commands

  const MESSAGE_LOG_EMPTY = () => retain(abi.constant("Lean_MessageLog_empty"));

  const SORRY = abi.name("hasSorry");
  const isSorryTag = abi.closure(1, (tagged) => {
    const same = abi.truth(call("Lean_Name_beq", tagged, retain(SORRY)));
    return box(same ? 1 : 0);
  });

  /** The messages of a log (borrowed) as {severity, text, line, isSorry}: `isSorry` is Lean's own tag for "uses `sorry`". */
  const messagesOf = (log) => {
    const array = call("Lean_MessageLog_toArray", retain(log));
    const messages = [];
    for (let i = 0; i < abi.arraySize(array); i++) {
      const message = expectFields("Lean.Message", abi.arrayItem(array, i), MESSAGE.n);
      const severity = SEVERITY[abi.byte(message + MESSAGE.severityByte)];
      if (severity === undefined) throw new Error("Lean.Message.severity is not one of three: this driver does not fit this Lean");
      const line = abi.unbox(field(field(message, MESSAGE.position), 0));
      const isSorry = abi.truth(call("Lean_MessageData_hasTag", isSorryTag, retain(field(message, MESSAGE.data))));
      const rendered = call("Lean_Message_toString", retain(message), box(0));
      const text = abi.takeString(rendered, LIMITS.messageBytes).trimEnd();
      messages.push({ severity, text, line, isSorry });
    }
    release(array);
    return messages;
  };
  const errorsOf = (messages) => messages.filter((m) => m.severity === "error").map((m) => m.text);

  const inputContext = (text) => {
    const bytes = new TextEncoder().encode(text).length;
    return call("Lean_Parser_mkInputContext___redArg", abi.toLean(text), abi.toLean("<input>"), box(1), box(bytes));
  };

  /**
   * A fresh command state over `environment` (owned). Its scope is noncomputable: code cannot be made of what calls the
   * library's compiled functions, which this build's library does not carry, and no theorem needs code. Lean still
   * compiles what it can, so `#eval` runs where nothing is missing; where something is, the definition stands without
   * code instead of being refused.
   */
  const commandState = (environment) =>
    withComputability(call("Lean_Elab_Command_mkState", environment, MESSAGE_LOG_EMPTY(), box(0)), false);

  const innermostScope = (state) => expectFields("Lean.Elab.Command.Scope", field(field(state, COMMAND_STATE.scopes), 0), SCOPE.n);

  /** A command state (owned) with the innermost scope marked: whether a definition without code is refused. */
  const withComputability = (state, isComputable) => {
    const scope = withFields(innermostScope(state), {});
    abi.setByte(scope + SCOPE.isNoncomputableByte, isComputable ? 0 : 1);
    const outer = retain(field(field(state, COMMAND_STATE.scopes), 1));
    const marked = withFields(state, { [COMMAND_STATE.scopes]: construct(1, [scope, outer]) });
    release(state);
    return marked;
  };

  /** The command context that Lean's front end would make for this text (owned), with our cancellation token in it. */
  let receiveContext = null;
  const contextReceiver = abi.closure(3, (context, stateRef) => {
    receiveContext(context);
    release(stateRef);
    return abi.ok(abi.unit);
  });
  const commandContext = (ictx, parserState, state) => {
    let context;
    receiveContext = (c) => { context = c; };
    const front = construct(0, [retain(state), retain(parserState), retain(field(parserState, 0)), abi.emptyArray()]);
    const ref = x.lean_st_mk_ref(front);
    release(call("Lean_Elab_Frontend_runCommandElabM___redArg", contextReceiver, retain(ictx), ref));
    expectFields("Lean.Elab.Command.Context", context, COMMAND_CONTEXT.n);
    const withToken = withFields(context, { [COMMAND_CONTEXT.cancelToken]: someToken() });
    release(context);
    return withToken;
  };

  const isTerminal = (stx) => abi.truth(call("Lean_Parser_isTerminalCommand", retain(stx)));

  /** Elaborates one command (borrowed) from `state` (owned). Returns {state (owned), messages}. */
  const runCommand = (stx, ictx, parser, state) => {
    const context = commandContext(ictx, parser, state);
    const ref = x.lean_st_mk_ref(state);
    const { error } = split(call("Lean_Elab_Command_elabCommandTopLevel", retain(stx), context, retain(ref)));
    const after = takeRef(ref);
    const messages = messagesOf(field(after, COMMAND_STATE.messages));
    if (error !== undefined) messages.unshift({ severity: "error", text: exceptionText(error), line: 0, isSorry: false });
    const cleared = withFields(after, { [COMMAND_STATE.messages]: MESSAGE_LOG_EMPTY() });
    release(after);
    return { state: cleared, messages };
  };

  const EVALUATES = new Set(["Lean.Parser.Command.eval", "Lean.Parser.Command.evalBang"]);
  /** Why a command that evaluates and said nothing did so, in the scope of a plain file: Lean's complaint about missing code, or null. */
  const missingCode = (stx, ictx, parser, state) => {
    const tried = runCommand(stx, ictx, parser, withComputability(retain(state), true));
    release(tried.state);
    return errorsOf(tried.messages)[0] ?? null;
  };

  /**
   * Elaborates every command of `text` from `state` (owned), one after the other, on this thread.
   * Returns {state (owned), messages, kinds, notes}: the syntax kinds of the commands, in order, without the end of input; and
   * what this build of Lean left out. `eachCommand(stx, scope)` (borrowed) is called before each; with `examplesAreKept`,
   * examples are elaborated as definitions, which leaves something to judge.
   */
  const runCommands = (text, state, { eachCommand = () => {}, examplesAreKept = false } = {}) => {
    const ictx = inputContext(text);
    let parser = construct(0, [box(0)], 4); // ModuleParserState: at position 0, not recovering
    let messages = [];
    const kinds = [];
    const notes = [];
    for (;;) {
      const scope = innermostScope(state);
      const module = construct(0, [
        retain(field(state, COMMAND_STATE.env)), retain(field(scope, SCOPE.options)), retain(field(scope, SCOPE.namespace)), retain(field(scope, SCOPE.openDecls)),
      ]);
      const parsed = call("Lean_Parser_parseCommand", retain(ictx), module, retain(parser), MESSAGE_LOG_EMPTY());
      const stx = examplesAreKept ? withExamplesKept(field(parsed, 0), text) : retain(field(parsed, 0));
      const next = field(field(parsed, 1), 0);
      messages = messages.concat(messagesOf(field(field(parsed, 1), 1)));
      const terminal = isTerminal(stx);
      const kind = kindOf(stx);
      if (!terminal) {
        kinds.push(kind);
        eachCommand(stx, scope);
        const evaluated = EVALUATES.has(kind) ? retain(state) : null;
        const ran = runCommand(stx, ictx, parser, state);
        state = ran.state;
        messages = messages.concat(ran.messages);
        if (evaluated !== null) {
          const missing = ran.messages.length === 0 ? missingCode(stx, ictx, parser, evaluated) : null;
          if (missing !== null) notes.push(`not evaluated, because this build of Lean comes without compiled code of its library: ${missing}`);
          release(evaluated);
        }
      } else if (kind !== "Lean.Parser.Command.eoi") {
        kinds.push(kind);
      }
      release(stx);
      retain(next);
      release(parser);
      parser = next;
      release(parsed);
      if (terminal) break;
    }
    release(parser);
    release(ictx);
    return { state, messages, kinds, notes };
  };

  // ---- examples: Lean elaborates them and forgets them, so that nothing is left to judge

  const EXAMPLE = "example at line ";
  const node = (info, kind, args) => construct(SYNTAX.node, [info, kind, x.lean_array_mk(args.reduceRight((tail, item) => construct(1, [item, tail]), box(0)))]);
  const kindName = (...parts) => abi.name("Lean", "Parser", ...parts);
  const noInfo = () => box(2); // SourceInfo.none, the third of three
  const none = () => node(noInfo(), abi.name("null"), []);

  /** A copy of a command (borrowed) in which each `example` is a definition with a name that nobody can type without meaning it. */
  const withExamplesKept = (stx, text) => {
    if (isBoxed(stx) || tag(stx) !== SYNTAX.node) return retain(stx);
    const args = Array.from({ length: abi.arraySize(field(stx, 2)) }, (_, i) => abi.arrayItem(field(stx, 2), i));
    const rebuilt = (changed) => node(retain(field(stx, 0)), retain(field(stx, 1)), args.map((arg, i) => changed[i] ?? retain(arg)));
    switch (kindOf(stx)) {
      case "Lean.Parser.Command.in": return rebuilt({ [args.length - 1]: withExamplesKept(args[args.length - 1], text) });
      case "Lean.Parser.Command.declaration": return rebuilt({ 1: withExamplesKept(args[1], text) });
      case "Lean.Parser.Command.example": {
        const [keyword, signature, value] = args;
        const info = field(keyword, 0);
        const position = abi.unbox(field(info, 1)); // SourceInfo.original: {leading, pos, trailing, endPos}
        const bytes = new TextEncoder().encode(text);
        const line = 1 + bytes.subarray(0, position).filter((byte) => byte === 10).length;
        const name = abi.name(`${EXAMPLE}${line}${position === 0 || bytes[position - 1] === 10 ? "" : `, byte ${position}`}`);
        const ident = construct(SYNTAX.ident, [retain(info), construct(0, [abi.toLean(""), box(0), box(0)]), name, box(0)]);
        const declId = node(noInfo(), kindName("Command", "declId"), [ident, none()]);
        const atom = construct(SYNTAX.atom, [retain(info), abi.toLean("def")]);
        return node(retain(field(stx, 0)), kindName("Command", "definition"), [atom, declId, retain(signature), retain(value), none()]);
      }
      default: return retain(stx);
    }
  };

  const takeRef = (ref) => { const value = x.lean_st_ref_get(ref); release(ref); return value; };

  const nameText = (n) => {
    const parts = [];
    for (let m = n; !isBoxed(m); m = field(m, 0)) parts.unshift(tag(m) === 1 ? abi.toJs(field(m, 1)) : String(abi.unbox(field(m, 1))));
    return parts.join(".");
  };
  const kindOf = (stx) => (!isBoxed(stx) && tag(stx) === 1 ? nameText(field(stx, 1)) : "missing");

  /** Lean's text of an exception (owned). */
  const exceptionText = (exception) => {
    const data = call("Lean_Exception_toMessageData", exception);
    const rendered = call("Lean_MessageData_toString", data);
    if (abi.isString(rendered)) return abi.takeString(rendered, LIMITS.messageBytes);
    const { ok, error } = split(rendered);
    if (error !== undefined) { release(error); return "Lean could not print its own message"; }
    return abi.takeString(ok, LIMITS.messageBytes);
  };

  // ---- constants of an environment

  const environmentOf = (state) => field(state, COMMAND_STATE.env);
  /** `_private.Module.0.foo` is how Lean stores what no other module may see. */
  const userName = (text) => text.replace(/^_private\.(?:.*?\.)?0\./, "");

  // Constructors of Lean.ConstantInfo that have a body as their second field: definition, theorem, opaque.
  const WITH_BODY = new Set([1, 2, 3]);

  /** The `ConstantInfo` of a name (borrowed) in an environment (borrowed), owned, or null. */
  const find = (environment, name) => {
    const found = call("Lean_Environment_find_x3f", retain(environment), retain(name), box(0));
    if (isBoxed(found)) return null;
    const info = retain(field(found, 0));
    release(found);
    return info;
  };
  const isImported = (environment, name) => {
    const index = call("Lean_Environment_getModuleIdxFor_x3f", retain(environment), retain(name));
    const imported = !isBoxed(index);
    release(index);
    return imported;
  };
  // A ConstantInfo wraps a value whose first field is {name, level parameters, type} and whose second, where it has one, is the body.
  const signature = (info) => field(field(info, 0), 0);
  const typeOf = (info) => field(signature(info), 2);
  const bodyOf = (info) => (WITH_BODY.has(tag(info)) ? field(field(info, 0), 1) : null);

  /** Names (owned, as an array) of the constants in an expression (borrowed). */
  const constantsIn = (expr) => {
    const array = call("Lean_Expr_getUsedConstants", retain(expr));
    const names = Array.from({ length: abi.arraySize(array) }, (_, i) => retain(abi.arrayItem(array, i)));
    release(array);
    return names;
  };
  // Texts of names can be forged with guillemets; a key keeps the components apart.
  const keyOf = (name) => {
    const parts = [];
    for (let n = name; !isBoxed(n); n = field(n, 0)) parts.push(tag(n) === 1 ? abi.toJs(field(n, 1)) : field(n, 1));
    return JSON.stringify(parts);
  };

  /** `simp` uses a lemma through what it made of it once, as `Nat.succ_ne_zero._simp_1`: it counts as the lemma. */
  const lemmaText = (name) => nameText(name).replace(/\._simp_\d+$/, "");

  /**
   * The first of the names `without` (a set of texts) that an expression (borrowed) rests on directly, or null: what is
   * in it, and in whatever it uses that is not imported.
   */
  const usedOf = (environment, expr, without) => {
    if (without.size === 0) return null;
    const seen = new Set();
    const inside = (e) => {
      const names = constantsIn(e);
      let used = null;
      for (const name of names) used ??= visit(name);
      names.forEach(release);
      return used;
    };
    const visit = (name) => {
      const key = keyOf(name);
      if (seen.has(key)) return null;
      seen.add(key);
      const text = lemmaText(name);
      if (without.has(text)) return text;
      if (isImported(environment, name)) return null;
      const info = find(environment, name);
      if (info === null) return null;
      const body = bodyOf(info);
      const used = inside(typeOf(info)) ?? (body === null ? null : inside(body));
      release(info);
      return used;
    };
    return inside(expr);
  };
  const facts = StepwiseLean.createFacts(abi, { find, isImported, typeOf, bodyOf, nameText, keyOf, expectFields });

  const usesWhatItMayNot = (name) => `the proof uses ${name}, which this problem does without`;

  // ---- preambles: elaborated once, shared by every statement that uses them

  const preambles = new Map(); // text -> {state, errors, kinds}
  const MAX_PREAMBLES = 16;
  const preamble = (text) => {
    let known = preambles.get(text);
    if (known === undefined) {
      const { state, messages, kinds } = runCommands(text, commandState(retain(env)));
      if (isTold() && kinds.length > 0) {
        // It was cut short, and Lean does not always say so: whoever asks again with more time gets all of it.
        release(state);
        return { text, state: null, errors: ["it takes too long"], kinds };
      }
      known = { text, state, errors: errorsOf(messages), kinds };
      if (preambles.size >= MAX_PREAMBLES) {
        const [oldest] = preambles.keys();
        release(preambles.get(oldest).state);
        preambles.delete(oldest);
      }
    } else {
      preambles.delete(text); // keep the map in order of use
    }
    preambles.set(text, known);
    return known;
  };

  // ---- opening a statement

  const states = new Map(); // id -> {session, parts: [tactic, term, meta, core] (owned), heartbeats: used on the way here}
  let nextState = 1;
  const keep = (session, parts, heartbeats) => {
    session.users += 1;
    states.set(nextState, { session, parts, heartbeats });
    return nextState++;
  };

  /** Whether a text is one declaration, with `open .. in` and the like before it or without. */
  const isOneDeclaration = (kinds) =>
    kinds.length === 1 && (kinds[0] === "Lean.Parser.Command.declaration" || kinds[0] === "Lean.Parser.Command.in");

  /**
   * Elaborates a statement with `sorry` for a proof, after the preamble `before`; `receive` sees the tactic framework at the
   * proof's first step. Returns {state (owned), messages, kinds, name, unbound}: the declaration's name (owned), or null when no tactic
   * proof was opened; and the names that nobody bound, as `declared.unbound` tells them.
   */
  const elaborateStatement = (statement, before, receive, options = {}) => {
    let name = null;
    let command = null;
    capture = (args) => {
      name ??= retain(declarationName(args[3]));
      receive(args);
    };
    try {
      const eachCommand = (stx, scope) => { command ??= [retain(stx), retain(scope)]; };
      const ran = runCommands(`${statement} := by\n  trace_state\n  sorry\n`, retain(before.state), { ...options, eachCommand });
      const info = name === null || isBoxed(name) ? null : find(field(ran.state, COMMAND_STATE.env), name);
      const unbound = declared.unbound(command, info, `${before.text}\n${statement}`);
      if (info !== null) release(info);
      return { ...ran, name, unbound };
    } finally {
      command?.forEach(release);
      capture = null;
    }
  };

  const open = (request) => {
    const { value, fired } = timed(request.limit_ms, () => {
      const before = preamble(request.preamble ?? "");
      if (before.errors.length > 0) return { rejected: `the preamble is refused: ${before.errors[0]}` };
      let session = null;
      // An example leaves no constant, in which the names that nobody bound are seen, unless it is kept.
      const { state, messages, kinds, name, unbound } = elaborateStatement(request.statement, before, (args) => { session ??= adopt(args); }, { examplesAreKept: true });
      release(state);
      if (name !== null) release(name);
      const errors = errorsOf(messages);
      const problem = errors.length > 0 ? errors[0]
        : !isOneDeclaration(kinds) ? `expected one declaration, found ${kinds.length}: ${kinds.join(", ")}`
        : session === null ? "the statement opens no tactic proof"
        : unbound.refused[0] ?? null;
      if (problem !== null) {
        if (session !== null) discard(session);
        return { rejected: problem };
      }
      before.declared ??= facts.declarations(field(before.state, COMMAND_STATE.env));
      session.declared = before.declared;
      return { session, notes: unbound.notes };
    });
    if (value.session === undefined) return fired ? { timeout: true } : value;
    const { session } = value;
    const printed = timed(request.limit_ms, () => goalsOf(session, session.root));
    if (printed.fired || printed.value.problem) {
      discard(session);
      return printed.fired ? { timeout: true } : { rejected: printed.value.problem };
    }
    session.without = new Set(request.without ?? []);
    const id = keep(session, session.root, session.heartbeats);
    session.root = null;
    return { state: id, goals: printed.value.goals, facts: printed.value.facts, declarations: session.declared.list, name: session.name, notes: value.notes };
  };

  /** The name (borrowed) of the declaration under elaboration, from a Term.Context. */
  const declarationName = (termContext) => {
    const name = field(termContext, 0);
    return isBoxed(name) ? name : field(name, 0);
  };

  /** Turns what the hook saw (borrowed) into a session: contexts, and the root state's parts. */
  const adopt = ([, tacticContext, tacticRef, termContext, termRef, metaContext, metaRef, coreContext, coreRef]) => {
    expectFields("Lean.Elab.Tactic.Context", tacticContext, TACTIC_CONTEXT.n);
    expectFields("Lean.Core.Context", coreContext, CORE_CONTEXT.n);
    const tactic = withFields(tacticContext, {});
    abi.setByte(tactic + TACTIC_CONTEXT.recoverByte, 0); // the first error ends the step instead of being patched over
    // Heartbeats are counted from nought in a session: what the statement has used up belongs to the declaration.
    const used = naturalOf(x.lean_io_get_num_heartbeats()) - naturalOf(retain(field(coreContext, CORE_CONTEXT.initHeartbeats)));
    const core = withFields(coreContext, { [CORE_CONTEXT.cancelToken]: someToken(), [CORE_CONTEXT.initHeartbeats]: box(0) });
    const coreState = expectFields("Lean.Core.State", x.lean_st_ref_get(coreRef), CORE_STATE.n);
    const info = withFields(expectFields("Lean.Elab.InfoState", field(coreState, CORE_STATE.infoState), INFO_STATE.n), {});
    abi.setByte(info + INFO_STATE.enabledByte, 0); // nobody hovers over a search
    const quiet = withFields(coreState, { [CORE_STATE.messages]: MESSAGE_LOG_EMPTY(), [CORE_STATE.infoState]: info });
    release(coreState);
    const goals = x.lean_st_ref_get(tacticRef);
    return {
      contexts: [tactic, retain(termContext), retain(metaContext), core],
      heartbeats: used,
      rootGoal: retain(field(goals, 0)),
      name: nameText(declarationName(termContext)),
      without: new Set(),
      users: 0,
      root: [goals, x.lean_st_ref_get(termRef), x.lean_st_ref_get(metaRef), quiet],
    };
  };

  const discard = (session) => {
    session.root?.forEach(release);
    session.contexts.forEach(release);
    release(session.rootGoal);
  };

  // ---- steps

  const LARGEST_BOXED = 0x3fffffff;
  /** A natural number (owned) as JavaScript has it. */
  const naturalOf = (n) => (isBoxed(n) ? abi.unbox(n) : Number(abi.takeString(call("Nat_reprFast", n))));
  /** Lets Lean count heartbeats from `used` on. */
  const startHeartbeats = (used) => x.lean_io_set_heartbeats(box(Math.min(used, LARGEST_BOXED)));

  /** Errors that a step logged. Their positions would be those of a text that nobody sees. */
  const loggedErrors = (coreState) =>
    errorsOf(messagesOf(field(coreState, CORE_STATE.messages))).map((text) => text.replace(/^<input>:\d+:\d+: error(\([^)]*\))?: /, ""));

  /** References to `parts` (borrowed), interleaved with the contexts as every TacticM function takes them. */
  const enter = (session, parts) => {
    const refs = parts.map((part) => x.lean_st_mk_ref(retain(part)));
    const full = session.contexts.flatMap((context, i) => [context, refs[i]]);
    return {
      refs,
      tacticM: (name, ...args) => split(call(name, ...args, ...full.map(retain))),
      termM: (name, ...args) => split(call(name, ...args, ...full.slice(2).map(retain))),
      metaM: (name, ...args) => split(call(name, ...args, ...full.slice(4).map(retain))),
      /** The states as they are now (owned); the references are gone afterwards. */
      leave: () => refs.map(takeRef),
    };
  };

  /** {goals} as Lean prints them, or {problem}. */
  const goalsOf = (session, parts) => {
    const inside = enter(session, parts);
    const goals = [];
    const told = [];
    let bytes = 0;
    let problem = null;
    for (const goal of listItems(parts[0])) {
      if (goals.length === LIMITS.goals) { problem = `more than ${LIMITS.goals} goals are left`; break; }
      const { ok, error } = inside.metaM("Lean_Meta_ppGoal", retain(goal));
      if (error !== undefined) { problem = exceptionText(error); break; }
      const text = abi.takeString(call("Std_Format_pretty", ok, box(120), box(0), box(0)), LIMITS.goalBytes + 1);
      bytes += text.length;
      if (bytes > LIMITS.goalBytes) { problem = `the goals print to more than ${LIMITS.goalBytes} bytes`; break; }
      goals.push(text);
      // Templates work on the goals in front.
      if (told.length < LIMITS.factual) told.push(facts.ofGoal(field(parts[3], CORE_STATE.env), field(parts[2], META_STATE.mctx), goal, session.declared));
    }
    inside.leave().forEach(release);
    return problem === null ? { goals, facts: told } : { problem };
  };

  /** A tactic sequence parsed as it will stand in the file: indented below `by`. {stx (owned)} or {problem}. */
  const parse = (environment, tactic) => {
    const text = `by\n  ${tactic.replace(/\n/g, "\n  ")}`;
    const result = call("Lean_Parser_runParserCategory", retain(environment), abi.name("term"), abi.toLean(text), abi.toLean("<tactic>"));
    const payload = retain(field(result, 0));
    const failed = tag(result) === 0; // Except: error is the first constructor
    release(result);
    if (failed) return { problem: abi.takeString(payload, LIMITS.messageBytes) };
    const kind = kindOf(payload);
    if (kind !== "Lean.Parser.Term.byTactic") {
      release(payload);
      return { problem: `<tactic>: expected a tactic, found ${kind}` };
    }
    const sequence = retain(abi.arrayItem(field(payload, 2), 1));
    release(payload);
    return { stx: sequence };
  };

  // Tactics that have to open what stands in the goal.
  const OPENS = /^\s*(exact\s+)?(decide|rfl|eq_refl|unfold|delta)\b/;

  /**
   * One sentence on definitions of the library in the first goal whose bodies this build does not have, or nothing: at the
   * exported level the library's modules keep the bodies of some definitions, as `Nat.repr`, to themselves.
   */
  const withoutBodies = (session, parts) => {
    const inside = enter(session, parts);
    const { ok: type, error } = inside.metaM("Lean_MVarId_getType", retain(listItems(parts[0])[0]));
    inside.leave().forEach(release);
    if (error !== undefined) { release(error); return ""; }
    const env = field(parts[3], CORE_STATE.env);
    const names = constantsIn(type).filter((name) => {
      const info = isImported(env, name) ? find(env, name) : null;
      const isBodiless = info !== null && tag(info) === CONSTANT.axiom && !abi.truth(call("Lean_wasOriginallyTheorem", retain(env), retain(name)));
      if (info !== null) release(info);
      return isBodiless;
    }).map(nameText);
    release(type);
    return names.length === 0 ? "" : `\n\nNote: this build of Lean's library comes without the body of ${names.join(", ")}, so that nothing here can compute through it`;
  };

  const step = (parent, tactic) => {
    const { session, parts } = parent;
    startHeartbeats(parent.heartbeats); // a declaration has one allowance, as in the finished file
    const { stx, problem } = parse(field(parts[3], CORE_STATE.env), tactic);
    if (problem !== undefined) return { failed: problem };
    const inside = enter(session, parts);
    const stop = (exception) => {
      const left = inside.leave();
      // What was logged first is what Lean would print first; an exception after it may say nothing of its own.
      const logged = loggedErrors(left[3]);
      left.forEach(release);
      const text = exceptionText(exception);
      return { failed: (logged[0] ?? text) + (OPENS.test(tactic) ? withoutBodies(session, parts) : "") };
    };

    let { ok, error } = inside.tacticM("Lean_Elab_Tactic_evalTactic", stx);
    if (error === undefined) {
      release(ok);
      ({ ok, error } = inside.termM("Lean_Elab_Term_synthesizeSyntheticMVarsNoPostponing", box(0)));
    }
    if (error === undefined) {
      release(ok);
      ({ ok, error } = inside.tacticM("Lean_Elab_Tactic_getUnsolvedGoals")); // also drops the solved ones
    }
    if (error !== undefined) return stop(error);
    release(ok);
    const heartbeats = naturalOf(x.lean_io_get_num_heartbeats());

    const after = inside.leave();
    const fail = (text) => { after.forEach(release); return { failed: text }; };
    const errors = loggedErrors(after[3]);
    if (errors.length > 0) return fail(errors[0]);
    if (isBoxed(after[0])) {
      const flaw = flawOfProof(session, after);
      const tried = saidBy(tactic, after, parts);
      return flaw === null ? (after.forEach(release), { proved: true, tried }) : fail(flaw);
    }
    const { goals, facts, problem: unprintable } = goalsOf(session, after);
    if (unprintable !== undefined) return fail(unprintable);
    return { goals, facts, parts: after, heartbeats, tried: saidBy(tactic, after, parts) };
  };

  /** What a tactic with a `?` logged besides what its parent's state held: such tactics tell what to put in their place. */
  const saidBy = (tactic, after, before) => {
    if (!/\?|show_term|hint|suggest|library_search/.test(tactic)) return undefined;
    const said = (parts) => messagesOf(field(parts[3], CORE_STATE.messages)).map((m) => m.text.replace(/^<input>:\d+:\d+: /, ""));
    return said(after).slice(said(before).length);
  };

  /** Why a state without goals is no proof, or null: the root goal's term still has holes, uses `sorry`, or what it may not. */
  const flawOfProof = (session, parts) => {
    const mctx = field(expectFields("Lean.Meta.State", parts[2], META_STATE.n), META_STATE.mctx);
    const root = call("Lean_Expr_mvar___override", retain(session.rootGoal));
    const pair = x.lean_instantiate_expr_mvars(retain(mctx), root);
    const proof = field(pair, 1);
    const holds = (name) => abi.truth(call(name, retain(proof)));
    const flaw = holds("Lean_Expr_hasSorry") ? "the proof uses `sorry`" : holds("Lean_Expr_hasExprMVar") ? "the proof contains metavariables" : null;
    const used = flaw === null ? usedOf(field(parts[3], CORE_STATE.env), proof, session.without) : null;
    release(pair);
    return used === null ? flaw : usesWhatItMayNot(used);
  };

  /** Runs `tactic` from state `id` and keeps the new state, if any. */
  const apply = (id, tactic, limitMs) => {
    const parent = states.get(id);
    if (parent === undefined) return { lost: true };
    const { value, fired } = timed(limitMs, () => step(parent, tactic));
    if (value.parts !== undefined) return { open: keep(parent.session, value.parts, value.heartbeats), goals: value.goals, facts: value.facts, tried: value.tried };
    if (fired && value.failed !== undefined) return { timeout: true };
    return value;
  };

  const free = (ids) => {
    for (const id of ids) {
      const state = states.get(id);
      if (state === undefined) continue;
      states.delete(id);
      state.parts.forEach(release);
      state.session.users -= 1;
      if (state.session.users === 0) discard(state.session);
    }
  };

  const version = abi.toJs(abi.constant("Lean_versionStringCore"));

  // for the scripts beside this one
  const internals = {
    COMMAND_STATE, CONSTANT, SCOPE, SYNTAX, EXAMPLE, timed, preamble, runCommands, elaborateStatement, isOneDeclaration, errorsOf, kindOf, nameText,
    userName, exceptionText, environmentOf, find, isImported, signature, typeOf, bodyOf, constantsIn, keyOf, lemmaText, usedOf, usesWhatItMayNot,
    adopt, enter, expectFields, startHeartbeats,
  };
  const declared = StepwiseLean.createDeclared(abi, internals);

  return { version, open, apply, free, liveStates: () => states.size, declared, internals };
};
