// A walk over the page by the Tab key.

import { open } from "../browser.mjs";

/** Notes what can be used, in the sequence of the document, and returns descriptions. */
function noteControls() {
  const controls = [...document.querySelectorAll("a[href], button, summary, input, select, textarea")];
  const usable = controls.filter((control) => control.checkVisibility({ visibilityProperty: true }) && !control.disabled);
  window.controls = usable;
  return usable.map(
    (control) => `${control.localName} "${(control.getAttribute("aria-label") ?? control.textContent).trim().slice(0, 40)}"`,
  );
}

/** Describes what has the focus, and what is wrong with it. */
function focused() {
  const element = document.activeElement;
  if (element === null || element === document.body || element === document.documentElement) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const faults = [];
  if (style.outlineStyle === "none" || !(parseFloat(style.outlineWidth) >= 2)) faults.push("the focus is not visible");
  if (box.width < 1 || box.height < 1) faults.push("it has no size");
  const [x, y] = [box.left + Math.min(box.width, innerWidth) / 2, box.top + Math.min(box.height, innerHeight) / 2];
  const isInside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  if (!isInside) faults.push("it is outside the window");
  const above = isInside && document.elementFromPoint(Math.min(Math.max(x, 0), innerWidth - 1), Math.min(Math.max(y, 0), innerHeight - 1));
  if (above && !element.contains(above) && !above.contains(element)) faults.push(`${above.localName} covers it`);
  const canScroll = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;
  const isRegion = element.getAttribute("role") === "region" && element.hasAttribute("aria-labelledby");
  return {
    place: window.controls.indexOf(element),
    isRegion: canScroll || isRegion,
    what: `${element.localName} "${(element.getAttribute("aria-label") ?? element.textContent).trim().slice(0, 40)}"`,
    faults,
  };
}

export async function keyboard(browser, { name, url }, report) {
  // The window is to show at once what has the focus.
  const { page, faults, close } = await open(browser, url, { motion: "reduce" });
  // One row's details are open, so that what is in them is reached as well.
  for (const summary of (await page.locator("summary").all()).slice(0, 2)) await summary.click();
  await page.evaluate(() => document.activeElement?.blur());
  await page.evaluate(() => getSelection().removeAllRanges());
  await page.evaluate(() => scrollTo(0, 0));
  const controls = await page.evaluate(noteControls);
  const wrong = [];
  const places = [];
  // The walk begins at the top: the focus was nowhere.
  await page.evaluate(() => { document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex"); });
  for (let step = 0; step < controls.length + 200; step += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(focused);
    if (at === null) break;
    wrong.push(...at.faults.map((fault) => `${at.what}: ${fault}`));
    if (at.place < 0) {
      if (!at.isRegion) wrong.push(`${at.what} can have the focus and is not a control`);
      continue;
    }
    if (places.includes(at.place)) break;
    places.push(at.place);
  }
  controls.forEach((what, at) => {
    if (!places.includes(at)) wrong.push(`${what} is not reached`);
  });
  const sorted = [...places].sort((one, other) => one - other);
  if (String(sorted) !== String(places)) wrong.push(`the sequence is ${places}`);
  report.check(`${name}: Tab reaches ${controls.length} controls in sequence, with a visible focus`, wrong);

  await page.evaluate(() => document.activeElement?.blur());
  const summary = page.locator("summary").first();
  if ((await summary.count()) > 0) {
    await summary.focus();
    const isOpen = () => summary.evaluate((element) => element.parentElement.open);
    const before = await isOpen();
    await page.keyboard.press("Enter");
    report.equal(`${name}: Enter opens and closes details`, await isOpen(), !before);
  }
  report.check(`${name}: nothing unwanted happens on the way`, faults);
  await close();
}
