// Starts the browser, and opens pages in it.

import { chromium } from "playwright-core";

/** Nothing is downloaded, updated or reported, and the first start asks nothing. Playwright makes an empty profile. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Deadline of every wait, in milliseconds. */
export const PATIENCE = 30_000;

export const THEMES = {
  light: { colorScheme: "light", forcedColors: "none" },
  dark: { colorScheme: "dark", forcedColors: "none" },
  forced: { colorScheme: "dark", forcedColors: "active" },
};

export const LANGUAGES = { en: "en-GB", fr: "fr-FR" };

/** Starts the browser at this path. */
export function start(executablePath) {
  return chromium.launch({ executablePath, args: FLAGS, timeout: PATIENCE });
}

/**
 * Opens a page in a context of its own, and returns it with `faults`: everything that it must not do, so far.
 */
export async function open(browser, url, options = {}) {
  const { theme = "light", language = "en", width = 1280, height = 900, script = true, motion = "no-preference", clock = false } =
    options;
  const context = await browser.newContext({
    ...THEMES[theme],
    locale: LANGUAGES[language],
    viewport: { width, height },
    javaScriptEnabled: script,
    reducedMotion: motion,
  });
  context.setDefaultTimeout(PATIENCE);
  const faults = [];
  const origin = new URL(url).origin;
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`a request to ${request.url()}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} for ${response.url()}`);
  });
  context.on("requestfailed", (request) => faults.push(`no response for ${request.url()}`));
  // The content security policy reports violations here too.
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`on the console: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`in the script: ${error.error()}`));
  context.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  const page = await context.newPage();
  if (clock) await page.clock.install();
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

/** Opens some of what is shown on request only: all of it is made in the same way. */
export async function openDetails(page) {
  await page.evaluate(() => {
    const all = document.querySelectorAll("section");
    for (const section of all) for (const details of [...section.querySelectorAll("details")].slice(0, 8)) details.open = true;
  });
}
