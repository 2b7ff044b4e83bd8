// Saves the memory of a Lean that has started, and puts it back: what a snapshot holds, and nothing of how it is stored.
// Plain script for Node and Web Workers alike.
"use strict";

globalThis.StepwiseLean ??= {};

StepwiseLean.snapshots = (() => {
  const BLOCK = 4096;

  /** The runs of blocks that are not all zero, as [address, length]. */
  const usedRuns = (memory) => {
    const words = new BigUint64Array(memory.buffer);
    const isZero = (address) => {
      for (let i = address / 8; i < (address + BLOCK) / 8; i++) if (words[i] !== 0n) return false;
      return true;
    };
    const runs = [];
    for (let address = 0; address < memory.buffer.byteLength; address += BLOCK) {
      if (isZero(address)) continue;
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] === address) last[1] += BLOCK;
      else runs.push([address, BLOCK]);
    }
    return runs;
  };

  /** What there is to know about a snapshot besides the bytes of its runs, which follow one another in its file. */
  const describe = (runtime, roots) => ({
    pages: runtime.memory.buffer.byteLength / 65536,
    globals: runtime.globals(),
    roots,
    runs: usedRuns(runtime.memory),
  });

  return { describe };
})();
