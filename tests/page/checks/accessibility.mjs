// The rules of axe-core: in every theme and language, with details open.

import axe from "axe-core";

import { LANGUAGES, THEMES, open, openDetails } from "../browser.mjs";

const ALL = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] };

/** The rules whose outcome depends on the theme. */
const OF_COLOURS = { type: "rule", values: ["color-contrast", "link-in-text-block"] };

/** Returns the jobs: all rules in one theme of each language, all rows in one of them, and the rules of colours in the other themes. */
export function accessibility(browser, site, report) {
  return Object.keys(LANGUAGES).flatMap((language) =>
    Object.keys(THEMES).map((theme) => () => check(browser, site, language, theme, report)),
  );
}

/** Removes rows that only differ from those before them by their numbers: axe-core takes its time for each element. */
function removeRows() {
  for (const row of document.querySelectorAll("#routes tbody tr:nth-child(n + 31)")) row.remove();
}

async function check(browser, { name, url }, language, theme, report) {
  const { page, faults, close } = await open(browser, url, { theme, language });
  await openDetails(page);
  if (theme !== "light" || language !== "en") await page.evaluate(removeRows);
  const title = `${name}, ${language}, ${theme}`;
  await applyRules(page, theme, title, report);
  report.equal(`${title}: the language of the page`, await page.evaluate(() => document.documentElement.lang), language);
  report.check(`${title}: nothing unwanted happens`, faults);
  await close();
}

/** Applies all rules to a page in the light theme, and those of colours in others. */
export async function applyRules(page, theme, title, report) {
  // Not by a script element, which the content security policy refuses.
  await page.evaluate(axe.source);
  const runOnly = theme === "light" ? ALL : OF_COLOURS;
  const found = await page.evaluate((only) => axe.run(document, { runOnly: only, resultTypes: ["violations"] }), runOnly);
  const violations = found.violations.map(({ id, help, nodes }) => {
    const places = nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`);
    return `${id}: ${help}, ${nodes.length} times:\n    ${places.join("\n    ").replaceAll(/\s*\n\s*/g, "\n      ")}`;
  });
  report.check(`${title}: axe-core finds nothing`, violations);
  report.equal(`${title}: rules were applied`, found.passes.length > 0, true);
}
