// Checks consoles of a running Prometheus in a browser.
//
//   node consoles.mjs CHROMIUM PICTURES < CONSOLES
//
// CONSOLES is an object in JSON: the `url` of the directory of consoles, and the `routes` that the source `hostile` has. Pictures of
// the console of the site are written into the directory PICTURES. Fails if a check does.

import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { start, open } from "./browser.mjs";
import { applyRules } from "./checks/accessibility.mjs";
import { excess } from "./checks/layout.mjs";
import { Report } from "./report.mjs";

const SITE = "httplog-site.html?compare=1h&source=nginx";
const BEGINNING = { x: 0, y: 0, width: 1280, height: 1245 };

/** Deadline of all graphs of a console, in milliseconds. */
const DRAWING = 120_000;

/** Panels of joined logs and of a capacity, which this past does not have. */
const WITHOUT_DATA = ["Worker utilisation", "Queue time", "Requests that never reached Django"];

const [chromium, pictures] = process.argv.slice(2);
const { url, routes } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(pictures, { recursive: true });
const browser = await start(chromium);
const report = new Report();

/** Opens a console and waits until its graphs are drawn. */
async function opened(file, options) {
  const found = await open(browser, url + file, options);
  if (options?.script !== false) await found.page.waitForFunction(() => document.body.dataset.drawn, null, { timeout: DRAWING });
  return found;
}

/** Returns the rows of a panel's table, each as the texts of its cells. */
function rows(page, title) {
  const panel = page.locator(".panel").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
  return panel.locator("tbody tr").evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
}

async function drawn() {
  const { page, faults, close } = await opened(SITE);
  const empty = await page.locator(".panel").filter({ hasText: "no data" }).locator("h3").allTextContents();
  report.equal("panels without data", empty, WITHOUT_DATA);
  const graphs = page.locator(".graph");
  report.equal("each other graph is drawn", await page.locator(".graph svg[role=img]").count(), (await graphs.count()) - WITHOUT_DATA.length);
  report.equal("the heat map has cells", (await page.locator(".heat rect").count()) > 100, true);
  const names = await page.locator("tbody th").allTextContents();
  report.equal("there are series", names.length > 50, true);
  report.check("each series has a name", names.filter((name) => name.trim() === ""));
  const changed = (await rows(page, "Change of errors")).map(([route]) => route);
  report.equal("a change is found", changed.includes("shop:checkout"), true);
  const picture = (name) => ({ path: path.join(pictures, name), animations: "disabled" });
  await page.screenshot({ ...picture("console-site.png"), fullPage: true, clip: BEGINNING });
  // Of a picture, axe-core reads the name only, but walks over each cell.
  await page.locator("rect").evaluateAll((cells) => cells.forEach((cell) => cell.remove()));
  await applyRules(page, "light", "console", report);
  report.check("console, 1280 px: no horizontal scrolling", await page.evaluate(excess));
  await page.setViewportSize({ width: 320, height: 640 });
  report.check("console, 320 px: no horizontal scrolling", await page.evaluate(excess));
  report.check("console: nothing unwanted happens", faults);
  await close();
}

/** Follows the links to the other consoles and back, which keep the selection. */
async function linked() {
  const { page, faults, close } = await opened("httplog-site.html?range=6h&source=nginx&route=shop:cart", { theme: "dark" });
  await applyRules(page, "dark", "console", report);
  for (const title of ["Django", "Exporter", "Site"]) {
    await page.getByRole("link", { name: title, exact: true }).click();
    await page.waitForFunction((name) => document.querySelector("h1").textContent === name && document.body.dataset.drawn, title);
    report.equal(`${title}: the range is kept`, await page.locator("[name=range]").inputValue(), "6h");
  }
  report.check("links: nothing unwanted happens", faults);
  await close();
}

/**
 * Selects each hostile route without the script: its name is a text, a parameter and a part of a query. The range has rates over
 * twelve minutes, so that the past counts as current for as long.
 */
async function escaped() {
  const { page, faults, close } = await opened("httplog-site.html?source=hostile&range=1d", { script: false });
  const found = await rows(page, "Routes");
  report.equal("without the script, there are values", found.every((cells) => Number.parseFloat(cells[1]) > 0), true);
  report.equal("hostile routes", found.map(([name]) => name).sort(), [...routes].sort());
  const links = await page.locator(".rows").first().getByRole("link").all();
  const targets = await Promise.all(links.map(async (link) => [await link.textContent(), await link.getAttribute("href")]));
  for (const [route, target] of targets) {
    await page.goto(new URL(target, page.url()).href);
    report.equal(`only ${route}`, (await rows(page, "Routes")).map(([name]) => name), [route]);
    report.equal(`${route} is selected`, await page.locator("[name=route]").inputValue(), route);
  }
  report.check("hostile routes: nothing unwanted happens", faults);
  await close();
}

/** Draws graphs of hostile routes. */
async function harmless() {
  const { page, faults, close } = await opened("httplog-site.html?source=hostile");
  const names = (await rows(page, "Top ten routes")).map(([name]) => name);
  report.equal("series of hostile routes", names.sort(), [...routes].sort());
  report.check("graphs of hostile routes: nothing unwanted happens", faults);
  await close();
}

const began = performance.now();
// One after the other: Prometheus renders beside the browser.
for (const check of [drawn, linked, escaped, harmless]) {
  try {
    await check();
  } catch (error) {
    report.check(`${check.name} runs to its end`, [error.stack]);
  }
}
await browser.close();
console.log(`${Math.round((performance.now() - began) / 1000)} s`);
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exitCode = report.failed === 0 ? 0 : 1;
