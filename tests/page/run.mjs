// Checks the page of running exporters in a browser.
//
//   node run.mjs CHROMIUM PICTURES < SITES
//
// SITES is a list in JSON: of each exporter its `name`, its `url`, its `directory`, the `routes` that the page has to show, and, if
// lines may be written for it, a `log` and the `source` that follows it. Pictures of the page are written into the directory
// PICTURES. Fails if a check does.

import { mkdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

import { start } from "./browser.mjs";
import { accessibility } from "./checks/accessibility.mjs";
import { keyboard } from "./checks/keyboard.mjs";
import { layout, motion, withoutScript } from "./checks/layout.mjs";
import { numbers } from "./checks/numbers.mjs";
import { updates } from "./checks/updates.mjs";
import { Report } from "./report.mjs";

const [chromium, pictures] = process.argv.slice(2);
const sites = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(pictures, { recursive: true });
const browser = await start(chromium);
const report = new Report();
// The longest first.
const jobs = sites.reverse().flatMap((site) => [
  ...accessibility(browser, site, report),
  () => keyboard(browser, site, report),
  () => layout(browser, site, pictures, report),
  () => numbers(browser, site, report),
  () => withoutScript(browser, site, report),
  () => motion(browser, site, report),
]);

/** Does jobs until there is none left. */
async function work() {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    try {
      await job();
    } catch (error) {
      report.check("a check runs to its end", [error.stack]);
    }
  }
}

const began = performance.now();
await Promise.all(Array.from({ length: availableParallelism() }, work));
// Lines are counted here, which changes the numbers of the others.
jobs.push(...sites.filter((site) => site.log).map((site) => () => updates(browser, site, report)));
await work();
await browser.close();
console.log(`${Math.round((performance.now() - began) / 1000)} s`);
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exitCode = report.failed === 0 ? 0 : 1;
