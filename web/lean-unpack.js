// The worker that unpacks a file of Lean's: it takes a lot of memory for a second or two, which is given back when the worker
// is ended.
//
// lean.js sends {wasm, packed}, and {description} where it is the memory that is unpacked; this worker answers {unpacked}, or
// {failed: REASON}.

import init, { unpack, unpackMemory } from "./lean/stepwise-lean.js";

self.onmessage = async ({ data: { wasm, packed, description } }) => {
  try {
    await init({ module_or_path: wasm });
    const { buffer } = description ? unpackMemory(packed, description) : unpack(packed);
    self.postMessage({ unpacked: buffer }, [buffer]);
  } catch (error) {
    self.postMessage({ failed: String(error?.message ?? error) });
  }
};
