// Measures the memory of a tab in which Lean runs: the page's examples are opened one after the other, the same tactics are
// tried on each, and each is proved by a search and judged. Nothing is asserted: these are figures, not a test.
//
// CHROMIUM=/usr/bin/chromium DIST=dist node tests/web/lean-memory.mjs
//
// What is told is the proportional size (PSS) of the tab's process, which has all of its workers, and of all of the browser.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { launchProcess } from "./browser.mjs";
import { children } from "./server.mjs";
import { serveFolder } from "./static.mjs";

const TACTICS = [
  "intro x", "intros", "constructor", "rfl", "simp", "simp_all", "omega", "decide", "grind", "trivial", "assumption",
  "contradiction", "split", "nonsense", "rw [Nat.add_comm]", "apply Nat.le_antisymm", "have : 2 + 2 = 4 := by decide",
  "have : 1 < 2 := by omega", "exact?",
];
/** How long nothing is done before memory is looked at once more, in milliseconds. */
const REST = 20_000;

const server = await serveFolder(process.env.DIST);
const { browser, pid, close } = await launchProcess();
const page = await browser.newPage();
page.setDefaultTimeout(120_000);

const below = (pid) => children(pid).flatMap((child) => [child, ...below(child)]);
/** A process may be gone before it is looked at. */
const read = (file) => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};
const megabytes = (pid) => Number(/^Pss: +(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1000;
let most = 0;
function tab() {
  const renderers = below(pid).filter((pid) => read(`/proc/${pid}/cmdline`).includes("--type=renderer"));
  const now = Math.max(...renderers.map(megabytes));
  most = Math.max(most, now);
  return now;
}
function tell(when) {
  const all = [pid, ...below(pid)].map(megabytes).reduce((sum, size) => sum + size);
  console.log(`${when}: the tab has ${tab().toFixed(0)} MB, the browser ${all.toFixed(0)} MB`);
}

await page.goto(server.address);
await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Lean runs in this browser" }).waitFor();
tell("Lean is ready");
await page.waitForTimeout(REST);
tell("after a rest");
const watch = setInterval(tab, 250);
await page.getByLabel("after every step").uncheck();
const source = await readFile(new URL("../../web/src/examples.rs", import.meta.url), "utf8");
const statements = [...source.matchAll(/statement: "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => JSON.parse(`"${text}"`));
const idle = () => page.locator(".working.busy").waitFor({ state: "detached" });
let nTactics = 0;
for (const statement of statements) {
  await page.getByLabel("Statement in Lean").fill(statement);
  await page.getByRole("button", { name: /^Open/ }).click();
  await page.locator(".script-rows .here").filter({ hasText: "1 goal" }).waitFor();
  for (const tactic of TACTICS) {
    if (!(await page.getByLabel("Next tactic").isEnabled())) break;
    await page.getByLabel("Next tactic").fill(tactic);
    await page.getByLabel("Next tactic").press("Enter");
    await page.waitForTimeout(50);
    await idle();
    nTactics += 1;
  }
  tell(`${nTactics} tactics`);
}
await page.waitForTimeout(REST);
tell("after a rest");
clearInterval(watch);
console.log(`at most, looked at four times a second: ${most.toFixed(0)} MB`);
await close();
server.close();
