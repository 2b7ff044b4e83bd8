// Builds the helper module: it owns the function table and the stack pointer, and calls what may throw.
//
// The build compiles C++ exceptions the old way: a call that may throw goes out to JavaScript, `invoke_SIGNATURE(slot,
// arguments...)`, which catches and sets the flag `__THREW__`. Leaving wasm for every such call costs more than the
// call, so here each invoke_ is a wasm function with a `try_table`; `throw(pointer)` raises the exception it catches.
"use strict";

const { SECTION, KIND, TYPE, unsigned, signed, text, vector, section, moduleOf } = require("./wasm-format.cjs");

const OP = {
  unreachable: 0x00, block: 0x02, if: 0x04, throw: 0x08, end: 0x0b, return: 0x0f, callIndirect: 0x11, drop: 0x1a,
  tryTable: 0x1f, localGet: 0x20, localSet: 0x21, globalGet: 0x23, globalSet: 0x24, i32Load: 0x28, i32Store: 0x36,
  i32Const: 0x41, i64Const: 0x42, f32Const: 0x43, f64Const: 0x44, i32Eqz: 0x45,
};
const CATCH = 0; // the clause `catch TAG LABEL`
const WORD = [2, 0]; // a memory access aligned to four bytes, at offset 0

const LETTER = { i: TYPE.i32, j: TYPE.i64, f: TYPE.f32, d: TYPE.f64 };
const ZERO = {
  v: [], i: [OP.i32Const, 0], j: [OP.i64Const, 0], f: [OP.f32Const, 0, 0, 0, 0], d: [OP.f64Const, 0, 0, 0, 0, 0, 0, 0, 0],
};

// The helper's own globals. The last two hold addresses, which are known only when Lean is instantiated.
const STACK_POINTER = 0;
const THREW_ADDRESS = 1;
const THREW_VALUE_ADDRESS = 2;

/** `__THREW__ = 1; __threwValue = 0`, unless an exception is already pending. */
const SET_THREW = [
  OP.globalGet, THREW_ADDRESS, OP.i32Load, ...WORD, OP.i32Eqz, OP.if, TYPE.empty,
  OP.globalGet, THREW_ADDRESS, OP.i32Const, 1, OP.i32Store, ...WORD,
  OP.globalGet, THREW_VALUE_ADDRESS, OP.i32Const, 0, OP.i32Store, ...WORD,
  OP.end,
];

/**
 * @param invokes   names of the imports to implement, such as `invoke_vii`: the result's letter, then the parameters'
 * @param memory    {minimum, maximum} of the memory that Lean imports, in pages
 * @param tableSize slots that Lean's element segment fills, with slot 0
 * @param stackTop  first value of the stack pointer
 */
const buildHelper = ({ invokes, memory, tableSize, stackTop }) => {
  const types = [];
  const typeOf = (parameters, results) => {
    const encoded = [TYPE.function, ...vector(parameters.map((t) => [t])), ...vector(results.map((t) => [t]))];
    const key = encoded.join();
    let index = types.findIndex((t) => t.join() === key);
    if (index < 0) index = types.push(encoded) - 1;
    return index;
  };

  const thrown = typeOf([TYPE.i32], []);
  const functions = []; // {name, type, code}

  for (const name of invokes) {
    const [result, ...letters] = name.slice("invoke_".length);
    const parameters = letters.map((letter) => LETTER[letter]);
    const results = result === "v" ? [] : [LETTER[result]];
    if ([...parameters, ...results].includes(undefined)) throw new Error(`${name} has a type that is not known`);
    const savedStack = parameters.length + 1;
    functions.push({
      name,
      type: typeOf([TYPE.i32, ...parameters], results),
      code: [
        1, 1, TYPE.i32, // one more local: the stack pointer before the call
        OP.globalGet, STACK_POINTER, OP.localSet, ...unsigned(savedStack),
        OP.block, TYPE.i32,
        OP.tryTable, TYPE.empty, 1, CATCH, 0, 0, // tag 0, to the end of the block
        ...parameters.flatMap((_, i) => [OP.localGet, ...unsigned(i + 1)]),
        OP.localGet, 0, OP.callIndirect, ...unsigned(typeOf(parameters, results)), 0,
        OP.return,
        OP.end,
        OP.unreachable,
        OP.end,
        OP.drop, // JavaScript keeps the exception's address too
        OP.localGet, ...unsigned(savedStack), OP.globalSet, STACK_POINTER,
        ...SET_THREW,
        ...ZERO[result],
        OP.end,
      ],
    });
  }
  functions.push({ name: "throw", type: thrown, code: [0, OP.localGet, 0, OP.throw, 0, OP.end] });

  const mutable = (initial) => [TYPE.i32, 1, OP.i32Const, ...signed(initial), OP.end];
  const exported = (name, kind, index) => [...text(name), kind, ...unsigned(index)];
  const SHARED_WITH_MAXIMUM = 3;
  return moduleOf([
    section(SECTION.type, vector(types)),
    section(SECTION.import, vector([
      [...text("env"), ...text("memory"), KIND.memory, SHARED_WITH_MAXIMUM, ...unsigned(memory.minimum), ...unsigned(memory.maximum)],
    ])),
    section(SECTION.function, vector(functions.map((f) => unsigned(f.type)))),
    // No maximum: the driver adds closures of its own.
    section(SECTION.table, vector([[TYPE.funcref, 0, ...unsigned(tableSize)]])),
    section(SECTION.tag, vector([[0, ...unsigned(thrown)]])),
    section(SECTION.global, vector([mutable(stackTop), mutable(0), mutable(0)])),
    section(SECTION.export, vector([
      ...functions.map((f, i) => exported(f.name, KIND.function, i)),
      exported("table", KIND.table, 0),
      exported("tag", KIND.tag, 0),
      exported("stackPointer", KIND.global, STACK_POINTER),
      exported("threwAddress", KIND.global, THREW_ADDRESS),
      exported("threwValueAddress", KIND.global, THREW_VALUE_ADDRESS),
    ])),
    section(SECTION.code, vector(functions.map((f) => [...unsigned(f.code.length), ...f.code]))),
  ]);
};

module.exports = { buildHelper };
