//! The page around its sections.

use super::markup::Html;
use super::numbers::Numbers;
use super::words::Words;
use super::writer::Writer;
use super::{SCRIPT, STYLE, limits, routes, sources, traffic, verdict};
use crate::model::Language;
use crate::status::Status;

/// Size of a page without routes, and of a route, in bytes; more is allocated if it is needed.
const BASE_BYTES: usize = 32 * 1024;
const ROUTE_BYTES: usize = 2 * 1024;

/// Paths of the other pages.
#[derive(Clone, Debug)]
pub struct Links<'l> {
    /// Metrics.
    pub metrics: &'l str,
    /// The status as JSON.
    pub status: &'l str,
    /// Liveness.
    pub healthy: &'l str,
    /// Readiness.
    pub ready: &'l str,
}

/// Appends the page to `to`.
pub fn write(status: &Status, language: Language, links: &Links<'_>, to: &mut String) {
    let words = Words::of(language);
    to.reserve(BASE_BYTES + ROUTE_BYTES * (status.routes.len() + status.sources.len()));
    let mut writer = Writer {
        html: Html::after(std::mem::take(to)),
        status,
        words,
        numbers: Numbers(language),
    };
    writer.begin(language);
    verdict::write(&mut writer);
    sources::write(&mut writer);
    traffic::write(&mut writer);
    routes::write(&mut writer);
    limits::write(&mut writer);
    writer.end(links);
    *to = writer.html.into_string();
}

impl Writer<'_> {
    fn begin(&mut self, language: Language) {
        let (words, status, numbers) = (self.words, self.status, self.numbers);
        let html = &mut self.html;
        html.raw("<!DOCTYPE html>\n<html lang=\"")
            .raw(language.tag());
        html.raw(
            "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
        );
        html.text(words.verdict(status.verdict))
            .raw(" – httplog-exporter</title>\n<style>");
        html.raw(STYLE)
            .raw("</style>\n<script type=\"module\">")
            .raw(SCRIPT);
        html.raw("</script>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">")
            .text(words.skip);
        html.raw("</a>\n<header><h1>httplog-exporter</h1><p id=\"about\">");
        html.text(words.version)
            .raw(" ")
            .text(&status.exporter.version)
            .raw(" · ");
        html.text(words.uptime).raw(" ");
        html.text(&numbers.age(status.exporter.uptime_seconds))
            .raw(" · ");
        html.text(words.as_of)
            .raw(" ")
            .text(&Numbers::time_of_day(status.time))
            .raw("</p>");
        html.raw("<button type=\"button\" id=\"pause\" aria-pressed=\"false\">")
            .text(words.pause);
        html.raw("</button><p id=\"notice\" role=\"status\"")
            .attribute("data-silence", &[words.no_answer])
            .attribute("data-copy", &[words.copy])
            .attribute("data-copied", &[words.copied])
            .raw("></p><nav")
            .attribute("aria-label", &[words.sections])
            .raw("><ul>");
        for (id, heading) in [
            ("sources", words.sources),
            ("traffic", words.requests),
            ("routes", words.routes),
            ("limits", words.limits),
        ] {
            html.raw("<li><a href=\"#")
                .raw(id)
                .raw("\">")
                .text(heading)
                .raw("</a></li>");
        }
        html.raw("</ul></nav></header>\n<main id=\"content\" tabindex=\"-1\">\n");
    }

    fn end(&mut self, links: &Links<'_>) {
        let words = self.words;
        let html = &mut self.html;
        html.raw("</main>\n<footer><nav")
            .attribute("aria-label", &[words.elsewhere])
            .raw("><ul>");
        for (path, name) in [
            (links.metrics, words.metrics),
            (links.status, words.status_json),
            (links.healthy, words.health),
            (links.ready, words.readiness),
        ] {
            html.raw("<li><a")
                .attribute("href", &[path])
                .raw(">")
                .text(name)
                .raw("</a></li>");
        }
        html.raw("</ul></nav></footer>\n</body>\n</html>\n");
    }
}
