// The worker in which Lean runs. It hears of nothing while Lean works, so that lean.js ends it where that takes too long.
//
// lean.js sends {start: {wasm, description, symbols, library, pieces}} first, then {ask: LINE}. This worker sends {line} for
// each line that the host says (lean/src/protocol.rs), {lack: PIECE} before a line that says that a piece of Lean's module
// is missing, and {died: REASON} when it is of no use any more.

import init, { Host, answer, lack } from "./lean/stepwise-lean.js";

/** What ends a call of Lean's from inside. Lean catches only exceptions of its own. */
const CUT_OFF = {};
const PAGE_BYTES = 65536;
/** How much of the snapshot is read at once: a buffer that is used again and again, because garbage lies for long. */
const PART_BYTES = 4 << 20;
/** How many Leans that nothing has used a request wants. */
const LEANS = { open: 1, elaborate: 1, recheck: 2, check_file: 2 };

let host, pieces;
/** What has been sent, in its order. */
let work = Promise.resolve();
const say = (line) => self.postMessage({ line });

self.onmessage = ({ data: { start, ask } }) => {
  work = work.then(() => (start ? open(start) : answerTo(ask))).catch((error) => {
    // The stack's end, or a panic: what it left behind is nobody's to use.
    self.postMessage({ died: isStackEnd(error) ? "stack exhausted" : String(error?.message ?? error) });
  });
};

async function open({ wasm, description, symbols, library, pieces: modules }) {
  await init({ module_or_path: wasm });
  pieces = new Pieces(modules, library, JSON.parse(description));
  await pieces.prepare(1);
  host = new Host(pieces, description, new Uint8Array(symbols));
  say(host.hello());
}

async function answerTo(ask) {
  await pieces.prepare((LEANS[JSON.parse(ask).op] ?? 0) - host.nUnused);
  host.answer(ask, say);
}

const isStackEnd = (error) => error instanceof RangeError || error?.name === "InternalError";

/** What instances are made of: the compiled pieces, and the bytes of the snapshot, a blob. */
class Pieces {
  ready = [];

  constructor(modules, library, { imports, snapshot }) {
    Object.assign(this, { modules, library, snapshot });
    this.imports = {};
    for (const [place, { module, name, takes, gives }] of imports.entries()) {
      if (name !== "load") (this.imports[module] ??= {})[name] = answered(place, takes, gives);
    }
  }

  /** Has so many instances at hand, unless the browser has no room for them. */
  async prepare(n) {
    try {
      while (this.ready.length < n) {
        const instance = new Instance(this);
        if (!instance.grow(this.snapshot.pages * PAGE_BYTES)) return;
        await instance.fill(this.library, this.snapshot.runs);
        this.ready.push(instance);
      }
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof DOMException)) throw error;
    }
  }

  /** An instance that begins where the snapshot was taken; nothing where there was no room for one. */
  start() {
    return this.ready.pop();
  }
}

/** The bytes of a blob in parts, each of which is gone when the next one is asked for. */
async function* partsOf(blob) {
  let reader, buffer;
  try {
    reader = blob.stream().getReader({ mode: "byob" });
    buffer = new ArrayBuffer(PART_BYTES);
  } catch {
    // Not every browser reads blobs into buffers.
    reader = blob.stream().getReader();
  }
  for (;;) {
    const { done, value } = await reader.read(buffer && new Uint8Array(buffer));
    if (done) return;
    yield value;
    buffer &&= value.buffer;
  }
}

/** The bits of floating-point numbers. */
const scratch = new DataView(new ArrayBuffer(8));

/** The bits of a value of a type. */
function bitsOf(value, type) {
  if (type === "i") return BigInt(value >>> 0);
  if (type === "j") return BigInt.asUintN(64, value);
  scratch.setBigUint64(0, 0n);
  if (type === "f") scratch.setFloat32(4, value);
  else scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}

/** The value of a type that has these bits. */
function valueOf(bits, type) {
  if (type === "i") return Number(BigInt.asIntN(32, bits));
  if (type === "j") return bits;
  scratch.setBigUint64(0, bits);
  return type === "f" ? scratch.getFloat32(4) : scratch.getFloat64(0);
}

/** The function for an import, which Rust answers. */
function answered(place, takes, gives) {
  return (...values) => {
    const bits = new BigUint64Array(values.length);
    for (let i = 0; i < values.length; i++) bits[i] = bitsOf(values[i], takes[i]);
    const result = answer(place, bits);
    if (result === undefined) throw CUT_OFF;
    return gives && valueOf(result, gives);
  };
}

/** An instance of Lean's module. None of what Rust calls throws, unless the stack is at its end. */
class Instance {
  constructor(pieces) {
    this.pieces = pieces;
    this.joined = new Set();
    this.functions = new Map();
    const load = (piece) => this.join(piece);
    const imports = { ...pieces.imports, stepwise: { ...pieces.imports.stepwise, load } };
    const { exports } = new WebAssembly.Instance(pieces.modules.get(0), imports);
    this.exports = exports;
    // The other pieces share what the first one has.
    this.shared = { ...imports, stepwise: { ...imports.stepwise, ...exports } };
    this.refresh();
  }

  /** Lets a piece join, in the middle of a call: it fills its slots of the table. */
  join(piece) {
    if (this.joined.has(piece)) return;
    const module = this.pieces.modules.get(piece);
    if (!module) {
      self.postMessage({ lack: piece });
      lack();
      throw CUT_OFF;
    }
    new WebAssembly.Instance(module, this.shared);
    this.joined.add(piece);
    // What stood in for functions of the piece is still right, and a detour.
    this.functions.clear();
  }

  /** Looks at the memory anew: the old view is empty once it has grown. */
  refresh() {
    const { buffer } = this.exports.memory;
    [this.memory, this.words] = [new Uint8Array(buffer), new DataView(buffer)];
  }

  holds(address, length) {
    if (this.memory.length === 0) this.refresh();
    return address + length <= this.memory.length;
  }

  get bytes() {
    this.holds(0, 0);
    return this.memory.length;
  }

  grow(bytes) {
    const more = Math.ceil(bytes / PAGE_BYTES) - this.bytes / PAGE_BYTES;
    try {
      if (more > 0) this.exports.memory.grow(more);
    } catch {
      return false;
    }
    this.refresh();
    return true;
  }

  /** Lays the snapshot's runs down, all else zero. */
  async fill(library, runs) {
    this.memory.fill(0, 0, 256 * PAGE_BYTES); // as far as the module has laid its data down
    let [run, address, left] = [0, runs[0][0], runs[0][1]];
    for await (let part of partsOf(library)) {
      while (part.length) {
        const n = Math.min(left, part.length);
        this.memory.set(part.subarray(0, n), address);
        [part, address, left] = [part.subarray(n), address + n, left - n];
        if (left === 0 && ++run < runs.length) [address, left] = runs[run];
      }
    }
  }

  word(address) {
    return this.holds(address, 4) ? this.words.getUint32(address, true) : -1;
  }

  setWord(address, value) {
    if (!this.holds(address, 4)) return false;
    this.words.setUint32(address, value, true);
    return true;
  }

  read(address, into) {
    if (!this.holds(address, into.length)) return false;
    into.set(this.memory.subarray(address, address + into.length));
    return true;
  }

  write(address, bytes) {
    if (!this.holds(address, bytes.length)) return false;
    this.memory.set(bytes, address);
    return true;
  }

  global(number) {
    return this.exports[`global${number}`].value >>> 0;
  }

  setGlobal(number, value) {
    this.exports[`global${number}`].value = value | 0;
  }

  function(slot) {
    let known = this.functions.get(slot);
    if (!known && slot < this.exports.table.length) {
      known = this.exports.table.get(slot);
      this.functions.set(slot, known);
    }
    return known;
  }

  arity(slot) {
    return this.function(slot)?.length ?? -1;
  }

  invoke(slot, words) {
    try {
      const { exports } = this;
      exports.target.value = slot;
      // One without a result gives 0.
      return this.function(slot)(...words) >>> 0;
    } catch (error) {
      this.error = error;
      return -1;
    }
  }

  failure() {
    const { error } = this;
    this.error = undefined;
    if (error === CUT_OFF) return "answer";
    if (isStackEnd(error)) return "stack";
    const { tag } = this.exports;
    if (error instanceof WebAssembly.Exception && error.is(tag)) return String(error.getArg(tag, 0) >>> 0);
    return String(error?.message ?? error);
  }
}
