//! Paths of the pages.
//!
//! Invariant: a path leads to one page.

use super::event::Page;
use super::metrics_path::MetricsPath;
use crate::page::Links;

/// Pages that have a path. At a path that two have, the first is served.
const ALL: [Page; 7] = [
    Page::Metrics,
    Page::Landing,
    Page::Status,
    Page::Healthy,
    Page::Ready,
    Page::Reload,
    Page::Quit,
];

/// The paths of all pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    pub(super) metrics: MetricsPath,
}

impl Paths {
    /// Returns the path of a page, or `<other>` for [`Page::Other`].
    pub(super) fn of(&self, page: Page) -> &str {
        match page {
            Page::Metrics => self.metrics.as_str(),
            page => page.name(),
        }
    }

    /// Returns links from `/` to the other pages, relative to it: a server in front may add a prefix.
    pub(super) fn links(&self) -> Links<'_> {
        let link = |page| self.of(page).trim_start_matches('/');
        Links {
            metrics: link(Page::Metrics),
            status: link(Page::Status),
            healthy: link(Page::Healthy),
            ready: link(Page::Ready),
        }
    }

    /// Returns the page at a path.
    pub(super) fn at(&self, path: &str) -> Page {
        let mut pages = ALL.into_iter();
        pages
            .find(|page| self.of(*page) == path)
            .unwrap_or(Page::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_page_and_only_exactly() {
        let paths = Paths::default();
        for page in ALL {
            assert_eq!(paths.at(paths.of(page)), page);
            assert_eq!(paths.at(&format!("{}x", paths.of(page))), Page::Other);
        }
        assert_eq!(paths.at(paths.of(Page::Other)), Page::Other);
        assert_eq!(paths.at("/metrics/"), Page::Other);
    }

    #[test]
    fn metrics_can_take_the_place_of_the_landing_page() {
        let paths = Paths {
            metrics: "/".parse().unwrap(),
        };
        assert_eq!(paths.at("/"), Page::Metrics);
        assert_eq!(paths.at("/metrics"), Page::Other);
        assert_eq!(paths.at("/-/ready"), Page::Ready);
    }
}
