// Instantiates the rewritten module: links it with its imports, and puts a snapshot's memory in place.
// Plain script for Node and Web Workers alike; needs symbols.js, views.js, exceptions.js and system.js.
"use strict";

globalThis.StepwiseLean ??= {};

/** Lean cannot go on: the process (or worker) has to be given up. */
StepwiseLean.Fatal = class Fatal extends Error {};

StepwiseLean.PAGE_BYTES = 65536;
/** As many pages as the module allows. */
StepwiseLean.MAX_PAGES = 32768;

/**
 * @param parts    {lean, helper: WebAssembly.Module, symbols: bytes of the symbol file, got: {name: slot}}
 * @param snapshot null to start from nothing, or {pages, globals, fill(bytes)}: `fill` puts the runs into the memory
 * @param pages    the most pages of 64 KiB that the memory may grow to
 * @param sources  clocks and randomness; see system.js
 * @param disk     the files that Lean may read, or null; see system.js
 * @returns {memory, table, functions, address, slot, global, globals, describe}
 */
StepwiseLean.createRuntime = ({ parts, snapshot, pages, sources, disk }) => {
  const { Fatal, PAGE_BYTES, MAX_PAGES } = StepwiseLean;
  const INITIAL_PAGES = 256; // what the module's own data needs
  // The first mutable globals of the module, which prepare.cjs has exported; it verified those with names here.
  const MUTABLE_GLOBALS = 12;
  const GLOBAL = { stackPointer: 0, threadLocal: 1, stackEnd: 8, stackBase: 9, threwAddress: 10, threwValueAddress: 11 };
  // Growing is rare but slow, so the memory grows by much more than Lean asks for.
  const GROWTH_BYTES = 64 << 20;

  // ---- the memory

  const initial = snapshot?.pages ?? INITIAL_PAGES;
  if (!(pages >= initial && pages <= MAX_PAGES)) {
    throw new Fatal(`out of memory: Lean's memory may have ${pages} pages of 64 KiB, and ${initial} to ${MAX_PAGES} are possible`);
  }
  let memory;
  try {
    memory = new WebAssembly.Memory({ initial, maximum: pages, shared: true });
  } catch (error) {
    throw new Fatal(`out of memory: no room for ${pages} pages of 64 KiB (${error.message})`);
  }
  // This comes before the instantiation: the module's start function sees in the memory that its data is there already.
  snapshot?.fill(new Uint8Array(memory.buffer));
  const views = StepwiseLean.createViews(memory);

  let refusedGrowth = false;
  const growMemory = (wanted) => {
    wanted >>>= 0;
    const have = memory.buffer.byteLength;
    const limit = pages * PAGE_BYTES;
    if (wanted <= have) return 1;
    const target = Math.min(Math.max(wanted, have + GROWTH_BYTES), limit);
    try {
      if (wanted > limit) throw new RangeError("beyond the limit");
      memory.grow(Math.ceil((target - have) / PAGE_BYTES));
      return 1;
    } catch {
      refusedGrowth = true;
      return 0;
    }
  };

  // ---- symbols

  const find = StepwiseLean.symbols.open(parts.symbols);
  const address = (name) => {
    const found = find(name);
    if (found?.address === undefined) throw new Error(`this build of Lean has no constant ${name}`);
    return found.address;
  };
  const slot = (name) => find(name)?.slot;
  // A function becomes a property of its own the first time it is asked for; only the first time passes the proxy.
  const functions = Object.create(new Proxy({}, {
    get: (_, name, functionsSoFar) => {
      const place = typeof name === "string" ? slot(name) : undefined;
      const value = place === undefined ? undefined : table.get(place);
      Object.defineProperty(functionsSoFar, name, { value });
      return value;
    },
  }));

  // ---- linking

  const helper = new WebAssembly.Instance(parts.helper, { env: { memory } }).exports;
  const { table } = helper;
  const system = StepwiseLean.createSystem(views, sources, disk);
  const exceptions = StepwiseLean.createExceptions(views, helper.throw, functions);
  const leave = (code) => { throw new Fatal(`Lean ended with code ${code}: ${system.said().slice(-500)}`); };
  const process = {
    __assert_fail: (condition, file, line, where) => {
      throw new Fatal(`assertion failed: ${views.text(condition)} at ${views.text(file)}:${line} ${views.text(where)}`);
    },
    _abort_js: () => { throw new Fatal(`Lean aborted: ${system.said().slice(-500)}`); },
    exit: leave,
    proc_exit: leave,
    // The one thread: main thread of the runtime and of the process, may block, 64 KiB of stack until boot.js moves it.
    _emscripten_init_main_thread_js: (thread) => {
      functions._emscripten_thread_init(thread, 0, 1, 1, PAGE_BYTES, 0);
      functions._emscripten_tls_init();
    },
    _emscripten_thread_mailbox_await: () => {},
    _emscripten_dlsync_threads: () => {},
    emscripten_check_blocking_allowed: () => {},
    emscripten_asm_const_int: () => 0, // EM_ASM of the start-up, for hosts with a file system of JavaScript
    emscripten_get_heap_max: () => pages * PAGE_BYTES,
    emscripten_resize_heap: growMemory,
    // Lean's interpreter asks for compiled code by name.
    _dlsym_js: (_library, name) => {
      const found = find(views.text(name));
      return found?.slot ?? found?.address ?? 0;
    },
  };
  const provided = { ...system.imports, ...exceptions.imports, ...process };
  const importNamed = (name) => {
    if (name.startsWith("invoke_")) return helper[name];
    if (name.startsWith("__cxa_find_matching_catch_")) return exceptions.matching;
    if (name in provided) return provided[name];
    if (name.startsWith("__syscall_")) return system.refuseSystemCall;
    return () => { throw new Fatal(`Lean calls ${name}, which this runtime does not have`); };
  };
  const imports = { env: { memory, table, stackPointer: helper.stackPointer }, wasi_snapshot_preview1: {}, "GOT.func": {} };
  for (const [name, value] of Object.entries(parts.got)) imports["GOT.func"][name] = new WebAssembly.Global({ value: "i32", mutable: true }, value);
  for (const { module, name, kind } of WebAssembly.Module.imports(parts.lean)) {
    if (kind === "function") imports[module][name] = importNamed(name);
  }
  const lean = new WebAssembly.Instance(parts.lean, imports).exports;

  const globals = Array.from({ length: MUTABLE_GLOBALS }, (_, i) => lean[`global${i}`]);
  const global = (name) => globals[GLOBAL[name]];
  const shareThrewAddresses = () => {
    helper.threwAddress.value = global("threwAddress").value;
    helper.threwValueAddress.value = global("threwValueAddress").value;
  };
  if (snapshot === null) {
    functions.__wasm_call_ctors(); // relocates the addresses first
  } else {
    snapshot.globals.forEach((value, i) => { globals[i].value = value; });
  }
  shareThrewAddresses();

  // ---- the end

  /** The text of whatever came out of Lean that is not an answer: a trap, V8's stack overflow, an uncaught exception. */
  const describe = (error) => {
    let text = String(error?.stack ?? error);
    if (error instanceof WebAssembly.Exception && error.is(helper.tag)) {
      const type = views.word(error.getArg(helper.tag, 0) + StepwiseLean.EXCEPTION_HEADER.type);
      text = `uncaught C++ exception ${views.text(views.word(type + 4))}`;
    }
    const size = memory.buffer.byteLength >>> 20;
    return refusedGrowth ? `out of memory: Lean has ${size} MiB and may not have more (${text})` : text;
  };

  return { memory, table, functions, address, slot, global, globals: () => globals.map((g) => g.value), describe };
};
