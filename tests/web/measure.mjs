// Measures the page on a real `stepwise serve`: first paint, time to interactive, and how long a structural tactic takes from
// the key press to the new goals on the screen. Nothing is asserted: these are figures, not tests.
//
// CHROMIUM=/usr/bin/chromium STEPWISE=target/release/stepwise node tests/web/measure.mjs
import { launch } from "./browser.mjs";
import { spread } from "./figures.mjs";
import { serve } from "./server.mjs";

const RUNS = 40;
const LOADS = 10;
const server = await serve("--port", "0");
const browser = await launch();

const [paint, interactive] = [[], []];
for (let load = 0; load <= LOADS; load++) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.url);
  await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Connected" }).waitFor();
  const times = await page.evaluate(async () => {
    const [contentful] = performance.getEntriesByName("first-contentful-paint");
    return { paint: contentful?.startTime ?? NaN, interactive: performance.now() };
  });
  // The first load warms the server up.
  if (load > 0) {
    paint.push(times.paint);
    interactive.push(times.interactive);
  }
  await context.close();
}
console.log(`first contentful paint: ${spread(paint, "ms")} (empty cache, loopback)`);
console.log(`connected and usable: ${spread(interactive, "ms")}`);

const page = await browser.newPage();
await page.goto(server.url);
await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Connected" }).waitFor();
await page.getByLabel("after every step").uncheck();
await page.getByLabel("Statement in Lean").fill("theorem t (p q : Prop) : p → q → q ∧ p");
await page.getByRole("button", { name: "Open", exact: true }).click();
await page.locator(".goals").waitFor();
const step = async (tactic) => {
  await page.getByLabel("Next tactic").fill(tactic);
  return page.evaluate(
    () =>
      new Promise((done) => {
        const line = document.getElementById("tactic");
        const goals = document.querySelector(".goals");
        const observer = new MutationObserver(() => {
          observer.disconnect();
          const changed = performance.now() - started;
          requestAnimationFrame(() => setTimeout(() => done([changed, performance.now() - started])));
        });
        observer.observe(goals, { childList: true, subtree: true, characterData: true });
        const started = performance.now();
        line.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
      }),
  );
};
const [changed, painted] = [[], []];
for (let run = 0; run < RUNS + 5; run++) {
  const [to_change, to_paint] = await step(`intro h${run}`);
  await page.keyboard.press("Alt+z");
  await page.locator(".script-rows .ahead").waitFor();
  if (run >= 5) {
    changed.push(to_change);
    painted.push(to_paint);
  }
}
console.log(`key press to new goals: ${spread(changed, "ms")} (5 warm-up)`);
console.log(`key press to their frame: ${spread(painted, "ms")}`);

const rates = [];
for (let run = 0; run < 11; run++) {
  await page.getByRole("button", { name: "Suggest", exact: true }).click();
  await page.getByRole("button", { name: "Stop", exact: true }).and(page.locator(":enabled")).waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).and(page.locator(":disabled")).waitFor();
  const pace = await page.locator(".hint").filter({ hasText: "a second" }).innerText();
  if (run > 0) rates.push(Number(/([\d.]+) a second/.exec(pace)[1]));
}
console.log(`suggestions run by Lean: ${spread(rates, "a second")} (1 warm-up, 8 asked for)`);
await browser.close();
await server.stop();
