//! `compare`: compares the metrics of django-prometheus with the exporter's, and explains each difference.
//!
//! Invariant: no text of a page is shown but label values of the compared families; a password goes to the exporter alone.

mod input;
mod shown;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::client::ClientOptions;
use super::exit::{Exit, Failure};
use super::paint::Paint;
use super::status::local;
use crate::compare::{Moment, NotComparable, NotPage, Page, Pages, Side, compare};

use input::Input;
use shown::{Shown, push_json, push_tables};

/// Compare django-prometheus's metrics with the exporter's, and explain each difference.
///
/// Reads the page of django-prometheus and the exporter's, which counts the set `django` from the log of the same site. With the
/// pages that were saved before, it compares what both have counted since; otherwise all that they have ever counted. It shows the
/// causes of all differences: another clock, files, other workers, restarts, middlewares. Differences without a cause are listed
/// with their labels.
///
/// Without --ours, the exporter is the one of this machine: at the first `web.listen` of /etc/httplog-exporter/config.toml, or at
/// `http://127.0.0.1:9914`.
///
/// Exit code 0 if every difference is explained, 1 if not.
#[derive(Debug, Args)]
pub struct Compare {
    /// Page of django-prometheus: http://HOST:PORT/PATH, https://…, unix:PATH or a file; /metrics unless a path is given
    #[arg(long, value_name = "URL|FILE")]
    django: Input,
    /// Page of django-prometheus that was saved before
    #[arg(long, value_name = "FILE", requires = "ours_before")]
    django_before: Option<PathBuf>,
    /// Page of the exporter: a URL or a file
    #[arg(long, value_name = "URL|FILE")]
    ours: Option<Input>,
    /// Page of the exporter that was saved before
    #[arg(long, value_name = "FILE", requires = "django_before")]
    ours_before: Option<PathBuf>,
    /// List every series that differs, and not only the unexplained ones
    #[arg(long)]
    series: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientOptions,
}

impl Compare {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let ours = self.ours.clone().unwrap_or_else(|| Input::Server(local()));
        let (ours, django) = (ours.with_path(), self.django.clone().with_path());
        if let Input::Server(target) = &ours
            && self.client.has_password()
            && target.is_exposed()
        {
            // The result is on standard output: that a warning cannot be written does not make it wrong.
            let _ = writeln!(
                io::stderr(),
                "warning: the password is sent to {target} in clear text; use https:// if the exporter has TLS"
            );
        }
        let (client, anonymous) = (self.client.client()?, self.client.anonymous()?);
        let read = |side| match side {
            Side::Theirs => django.read(&anonymous, side),
            Side::Ours => ours.read(&client, side),
        };
        // Both sides of the other page, which then has what was served meanwhile.
        let earlier = match &ours {
            Input::Server(_) => Some(read(Side::Ours)?),
            Input::File(_) => None,
        };
        let theirs = read(Side::Theirs)?;
        let before = self
            .django_before
            .as_deref()
            .zip(self.ours_before.as_deref());
        let file = |path: &Path| -> Result<Page, Failure> {
            let input = Input::File(path.to_owned());
            parsed(&input, &input.read(&anonymous, Side::Theirs)?)
        };
        let before = before.map(|(theirs, ours)| Ok::<_, Failure>((file(theirs)?, file(ours)?)));
        let pages = Pages {
            theirs: parsed(&django, &theirs)?,
            ours: parsed(&ours, &read(Side::Ours)?)?,
            before: before.transpose()?,
            ours_earlier: earlier.map(|text| parsed(&ours, &text)).transpose()?,
        };
        let comparison =
            compare(&pages).map_err(|error| self.not_comparable(error, &django, &ours))?;
        let shown = Shown {
            comparison: &comparison,
            django: django.to_string(),
            ours: ours.to_string(),
            lists_series: self.series,
        };
        let mut text = String::new();
        if self.json {
            push_json(&shown, &mut text);
        } else {
            push_tables(&shown, Paint::of_stdout(), &mut text);
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        match comparison.unexplained() {
            0 => Ok(()),
            _ => Err(Failure::shown(Exit::Runtime)),
        }
    }

    fn not_comparable(&self, error: NotComparable, django: &Input, ours: &Input) -> Failure {
        let path = |path: &Option<PathBuf>| {
            let path = path.as_deref().unwrap_or(Path::new(""));
            path.display().to_string()
        };
        let page = match error.page() {
            (Side::Theirs, Moment::After) => django.to_string(),
            (Side::Ours, Moment::After) => ours.to_string(),
            (Side::Theirs, Moment::Before) => path(&self.django_before),
            (Side::Ours, Moment::Before) => path(&self.ours_before),
        };
        Failure::message(Exit::NoInput, format!("{page} {error}")).help(error.remedy())
    }
}

/// Reads a page of metrics.
fn parsed(input: &Input, text: &[u8]) -> Result<Page, Failure> {
    Page::parse(text).map_err(|error| {
        let help = match error {
            NotPage::Html => "name the page of metrics itself: most sites have it at /metrics, and some ask to log in there",
            NotPage::Empty => "has the file been saved whole, and has the site served a request since it started?",
            NotPage::NotText | NotPage::Line(_) => {
                "save it as it is served, without compression: curl -o FILE URL"
            }
        };
        Failure::message(Exit::NoInput, format!("{input} {error}")).help(help)
    })
}

#[cfg(test)]
mod tests;
