// The symbol file: where each of Lean's 200,000 exported names is, without asking V8 to make an object of each.
// Plain script for Node and Web Workers alike.
//
// Layout, little-endian: n hashes of 64 bits in ascending order, then n words of 32 bits. A word with its top bit set
// is a function's slot in the table; any other is an address, which is below 2 GiB because the memory is.
"use strict";

globalThis.StepwiseLean ??= {};

StepwiseLean.symbols = (() => {
  const FUNCTION = 0x80000000;
  const encoder = new TextEncoder();

  /** 64-bit FNV-1a of the name. */
  const hashOf = (name) => {
    let hash = 0xcbf29ce484222325n;
    for (const byte of encoder.encode(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    return hash;
  };

  /** The file for [name, {slot} or {address}] pairs, each name once. Two names with one hash are an error. */
  const encode = (entries) => {
    const rows = Array.from(entries, ([name, { slot, address }]) => [hashOf(name), slot === undefined ? address : (slot | FUNCTION) >>> 0, name]);
    rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const bytes = new Uint8Array(rows.length * 12);
    const hashes = new BigUint64Array(bytes.buffer, 0, rows.length);
    const words = new Uint32Array(bytes.buffer, rows.length * 8, rows.length);
    rows.forEach(([hash, word, name], i) => {
      if (i > 0 && rows[i - 1][0] === hash) throw new Error(`the symbols ${rows[i - 1][2]} and ${name} have the same hash`);
      hashes[i] = hash;
      words[i] = word;
    });
    return bytes;
  };

  /** `find(name)` over the bytes of a symbol file: {slot}, {address} or null. */
  const open = (bytes) => {
    // A copy, because the file's bytes need not lie where 64-bit words may.
    const { buffer } = bytes.slice();
    const n = buffer.byteLength / 12;
    const hashes = new BigUint64Array(buffer, 0, n);
    const words = new Uint32Array(buffer, n * 8, n);
    return (name) => {
      const hash = hashOf(name);
      let low = 0;
      let high = n;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (hashes[middle] < hash) low = middle + 1;
        else high = middle;
      }
      if (low === n || hashes[low] !== hash) return null;
      const word = words[low];
      return word >= FUNCTION ? { slot: word - FUNCTION } : { address: word };
    };
  };

  return { encode, open };
})();
