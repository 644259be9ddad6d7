//! A trie of all routes that tokens can express, walked segment by segment.
//!
//! Invariant: the walk returns the first route, in Django's order, among those that match. It leaves a branch
//! untried only if all routes behind it come after the one found.

mod builder;
mod index;

use std::collections::BTreeMap;

use super::guard::RouteGuard;
use super::path::{Path, Segment};
use super::segment::SegmentPattern;
use super::table::LiteralTable;
use super::words::{WORDS_BYTES, Words};
use index::EdgeIndex;

pub(super) use builder::TrieBuilder;

/// Order of a route that does not exist.
pub(super) const NONE: u32 = u32::MAX;

/// A node of the trie: the routes behind a sequence of segments.
#[derive(Clone, Debug)]
#[repr(align(64))] // One cache line.
pub(super) struct Trie {
    /// Short literal segments.
    literals: LiteralTable<LiteralEdge>,
    /// Segments that are not literals, and rests of paths; those with the first routes come first.
    edges: Box<[Edge]>,
    /// The first route that ends here with a slash, or `NONE`.
    slash: u32,
    /// The first route that ends here without a slash, or `NONE`.
    here: u32,
    rare: Option<Box<RareParts>>,
}

/// Edge of a literal segment, or of two if the node between them has no other way on: each node costs a cache miss.
#[derive(Clone, Debug)]
struct LiteralEdge {
    to: Box<Trie>,
    /// The second segment, or [`Words::NONE`].
    then: Words,
    /// Number of the node's edges from the first on that also accepts the literal.
    left: u32,
    /// The first route behind these edges, or `NONE`.
    least: u32,
}

/// Edge of a pattern.
#[derive(Clone, Debug)]
struct Edge {
    pattern: SegmentPattern,
    /// The first route behind the edge.
    least: u32,
    /// The node behind a segment; `None` if the pattern is of the rest of a path.
    to: Option<Box<Trie>>,
}

/// Parts that most nodes lack.
#[derive(Clone, Debug)]
struct RareParts {
    /// Literals that are too long for the table.
    long: BTreeMap<Box<[u8]>, LiteralEdge>,
    /// True if some edge accepts an empty segment.
    has_optional: bool,
    /// Index of the edges, if there are many.
    index: Option<EdgeIndex>,
    /// Further routes that end here with a slash, ascending.
    slash: Box<[u32]>,
    /// Further routes that end here without a slash, ascending.
    here: Box<[u32]>,
}

/// The next node of a walk, and the edges that remain untried.
#[derive(Clone, Copy, Debug)]
struct Branch<'t> {
    to: &'t Trie,
    /// Number of untried edges at the node's end.
    left: u32,
    /// The first route behind these edges, or `NONE`.
    least: u32,
}

/// Outcome of trying the edges of a node.
enum Taken<'t> {
    /// An edge accepts the segment.
    Segment(Branch<'t>),
    /// An edge accepts the rest of the path; the route ends there.
    Rest(u32),
    Nothing,
}

/// A node whose remaining edges may have to be tried.
#[derive(Clone, Copy, Debug)]
struct Fallback<'t> {
    node: &'t Trie,
    /// Offset of the segment.
    at: u32,
    left: u32,
    least: u32,
}

impl Trie {
    /// Returns the first route that matches a path from `at` on, or `NONE`.
    #[inline]
    pub(super) fn find(&self, path: &Path<'_>, at: u32, guard: &impl RouteGuard) -> u32 {
        self.walk(at, path, NONE, guard)
    }

    /// Walks from this node and returns the first route that matches if it precedes `best`, else `best`.
    fn walk(&self, mut at: u32, path: &Path<'_>, mut best: u32, guard: &impl RouteGuard) -> u32 {
        // One node with untried edges; tried at the end if a route behind them may still be the first.
        let mut other = Fallback {
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
                best = node.route_at_end(at > length, best, guard);
                if at > length || !node.has_optional() {
                    break;
                }
                Segment { at, end: at }
            };
            // A literal usually precedes the parameters, which then need not be tried.
            let (branch, then) = match node.find_literal(path, segment) {
                Some(literal) => (literal.branch(), literal.then),
                None => match node.try_edges(path, segment, best, guard) {
                    Taken::Segment(branch) => (branch, Words::NONE),
                    Taken::Rest(route) => {
                        best = route;
                        break;
                    }
                    Taken::Nothing => break,
                },
            };
            let mut next = segment.end + 1;
            // Clears the lowest bit, the end of this segment.
            ends &= ends.wrapping_sub(1);
            let mut is_passed = then == Words::NONE;
            if !is_passed && next < length {
                let second = path.segment(next, ends);
                is_passed = second.length() <= WORDS_BYTES && path.words(second) == then;
                ends &= ends.wrapping_sub(1);
                next = second.end + 1;
            }
            if branch.least < best {
                if other.least < best {
                    if is_passed {
                        best = branch.to.walk_apart(next, path, best, guard);
                    }
                    best = Fallback::new(node, at, branch).walk(path, best, guard);
                    break;
                }
                other = Fallback::new(node, at, branch);
            }
            if !is_passed {
                break;
            }
            (node, at) = (branch.to, next);
        }
        if other.least < best {
            best = other.walk(path, best, guard);
        }
        best
    }

    /// Walks on while more than one fallback remains.
    #[cold]
    #[inline(never)]
    fn walk_apart(&self, at: u32, path: &Path<'_>, best: u32, guard: &impl RouteGuard) -> u32 {
        self.walk(at, path, best, guard)
    }

    /// Tries the edges for the first that accepts a segment and has a route before `best`.
    #[expect(
        clippy::inline_always,
        reason = "most often the first edge decides, and is tried here"
    )]
    #[inline(always)]
    fn try_edges(
        &self,
        path: &Path<'_>,
        segment: Segment,
        best: u32,
        guard: &impl RouteGuard,
    ) -> Taken<'_> {
        if let Some((edge, left)) = self.edges.split_first()
            && edge.least < best
            && let Some(to) = &edge.to
            && edge.pattern.accepts_quickly(path, segment) == Some(true)
        {
            return Taken::Segment(Branch::new(to, left));
        }
        self.try_from(0, path, segment, best, guard)
    }

    /// Tries the edges from a place on for the first that accepts a segment and has a route before `best`.
    #[inline(never)]
    fn try_from(
        &self,
        from: usize,
        path: &Path<'_>,
        segment: Segment,
        best: u32,
        guard: &impl RouteGuard,
    ) -> Taken<'_> {
        if let Some(rare) = &self.rare
            && let Some(index) = &rare.index
        {
            return self.try_indexed(index, from, path, segment, best, guard);
        }
        let mut edges = self.edges.get(from..).unwrap_or_default();
        while let Some((edge, left)) = edges.split_first()
            && edge.least < best
        {
            if let Some(taken) = edge.take(left, path, segment, guard) {
                return taken;
            }
            edges = left;
        }
        Taken::Nothing
    }

    /// Does what [`Trie::try_from`] does, by the index of the edges.
    fn try_indexed(
        &self,
        index: &EdgeIndex,
        mut from: usize,
        path: &Path<'_>,
        segment: Segment,
        best: u32,
        guard: &impl RouteGuard,
    ) -> Taken<'_> {
        let text = path.text(segment);
        while let Some(place) = index.next(text, from)
            && let Some((edge, left)) = self.edges.get(place..).and_then(<[Edge]>::split_first)
            && edge.least < best
        {
            if let Some(taken) = edge.take(left, path, segment, guard) {
                return taken;
            }
            from = place + 1;
        }
        Taken::Nothing
    }

    /// Looks up the edge of a literal segment.
    #[expect(clippy::inline_always, reason = "the walk's whole loop")]
    #[inline(always)]
    fn find_literal(&self, path: &Path<'_>, segment: Segment) -> Option<&LiteralEdge> {
        if segment.length() <= LiteralTable::<LiteralEdge>::LONGEST {
            self.literals.find(path.words(segment))
        } else {
            self.find_long(path, segment)
        }
    }

    #[inline(never)]
    fn find_long(&self, path: &Path<'_>, segment: Segment) -> Option<&LiteralEdge> {
        let rare = self.rare.as_ref()?;
        rare.long.get(path.text(segment))
    }

    /// Returns the first route that ends with the path if it precedes `best`, else `best`. `is_past` if the
    /// last segment has no slash behind it.
    #[inline]
    fn route_at_end(&self, is_past: bool, best: u32, guard: &impl RouteGuard) -> u32 {
        let first = if is_past { self.here } else { self.slash };
        if first < best && guard.admits(first) {
            return first;
        }
        match &self.rare {
            Some(rare) => rare.route_at_end(is_past, best, guard),
            None => best,
        }
    }

    #[inline]
    fn has_optional(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.has_optional)
    }
}

impl RareParts {
    fn is_any(&self) -> bool {
        let has_ends = !self.slash.is_empty() || !self.here.is_empty();
        has_ends || self.has_optional || self.index.is_some() || !self.long.is_empty()
    }

    /// Returns the first of the further routes that end here if it precedes `best`, else `best`.
    #[inline(never)]
    fn route_at_end(&self, is_past: bool, best: u32, guard: &impl RouteGuard) -> u32 {
        let others = if is_past { &self.here } else { &self.slash };
        let mut before = others.iter().take_while(|order| **order < best);
        before
            .find(|order| guard.admits(**order))
            .copied()
            .unwrap_or(best)
    }
}

impl Edge {
    /// Takes the edge if it accepts a segment; `left` are the edges behind it.
    #[inline]
    fn take<'t>(
        &'t self,
        left: &[Self],
        path: &Path<'_>,
        segment: Segment,
        guard: &impl RouteGuard,
    ) -> Option<Taken<'t>> {
        if !self.pattern.accepts(path, segment) {
            return None;
        }
        match &self.to {
            Some(to) => Some(Taken::Segment(Branch::new(to, left))),
            None => guard.admits(self.least).then_some(Taken::Rest(self.least)),
        }
    }
}

impl LiteralEdge {
    #[inline]
    fn branch(&self) -> Branch<'_> {
        Branch {
            to: &self.to,
            left: self.left,
            least: self.least,
        }
    }
}

impl<'t> Branch<'t> {
    #[inline]
    fn new(to: &'t Trie, left: &[Edge]) -> Self {
        Self {
            to,
            left: count(left),
            least: least(left),
        }
    }
}

impl<'t> Fallback<'t> {
    #[inline]
    fn new(node: &'t Trie, at: u32, branch: Branch<'_>) -> Self {
        Self {
            node,
            at,
            left: branch.left,
            least: branch.least,
        }
    }

    /// Walks from the remaining edges and returns the first route that matches if it precedes `best`, else
    /// `best`.
    #[cold]
    #[inline(never)]
    fn walk(&self, path: &Path<'_>, mut best: u32, guard: &impl RouteGuard) -> u32 {
        let segment = path.segment(self.at, path.ends(self.at));
        let mut left = self.left;
        loop {
            let edges = &self.node.edges;
            let first = edges.len().saturating_sub(left as usize);
            match self.node.try_from(first, path, segment, best, guard) {
                Taken::Segment(branch) => {
                    best = branch.to.walk_apart(segment.end + 1, path, best, guard);
                    left = branch.left;
                }
                Taken::Rest(route) => return route,
                Taken::Nothing => return best,
            }
        }
    }
}

/// Returns the first route behind edges.
#[inline]
fn least(edges: &[Edge]) -> u32 {
    edges.first().map_or(NONE, |edge| edge.least)
}

/// Returns the number of edges.
#[inline]
#[expect(
    clippy::expect_used,
    reason = "a node has at most 32 edges a route, of which fewer than 2^27 fit in memory"
)]
fn count(edges: &[Edge]) -> u32 {
    u32::try_from(edges.len()).expect("fewer edges than 2^32")
}
