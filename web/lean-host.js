// The worker in which Lean runs. It hears of nothing while Lean works, so that lean.js ends it where that takes too long.
//
// lean.js sends {start: {wasm, description, symbols, library, pieces}} first, then {ask: LINE}. This worker sends {line} for
// each line that the host says (lean/src/protocol.rs), {lack: PIECE} before a line that says that a piece of Lean's module
// is missing, and {died: REASON} when it is of no use any more.

import init, { Host, answer, lack } from "./lean/stepwise-lean.js";

/** What ends a call of Lean's from inside. Lean catches only exceptions of its own. */
const CUT_OFF = {};
const PAGE_BYTES = 65536;
/** How long nothing has to be asked, in milliseconds, before a Lean is made for whoever asks next. */
const IDLE = 100;

let host, pieces, idle;
const say = (line) => self.postMessage({ line });

self.onmessage = async ({ data: { start, ask } }) => {
  clearTimeout(idle);
  try {
    if (start) await open(start);
    else host.answer(ask, say);
  } catch (error) {
    // The stack's end, or a panic: what it left behind is nobody's to use.
    self.postMessage({ died: isStackEnd(error) ? "stack exhausted" : String(error?.message ?? error) });
    return;
  }
  if (host?.wantsSpare) idle = setTimeout(prepare, IDLE);
};

async function open({ wasm, description, symbols, library, pieces: modules }) {
  await init({ module_or_path: wasm });
  pieces = new Pieces(modules, library, JSON.parse(description).imports);
  await pieces.fetch();
  host = new Host(pieces, description, new Uint8Array(symbols));
  say(host.hello());
}

/** Makes the next Lean, which takes as long as copying all of the snapshot does. */
async function prepare() {
  const mine = idle;
  await pieces.fetch();
  // What was asked meanwhile goes first, and comes back here.
  if (mine === idle) host.prepare();
}

const isStackEnd = (error) => error instanceof RangeError || error?.name === "InternalError";

/** What instances are made of: the compiled pieces, and the bytes of the snapshot, a blob. */
class Pieces {
  constructor(modules, library, imports) {
    Object.assign(this, { modules, library });
    this.imports = {};
    for (const [place, { module, name, takes, gives }] of imports.entries()) {
      if (name !== "load") (this.imports[module] ??= {})[name] = answered(place, takes, gives);
    }
  }

  /** Has the snapshot's bytes at hand for the next instance. They are not kept longer: each instance has them all. */
  async fetch() {
    this.fetched ??= await this.library.arrayBuffer();
  }

  take() {
    const bytes = this.fetched ?? new FileReaderSync().readAsArrayBuffer(this.library);
    this.fetched = undefined;
    return new Uint8Array(bytes);
  }

  /** A new instance; nothing where the browser has no room for one. */
  start() {
    try {
      return new Instance(this, this.take());
    } catch (error) {
      if (error instanceof RangeError || error instanceof DOMException) return undefined;
      throw error;
    }
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
  constructor(pieces, snapshot) {
    Object.assign(this, { pieces, snapshot });
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

  fill(runs) {
    this.memory.fill(0, 0, 256 * PAGE_BYTES); // as far as the module has laid its data down
    for (let i = 0, from = 0; i < runs.length; i += 2) {
      const [address, length] = [runs[i], runs[i + 1]];
      this.memory.set(this.snapshot.subarray(from, from + length), address);
      from += length;
    }
    this.snapshot = undefined;
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
