//! The answer to "is all well", and what needs attention.

use super::writer::Writer;
use crate::status::{Severity, Trouble, Verdict};

/// Most troubles that are listed.
const MAX_LISTED: usize = 50;

pub(super) fn write(to: &mut Writer<'_>) {
    let (status, words) = (to.status, to.words);
    let class = match status.verdict {
        Verdict::Well => "notice",
        Verdict::Attention => "warning",
        Verdict::Broken => "error",
    };
    to.html
        .raw("<div id=\"verdict\"")
        .attribute("class", &[class])
        .raw(">");
    to.section("state", words.verdict(status.verdict));
    if status.verdict == Verdict::Well {
        to.html.raw("<p>").text(words.well_text).raw("</p>");
    }
    if !status.troubles.is_empty() {
        to.html.raw("<ul class=\"troubles\">");
        for trouble in status.troubles.iter().take(MAX_LISTED) {
            write_trouble(to, trouble);
        }
        to.html.raw("</ul>");
    }
    let omitted = status.troubles.len().saturating_sub(MAX_LISTED);
    if omitted > 0 {
        let omitted = to.numbers.whole(omitted as u64);
        to.html
            .raw("<p>")
            .text(&omitted)
            .raw(" ")
            .text(words.more_troubles)
            .raw("</p>");
    }
    to.html.raw("</section></div>\n");
}

fn write_trouble(to: &mut Writer<'_>, trouble: &Trouble) {
    let words = to.words;
    let (class, name) = match trouble.severity {
        Severity::Error => ("error", words.error),
        Severity::Warning => ("warning", words.warning),
        Severity::Notice => ("notice", words.notice),
    };
    let html = &mut to.html;
    html.raw("<li")
        .attribute("class", &[class])
        .attribute("data-code", &[&trouble.code])
        .raw("><p><strong>")
        .text(name)
        .raw("</strong> ")
        .text(&trouble.summary)
        .raw("</p>");
    if let Some(detail) = &trouble.detail {
        html.raw("<p class=\"reason\">").text(detail).raw("</p>");
    }
    html.raw("<p>")
        .text(words.remedy)
        .raw(" ")
        .text(&trouble.remedy)
        .raw("</p>");
    html.raw("<p>")
        .text(words.see)
        .raw(" <span class=\"reason\">")
        .text(&trouble.section())
        .raw("</span></p>");
    if let Some(command) = &trouble.command {
        html.raw("<dl>");
        to.paste(&trouble.summary, &[command]);
        to.html.raw("</dl>");
    }
    to.html.raw("</li>");
}
