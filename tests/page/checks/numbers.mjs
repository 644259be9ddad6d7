// The numbers of the page are those of /metrics.

import { open } from "../browser.mjs";

/** Parses the text format of Prometheus: names, labels and values. */
export function parseMetrics(text) {
  const series = [];
  for (const line of text.split("\n")) {
    const [, name, labels, value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const found = {};
    for (const [, label, escaped] of (labels ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
      found[label] = escaped.replaceAll(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    }
    series.push({ name, labels: found, value: Number(value) });
  }
  return series;
}

/** Sums the series of a name by the key of their labels. */
function sums(series, name, key) {
  const found = new Map();
  for (const { labels, value } of series.filter((one) => one.name === name)) {
    const of = key(labels);
    if (of !== null) found.set(of, (found.get(of) ?? 0) + value);
  }
  return found;
}

const digits = (text) => Number(text.replaceAll(/\D/g, ""));

/** Returns the sources and the routes that the page shows, with their numbers. */
export async function shown(page) {
  const sources = await page.locator("#sources tbody tr").evaluateAll((rows) =>
    rows.map((row) => [row.dataset.key, row.cells[5].textContent, row.cells[6].textContent]),
  );
  const routes = await page.locator("#routes tbody tr").evaluateAll((rows) =>
    rows.map((row) => [row.dataset.key, row.querySelector("details dd").textContent, row.querySelector(":scope > th").textContent]),
  );
  return {
    sources: sources.map(([name, recorded, rejected]) => ({ name, recorded: digits(recorded), rejected: digits(rejected) })),
    routes: routes.map(([key, requests, name]) => ({ key, requests: digits(requests), name })),
  };
}

/** Reads /metrics, the status and the page, and compares them. Nothing may be counted meanwhile. */
export async function numbers(browser, { name, url, routes: expected }, report) {
  const from = async (page, where) => (await page.request.get(new URL(where, url).href)).text();
  for (const language of ["en", "fr"]) {
    const { page, close } = await open(browser, url, { language });
    const series = parseMetrics(await from(page, "/metrics"));
    const status = JSON.parse(await from(page, "/api/v1/status"));
    const { sources, routes } = await shown(page);

    const lines = (outcome) =>
      sums(series, "httplog_exporter_lines_total", (labels) => (labels.outcome === outcome ? labels.source : null));
    const [recorded, rejected] = [lines("recorded"), lines("rejected")];
    const counted = [...recorded.keys()].map((source) => ({
      name: source,
      recorded: recorded.get(source),
      rejected: rejected.get(source),
    }));
    const byName = (list) => [...list].sort((one, other) => (one.name < other.name ? -1 : 1));
    report.equal(`${name}, ${language}: the lines of each source`, byName(sources), byName(counted));
    const inStatus = status.sources.map((source) => ({
      name: source.name,
      recorded: source.lines.recorded,
      rejected: source.lines.rejected,
    }));
    report.equal(`${name}, ${language}: the lines of each source in the status`, inStatus, sources);

    const requests = sums(series, "httplog_requests_total", (labels) => `${labels.source} ${labels.route}`);
    const wrong = routes.filter((route) => requests.get(route.key) !== route.requests);
    report.check(
      `${name}, ${language}: the requests of each of ${routes.length} routes`,
      wrong.map(({ key, requests: found }) => `${key}: ${found} on the page, ${requests.get(key)} in the metrics`),
    );
    report.equal(
      `${name}, ${language}: the requests of each route in the status`,
      status.routes.map((route) => [`${route.source} ${route.route}`, route.requests_total]),
      routes.map((route) => [route.key, route.requests]),
    );
    const errors = sums(series, "httplog_requests_total", (labels) =>
      /^5..$/.test(labels.status) ? `${labels.source} ${labels.route}` : null,
    );
    const inErrors = status.routes.filter((route) => (errors.get(`${route.source} ${route.route}`) ?? 0) !== route.errors);
    report.check(
      `${name}, ${language}: the errors of each route`,
      inErrors.map((route) => `${route.source} ${route.route}: ${route.errors}`),
    );
    const used = series.filter((one) => one.name === "httplog_exporter_series").reduce((sum, one) => sum + one.value, 0);
    report.equal(`${name}, ${language}: the series in use`, status.series.used, used);
    const missing = expected.filter((route) => !routes.some((one) => one.name === route));
    report.check(`${name}, ${language}: hostile names are shown as they are`, missing);
    await close();
  }
}
