// Brings Lean up from nothing inside a created runtime: gives it a stack, initialises it and imports the library once.
// Runs once, when a snapshot is made. Plain script for Node and Web Workers alike; needs abi.js and runtime.js.
"use strict";

globalThis.StepwiseLean ??= {};

// README.md of this folder, "Two stacks", has the reasons for these figures.
StepwiseLean.STACK_BYTES = 64 << 20;
StepwiseLean.GUARDED_BYTES = StepwiseLean.STACK_BYTES - (128 << 10);

// Lean's own guard against deep recursion, in the thread-local block (lean4/src/runtime/stackinfo.cpp).
StepwiseLean.STACK_INFO = { initialised: 56, size: 60, base: 64, threshold: 68 };

/** Initialises Lean and imports `modules` from below `root`, a folder of the runtime's disk. Returns the environment. */
StepwiseLean.boot = (runtime, abi, root, modules) => {
  const { x, box, field, retain, release, call, io } = abi;
  moveStack(runtime, abi);
  x.lean_initialize();
  setGuard(runtime, abi);

  io(x.l_Lean_initSearchPath(abi.toLean(root), box(0)), "the search path");
  io(x.lean_enable_initializer_execution(), "initialisers");
  x.lean_io_mark_end_initialization();
  // Promises need a task manager. It starts no thread, because every task runs where it is made (wasm-rewrite.cjs).
  x.lean_init_task_manager_using(1);

  const header = modules.map((m) => `import ${m}\n`).join("");
  const input = call("Lean_Parser_mkInputContext___redArg", abi.toLean(header), abi.toLean("<header>"), box(1), box(header.length));
  const parsed = io(call("Lean_Parser_parseHeader", retain(input)), "the header");
  const state = field(parsed, 1);
  const processed = io(
    x.l_Lean_Elab_processHeader(retain(field(parsed, 0)), box(0), retain(field(state, 1)), input, 0, abi.emptyArray(), 0, box(0)),
    `importing ${modules.join(" ")}`,
  );
  const env = retain(field(processed, 0));
  const failed = abi.truth(call("Lean_MessageLog_hasErrors", retain(field(processed, 1))));
  if (failed) throw new Error(`Lean cannot import ${modules.join(" ")}`);
  release(processed);
  release(parsed);
  return env;

  /** The build gives the one thread 64 KiB of stack and checks nothing: deeper recursion would overwrite data in silence. */
  function moveStack(r, { x: f }) {
    const ALIGNMENT = 16;
    const end = (f.malloc(StepwiseLean.STACK_BYTES + ALIGNMENT) + ALIGNMENT - 1) & -ALIGNMENT;
    const base = end + StepwiseLean.STACK_BYTES;
    f.emscripten_stack_set_limits(base, end);
    f._emscripten_stack_restore(base);
  }

  /**
   * Lean's guard against deep recursion takes the stack's end for its base here: it comes out with a negative size and
   * never fires. Verifies exactly that, because the places are not exported, and puts the right figures in.
   */
  function setGuard(r, { word, byte, setWord }) {
    const info = StepwiseLean.STACK_INFO;
    const at = r.global("threadLocal").value;
    const base = r.global("stackBase").value;
    const found = [byte(at + info.initialised), word(at + info.size), word(at + info.base), word(at + info.threshold)];
    const known = [1, -StepwiseLean.STACK_BYTES >>> 0, base, 0];
    if (found.join() !== known.join()) {
      throw new Error(`Lean's guard of its stack is not what it was in Lean 4.28: ${found} instead of ${known}`);
    }
    setWord(at + info.size, StepwiseLean.GUARDED_BYTES);
    setWord(at + info.threshold, base - StepwiseLean.GUARDED_BYTES);
  }
};
