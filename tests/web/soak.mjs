// Watches the page's memory during a long search on a real `stepwise serve`: every minute the resident size of the page's
// process, its JavaScript heap, and how far the search is. Nothing is asserted: these are figures, not a test.
//
// CHROMIUM=/usr/bin/chromium STEPWISE=target/release/stepwise MINUTES=60 node tests/web/soak.mjs
import { readFileSync } from "node:fs";
import { launchProcess } from "./browser.mjs";
import { children, serve } from "./server.mjs";

const MINUTES = Number(process.env.MINUTES ?? 60);
const server = await serve("--port", "0", "--policy", "portfolio");
const { browser, pid, close } = await launchProcess();
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });

const megabytes = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
const below = (pid) => children(pid).flatMap((child) => [child, ...below(child)]);
/** The largest renderer is the page's. */
const renderer = () => {
  const is = (pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer");
  return Math.max(0, ...below(pid).filter(is).map(megabytes));
};

await page.goto(server.url);
await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Connected" }).waitFor();
await page.getByLabel("after every step").uncheck();
const statement =
  "theorem t (p q r s : Prop) (h : p ∨ q ∨ r ∨ s) (k : p → q → r → s) (m : q ∨ p ∨ s) (n : r ∨ p) : p ∧ q";
await page.getByLabel("Statement in Lean").fill(statement);
await page.getByRole("button", { name: "Open", exact: true }).click();
await page.locator(".goals").waitFor();
await page.getByText("Options", { exact: true }).click();
await page.getByLabel("Expansions", { exact: true }).fill("10000");
await page.getByLabel("Seconds").fill("3600");
await page.getByLabel("Seconds").press("Tab");
await page.getByRole("button", { name: "Search for a proof" }).click();
await page.getByRole("link", { name: "Tree", exact: true }).click();
await page.getByRole("treeitem").first().waitFor();
const session = await page.context().newCDPSession(page);
for (let minute = 0; minute <= MINUTES; minute++) {
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const numbers = await page.locator(".numbers").first().evaluate((list) => list.textContent);
  const size = `${renderer().toFixed(0)} MB resident, ${(usedSize / 2 ** 20).toFixed(1)} MB of JavaScript`;
  console.log(`${minute} min: ${size}; server ${megabytes(server.pid).toFixed(0)} MB; ${numbers}`);
  if (minute < MINUTES) await page.waitForTimeout(60_000);
}
await close();
await server.stop();
