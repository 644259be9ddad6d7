//! All routes that tokens can express, walked segment by segment.
//!
//! Invariant: the walk finds the first route, in Django's order, among those that match; a way that it
//! left is not gone if all routes there stand behind the one found already.

mod builder;

use std::collections::BTreeMap;

use super::path::{Path, Segment};
use super::segment::Accepts;
use super::table::Table;

pub(super) use builder::Builder;

/// No route.
pub(super) const NONE: u32 = u32::MAX;

/// The routes by their segments: what may follow a number of them.
#[derive(Clone, Debug)]
#[repr(align(64))] // A line of the processor's cache.
pub(super) struct Trie {
    /// Short segments that are literals.
    literals: Table<Literal>,
    /// What else may stand here; those with the first routes stand first.
    edges: Box<[Edge]>,
    /// The first route that ends here with a slash; `NONE` if there is none.
    slash: u32,
    /// The first route that ends here without a slash behind the last segment.
    here: u32,
    /// What most have not.
    rare: Option<Box<Rare>>,
}

/// Where a literal leads.
#[derive(Clone, Debug)]
struct Literal {
    to: Box<Trie>,
    /// How many edges, from the first on that takes the literal as well, are left.
    left: u32,
    /// The first route behind these; `NONE` if there are none.
    least: u32,
}

/// What may stand where no literal does, and where it leads.
#[derive(Clone, Debug)]
struct Edge {
    accepts: Accepts,
    /// The first route behind it.
    least: u32,
    /// What stands behind a segment; nothing if it takes all that is left of a path.
    to: Option<Box<Trie>>,
}

#[derive(Clone, Debug)]
struct Rare {
    /// Literals that are too long for the table.
    long: BTreeMap<Box<[u8]>, Literal>,
    /// Whether an edge takes nothing.
    has_optional: bool,
    /// Further routes that end here with a slash, and without; they ascend.
    slash: Box<[u32]>,
    here: Box<[u32]>,
}

/// From a node to the next one, and what may be tried instead.
#[derive(Clone, Copy, Debug)]
struct Step<'t> {
    to: &'t Trie,
    /// As many of the node's last edges.
    left: u32,
    /// The first route behind these; `NONE` if there are none.
    least: u32,
}

/// What a node's edges take.
enum Taken<'t> {
    /// A segment.
    Segment(Step<'t>),
    /// All that is left of a path, which ends at this route.
    Rest(u32),
    Nothing,
}

/// A place that a walk may have to go back to.
#[derive(Clone, Copy, Debug)]
struct Point<'t> {
    node: &'t Trie,
    /// Where the segment begins.
    at: u32,
    left: u32,
    least: u32,
}

/// What decides whether a route is there at all, besides its pattern.
pub(super) trait Guard {
    /// Whether a route may answer this path.
    fn admits(&mut self, order: u32) -> bool;
}

impl Trie {
    /// The first route that matches what is left of a path from `at` on; `NONE` if there is none.
    #[inline]
    pub(super) fn find(&self, path: &Path<'_>, at: u32, guard: &mut impl Guard) -> u32 {
        self.walk(at, path, NONE, guard)
    }

    /// Goes on from here for a route before `best`.
    fn walk(&self, mut at: u32, path: &Path<'_>, mut best: u32, guard: &mut impl Guard) -> u32 {
        // Where another way was left: it is taken at the end, if its routes may still be the first.
        let mut other = Point {
            node: self,
            at,
            left: 0,
            least: NONE,
        };
        let mut node = self;
        let mut ends = path.ends(at);
        let length = path.length();
        loop {
            let segment = if at < length {
                path.segment(at, ends)
            } else {
                best = node.last(at > length, best, guard);
                if at > length || !node.has_optional() {
                    break;
                }
                Segment { at, end: at }
            };
            // A literal most often stands before the parameters, which then need not be tried.
            let step = match node.literal(path, segment) {
                Some(literal) => literal.step(),
                None => match node.taking(path, segment, best, guard) {
                    Taken::Segment(step) => step,
                    Taken::Rest(route) => {
                        best = route;
                        break;
                    }
                    Taken::Nothing => break,
                },
            };
            let next = segment.end + 1;
            if step.least < best {
                if other.least < best {
                    best = step.to.walk_apart(next, path, best, guard);
                    best = Point::new(node, at, step).walk(path, best, guard);
                    break;
                }
                other = Point::new(node, at, step);
            }
            // The end of the segment is behind us.
            ends &= ends.wrapping_sub(1);
            (node, at) = (step.to, next);
        }
        if other.least < best {
            best = other.walk(path, best, guard);
        }
        best
    }

    /// Goes on where more than one other way is left.
    #[cold]
    #[inline(never)]
    fn walk_apart(&self, at: u32, path: &Path<'_>, best: u32, guard: &mut impl Guard) -> u32 {
        self.walk(at, path, best, guard)
    }

    /// Where the first of its edges leads that takes a segment and has a route before `best`.
    #[expect(
        clippy::inline_always,
        reason = "the first edge is most often the one, and asked here"
    )]
    #[inline(always)]
    fn taking(
        &self,
        path: &Path<'_>,
        segment: Segment,
        best: u32,
        guard: &mut impl Guard,
    ) -> Taken<'_> {
        if let Some((edge, left)) = self.edges.split_first()
            && edge.least < best
            && let Some(to) = &edge.to
            && edge.accepts.takes_simply(path, segment) == Some(true)
        {
            return Taken::Segment(Step::new(to, left));
        }
        taking(&self.edges, path, segment, best, guard)
    }

    /// Where a segment leads as a literal.
    #[expect(clippy::inline_always, reason = "the whole of the walk's loop")]
    #[inline(always)]
    fn literal(&self, path: &Path<'_>, segment: Segment) -> Option<&Literal> {
        if segment.length() <= Table::<Literal>::LONGEST {
            self.literals.find(path.words(segment))
        } else {
            self.long(path, segment)
        }
    }

    #[inline(never)]
    fn long(&self, path: &Path<'_>, segment: Segment) -> Option<&Literal> {
        let rare = self.rare.as_ref()?;
        rare.long.get(path.text(segment))
    }

    /// The first of the routes that end where the path does, if it stands before `best`. `is_past` if there
    /// was no slash behind the last segment.
    #[inline]
    fn last(&self, is_past: bool, best: u32, guard: &mut impl Guard) -> u32 {
        let first = if is_past { self.here } else { self.slash };
        if first < best && guard.admits(first) {
            return first;
        }
        match &self.rare {
            Some(rare) => rare.last(is_past, best, guard),
            None => best,
        }
    }

    #[inline]
    fn has_optional(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.has_optional)
    }
}

impl Rare {
    fn is_any(&self) -> bool {
        let has_ends = !self.slash.is_empty() || !self.here.is_empty();
        has_ends || self.has_optional || !self.long.is_empty()
    }

    /// The first of the further routes that end here, if it stands before `best`.
    #[inline(never)]
    fn last(&self, is_past: bool, best: u32, guard: &mut impl Guard) -> u32 {
        let others = if is_past { &self.here } else { &self.slash };
        let mut before = others.iter().take_while(|order| **order < best);
        before
            .find(|order| guard.admits(**order))
            .copied()
            .unwrap_or(best)
    }
}

impl Literal {
    #[inline]
    fn step(&self) -> Step<'_> {
        Step {
            to: &self.to,
            left: self.left,
            least: self.least,
        }
    }
}

impl<'t> Step<'t> {
    #[inline]
    fn new(to: &'t Trie, left: &[Edge]) -> Self {
        Self {
            to,
            left: u32::try_from(left.len()).unwrap_or(u32::MAX),
            least: least(left),
        }
    }
}

impl<'t> Point<'t> {
    #[inline]
    fn new(node: &'t Trie, at: u32, step: Step<'_>) -> Self {
        Self {
            node,
            at,
            left: step.left,
            least: step.least,
        }
    }

    /// Goes on from here for a route before `best`.
    #[cold]
    #[inline(never)]
    fn walk(&self, path: &Path<'_>, mut best: u32, guard: &mut impl Guard) -> u32 {
        let segment = path.segment(self.at, path.ends(self.at));
        let mut left = self.left;
        loop {
            let edges = &self.node.edges;
            let first = edges.len().saturating_sub(left as usize);
            let edges = edges.get(first..).unwrap_or_default();
            match taking(edges, path, segment, best, guard) {
                Taken::Segment(step) => {
                    best = step.to.walk_apart(segment.end + 1, path, best, guard);
                    left = step.left;
                }
                Taken::Rest(route) => return route,
                Taken::Nothing => return best,
            }
        }
    }
}

/// Where the first edge leads that takes a segment and has a route before `best`.
#[inline(never)]
fn taking<'t>(
    mut edges: &'t [Edge],
    path: &Path<'_>,
    segment: Segment,
    best: u32,
    guard: &mut impl Guard,
) -> Taken<'t> {
    while let Some((edge, left)) = edges.split_first()
        && edge.least < best
    {
        if edge.accepts.takes(path, segment) {
            match &edge.to {
                Some(to) => return Taken::Segment(Step::new(to, left)),
                None if guard.admits(edge.least) => return Taken::Rest(edge.least),
                None => {}
            }
        }
        edges = left;
    }
    Taken::Nothing
}

/// The first route behind edges.
#[inline]
fn least(edges: &[Edge]) -> u32 {
    edges.first().map_or(NONE, |edge| edge.least)
}
