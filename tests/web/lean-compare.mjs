// Holds Lean in the browser against Lean in a native host: the same statements are opened and the same tactics run in both,
// with the same requests, and every answer has to be the same. Then it tells what both took. It is run by hand.
//
// CHROMIUM=/usr/bin/chromium DIST=dist STEPWISE=target/debug/stepwise LEAN="CODE REST LIBRARY" node tests/web/lean-compare.mjs
// where LEAN names the folders that `stepwise setup` prints. STATEMENTS (40) bounds the statements; the browser's worker is
// driven without the server beside it, so that both do exactly the same.
import { spread } from "./figures.mjs";
import { TACTICS, inBrowser, native, statements } from "./lean-hosts.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, STATEMENTS = 40, ONLY } = process.env;
const LIMIT_MS = 60_000;
/** An answer without what differs from run to run. */
const shown = (lines) => JSON.stringify(lines.map(({ cpu_us, wall_us, id, state, open, ...rest }) => rest));

const server = await serveFolder(DIST);
const [ours, theirs] = [await inBrowser(server.address), native()];
const begun = performance.now();
console.log("hello:", (await ours.hello()).version, `after ${Math.round(performance.now() - begun)} ms;`, (await theirs.hello()).version);
let id = 0;
let [nTactics, nDifferent, nFatal] = [0, 0, 0];
// "constructor" is a tactic, and what every plain object has.
const times = { browser: Object.create(null), native: Object.create(null) };
const note = (name, kind, lines) => (times[name][kind] ??= []).push((lines.at(-1).wall_us ?? 0) / 1000);

async function both(make, kind, what) {
  id += 1;
  const here = await ours.ask({ id, ...make(0) });
  const there = await theirs.ask({ id, ...make(1) });
  note("browser", kind, here);
  note("native", kind, there);
  if (here.at(-1).fatal) nFatal += 1;
  if (shown(here) !== shown(there)) {
    nDifferent += 1;
    console.log(`different: ${what}\n  browser: ${shown(here).slice(0, 400)}\n  native:  ${shown(there).slice(0, 400)}`);
  }
  return [here, there];
}

for (const { preamble, statement } of (await statements()).slice(0, Number(STATEMENTS))) {
  await ours.renew();
  const opening = () => ({ op: "open", preamble, statement, without: [], limit_ms: LIMIT_MS });
  let states = (await both(opening, "open", statement)).map((lines) => lines[0].state);
  if (states.some((state) => state == null)) continue;
  for (const tactic of ONLY ? [ONLY] : TACTICS) {
    nTactics += 1;
    const lines = await both((who) => ({ op: "apply", state: states[who], tactics: [tactic], limit_ms: LIMIT_MS }), tactic, `${statement} / ${tactic}`);
    if (lines[0].at(-1).fatal || lines[1].at(-1).fatal) {
      states = (await both(opening, "open again", statement)).map((lines) => lines[0].state);
    }
  }
  await both(() => ({ op: "recheck", preamble, statement, without: [], body: "  grind", limit_ms: LIMIT_MS }), "recheck", `${statement} by grind`);
  for (const [who, host] of [ours, theirs].entries()) await host.tell({ op: "free", states: [states[who]] });
}
console.log(`${nTactics} tactics, ${nDifferent} answers differ, Lean was cut off ${nFatal} times in the browser`);
for (const kind of Object.keys(times.browser)) {
  console.log(`${kind.padEnd(24)} browser ${spread(times.browser[kind], "ms")}   native ${spread(times.native[kind], "ms")}`);
}
const sum = (name) => Object.entries(times[name]).filter(([kind]) => TACTICS.includes(kind)).flatMap(([, all]) => all).reduce((a, b) => a + b, 0);
console.log(`all tactics: browser ${Math.round(sum("browser"))} ms, native ${Math.round(sum("native"))} ms`);
await ours.close();
theirs.close();
server.close();
