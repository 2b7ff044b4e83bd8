// The clock that can interrupt Lean: a thread of its own that writes `true` into Lean's cancellation token when time is up.
// The thread that runs Lean cannot be interrupted from inside; Lean polls the token at every check of its heartbeats.
// Plain script for Node and Web Workers alike.
"use strict";

globalThis.StepwiseLean ??= {};

// Control words shared with the thread: [sequence number, byte address of the token's value, milliseconds].
// An odd sequence number means armed. The thread sleeps on word 0.
StepwiseLean.watchdogThread = `
  const guard = ({ control, memory }) => {
    const words = new Int32Array(control);
    postMessage("ready");
    for (;;) {
      const sequence = Atomics.load(words, 0);
      if ((sequence & 1) === 0) { Atomics.wait(words, 0, sequence); continue; }
      const address = Atomics.load(words, 1);
      if (Atomics.wait(words, 0, sequence, Atomics.load(words, 2)) === "timed-out" && Atomics.load(words, 0) === sequence) {
        Atomics.store(new Int32Array(memory.buffer), address >>> 2, 3); // 3 is Lean's boxed true
        Atomics.wait(words, 0, sequence);
      }
    }
  };
  if (typeof self === "undefined") {
    const { parentPort } = require("node:worker_threads");
    globalThis.postMessage = (m) => parentPort.postMessage(m);
    parentPort.once("message", guard);
  } else {
    self.onmessage = (event) => guard(event.data);
  }
`;

/** Starts the thread. `start` turns the thread's source into something with postMessage, as the platform does it. */
StepwiseLean.createWatchdog = (memory, start) => {
  const control = new SharedArrayBuffer(12);
  const words = new Int32Array(control);
  start(StepwiseLean.watchdogThread).postMessage({ control, memory });
  const next = (change) => {
    change();
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
  };
  return {
    arm: (address, milliseconds) => next(() => { words[1] = address; words[2] = Math.max(1, Math.min(milliseconds, 0x7fffffff)); }),
    disarm: () => next(() => {}),
  };
};
