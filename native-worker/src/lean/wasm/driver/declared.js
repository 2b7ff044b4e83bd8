// What a text declares: which constants its author wrote, where, and which names in a statement nobody bound.
// Plain script for Node and Web Workers alike; needs abi.js and driver.js.
"use strict";

StepwiseLean.createDeclared = (abi, internals) => {
  const { box, isBoxed, field, tag, retain, release, call, listItems } = abi;
  const { keyOf, nameText, userName, CONSTANT, SCOPE, typeOf, kindOf, SYNTAX } = internals;

  // ---- syntax

  const isNode = (stx) => !isBoxed(stx) && tag(stx) === SYNTAX.node;
  const isIdent = (stx) => !isBoxed(stx) && tag(stx) === SYNTAX.ident;
  const children = (stx) => (isNode(stx) ? Array.from({ length: abi.arraySize(field(stx, 2)) }, (_, i) => abi.arrayItem(field(stx, 2), i)) : []);

  /** Names of the identifiers below a syntax (borrowed). */
  const identifiers = (stx) => (isIdent(stx) ? [nameText(field(stx, 2))] : children(stx).flatMap(identifiers));

  const BINDERS = new Set(["explicitBinder", "implicitBinder", "strictImplicitBinder", "instBinder"].map((kind) => `Lean.Parser.Term.${kind}`));
  /** Names that a syntax (borrowed) binds in a signature, a `variable` command or a `∀`. */
  const boundNames = (stx) => {
    const kind = kindOf(stx);
    const own = BINDERS.has(kind) || kind === "Lean.Parser.Term.forall" ? identifiers(children(stx)[1]) : [];
    return own.concat(children(stx).flatMap(boundNames));
  };

  // ---- names that nobody bound

  const IMPLICIT = 1;
  const FORALL = { tag: 7, binderInfoByte: 28 };

  /**
   * Names that Lean made variables of a declaration because nobody had bound them (`autoImplicit`): implicit ones in front of
   * its type (borrowed) that neither its syntax nor a `variable` of the scope (borrowed) binds.
   */
  const autoBound = (stx, scope, info) => {
    const known = new Set(boundNames(stx));
    const variables = field(scope, SCOPE.variables);
    for (let i = 0; i < abi.arraySize(variables); i++) boundNames(abi.arrayItem(variables, i)).forEach((name) => known.add(name));
    const found = [];
    for (let type = typeOf(info); tag(type) === FORALL.tag; type = field(type, 2)) {
      const name = nameText(field(type, 0));
      const isTypable = !/✝|_hyg|^inst/.test(name);
      if (abi.byte(type + FORALL.binderInfoByte) === IMPLICIT && isTypable && !known.has(name)) found.push(name);
    }
    return found;
  };

  // What Lean takes for a variable where `relaxedAutoImplicit` is off: one letter, and signs that tell it from others.
  const LETTER = /^\p{L}[\p{N}₀-₉'_]*$/u;
  const ASKED_FOR = /\bset_option\s+(relaxedAutoImplicit|autoImplicit)\s+true\b/;

  /**
   * The names that nobody bound in a statement, given its [syntax, scope] and its constant (borrowed, or null where there is
   * none): {refused, notes} in words. A longer name is a name that somebody mistyped or did not import; `text` may ask for it.
   */
  const unbound = (command, info, text) => {
    const names = command === null || info === null ? [] : autoBound(...command, info);
    const refused = ASKED_FOR.test(text) ? [] : names.filter((name) => !LETTER.test(name));
    return {
      refused: refused.map((name) => `nobody has bound ${name}, and Lean would make it a variable that stands for anything: correct the name, import what declares it, or bind it as {${name} : _} if a variable is meant`),
      notes: names.filter((name) => !refused.includes(name)).map((name) => `nobody has bound ${name}: Lean made it a variable of the theorem`),
    };
  };

  // ---- constants

  const ranges = {
    extension: abi.constant("Lean_declRangeExt"),
    inhabited: abi.constant("Lean_instInhabitedDeclarationRanges_default"),
    ASYNC_MAIN: box(2), // EnvExtension.AsyncMode: of the three the one that `declRangeExt` was made with
    LEVEL_EXPORTED: box(0),
  };
  /**
   * The lines {first, last} (from 1) at which an author wrote the constant `name` (borrowed), or null. Only elaborators of
   * declarations leave them: what Lean makes of its own (equation lemmas, matchers, recursors' relatives) has none.
   */
  const linesOf = (env, name) => {
    const found = call("Lean_MapDeclarationExtension_find_x3f___redArg", retain(ranges.inhabited), retain(ranges.extension), retain(env), retain(name), ranges.ASYNC_MAIN, ranges.LEVEL_EXPORTED);
    if (isBoxed(found)) return null;
    const range = field(field(found, 0), 0); // DeclarationRanges.range: {pos, charUtf16, endPos, endCharUtf16}
    const line = (position) => abi.unbox(field(position, 0));
    const lines = { first: line(field(range, 0)), last: line(field(range, 2)) };
    release(found);
    return lines;
  };

  const isProjection = (env, name) => abi.truth(call("Lean_Environment_isProjectionFn", retain(env), retain(name)));

  /** The constants that `env` (borrowed) declares itself, as {name, info (both owned), key}. */
  const localConstants = (env) => {
    const kernel = abi.x.lean_elab_environment_to_kernel_env(retain(env));
    const list = call("Lean_PersistentHashMap_toList___redArg", retain(field(field(kernel, 0), 1))); // constants.map₂
    const constants = listItems(list).map((pair) => ({ name: retain(field(pair, 0)), info: retain(field(pair, 1)), key: keyOf(field(pair, 0)) }));
    release(list);
    release(kernel);
    return constants;
  };

  const KIND = ["axiom", "definition", "theorem", "opaque", "quotient", "inductive type", "constructor", "recursor"];

  /**
   * What `env` (borrowed) declares that `before` (a set of keys) lacks, as {name, info (both owned), key, shown, kind, lines, isAuthored},
   * in the order of the text; what nobody wrote comes last.
   */
  const declarations = (env, before) => {
    const all = localConstants(env);
    all.filter(({ key }) => before.has(key)).forEach(({ name, info }) => { release(name); release(info); });
    return all.filter(({ key }) => !before.has(key)).map(({ name, info, key }) => {
      const lines = linesOf(env, name);
      const isAuthored = lines !== null && !isProjection(env, name) && tag(info) !== CONSTANT.constructor;
      const shown = userName(nameText(name));
      const isExample = shown.startsWith(internals.EXAMPLE);
      return { name, info, key, shown, kind: isExample ? "example" : KIND[tag(info)], lines, isAuthored };
    }).sort((a, b) => (a.lines?.first ?? Infinity) - (b.lines?.first ?? Infinity) || (a.shown < b.shown ? -1 : 1));
  };

  /** The declaration that an author wrote and that a constant which nobody wrote belongs to by its name, or the constant itself. */
  const ownerOf = (declared, constant) => {
    if (constant.isAuthored) return constant;
    const authored = new Map(declared.filter((d) => d.isAuthored).map((d) => [d.shown, d]));
    for (let text = constant.shown; text.includes(".");) {
      text = text.slice(0, text.lastIndexOf("."));
      const owner = authored.get(text);
      if (owner !== undefined) return owner;
    }
    return constant;
  };

  return { unbound, declarations, localConstants, ownerOf, KIND };
};
