// One Lean process under Node: requests as JSON lines on stdin, answers as JSON lines on stdout (protocol.rs is the twin).
//   node host.cjs RUNTIME_DIR [MODULE...]
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { Worker } = require("node:worker_threads");

for (const script of ["abi", "watchdog", "declared", "facts", "driver", "replay", "axioms", "recheck", "shape", "library"]) require(path.join(__dirname, `${script}.js`));
const { loadRuntime } = require(path.join(__dirname, "runtime.cjs"));

const say = (message) => {
  let bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (e) {
      if (e.code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      else if (e.code === "EPIPE") process.exit(0);
      else throw e;
    }
  }
};

/** After a trap the state of the runtime is unknown: say so and end; the pool starts another process. */
const die = (error, describe = (e) => String(e?.stack ?? e)) => {
  say({ fatal: describe(error).slice(0, 2000) });
  process.exit(70);
};

const cpuMicros = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const startThread = (source) => {
  const thread = new Worker(source, { eval: true });
  thread.unref();
  return thread;
};

const serve = (driver, { recheck, elaborate, checkFile }, library) => {
  const answer = (request) => {
    const { id, op } = request;
    const cpu = cpuMicros();
    const wall = process.hrtime.bigint();
    const cost = () => ({ cpu_us: cpuMicros() - cpu, wall_us: Number((process.hrtime.bigint() - wall) / 1000n) });
    switch (op) {
      case "open": return say({ id, ...driver.open(request), ...cost() });
      case "apply":
        // One line a tactic, so that a crash tells which one it was.
        for (const tactic of request.tactics) say({ id, ...driver.apply(request.state, tactic, request.limit_ms) });
        return say({ id, done: true, ...cost() });
      case "free": return driver.free(request.states);
      case "recheck": return say({ id, ...recheck(request), ...cost() });
      case "elaborate": return say({ id, ...elaborate(request), ...cost() });
      case "check_file": return say({ id, ...checkFile(request), ...cost() });
      case "library": return say({ id, ...library.list(request), ...cost() });
      case "state": return say({ id, ...library.state(request), ...cost() });
      default: return say({ id, unknown: op });
    }
  };

  const nap = new Int32Array(new SharedArrayBuffer(4));
  const chunk = Buffer.alloc(1 << 16);
  let pending = [];
  for (;;) {
    let n;
    try {
      n = fs.readSync(0, chunk, 0, chunk.length);
    } catch (e) {
      if (e.code !== "EAGAIN") throw e;
      Atomics.wait(nap, 0, 0, 1);
      continue;
    }
    if (n === 0) process.exit(0);
    // Only whole lines are decoded: a chunk may end inside a character.
    pending.push(Buffer.from(chunk.subarray(0, n)));
    if (chunk.subarray(0, n).indexOf(10) < 0) continue;
    const bytes = Buffer.concat(pending);
    const end = bytes.lastIndexOf(10);
    pending = [bytes.subarray(end + 1)];
    for (const line of bytes.subarray(0, end).toString("utf8").split("\n")) {
      if (line !== "") answer(JSON.parse(line));
    }
  }
};

const main = () => {
  const started = performance.now();
  const [directory, ...modules] = process.argv.slice(2);
  const runtime = loadRuntime(path.resolve(directory), modules.length > 0 ? modules : undefined);
  try {
    const abi = StepwiseLean.createAbi(runtime);
    const { env } = runtime.roots;
    const driver = StepwiseLean.createDriver(abi, env, StepwiseLean.createWatchdog(runtime.memory, startThread));
    const judge = StepwiseLean.createRecheck(abi, driver);
    const library = StepwiseLean.createLibrary(abi, driver, env);
    say({ ready: true, version: driver.version, modules: library.moduleNames(), ms: Math.round(performance.now() - started) });
    serve(driver, judge, library);
  } catch (error) {
    die(error, runtime.describe);
  }
};

try {
  main();
} catch (error) {
  die(error);
}
