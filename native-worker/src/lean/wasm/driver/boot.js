// Brings Lean up inside a loaded runtime: initialises it and imports the library once.
// Plain script for Node and Web Workers alike; needs abi.js.
"use strict";

const STACK_BYTES = 16 << 20;

/** Initialises Lean and imports `modules` from `root` (a folder of the runtime's file system with lib/lean in it). Returns the environment. */
StepwiseLean.boot = (abi, root, modules) => {
  const { x, box, field, retain, release, call, io } = abi;
  // The build gives the main thread 64 KiB of stack and checks nothing: deeper recursion would silently overwrite data.
  // Lean's own guard assumes 8 MiB, so the stack is moved to a block that is larger than that before Lean looks at it.
  const block = x.malloc(STACK_BYTES);
  x.emscripten_stack_set_limits(block + STACK_BYTES, block);
  x._emscripten_stack_restore(block + STACK_BYTES);
  x.lean_initialize();
  io(x.l_Lean_initSearchPath(abi.toLean(root), box(0)), "the search path");
  io(x.lean_enable_initializer_execution(), "initialisers");
  x.lean_io_mark_end_initialization();
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
  release(processed);
  release(parsed);
  return env;
};
