// Loads a prepared folder under Node: reads its files and hands them to runtime.js.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const v8 = require("node:v8");

for (const script of ["symbols", "views", "exceptions", "system", "snapshot", "runtime"]) require(path.join(__dirname, `${script}.js`));

/** The format of the folder. prepare.cjs writes it, loadRuntime refuses every other. */
const FORMAT = 1;
const FILES = { manifest: "runtime.json", lean: "lean.wasm", helper: "helper.wasm", symbols: "symbols.bin" };

// Validating 147,000 functions takes seconds, and prepare.cjs has validated the module: V8 shall look at those that run.
v8.setFlagsFromString("--wasm-lazy-validation");
// Lean runs a little of very much code. By default V8 optimises a function so early that a host's first seconds go into
// functions that hardly come again; thirty times as patient it starts in less than half the CPU time, and ends as fast.
v8.setFlagsFromString("--wasm-tiering-budget=400000000");

const pagesAllowed = () => {
  const text = process.env.STEPWISE_LEAN_PAGES;
  if (text === undefined || text === "") return StepwiseLean.MAX_PAGES;
  if (!/^\d+$/.test(text)) throw new Error(`STEPWISE_LEAN_PAGES is ${JSON.stringify(text)}: give a number of pages of 64 KiB, at most ${StepwiseLean.MAX_PAGES}`);
  return Number(text);
};

const readManifest = (directory) => {
  const file = path.join(directory, FILES.manifest);
  const manifest = JSON.parse(fs.readFileSync(file, "utf8"));
  if (manifest.format !== FORMAT) throw new Error(`${file} has format ${manifest.format} and this program reads ${FORMAT}: prepare the folder again`);
  return manifest;
};

const readParts = (directory, got) => {
  const read = (name) => fs.readFileSync(path.join(directory, name));
  const bytes = read(FILES.lean);
  const lean = new WebAssembly.Module(bytes);
  // V8 has its own copy. Detaching ours gives back 116 MB at once instead of at some later collection.
  bytes.buffer.transfer(0);
  return { lean, helper: new WebAssembly.Module(read(FILES.helper)), symbols: read(FILES.symbols), got };
};

/** Fills memory from the file of a snapshot, in which the runs stand one after the other. */
const fillFrom = (file, runs) => (bytes) => {
  const fd = fs.openSync(file, "r");
  try {
    for (const [address, length] of runs) {
      for (let done = 0; done < length;) {
        const count = fs.readSync(fd, bytes, address + done, length - done, null);
        if (count === 0) throw new Error(`${file} is too short: prepare the folder again`);
        done += count;
      }
    }
  } finally {
    fs.closeSync(fd);
  }
};

/** The folder `root` of this machine, read-only, as the folder /lib/lean of Lean. Nothing else of the machine is visible. */
const libraryDisk = (root) => {
  const MOUNT = "/lib/lean";
  const real = (name) => {
    const clean = path.posix.normalize(name);
    return clean === MOUNT || clean.startsWith(`${MOUNT}/`) ? path.join(root, clean.slice(MOUNT.length)) : null;
  };
  const stat = (name) => {
    const file = real(name);
    const found = file === null ? undefined : fs.statSync(file, { throwIfNoEntry: false });
    return found === undefined ? null : { size: found.size, directory: found.isDirectory() };
  };
  return {
    stat,
    open: (name) => {
      const found = stat(name);
      if (found === null) return null;
      const fd = fs.openSync(real(name), "r");
      return {
        ...found,
        read: (target, position) => fs.readSync(fd, target, 0, target.length, position),
        close: () => fs.closeSync(fd),
      };
    },
  };
};

/** A runtime in which Lean is not yet initialised, with `library` as its library; for making snapshots. */
const createEmptyRuntime = (directory, got, library) => StepwiseLean.createRuntime({
  parts: readParts(directory, got),
  snapshot: null,
  pages: StepwiseLean.MAX_PAGES,
  sources: StepwiseLean.fixedSources(),
  disk: libraryDisk(library),
});

/**
 * Starts Lean from the snapshot in which `modules` are imported.
 * Returns what StepwiseLean.createRuntime returns, and `roots`: {env}, the environment after the imports.
 */
const loadRuntime = (directory, modules = ["Init"]) => {
  const { got, snapshots } = readManifest(directory);
  const name = modules.join("+");
  const snapshot = snapshots[name];
  if (snapshot === undefined) throw new Error(`${directory} is prepared for ${Object.keys(snapshots).join(" and ")}, not for ${name}: prepare it again with ${name}`);
  const { file, pages, globals, runs, roots } = snapshot;
  const runtime = StepwiseLean.createRuntime({
    parts: readParts(directory, got),
    snapshot: { pages, globals, fill: fillFrom(path.join(directory, file), runs) },
    pages: pagesAllowed(),
    sources: StepwiseLean.realSources(),
    disk: null,
  });
  return { ...runtime, roots };
};

module.exports = { FORMAT, FILES, createEmptyRuntime, loadRuntime };
