// Rewrites lean.wasm into a module that starts in a tenth of a second, and says so if it is not the module it knows.
//
// V8 makes an object for every export before the first instruction runs: seconds, and hundreds of MB. So the exported
// functions move into the function table, which V8 fills lazily, and their names into a symbol file.
"use strict";

const { SECTION, KIND, TYPE, Reader, readSections, unsigned, text, vector, section, moduleOf } = require("./wasm-format.cjs");
const { buildHelper } = require("./wasm-helper.cjs");
require("./symbols.js");

/** The package is not the one that this rewriting was made for. */
class Mismatch extends Error {}

const expect = (holds, difference) => {
  if (!holds) throw new Mismatch(`lean.wasm is not the module that this program knows: ${difference}`);
};
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unhex = (spaced) => Buffer.from(spaced.replaceAll(" ", ""), "hex");

// dylink.0, type, import, function, table, global, export, start, element, data count, code, data
const SECTION_ORDER = [0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 10, 11];

/** Bodies that show which global is which, so that the runtime may rely on the numbers in `MUTABLE_GLOBALS`. */
const LANDMARKS = {
  emscripten_stack_get_current: "00 23 8d 02 0b", // 269: the stack pointer
  pthread_self: "00 23 90 02 0b", // 272: the thread
  _emscripten_tempret_set: "00 20 00 24 94 02 0b", // 276
  emscripten_stack_get_end: "00 23 95 02 0b", // 277
  emscripten_stack_get_base: "00 23 96 02 0b", // 278
  // 270: the thread-local block, whose heartbeats `apart` saves
  lean_io_get_num_heartbeats: "01 01 7e 23 8e 02 29 03 58 22 00 42 ff ff ff ff 07 58 04 40 20 00 a7 41 01 74 41 01 72 0f 0b 20 00 10 e9 cb 08 0b",
  // 279 and 280: the addresses of __THREW__ and __threwValue
  setThrew: "01 01 7f 23 97 02 22 02 28 02 00 45 04 40 20 02 20 00 36 02 00 23 98 02 20 01 36 02 00 0b 0b",
};
const IMPORTED_GLOBALS = 269; // entries of GOT.func; the module's own globals are numbered from here on
const MUTABLE_GLOBALS = 12; // the first of its own; the snapshot keeps them all

const SPAWN_ON_THIS_THREAD = "every task runs at once, on the thread that makes it";
const PATCHES = [
  // lean_task_spawn_core(closure, priority, keep_alive) hands its priority on; -1 is LEAN_SYNC_PRIO.
  { name: "lean_task_spawn_core", why: SPAWN_ON_THIS_THREAD, from: "20 00 20 01 20 02 10", to: "20 00 41 7f 20 02 10" },
  // map and bind choose -1 or the given priority by their parameter `sync`: make both choices -1.
  { name: "lean_task_map_core", why: SPAWN_ON_THIS_THREAD, from: "41 7f 20 02 20 03 1b", to: "41 7f 41 7f 20 03 1b" },
  { name: "lean_task_bind_core", why: SPAWN_ON_THIS_THREAD, from: "41 7f 20 02 20 03 1b", to: "41 7f 41 7f 20 03 1b" },
  // With one thread nothing is shared, so plain reference counts stay plain: return before anything is marked.
  { name: "lean_mark_mt", why: "reference counts stay unshared", from: "23 8d 02 41 d0 00 6b 22 04 24 8d 02", to: "0f 01 01 41 d0 00 6b 22 04 24 8d 02" },
];

/**
 * Functions that may run a task, and how many words each takes. Where every task has a thread of its own, its
 * heartbeats are counted from nought (`Lean.Core.wrapAsync` then adds those of its parent), and the parent pays for none
 * of them. On one thread each task would count its parent's again, twice as many at each level of nesting. So each of
 * these starts a count of its own, and gives the old one back.
 */
const APART = [["lean_task_spawn_core", 3], ["lean_task_map_core", 5], ["lean_task_bind_core", 5]];

/** Functions that driver.js replaces in the table: Lean must reach each through one slot only. */
const HOOKED = ["l_Lean_Elab_Tactic_evalTraceState___boxed"];

/** The parts of the module that matter here. `bytes` is patched in place later, through `bodyOf`. */
const parse = (bytes) => {
  const sections = readSections(bytes);
  const order = sections.map((s) => s.id);
  expect(order.join() === SECTION_ORDER.join(), `its sections are ${order}`);
  const bodies = new Map(sections.map((s) => [s.id, s.body]));
  const read = (id) => new Reader(bodies.get(id));

  const functionImports = [];
  const got = [];
  let memory = null;
  read(SECTION.import).vector((r) => {
    const module = r.name();
    const name = r.name();
    const kind = r.byte();
    if (kind === KIND.function) {
      functionImports.push(name);
      r.unsigned();
    } else if (kind === KIND.memory) {
      memory = r.limits();
    } else {
      expect(kind === KIND.global && module === "GOT.func" && hex(r.take(2)) === "7f01", `it imports ${module}.${name}`);
      got.push(name);
    }
  });
  expect(memory?.shared && memory.minimum === 256 && memory.maximum === 32768, `its memory is ${JSON.stringify(memory)}`);
  expect(got.length === IMPORTED_GLOBALS, `it imports ${got.length} globals, not ${IMPORTED_GLOBALS}`);

  const tables = read(SECTION.table).vector((r) => ({ type: r.byte(), ...r.limits() }));
  expect(tables.length === 1 && tables[0].type === TYPE.funcref && tables[0].maximum === null, `its tables are ${JSON.stringify(tables)}`);

  const globals = read(SECTION.global).vector((r) => {
    const [type, mutable, constant] = r.take(3);
    const value = r.signed32() >>> 0;
    expect(type === TYPE.i32 && constant === 0x41 && r.byte() === 0x0b, "a global is not a plain 32-bit constant");
    return { mutable: mutable === 1, value };
  });
  globals.forEach((g, i) => expect(g.mutable === i < MUTABLE_GLOBALS, `global ${i} is ${g.mutable ? "" : "not "}mutable`));

  const exports = read(SECTION.export).vector((r) => ({ name: r.name(), kind: r.byte(), index: r.unsigned() }));

  const element = read(SECTION.element);
  expect(hex(element.take(5)) === "010041010b", "its table is not filled by one segment from slot 1 on");
  const elements = element.vector((r) => r.unsigned());
  expect(elements.length + 1 === tables[0].minimum, `its table of ${tables[0].minimum} slots has ${elements.length} elements`);

  const types = read(SECTION.function).vector((r) => r.unsigned());
  const codes = read(SECTION.code).vector((r) => r.take(r.unsigned()));
  const functionNamed = new Map(exports.filter((e) => e.kind === KIND.function).map((e) => [e.name, e.index]));
  const bodyOf = (name) => {
    const body = codes[functionNamed.get(name) - functionImports.length];
    expect(body !== undefined, `it has no function ${name}`);
    return body;
  };
  return { sections, functionImports, got, memory, globals, exports, elements, types, codes, functionNamed, bodyOf };
};

const verify = ({ bodyOf, exports, elements, functionNamed }) => {
  for (const [name, body] of Object.entries(LANDMARKS)) {
    expect(bodyOf(name).equals(unhex(body)), `the body of ${name} is ${hex(bodyOf(name).subarray(0, 40))}`);
  }
  const stackPointer = exports.find((e) => e.name === "__stack_pointer");
  expect(stackPointer?.kind === KIND.global && stackPointer.index === IMPORTED_GLOBALS, "__stack_pointer is not its first own global");
  for (const name of HOOKED) {
    const slots = elements.filter((f) => f === functionNamed.get(name)).length;
    expect(slots === 1, `${name} stands ${slots} times in the table, not once`);
  }
};

const patch = ({ bodyOf }) => {
  for (const { name, why, from, to } of PATCHES) {
    const body = bodyOf(name);
    const at = body.indexOf(unhex(from));
    expect(at >= 0 && body.indexOf(unhex(from), at + 1) < 0, `the patch of ${name} (${why}) does not match exactly once`);
    unhex(to).copy(body, at);
  }
};

/** The body of a function of `n` words and one result that calls function `inner` with a count of heartbeats of its own. */
const apart = (inner, n) => {
  const block = [0x23, ...unsigned(IMPORTED_GLOBALS + 1)]; // global.get: the thread-local block
  const HEARTBEATS = [3, 88]; // alignment and offset in it
  const saved = [...unsigned(n)]; // the one local, after the parameters
  return Buffer.from([
    1, 1, TYPE.i64,
    ...block, 0x29, ...HEARTBEATS, 0x21, ...saved, // saved := heartbeats
    ...block, 0x42, 0, 0x37, ...HEARTBEATS, // heartbeats := 0
    ...Array.from({ length: n }, (_, i) => [0x20, i]).flat(), 0x10, ...unsigned(inner),
    ...block, 0x20, ...saved, 0x37, ...HEARTBEATS, // heartbeats := saved
    0x0b,
  ]);
};

/** Moves the functions of `APART` to the end and puts what calls them in their places. Returns the new sections' bodies. */
const runApart = ({ types, codes, functionImports, functionNamed }) => {
  const moved = APART.map(([name, n]) => ({ place: functionNamed.get(name) - functionImports.length, n }));
  const all = [...codes, ...moved.map(({ place }) => codes[place])];
  moved.forEach(({ place, n }, i) => { all[place] = apart(functionImports.length + codes.length + i, n); });
  return {
    [SECTION.function]: Buffer.from(vector([...types, ...moved.map(({ place }) => types[place])].map(unsigned))),
    [SECTION.code]: Buffer.concat([Buffer.from(unsigned(all.length)), ...all.flatMap((body) => [Buffer.from(unsigned(body.length)), body])]),
  };
};

/** Gives every exported function a slot of the table. Returns the longer table, the symbols and the GOT's values. */
const assignSlots = ({ elements, exports, globals, functionImports, functionNamed, got }) => {
  const table = [...elements];
  const slots = new Map();
  table.forEach((f, i) => { if (!slots.has(f)) slots.set(f, i + 1); });
  const slotOf = (f) => {
    if (!slots.has(f)) slots.set(f, table.push(f));
    return slots.get(f);
  };
  const symbols = new Map();
  for (const { name, kind, index } of exports) {
    if (kind === KIND.function) symbols.set(name, { slot: slotOf(index) });
    else if (kind === KIND.global) symbols.set(name, { address: globals[index - IMPORTED_GLOBALS].value });
  }
  // The dynamic linker would fill the GOT: with an import, else with an export of that name, else with null.
  const gotValues = got.map((name) => {
    const imported = functionImports.indexOf(name);
    const f = imported >= 0 ? imported : functionNamed.get(name);
    return [name, f === undefined ? 0 : slotOf(f)];
  });
  return { table, symbols, got: Object.fromEntries(gotValues) };
};

/** The vector `body` with the items of `extra` after its own. */
const appended = (body, extra) => {
  const reader = new Reader(body);
  const n = reader.unsigned();
  return Buffer.concat([Buffer.from(unsigned(n + extra.length)), body.subarray(reader.at), Buffer.from(extra.flat())]);
};

/** The vector of globals `body` without its first one. */
const withoutFirstGlobal = (body) => {
  const reader = new Reader(body);
  const n = reader.unsigned();
  reader.take(3); // type, mutability, i32.const
  reader.signed32();
  reader.take(1); // end
  return Buffer.concat([Buffer.from(unsigned(n - 1)), body.subarray(reader.at)]);
};

/**
 * Rewrites the module in `bytes` (which it changes).
 * Returns {lean, helper, symbols} as bytes and {got}, the value of each GOT import.
 */
const rewrite = (bytes) => {
  const module = parse(bytes);
  verify(module);
  patch(module);
  const { table, symbols, got } = assignSlots(module);
  const tableSize = table.length + 1;
  const functions = runApart(module);
  const { memory, globals, functionImports } = module;

  const replaced = {
    [SECTION.custom]: () => null, // dylink.0, for a dynamic linker that is not there
    [SECTION.table]: () => null, // imported instead
    // The stack pointer becomes the last imported global. It was the first own one: every number stays as it is.
    [SECTION.import]: (body) => appended(body, [
      [...text("env"), ...text("table"), KIND.table, TYPE.funcref, 0, ...unsigned(tableSize)],
      [...text("env"), ...text("stackPointer"), KIND.global, TYPE.i32, 1],
    ]),
    [SECTION.global]: withoutFirstGlobal,
    [SECTION.export]: () => vector(Array.from({ length: MUTABLE_GLOBALS }, (_, i) => [...text(`global${i}`), KIND.global, ...unsigned(IMPORTED_GLOBALS + i)])),
    [SECTION.function]: () => functions[SECTION.function],
    [SECTION.code]: () => functions[SECTION.code],
    [SECTION.element]: () => Buffer.concat([unhex("01 00 41 01 0b"), Buffer.from(vector(table.map(unsigned)))]),
  };
  const sections = module.sections.flatMap(({ id, body }) => {
    const changed = id in replaced ? replaced[id](body) : body;
    return changed === null ? [] : [section(id, changed)];
  });
  return {
    lean: moduleOf(sections),
    helper: buildHelper({ invokes: functionImports.filter((f) => f.startsWith("invoke_")), memory, tableSize, stackTop: globals[0].value }),
    symbols: StepwiseLean.symbols.encode(symbols),
    got,
  };
};

module.exports = { rewrite, Mismatch };
