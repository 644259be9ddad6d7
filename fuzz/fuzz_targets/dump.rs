//! Reads any text as the dump of a URLconf: one without its end is refused, and the resolver of the others finds the first
//! route that matches by itself.
#![no_main]

use std::sync::Arc;

use httplog_exporter::diag::{Report, Text};
use httplog_exporter::route::{Resolver, Urlconf};
use libfuzzer_sys::fuzz_target;

/// Routes up to which each is compiled by itself.
const ROUTES: usize = 12;
const PATHS: [&[u8]; 12] = [
    b"/", b"/a/", b"/a/1/", b"/articles/2026/", b"/en/a/", b"/%41//b", b"/a/b/c.json", b"/app/a/",
    b"/caf%C3%A9/", b"/x\xff/", b"*", b"/0000000000000000000000000000000000000001/",
];

fn read(content: &str) -> (Option<Urlconf>, Report) {
    let text = Arc::new(Text {
        name: "urlconf.jsonl".to_owned(),
        content: content.to_owned(),
    });
    let mut report = Report::default();
    let urlconf = Urlconf::read(&text, &mut report);
    (urlconf, report)
}

fuzz_target!(|input: (&str, &[u8])| {
    let (content, path) = input;
    let (urlconf, mut report) = read(content);
    let shown = report.to_string();
    assert!(
        shown.chars().all(|c| c == '\n' || !c.is_control()),
        "a control character in {shown:?}"
    );
    assert_eq!(urlconf.is_none(), report.has_errors());
    let Some(urlconf) = urlconf else {
        return;
    };
    // A dump of version 2 that is cut off before its last line is refused.
    let lines: Vec<&str> = content.split_inclusive('\n').collect();
    let header = lines.iter().find(|line| line.starts_with("{\"format\": \"httplog-exporter urlconf\""));
    if let Some(last) = lines.iter().rposition(|line| line.starts_with("{\"end\":"))
        && header.is_some_and(|header| header.contains("\"version\": 2"))
        && lines.iter().filter(|line| line.contains("\"end\"")).count() == 1
    {
        let (cut, _) = read(&lines[..last].concat());
        assert!(cut.is_none(), "a dump without its end is accepted");
    }
    let routes = urlconf.routes.clone();
    let resolver = Resolver::new(urlconf.clone(), None, &mut report);
    let alone: Option<Vec<Resolver>> = (routes.len() <= ROUTES).then(|| {
        let alone = routes.iter().map(|route| {
            let urlconf = Urlconf {
                routes: vec![route.clone()],
                ..urlconf.clone()
            };
            Resolver::new(urlconf, None, &mut Report::default())
        });
        alone.collect()
    });
    let mut scratch = Vec::new();
    for path in PATHS.iter().copied().chain([path]) {
        let found = resolver.resolve(path, &mut scratch);
        assert_eq!(resolver.explain(path).route, found);
        if let Some(alone) = &alone {
            let first = alone.iter().position(|it| it.resolve(path, &mut scratch).is_some());
            assert_eq!(found, first, "{}", String::from_utf8_lossy(path));
        }
    }
});
