// The Tree page with a search of ten thousand states in a real Chromium: few rows, one selection, drawing and files.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path) and DIST (the packed page). SHOTS names a folder
// for screenshots.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { generated } from "./generated.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, SHOTS } = process.env;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const recorded = new URL("recorded.jsonl", import.meta.url).pathname;
const large = generated(2000);

let server, browser, address;

before(async () => {
  server = await serveFolder(DIST);
  address = server.address;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A page that shows a log, and in which any error fails the test at its end. */
async function open(log, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The page asks whether it comes from a server that proves, and whether it has a Lean for browsers; this one only has
    // files, and no Lean.
    const asks = /(api\/v1\/info|lean\/packed\/manifest\.json)$/.test(message.location().url);
    if (message.type() === "error" && !asks) errors.push(message.text());
  });
  await page.goto(address);
  const started = Date.now();
  await page.getByLabel("Open a search log").setInputFiles(log);
  await page.getByRole("tree").waitFor();
  await page.getByRole("treeitem").first().waitFor();
  return { page, errors, opened_ms: Date.now() - started };
}

const file = (text) => ({ name: "generated.jsonl", mimeType: "text/plain", buffer: Buffer.from(text) });
const shot = (page, name) => SHOTS && page.screenshot({ path: join(SHOTS, `${name}.png`) });
const selected = (page) => page.locator('[role="treeitem"][aria-selected="true"]');
const frames = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** What axe-core finds wrong. */
async function violations(page) {
  await page.addScriptTag({ path: AXE });
  return page.evaluate(async () => (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`));
}

const squeezed = (text) => text.replace(/\s+/g, " ").trim();

/** Runs a deed and tells the longest gaps between frames meanwhile, in milliseconds. */
async function gaps(page, deed) {
  await page.evaluate(() => {
    window.times = [];
    const note = (time) => { window.times.push(time); window.noting = requestAnimationFrame(note); };
    window.noting = requestAnimationFrame(note);
  });
  await deed();
  await frames(page);
  return page.evaluate(() => {
    cancelAnimationFrame(window.noting);
    const gaps = window.times.slice(1).map((time, idx) => time - window.times[idx]).sort((a, b) => b - a);
    return `longest ${gaps[0]?.toFixed(0)} ms, then ${gaps[1]?.toFixed(0)} ms, median ${gaps[gaps.length >> 1]?.toFixed(0)} ms, n ${gaps.length}`;
  });
}

/** What a screen reader is told of the active row must be there, once. */
async function check_active(page) {
  const id = await page.getByRole("tree").getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`[id="${id}"]`).count(), 1, `${id} is in the document`);
  assert.equal(await selected(page).getAttribute("id"), id);
  return id;
}

test("ten thousand states: few rows, and the keys answer", async () => {
  const { page, errors, opened_ms } = await open(file(large.text));
  assert.ok(large.n_states >= 10_000);
  console.log(`opened ${large.n_states} states in ${opened_ms} ms`);
  const tree = page.getByRole("tree");
  const unfold = await gaps(page, () => page.getByRole("button", { name: "Unfold all" }).click());
  console.log(`unfolding all: ${unfold}`);
  const n_rows = () => page.getByRole("treeitem").count();
  await shot(page, "large");
  await tree.focus();
  const down = await gaps(page, async () => {
    for (let step = 0; step < 50; step++) await page.keyboard.press("ArrowDown");
  });
  console.log(`50 times ArrowDown: ${down}`);
  await check_active(page);
  assert.ok((await n_rows()) < 300, `${await n_rows()} rows`);
  const far = await gaps(page, async () => {
    for (const key of ["End", "Home", "End", "Home"]) await page.keyboard.press(key);
  });
  console.log(`End and Home, twice: ${far}`);
  const fold = await gaps(page, async () => {
    for (let step = 0; step < 6; step++) await page.keyboard.press("Enter");
  });
  console.log(`folding and unfolding the root, three times: ${fold}`);
  assert.equal(await check_active(page), "root");
  await page.keyboard.press("End");
  const last = await check_active(page);
  // The active row stays in the document when it is scrolled out of sight.
  await tree.evaluate((node) => node.scrollTo(0, 0));
  await frames(page);
  assert.equal(await check_active(page), last);
  assert.ok((await n_rows()) < 300);
  const scrolling = await gaps(page, async () => {
    for (let step = 0; step < 40; step++) {
      await tree.evaluate((node, top) => node.scrollTo(0, top), step * 1500);
      await frames(page);
    }
  });
  console.log(`scrolling the outline 40 times: ${scrolling}`);
  const shown = await page.getByRole("treeitem").evaluateAll((rows) => {
    const frame = document.querySelector('[role="tree"]').getBoundingClientRect();
    return rows.filter((row) => row.getBoundingClientRect().top < frame.bottom && row.getBoundingClientRect().bottom > frame.top).length;
  });
  assert.ok(shown > 10, `${shown} rows in sight`);
  assert.deepEqual(await violations(page), []);
  const scrub = await gaps(page, async () => {
    for (let step = 0; step < 20; step++) await page.getByRole("button", { name: "Previous event" }).click();
  });
  console.log(`20 events back: ${scrub}`);
  assert.deepEqual(errors, []);
});

test("the lesser tactics unfold under a row that counts them", async () => {
  const { page, errors } = await open(file(generated(3, { n_names: 30 }).text));
  const more = page.locator('[id="more-0"]');
  assert.equal(squeezed(await more.locator("code").textContent()), "19 more");
  assert.equal(await more.getAttribute("aria-expanded"), "false");
  const n_rows = await page.getByRole("treeitem").count();
  await page.getByRole("tree").focus();
  for (let step = 0; step < 60 && (await check_active(page)) !== "more-0"; step++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  assert.equal(await more.getAttribute("aria-expanded"), "true");
  assert.equal(await page.getByRole("treeitem").count(), n_rows + 19);
  await page.keyboard.press("ArrowRight");
  assert.equal(await selected(page).getAttribute("aria-level"), "3");
  assert.equal(await selected(page).getAttribute("aria-setsize"), "19");
  for (const key of ["ArrowLeft", "ArrowLeft"]) await page.keyboard.press(key);
  assert.equal(await page.getByRole("treeitem").count(), n_rows);
  assert.deepEqual(errors, []);
});

test("outline and drawing share one selection", async () => {
  const { page, errors } = await open(file(large.text));
  await shot(page, "large-folded");
  await page.getByRole("button", { name: "Unfold all" }).click();
  await page.getByRole("tree").focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  const text = squeezed(await selected(page).locator("code").textContent());
  const chosen = page.locator(".drawing g:has(> .chosen)");
  assert.ok(squeezed(await chosen.locator("title").textContent()).startsWith(text), "the drawing follows the outline");
  // The other way: a click on another node of the drawing.
  await frames(page);
  const frame = await page.locator(".drawing").boundingBox();
  const nodes = await page.locator(".drawing g[class]").evaluateAll((nodes) => nodes.map((node) => {
    const { x, y, height } = node.querySelectorAll("text")[1].getBoundingClientRect();
    return { title: node.querySelector("title").textContent, x: x + 10, y: y + height / 2, chosen: !!node.querySelector(".chosen") };
  }));
  const target = nodes.find(({ x, y, chosen }) => !chosen && x > frame.x + 40 && x < frame.x + frame.width - 60 && y > frame.y + 40 && y < frame.y + frame.height - 40);
  await page.mouse.click(target.x, target.y);
  await frames(page);
  await check_active(page);
  assert.ok(squeezed(target.title).startsWith(squeezed(await selected(page).locator("code").textContent())));
  assert.ok(await page.getByRole("tree").evaluate((tree) => {
    const [row, frame] = [tree.querySelector('[aria-selected="true"]').getBoundingClientRect(), tree.getBoundingClientRect()];
    return row.top >= frame.top - 1 && row.bottom <= frame.bottom + 1;
  }), "the outline scrolls to what was clicked");
  // Far away it is a few paths, whatever the number of states.
  const zoom = await gaps(page, () => page.getByRole("button", { name: "Fit" }).click());
  console.log(`fitting the whole drawing: ${zoom}`);
  assert.ok((await page.locator(".drawing svg *").count()) < 20);
  await shot(page, "large-fit");
  await page.locator(".drawing").focus();
  const zooming = await gaps(page, async () => {
    for (let step = 0; step < 12; step++) await page.keyboard.press("+");
  });
  console.log(`zooming in 12 times: ${zooming}`);
  const scrolling = await gaps(page, async () => {
    for (let step = 0; step < 40; step++) {
      await page.locator(".drawing").evaluate((node) => node.scrollBy(0, 400));
      await frames(page);
    }
  });
  console.log(`scrolling the drawing 40 times: ${scrolling}`);
  assert.deepEqual(errors, []);
});

test("the files can be opened again", async () => {
  const { page, errors } = await open(recorded);
  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  };
  const log = await saved("Save log");
  assert.equal(log.name, "search.jsonl");
  assert.equal(log.text, await readFile(recorded, "utf8"), "the log comes out as it went in");
  const svg = await saved("Save SVG");
  assert.equal(svg.name, "search.svg");
  const n_nodes = await page.evaluate((text) => {
    const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
    return parsed.querySelector("parsererror") ? -1 : parsed.querySelectorAll("g[class]").length;
  }, svg.text);
  assert.equal(n_nodes, await page.getByRole("treeitem").count());
  assert.deepEqual(errors, []);
});

test("a state opens on the Prove page by button and by key", async () => {
  const { page, errors } = await open(recorded);
  const button = page.getByRole("button", { name: "Open on the Prove page" });
  assert.equal(await button.getAttribute("aria-keyshortcuts"), "Shift+Enter");
  await page.getByRole("tree").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+Enter");
  // Without a server the Prove page can only say so; `prove.test.mjs` goes there with one.
  await page.getByRole("heading", { name: /^No server here/ }).waitFor();
  await page.getByRole("link", { name: "Tree", exact: true }).click();
  await button.click();
  await page.getByRole("heading", { name: /^No server here/ }).waitFor();
  assert.deepEqual(errors, []);
});

test("both palettes and widths are sound", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 1000, 390]) {
      const { page, errors } = await open(recorded, { colorScheme, viewport: { width, height: 800 } });
      await page.getByLabel("show failed and duplicate tactics").check();
      await page.keyboard.press("Tab");
      await page.keyboard.press("ArrowDown");
      await page.getByText("Signs and keys").click();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${width} px wide`);
      assert.deepEqual(await violations(page), [], `${colorScheme} at ${width} px`);
      await frames(page);
      SHOTS && (await page.screenshot({ path: join(SHOTS, `recorded-${colorScheme}-${width}.png`), fullPage: true }));
      assert.deepEqual(errors, []);
      await page.close();
    }
  }
});
