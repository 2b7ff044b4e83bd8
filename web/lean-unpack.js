// The worker that brings one of Lean's large files and unpacks it. It takes a lot of memory for a second or two, which is given
// back when the worker is ended; so nothing of it is done in a worker that stays, and what comes of it is a blob.
//
// lean.js sends {file, cache}, an entry of the list and the name of the cache, and as soon as it has them {tools: {wasm,
// description}}, with the description where it is the memory that is unpacked. This worker sends {advance: BYTES}, and in the
// end {brought, isNew} or {failed: REASON}.

import { keptOf, load, openCache, said } from "./files.js";
import init, { unpack, unpackMemory } from "./lean/stepwise-lean.js";

let giveTools;
const given = new Promise((done) => (giveTools = done));

self.onmessage = ({ data: { file, cache, tools } }) => {
  if (tools) giveTools(tools);
  else bring(file, cache).then((brought) => self.postMessage(brought), (error) => self.postMessage({ failed: said(error) }));
};

async function bring(file, name) {
  const cache = await openCache(name);
  const advance = (bytes) => self.postMessage({ advance: bytes });
  const unpacked = await keptOf(file, cache, file.unpacked);
  if (unpacked) advance(file.bytes);
  if (unpacked) return { brought: unpacked.blob };
  const packed = (await keptOf(file, cache))?.bytes ?? (await load(file, advance));
  const { wasm, description } = await given;
  await init({ module_or_path: wasm });
  return { brought: new Blob([description ? unpackMemory(packed, description) : unpack(packed)]), isNew: true };
}
