// The worker that unpacks a file of Lean's: it takes a lot of memory for a second or two, which is given back when the worker
// is ended. Large files pass as blobs for the same reason.
//
// lean.js sends {wasm, packed}, and {description} where it is the memory that is unpacked, and is answered with a blob; or it
// sends {blob, entry}, and is told whether this is what a list has in the entry. The answer is {answer}, or {failed: REASON}.

import { isWhole } from "./files.js";
import init, { unpack, unpackMemory } from "./lean/stepwise-lean.js";

self.onmessage = async ({ data: { wasm, packed, description, blob, entry } }) => {
  try {
    self.postMessage({ answer: blob ? await look(blob, entry) : await unpacked(wasm, packed, description) });
  } catch (error) {
    self.postMessage({ failed: String(error?.message ?? error) });
  }
};

const look = async (blob, entry) => isWhole(new Uint8Array(await blob.arrayBuffer()), entry);

async function unpacked(wasm, packed, description) {
  await init({ module_or_path: wasm });
  return new Blob([description ? unpackMemory(packed, description) : unpack(packed)]);
}
