// axe-core's rules, held against pages in both colour modes.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Holds a page against axe-core's rules; `look` sees it in each colour mode, after that. */
export async function checkAxe(page, what, look) {
  // The page's rules allow no script of anybody else; axe comes in by the debugger.
  for (const colours of ["light", "dark"]) {
    await page.getByLabel("Colours").selectOption(colours);
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
    });
    assert.deepEqual(found, [], `${what} in ${colours}`);
    await look(colours);
  }
}
