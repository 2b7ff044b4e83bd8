// Reads and writes the linear memory for the runtime's imports.
// Plain script for Node and Web Workers alike.
"use strict";

globalThis.StepwiseLean ??= {};

/** Addresses arrive from wasm as signed words and are at most 2 GiB, so shifting them is safe. */
StepwiseLean.createViews = (memory) => {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let u8, u32, i64;

  // Views go stale whenever the memory grows, so every access asks for them again.
  const refresh = () => {
    if (u8 === undefined || u8.buffer !== memory.buffer) {
      u8 = new Uint8Array(memory.buffer);
      u32 = new Uint32Array(memory.buffer);
      i64 = new BigInt64Array(memory.buffer);
    }
  };
  const bytes = (p, n) => (refresh(), u8.subarray(p, p + n));

  return {
    bytes,
    byte: (p) => (refresh(), u8[p]),
    setByte: (p, value) => { refresh(); u8[p] = value; },
    word: (p) => (refresh(), u32[p >>> 2]),
    setWord: (p, value) => { refresh(); u32[p >>> 2] = value; },
    setLong: (p, value) => { refresh(); i64[p >>> 3] = BigInt(value); },
    /** The C string at `p`. It is copied, because TextDecoder refuses shared memory. */
    text: (p) => {
      if (p === 0) return "";
      refresh();
      return decoder.decode(u8.slice(p, u8.indexOf(0, p)));
    },
    /** Writes a C string of at most `capacity` bytes with its NUL; returns how many bytes that took. */
    setText: (p, text, capacity = Infinity) => {
      const encoded = encoder.encode(`${text}\0`).subarray(0, capacity);
      bytes(p, encoded.length).set(encoded);
      return encoded.length;
    },
  };
};
