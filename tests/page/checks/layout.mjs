// The page at several widths, as text alone, and without motion; and its pictures.

import path from "node:path";

import { open, openDetails } from "../browser.mjs";

const WIDTHS = { 320: 640, 768: 1024, 1280: 900 };

/** Returns how much wider the page is than its window, and the elements that cause it. */
export function excess() {
  const root = document.documentElement;
  const more = root.scrollWidth - root.clientWidth;
  if (more <= 0) return [];
  // What scrolls by itself hides what it contains, unless that has its place in the page.
  const isHidden = (element) => {
    const scroll = element.parentElement?.closest(".scroll");
    return scroll && (getComputedStyle(element).position !== "absolute" || scroll.contains(element.offsetParent));
  };
  const isWide = (element) => element.getBoundingClientRect().right > root.clientWidth + 1;
  const wide = [...document.body.querySelectorAll("*")].filter((element) => isWide(element) && !isHidden(element));
  return [`${more} px too wide`, ...wide.slice(0, 5).map((element) => element.outerHTML.slice(0, 100))];
}

/** Writes the paths of a usual server in place of those of the test. */
function renamePaths(directory) {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const renamed = texts.currentNode.data.replaceAll(`${directory}/config.toml`, "/etc/httplog-exporter/config.toml");
    texts.currentNode.data = renamed.replaceAll(directory, "/var/log/nginx");
  }
}

export async function layout(browser, { name, url, directory }, pictures, report) {
  for (const [width, height] of Object.entries(WIDTHS)) {
    for (const theme of ["light", "dark"]) {
      const { page, close } = await open(browser, url, { theme, width: Number(width), height });
      const kind = theme === "light" ? "" : `-${theme}`;
      const file = path.join(pictures, `${name}-${width}${kind}.png`);
      report.check(`${name}, ${width} px, ${theme}: no horizontal scrolling`, await page.evaluate(excess));
      await page.evaluate(renamePaths, directory);
      await page.screenshot({ path: file, animations: "disabled" });
      await openDetails(page);
      report.check(`${name}, ${width} px, ${theme}: none with details open`, await page.evaluate(excess));
      await close();
    }
  }
}

/** Returns the texts of headings and tables, without the buttons of the script. */
async function texts(browser, { name, url }, script, report) {
  const { page, faults, close } = await open(browser, url, { script });
  const buttons = page.locator("main button");
  const commands = await page.locator("dd > code").count();
  report.equal(`${name}: each command has a button with the script only`, await buttons.count(), script ? commands : 0);
  if (script) await buttons.evaluateAll((all) => all.forEach((button) => button.remove()));
  const found = await page.locator("h1, h2, h3, main tr, main dl.facts").allTextContents();
  report.check(`${name}: nothing unwanted happens ${script ? "with" : "without"} the script`, faults);
  if (!script) {
    const visible = await page.locator("button:visible").count();
    report.equal(`${name}: without the script, no button is shown that needs it`, visible, 0);
    const summary = page.locator("summary:visible").first();
    await summary.click();
    report.equal(`${name}: without the script, details open`, await page.locator("details[open]").count(), 1);
  }
  await close();
  // Ages differ from one second to the next.
  return found.map((text) => text.replaceAll(/\d+ (ms|s|min)\b/g, "…"));
}

/** Without its script, the page shows the same. */
export async function withoutScript(browser, site, report) {
  let pair;
  // Between two responses, ten seconds may have ended, after which all charts have moved.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    pair = [await texts(browser, site, true, report), await texts(browser, site, false, report)];
    if (String(pair[0]) === String(pair[1])) break;
  }
  const differing = pair[0].flatMap((text, at) => (text === pair[1][at] ? [] : [`with: ${text}`, `without: ${pair[1][at]}`]));
  report.check(`${site.name}: the texts are equal with and without the script`, differing);
  report.equal(`${site.name}: there are as many of them`, pair[1].length, pair[0].length);
}

/** A person who wants no motion gets none. */
export async function motion(browser, { name, url }, report) {
  const { page, close } = await open(browser, url, { motion: "reduce" });
  const moving = await page.evaluate(() => {
    const isMoving = (element) => {
      const style = getComputedStyle(element);
      const times = `${style.transitionDuration}, ${style.animationDuration}`.split(", ");
      return times.some((time) => parseFloat(time) > 0) || style.scrollBehavior === "smooth";
    };
    return [...document.querySelectorAll("*")].filter(isMoving).map((element) => element.outerHTML.slice(0, 80));
  });
  report.check(`${name}: nothing moves if motion is to be reduced`, moving);
  await close();
}
