// The page while it is open: it shows what is counted, leaves the reader alone, and can be paused.

import { appendFileSync, readFileSync } from "node:fs";

import { PATIENCE, open } from "../browser.mjs";
import { shown } from "./numbers.mjs";

/** Time between two updates of the page, on its own clock, in milliseconds. */
const INTERVAL = 10_000;

/** Appends the last line of a log this many times. */
function append(log, times) {
  const last = readFileSync(log, "utf8").trimEnd().split("\n").at(-1);
  appendFileSync(log, `${last}\n`.repeat(times));
}

const recorded = async (page, source) => (await shown(page)).sources.find(({ name }) => name === source).recorded;

/** Lets the page update itself until its number of lines is this one. */
async function updateUntil(page, source, expected) {
  const deadline = Date.now() + PATIENCE;
  while ((await recorded(page, source)) !== expected && Date.now() < deadline) {
    const answer = page.waitForResponse((response) => new URL(response.url()).pathname === "/");
    await page.clock.runFor(INTERVAL);
    await (await answer).finished();
  }
}

export async function updates(browser, { name, url, log, source }, report) {
  const { page, faults, close } = await open(browser, url, { clock: true });
  const before = await recorded(page, source);

  const details = page.locator("#routes details").nth(1);
  await details.locator("summary").click();
  const copy = details.locator("button").first();
  await copy.focus();
  await copy.evaluate((element) => {
    window.kept = { focus: element, details: element.closest("details"), row: element.closest("tr") };
    window.top = scrollY;
  });
  const top = await page.evaluate(() => scrollY);
  append(log, 7);
  await updateUntil(page, source, before + 7);
  report.equal(`${name}: an update shows what was counted`, await recorded(page, source), before + 7);
  const kept = await page.evaluate(() => ({
    focus: document.activeElement === window.kept.focus,
    isOpen: window.kept.details.isConnected && window.kept.details.open,
    row: window.kept.row.isConnected,
  }));
  report.equal(`${name}: an update keeps the focus and open details`, kept, { focus: true, isOpen: true, row: true });
  report.equal(`${name}: an update does not scroll`, await page.evaluate(() => scrollY), top);
  const metrics = await (await page.request.get(new URL("/metrics", url).href)).text();
  const line = metrics.split("\n").find((one) => one.includes(`outcome="recorded",source="${source}"`));
  report.equal(`${name}: it is the number of /metrics`, Number(line?.split(" ").at(-1)), before + 7);

  const pause = page.locator("#pause");
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await pause.click();
  report.equal(`${name}: the button is pressed`, await pause.getAttribute("aria-pressed"), "true");
  append(log, 5);
  await page.clock.runFor(6 * INTERVAL);
  report.equal(`${name}: a paused page asks for nothing`, requests, []);
  report.equal(`${name}: a paused page stays as it is`, await recorded(page, source), before + 7);
  await pause.click();
  await updateUntil(page, source, before + 12);
  report.equal(`${name}: then it goes on`, await recorded(page, source), before + 12);
  report.check(`${name}: nothing unwanted happens over updates`, faults);

  // Without the exporter, the page says so and keeps what it shows.
  await page.route("**/*", (route) => route.abort());
  await page.clock.runFor(INTERVAL);
  const notice = page.locator("#notice");
  const silence = await notice.getAttribute("data-silence");
  await page.waitForFunction((text) => document.getElementById("notice").textContent === text, silence);
  report.equal(`${name}: without a response, the page keeps its numbers`, await recorded(page, source), before + 12);
  await close();
}
