// The object ABI of Lean's runtime as compiled to wasm32, seen from JavaScript: reading, building and counting objects.
// Plain script for Node and Web Workers alike; everything it defines hangs off the one global `StepwiseLean`.
//
// Layout (lean.h): an odd word is a boxed scalar; any other is a pointer to {i32 rc, u16 size, u8 n_fields, u8 tag}
// followed by the fields. A positive count belongs to one thread, a negative one is shared, zero is never freed.
"use strict";

globalThis.StepwiseLean ??= {};

/**
 * @param runtime {memory, table, functions, address, slot}: `functions` has every compiled function as a property (undefined
 *                where there is none), `address(name)` is the place of a compiled constant, `slot(name)` a function's in the table
 */
StepwiseLean.createAbi = (runtime) => {
  const x = runtime.functions;
  const memory = runtime.memory;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();

  const TAG_CLOSURE = 245;
  const TAG_STRING = 249;
  const HEADER = 8;

  // Views go stale whenever the memory grows, so every access asks for them again.
  let u8 = new Uint8Array(memory.buffer);
  let u32 = new Uint32Array(memory.buffer);
  let i32 = new Int32Array(memory.buffer);
  const view = () => {
    if (u8.buffer !== memory.buffer) {
      u8 = new Uint8Array(memory.buffer);
      u32 = new Uint32Array(memory.buffer);
      i32 = new Int32Array(memory.buffer);
    }
  };

  const box = (n) => (n << 1) | 1;
  const isBoxed = (o) => (o & 1) === 1;
  const unbox = (o) => o >>> 1;
  const word = (p) => (view(), u32[p >>> 2]);
  const tag = (o) => (view(), u8[o + 7]);
  const nFields = (o) => (view(), u8[o + 6]);
  const sizeOf = (o) => (view(), u8[o + 4] | (u8[o + 5] << 8));
  const field = (o, i) => word(o + HEADER + 4 * i);
  const byte = (p) => (view(), u8[p]);

  const retain = (o) => {
    if (isBoxed(o)) return o;
    view();
    const rc = i32[o >>> 2];
    if (rc > 0) i32[o >>> 2] = rc + 1;
    else if (rc < 0) Atomics.sub(i32, o >>> 2, 1);
    return o;
  };
  const release = (o) => {
    if (isBoxed(o)) return;
    view();
    const rc = i32[o >>> 2];
    if (rc > 1) i32[o >>> 2] = rc - 1;
    else if (rc !== 0) x.lean_dec_ref_cold(o);
  };

  /** Allocates a constructor object; takes ownership of the fields. `scalars` is the size of its scalar area in bytes. */
  const construct = (ctorTag, fields, scalars = 0) => {
    const size = HEADER + 4 * fields.length + scalars;
    const o = x.lean_alloc_object(size);
    view();
    u32[o >>> 2] = 1;
    u32[(o >>> 2) + 1] = size | (fields.length << 16) | (ctorTag << 24);
    fields.forEach((f, i) => { u32[(o >>> 2) + 2 + i] = f; });
    if (scalars > 0) u8.fill(0, o + HEADER + 4 * fields.length, o + size);
    return o;
  };

  /** A copy of constructor object `o` (borrowed) in which some fields are replaced by owned values. */
  const withFields = (o, replaced) => {
    const n = nFields(o);
    const fields = Array.from({ length: n }, (_, i) => (i in replaced ? replaced[i] : retain(field(o, i))));
    const scalars = sizeOf(o) - HEADER - 4 * n;
    const copy = construct(tag(o), fields, scalars);
    view();
    u8.copyWithin(copy + HEADER + 4 * n, o + HEADER + 4 * n, o + HEADER + 4 * n + scalars);
    return copy;
  };

  const setByte = (p, value) => { view(); u8[p] = value; };
  const setWord = (p, value) => { view(); u32[p >>> 2] = value; };

  /** A new Lean string. NUL bytes are allowed: Lean strings carry their length. */
  const toLean = (text) => {
    const bytes = encoder.encode(text);
    const p = x.malloc(bytes.length + 1);
    view();
    u8.set(bytes, p);
    u8[p + bytes.length] = 0;
    const s = x.lean_mk_string_from_bytes(p, bytes.length);
    x.free(p);
    return s;
  };

  /** The text of a Lean string (borrowed), at most `cap` bytes of it. */
  const toJs = (s, cap = Infinity) => {
    const size = field(s, 0) - 1; // the stored size counts a final NUL
    view();
    const shown = Math.min(size, cap);
    // slice, not subarray: TextDecoder refuses shared memory.
    const text = decoder.decode(u8.slice(s + HEADER + 12, s + HEADER + 12 + shown));
    return shown < size ? `${text.replace(/\uFFFD$/, "")}… (${size} bytes in all)` : text;
  };

  const arraySize = (a) => field(a, 0);
  const arrayItem = (a, i) => word(a + HEADER + 8 + 4 * i);
  const emptyArray = () => x.lean_array_mk(box(0));
  const some = (o) => construct(1, [o]);

  /** The (borrowed) items of a `List`. */
  const listItems = (list) => {
    const items = [];
    for (let l = list; !isBoxed(l); l = field(l, 1)) items.push(field(l, 0));
    return items;
  };

  /**
   * Calls a compiled Lean function with owned arguments. Compiled code borrows some of its parameters; the `___boxed`
   * twin, which exists exactly then, owns them all (and takes the erased world token as one more), so one rule serves.
   */
  const resolved = new Map();
  const call = (name, ...args) => {
    let f = resolved.get(name);
    if (f === undefined) {
      f = x[`l_${name}___boxed`] ?? x[`l_${name}`];
      if (f === undefined) throw new Error(`this build of Lean has no function l_${name}`);
      resolved.set(name, f);
    }
    if (f.length < args.length || f.length > args.length + 1) throw new Error(`l_${name} takes ${f.length} arguments, not ${args.length}`);
    return f.length > args.length ? f(...args, box(0)) : f(...args);
  };

  /** The value of a compiled constant such as `Lean.MessageLog.empty` (borrowed). */
  const constant = (name) => word(runtime.address(`l_${name}`));

  /** Splits an `EIO` result: {ok} or {error}, the payload owned by the caller; the box is released. */
  const split = (result) => {
    const failed = tag(result) !== 0;
    const payload = retain(field(result, 0));
    release(result);
    return failed ? { error: payload } : { ok: payload };
  };

  /** The payload of an `IO` result, or an exception with Lean's own text. */
  const io = (result, what) => {
    const { ok, error } = split(result);
    if (error === undefined) return ok;
    throw new Error(`${what}: ${takeString(x.lean_io_error_to_string(error))}`);
  };
  const takeString = (s, cap) => { const text = toJs(s, cap); release(s); return text; };

  /** A JavaScript function of `n` words as a wasm function, so that it can stand in the function table. */
  const wasmFunction = (n, f) => {
    const section = (id, body) => [id, body.length, ...body];
    const bytes = new Uint8Array([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, [1, 0x60, n, ...Array(n).fill(0x7f), 1, 0x7f]),
      ...section(2, [1, 1, 0x65, 1, 0x66, 0, 0]),
      ...section(7, [1, 1, 0x66, 0, 0]),
    ]);
    return new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { f } }).exports.f;
  };

  /** A Lean closure over a JavaScript function of `n` words; the function owns its arguments. Never freed. */
  const closure = (n, f) => {
    const slot = runtime.table.grow(1);
    runtime.table.set(slot, wasmFunction(n, f));
    const o = x.lean_alloc_object(HEADER + 8);
    view();
    u32[o >>> 2] = 0; // persistent
    u32[(o >>> 2) + 1] = (HEADER + 8) | (TAG_CLOSURE << 24);
    u32[(o >>> 2) + 2] = slot;
    u32[(o >>> 2) + 3] = n;
    return o;
  };

  /** `Name` from its dotted parts. */
  const name = (...parts) => parts.reduce((parent, part) => call("Lean_Name_str___override", parent, toLean(part)), box(0));

  /** A `Bool` result of `call`: the boxed twin answers boxed, a function without one answers plainly; 1 is `false` boxed. */
  const truth = (b) => b === box(1);

  const isString = (o) => !isBoxed(o) && tag(o) === TAG_STRING;

  return {
    x, memory, table: runtime.table, box, unbox, isBoxed, word, tag, nFields, sizeOf, field, byte, retain, release, construct, withFields,
    setByte, setWord, toLean, toJs, takeString, isString, truth, arraySize, arrayItem, emptyArray, some, listItems, call, constant,
    split, io, wasmFunction, closure, name, slot: runtime.slot,
    ok: (o) => construct(0, [o]),
    unit: box(0),
  };
};
