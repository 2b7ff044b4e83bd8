// Measures Lean in the browser against Lean in a native host, warm: 500 mixed tactics on the page's examples and on problems
// with declarations of their own, the same requests to both, in passes. Told are the CPU time of the tab's process, with all
// that its browser does for it there, against that of the host's process, and the times of single tactics in each. Nothing is
// asserted: these are figures, not a test.
//
// CHROMIUM=/usr/bin/chromium DIST=dist STEPWISE=target/release/stepwise LEAN="CODE REST LIBRARY" node tests/web/lean-speed.mjs
// where LEAN names the folders that `stepwise setup` prints. PASSES (4) may be set; the first is a warm-up.
import { readFileSync } from "node:fs";
import { spread } from "./figures.mjs";
import { inBrowser, native, statements, TACTICS } from "./lean-hosts.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, PASSES = 4 } = process.env;
/** With all tactics on each, these are 500. */
const N_STATEMENTS = 20;
const LIMIT_MS = 60_000;
/** A tick of the system's clocks, in milliseconds: 100 a second on every Linux. */
const TICK = 10;

/** The CPU time that a process has used, in milliseconds. */
function cpu(pid) {
  // The program's name stands in parentheses and may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

const server = await serveFolder(DIST);
const hosts = { browser: await inBrowser(server.address), native: native() };
for (const host of Object.values(hosts)) await host.hello();
const chosen = (await statements()).slice(0, N_STATEMENTS);
let id = 0;

/** Runs all tactics on all statements; gives the CPU time of the tactics, and the times by what was asked for. */
async function pass(host) {
  const times = Object.create(null);
  const note = (kind, lines) => (times[kind] ??= []).push((lines.at(-1).wall_us ?? 0) / 1000);
  let [spent, n] = [0, 0];
  for (const problem of chosen) {
    for (let left = TACTICS; left.length; ) {
      await host.renew();
      const opened = await host.ask({ id: (id += 1), op: "open", ...problem, without: [], limit_ms: LIMIT_MS });
      note("open", opened);
      const [{ state }] = opened;
      const requests = left.map((tactic) => ({ id: (id += 1), op: "apply", state, tactics: [tactic], limit_ms: LIMIT_MS }));
      const before = cpu(host.pid());
      // It ends early where a tactic cuts Lean off, which then is opened again.
      const all = await host.run(requests);
      spent += cpu(host.pid()) - before;
      for (const [idx, lines] of all.entries()) note(left[idx], lines);
      left = left.slice(all.length);
      n += all.length;
      await host.tell({ op: "free", states: [state] });
    }
  }
  return { times, spent, n };
}

const last = {};
for (let n = 1; n <= Number(PASSES); n++) {
  for (const [name, host] of Object.entries(hosts)) last[name] = await pass(host);
  const [ours, theirs] = [last.browser, last.native];
  const ratio = (ours.spent / theirs.spent).toFixed(2);
  console.log(`pass ${n}: CPU of ${ours.n} tactics in the tab ${ours.spent} ms, of ${theirs.n} in the native host ${theirs.spent} ms: ${ratio} times`);
  const walls = [ours, theirs].map(({ times }) => TACTICS.flatMap((kind) => times[kind] ?? []).reduce((sum, ms) => sum + ms, 0));
  console.log(`  Lean's own thread: ${walls.map((ms) => Math.round(ms)).join(" and ")} ms, ${(walls[0] / walls[1]).toFixed(2)} times`);
}
for (const kind of Object.keys(last.browser.times)) {
  const [ours, theirs] = [last.browser, last.native].map(({ times }) => spread(times[kind] ?? [0], "ms"));
  console.log(`${kind.padEnd(24)} browser ${ours}   native ${theirs}`);
}
await hosts.browser.close();
hosts.native.close();
server.close();
