//! Reads any text as a configuration: the report and the result agree, every fault can be shown, and what is accepted can be
//! run.
#![no_main]

use std::path::Path;

use httplog_exporter::config::{Config, Resolvers};
use httplog_exporter::daemon::pipeline_settings;
use httplog_exporter::diag::Severity;
use httplog_exporter::label::Budget;
use httplog_exporter::model::{Batch, GenerationId, Position};
use httplog_exporter::pipeline::Pipeline;
use libfuzzer_sys::fuzz_target;

const LINE: &[u8] = b"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET /a/ HTTP/1.1\" 200 10 \"-\" \"ua\"\n";

fuzz_target!(|text: &str| {
    // Nothing of the machine is read: no dump has this path.
    let base = Path::new("/nonexistent");
    let checked = Config::parse("config.toml", text, base);
    assert_eq!(checked.config.is_none(), checked.report.has_errors());
    let shown = checked.report.to_string();
    assert!(
        shown.chars().all(|c| c == '\n' || !c.is_control()),
        "a control character in {shown:?}"
    );
    for fault in checked.report.faults() {
        assert!(!fault.message.is_empty());
        if let Some(place) = &fault.place {
            assert!(place.span.start <= place.span.end && place.span.end <= text.len());
        }
    }
    // The result depends on the text alone, and a comment at its end changes nothing.
    let again = Config::parse("config.toml", text, base);
    assert_eq!(again.report.to_string(), shown);
    let errors = |checked: &httplog_exporter::config::Checked| {
        let faults = checked.report.faults();
        faults.iter().filter(|fault| fault.severity == Severity::Error).count()
    };
    let longer = Config::parse("config.toml", &format!("{text}\n# end\n"), base);
    if checked.config.is_some() {
        assert_eq!(errors(&longer), 0, "{}", longer.report);
    }
    let Some(config) = checked.config else {
        return;
    };
    let budget = Budget::new(config.limits.series);
    for source in &config.sources {
        let settings = pipeline_settings(source, config.limits.line_bytes, &Resolvers::default(), None);
        let mut pipeline = Pipeline::new(settings, budget.clone());
        let mut shard = pipeline.shard();
        let position = Position {
            generation: GenerationId(0),
            offset: LINE.len() as u64,
        };
        pipeline.feed(&mut shard, &Batch::new(LINE, 0, position));
        assert_eq!(shard.ledger().lines(), 1);
    }
});
