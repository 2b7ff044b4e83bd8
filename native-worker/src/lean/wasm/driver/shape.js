// The shape of a statement: what it says, apart from the ways in which a library says the same thing twice.
// Plain script for Node and Web Workers alike; needs abi.js and driver.js.
//
// Two statements have one shape when they differ only in
// - names of variables, implicitness, and the order of variables and hypotheses (`∀ a b, p b → q a`, `∀ b, p b → ∀ {a}, q a`);
// - universe levels (`Type u` and `Sort v` are one; `Prop` is another);
// - the sides of `=` and `↔`, wherever they stand, and which of the two relates propositions;
// - spelling: `a ≠ b`, `¬ a = b` and `a = b → False`; `a > b` and `b < a`; `p ↔ True`, `p = True` and `p`; default values.
// Restatements that need a computation (`n.succ` and `n + 1`) have two shapes.
"use strict";

/** Throws nothing; a type of more than this many nodes has no shape. */
StepwiseLean.MAX_SHAPE_NODES = 20_000;

/** @returns {shapeOf(type) -> {shape, size} or null}: numbers that are equal exactly for types of one shape, within one call of this. */
StepwiseLean.createShapes = (abi, driver) => {
  const { isBoxed, field, tag, retain, call } = abi;
  const { nameText } = driver.internals;

  // Constructors of Lean.Expr and Lean.Literal.
  const EXPR = { bvar: 0, sort: 3, const: 4, app: 5, lam: 6, forallE: 7, letE: 8, lit: 9, mdata: 10, proj: 11 };
  const NAT_LITERAL = 0;

  const texts = new Map(); // by address: the library's names are never freed
  const textOf = (name) => {
    let text = texts.get(name);
    if (text === undefined) texts.set(name, (text = nameText(name)));
    return text;
  };

  // ---- from Lean's terms to normalised ones: {op, label, kids, binds}; `binds` kids, the last ones, stand below a binder

  const node = (op, label, kids, binds = 0) => ({ op, label, kids, binds });
  const constant = (name) => node("const", name, []);
  const FALSE = constant("False");
  const isConstant = (n, name) => n.op === "const" && n.label === name;
  const PROP = node("sort", "Prop", []);
  const not = (p) => (isConstant(p, "False") ? constant("True") : node("pi", "", [p, FALSE], 1));

  const equivalence = (a, b) => {
    for (const [p, q] of [[a, b], [b, a]]) {
      if (isConstant(q, "True")) return p;
      if (isConstant(q, "False")) return not(p);
    }
    return node("same", "", [a, b]);
  };
  const equation = (type, a, b) => (type.op === "sort" && type.label === "Prop" ? equivalence(a, b) : node("same", "", [a, b, type]));

  /** What an application of a constant to just these arguments is written as, where that is something else. */
  const REWRITTEN = new Map(Object.entries({
    Not: [1, ([p]) => not(p)],
    Iff: [2, ([p, q]) => equivalence(p, q)],
    Eq: [3, ([type, a, b]) => equation(type, a, b)],
    Ne: [3, ([type, a, b]) => not(equation(type, a, b))],
    "GT.gt": [4, ([type, instance, a, b]) => application(constant("LT.lt"), [type, instance, b, a])],
    "GE.ge": [4, ([type, instance, a, b]) => application(constant("LE.le"), [type, instance, b, a])],
    optParam: [2, ([type]) => type],
    autoParam: [2, ([type]) => type],
    outParam: [1, ([type]) => type],
  }));
  const application = (head, args) => {
    const [n, rewrite] = head.op === "const" ? REWRITTEN.get(head.label) ?? [] : [];
    return n === args.length ? rewrite(args) : node("app", "", [head, ...args]);
  };

  class TooLarge extends Error {}

  const normalise = (type) => {
    let size = 0;
    const go = (e) => {
      if (++size > StepwiseLean.MAX_SHAPE_NODES) throw new TooLarge();
      switch (tag(e)) {
        case EXPR.bvar: return node("bvar", abi.unbox(field(e, 0)), []);
        case EXPR.sort: return isBoxed(field(e, 0)) ? PROP : node("sort", "Sort", []);
        case EXPR.const: return constant(textOf(field(e, 0)));
        case EXPR.app: {
          const args = [];
          let head = e;
          for (; tag(head) === EXPR.app; head = field(head, 0)) args.push(field(head, 1));
          return application(go(head), args.reverse().map(go));
        }
        case EXPR.lam: return node("lam", "", [go(field(e, 1)), go(field(e, 2))], 1);
        case EXPR.forallE: return node("pi", "", [go(field(e, 1)), go(field(e, 2))], 1);
        case EXPR.letE: return node("let", "", [go(field(e, 1)), go(field(e, 2)), go(field(e, 3))], 1);
        case EXPR.lit: {
          const literal = field(e, 0);
          const value = field(literal, 0);
          return tag(literal) === NAT_LITERAL
            ? node("nat", abi.takeString(call("Nat_reprFast", retain(value))), [])
            : node("string", abi.toJs(value), []);
        }
        case EXPR.mdata: return go(field(e, 1));
        case EXPR.proj: return node("proj", `${textOf(field(e, 0))}.${abi.unbox(field(e, 1))}`, [go(field(e, 2))]);
        default: throw new Error(`a library's type holds a term of kind ${tag(e)}`);
      }
    };
    return { root: go(type), size };
  };

  // ---- from normalised terms to numbers

  const numbers = new Map();
  const intern = (text) => {
    let number = numbers.get(text);
    if (number === undefined) numbers.set(text, (number = numbers.size));
    return number;
  };

  /**
   * The variables and hypotheses of a statement are `binders`, outermost first. They are numbered in the order in which
   * the conclusion names them, then their own types, then the other hypotheses: so the order in the text does not matter.
   */
  const shapeOfTelescope = (binders, conclusion) => {
    const numberOf = new Map(); // index in `binders` -> its number
    const order = [];

    /** The binder that a variable refers to, inside `binders[base]` or the conclusion, below `depth` more binders; or undefined. */
    const binderOf = (variable, base, depth) => (variable < depth ? undefined : base - 1 - (variable - depth));
    const shape = (n, base, depth) => {
      if (n.op === "bvar") {
        const binder = binderOf(n.label, base, depth);
        return intern(binder === undefined ? `bvar ${n.label}` : `binder ${numberOf.get(binder) ?? "?"}`);
      }
      const kids = n.kids.map((kid, i) => shape(kid, base, depth + (i >= n.kids.length - n.binds ? 1 : 0)));
      if (n.op === "same" && kids[0] > kids[1]) [kids[0], kids[1]] = [kids[1], kids[0]];
      return intern(`${n.op} ${n.label} ${kids.join(" ")}`);
    };
    const give = (binder) => {
      numberOf.set(binder, order.length);
      order.push(binder);
    };
    const visit = (n, base, depth) => {
      if (n.op === "bvar") {
        const binder = binderOf(n.label, base, depth);
        if (binder !== undefined && !numberOf.has(binder)) give(binder);
        return;
      }
      // The side that is visited first must not depend on which was written first.
      const swapped = n.op === "same" && shape(n.kids[0], base, depth) > shape(n.kids[1], base, depth);
      const kids = swapped ? [n.kids[1], n.kids[0], ...n.kids.slice(2)] : n.kids;
      kids.forEach((kid, i) => visit(kid, base, depth + (i >= kids.length - n.binds ? 1 : 0)));
    };

    const named = new Set();
    const collect = (n, base, depth) => {
      if (n.op === "bvar") named.add(binderOf(n.label, base, depth));
      n.kids.forEach((kid, i) => collect(kid, base, depth + (i >= n.kids.length - n.binds ? 1 : 0)));
    };
    binders.forEach((type, i) => collect(type, i, 0));
    collect(conclusion, binders.length, 0);

    visit(conclusion, binders.length, 0);
    for (let done = 0; ; done++) {
      if (done === order.length) {
        const left = binders.map((_, i) => i).filter((i) => !numberOf.has(i));
        if (left.length === 0) break;
        // What nothing refers to is a hypothesis; its variables are numbered through it.
        const hypotheses = left.filter((i) => !named.has(i));
        const candidates = hypotheses.length > 0 ? hypotheses : left;
        give(candidates.map((i) => [shape(binders[i], i, 0), i]).reduce((least, next) => (next[0] < least[0] ? next : least))[1]);
      }
      visit(binders[order[done]], order[done], 0);
    }
    return intern([shape(conclusion, binders.length, 0), ...order.map((i) => shape(binders[i], i, 0))].join(","));
  };

  const shapeOf = (type) => {
    try {
      const { root, size } = normalise(type);
      const binders = [];
      let conclusion = root;
      for (; conclusion.op === "pi"; [, conclusion] = conclusion.kids) binders.push(conclusion.kids[0]);
      return { shape: shapeOfTelescope(binders, conclusion), size };
    } catch (error) {
      if (error instanceof TooLarge) return null;
      throw error;
    }
  };

  return { shapeOf };
};
