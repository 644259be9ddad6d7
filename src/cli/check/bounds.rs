//! The most series that each family of a source can have.
//!
//! Invariant: no log can make more, whatever it holds.

use std::io::{self, Write};

use crate::config::{Resolvers, Source};
use crate::metric::MetricPlan;
use crate::model::Field;
use crate::pipeline::Initialised;
use crate::route::Router;

/// Writes the most series of each family of a source.
pub(super) fn write_bounds(
    out: &mut impl Write,
    source: &Source,
    resolvers: &Resolvers,
    limit: usize,
    initial: &[Initialised],
) -> io::Result<()> {
    let (routes, patterns) = most_routes(source, resolvers);
    let plan = MetricPlan::new(&source.metrics, source.pattern.fields());
    for (name, sizes) in plan.sizes(routes, patterns) {
        let product = sizes.iter().map(|(_, size)| *size);
        let product = product.fold(1, usize::saturating_mul);
        let factors = sizes.iter().filter(|(_, size)| *size > 1);
        let factors = factors.map(|(label, size)| format!("{size} {}", label.name()));
        let factors: Vec<String> = factors.collect();
        write!(out, "    {name}: at most {} series", product.min(limit))?;
        if product > limit {
            write!(out, " by limits.series of {product}")?;
        }
        if !factors.is_empty() {
            write!(out, " ({})", factors.join(" x "))?;
        }
        let known = initial.iter().find(|known| *known.family == *name);
        if let Some(known) = known.filter(|known| known.is_there) {
            write!(out, ", {} of them at 0 from the start", known.series)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Returns the most routes of a source, and the most patterns of its URLconf.
fn most_routes(source: &Source, resolvers: &Resolvers) -> (usize, usize) {
    let Some(routes) = &source.routes else {
        return (Router::MAX_ROUTES, 0);
    };
    let resolver = resolvers.get(&routes.name);
    let all = resolver.map_or(0, |resolver| resolver.views());
    let patterns = resolver.map_or(0, |resolver| resolver.patterns());
    let views = routes.max_routes.map_or(all, |most| most.min(all));
    // Lines that name their view may add as many names again, and so may folded paths.
    let has_names = source.pattern.fields().contains(Field::View);
    let names = routes.max_routes.unwrap_or(Router::MAX_ROUTES);
    let learned = [has_names, routes.folds_unmatched]
        .into_iter()
        .filter(|may| *may);
    (views + names * learned.count(), patterns)
}
