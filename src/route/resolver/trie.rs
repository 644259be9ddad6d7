//! All routes that tokens can express, walked segment by segment.
//!
//! Invariant: the walk finds the first route, in Django's order, among those that match; a way that it
//! left is not gone if all routes there stand behind the one found already.

use std::collections::BTreeMap;

use super::lower;
use super::path::{Path, Segment};
use super::segment::Accepts;
use super::table::Table;
use super::token::{self, Token};

/// No route.
pub(super) const NONE: u32 = u32::MAX;

/// Segments that may have been taken otherwise, before the walk calls itself.
const PENDING: usize = 2;

/// The routes by their segments: what may follow a number of them.
#[derive(Clone, Debug)]
#[repr(align(64))] // A line of the processor's cache.
pub(super) struct Trie {
    /// Segments that are literals.
    literals: Table<Self>,
    /// Other segments; those with the first routes stand first.
    edges: Box<[Edge]>,
    /// The first route that ends here with a slash; `NONE` if there is none.
    slash: u32,
    /// The first route that ends here without a slash behind the last segment.
    here: u32,
    /// What most have not.
    rare: Option<Box<Rare>>,
}

/// A segment that is no literal, and where it leads.
#[derive(Clone, Debug)]
struct Edge {
    accepts: Accepts,
    /// The first route behind it.
    least: u32,
    to: Box<Trie>,
}

#[derive(Clone, Debug)]
struct Rare {
    /// What is to be tried on all that is left.
    tails: Box<[Tail]>,
    /// Whether an edge takes an empty segment.
    has_optional: bool,
    /// Further routes that end here with a slash, and without; they ascend.
    slash: Box<[u32]>,
    here: Box<[u32]>,
}

#[derive(Clone, Debug)]
struct Tail {
    order: u32,
    is_whole: bool,
    tokens: Vec<Token>,
}

/// Where a walk may go on: the edges that were not tried, and where the segment begins.
#[derive(Clone, Copy, Debug, Default)]
struct Point<'t> {
    edges: &'t [Edge],
    at: usize,
}

/// Where a segment leads, and where it ends.
type Way<'t> = (&'t Trie, usize);

/// What decides whether a route is there at all, besides its pattern.
pub(super) trait Guard {
    /// Whether a route may answer this path.
    fn admits(&mut self, order: u32) -> bool;
}

impl Trie {
    /// The first route that matches what is left of a path from `at` on; `NONE` if there is none.
    #[inline]
    pub(super) fn find(&self, path: &Path<'_>, at: usize, guard: &mut impl Guard) -> u32 {
        self.walk(at, path, NONE, guard)
    }

    /// Goes on from here, and back to where another way was left, for a route before `best`.
    fn walk(&self, mut at: usize, path: &Path<'_>, mut best: u32, guard: &mut impl Guard) -> u32 {
        let (mut pending, mut height) = ([Point::default(); PENDING], 0_usize);
        let mut node = self;
        let mut ends = path.ends(at);
        loop {
            let mut point = Point { edges: &[], at };
            let mut way = node.enter(&mut point, ends, path, &mut best, guard);
            let (next, end) = loop {
                if let Some(next) = way {
                    if point.edges.is_empty() {
                        break next;
                    }
                    if let Some(free) = pending.get_mut(height) {
                        *free = point;
                        height += 1;
                        break next;
                    }
                    best = next.0.walk_apart(next.1 + 1, path, best, guard);
                } else {
                    height = height.wrapping_sub(1);
                    let Some(last) = pending.get(height) else {
                        return best;
                    };
                    point = *last;
                    ends = path.ends(point.at);
                }
                way = point.next(ends, path, best);
            };
            // The end of the segment is behind us.
            ends &= ends.wrapping_sub(1);
            (node, at) = (next, end + 1);
        }
    }

    /// Goes on where no more can be kept pending.
    #[cold]
    fn walk_apart(&self, at: usize, path: &Path<'_>, best: u32, guard: &mut impl Guard) -> u32 {
        self.walk(at, path, best, guard)
    }

    /// The first way on; leaves at the point those that may be gone later.
    #[expect(clippy::inline_always, reason = "the whole of the walk's loop")]
    #[inline(always)]
    fn enter<'t>(
        &'t self,
        point: &mut Point<'t>,
        ends: u64,
        path: &Path<'_>,
        best: &mut u32,
        guard: &mut impl Guard,
    ) -> Option<Way<'t>> {
        let at = point.at;
        let length = path.bytes.len();
        if at >= length && self.is_last(at > length, best, guard) {
            return None;
        }
        if let Some(rare) = &self.rare
            && at < length
            && !rare.tails.is_empty()
        {
            rare.try_tails(path.bytes.get(at..).unwrap_or_default(), best, guard);
        }
        let segment = path.segment(at, ends);
        point.edges = &self.edges;
        // A literal most often stands before the parameters, which then need not be tried.
        if !self.literals.is_empty()
            && let Some(to) = self.literals.find(path, segment)
        {
            return Some((to, segment.end));
        }
        point.take(path, segment, *best)
    }

    /// Takes the routes that end where the path does; says whether no segment may follow. `is_past`
    /// if there was no slash behind the last.
    #[inline]
    fn is_last(&self, is_past: bool, best: &mut u32, guard: &mut impl Guard) -> bool {
        let first = if is_past { self.here } else { self.slash };
        if first < *best && guard.admits(first) {
            *best = first;
        }
        let Some(rare) = &self.rare else {
            return true;
        };
        rare.is_last(is_past, best, guard)
    }
}

impl Rare {
    fn is_any(&self) -> bool {
        let has_ends = !self.slash.is_empty() || !self.here.is_empty();
        has_ends || self.has_optional || !self.tails.is_empty()
    }

    #[inline(never)]
    fn is_last(&self, is_past: bool, best: &mut u32, guard: &mut impl Guard) -> bool {
        let others = if is_past { &self.here } else { &self.slash };
        for order in others {
            if *order >= *best {
                break;
            }
            if guard.admits(*order) {
                *best = *order;
            }
        }
        if is_past {
            return true;
        }
        self.try_tails(b"", best, guard);
        !self.has_optional
    }

    #[inline(never)]
    fn try_tails(&self, left: &[u8], best: &mut u32, guard: &mut impl Guard) {
        for tail in &self.tails {
            if tail.order < *best
                && token::matches(&tail.tokens, tail.is_whole, left)
                && guard.admits(tail.order)
            {
                *best = tail.order;
            }
        }
    }
}

impl<'t> Point<'t> {
    /// The next way on from a point.
    fn next(&mut self, ends: u64, path: &Path<'_>, best: u32) -> Option<Way<'t>> {
        // What is left is not looked at where it leads to no route before the best.
        self.edges.first().filter(|edge| edge.least < best)?;
        self.take(path, path.segment(self.at, ends), best)
    }

    /// The next edge that takes a segment; moves the point past it.
    #[expect(clippy::inline_always, reason = "the whole of the walk's loop")]
    #[inline(always)]
    fn take(&mut self, path: &Path<'_>, segment: Segment, best: u32) -> Option<Way<'t>> {
        while let Some((edge, rest)) = self.edges.split_first() {
            if edge.least >= best {
                return None;
            }
            self.edges = rest;
            if edge.accepts.takes(path, segment) {
                return Some((&edge.to, segment.end));
            }
        }
        None
    }
}

/// A trie in the making.
#[derive(Debug)]
pub(super) struct Builder {
    nodes: Vec<Sketch>,
}

#[derive(Debug, Default)]
struct Sketch {
    here: Vec<u32>,
    slash: Vec<u32>,
    literals: BTreeMap<Vec<u8>, u32>,
    edges: Vec<(Accepts, u32)>,
    tails: Vec<Tail>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Sketch::default()],
        }
    }

    /// Adds a way to a route. Routes are added in their order.
    pub(super) fn add(&mut self, order: u32, way: &lower::Way) {
        let mut node = 0;
        // What stands in the segment at hand, and the tokens from its beginning on.
        let mut segment: Vec<Token> = Vec::new();
        for (place, token) in way.tokens.iter().enumerate() {
            match token {
                Token::Literal(literal) => {
                    let mut parts = literal.split(|byte| *byte == b'/');
                    let mut part = parts.next().unwrap_or_default();
                    for next in parts {
                        push(&mut segment, part);
                        node = self.step(node, std::mem::take(&mut segment));
                        part = next;
                    }
                    push(&mut segment, part);
                }
                Token::Run(run) if !run.class.has('/') => segment.push(token.clone()),
                Token::Run(_) | Token::Until(..) => {
                    segment.extend_from_slice(&way.tokens[place..]);
                    self.tail(node, order, way.is_whole, segment);
                    return;
                }
            }
        }
        if !way.is_whole {
            self.tail(node, order, false, segment);
        } else if segment.is_empty() {
            offer(&mut self.nodes[node].slash, order);
        } else {
            let last = self.step(node, segment);
            offer(&mut self.nodes[last].here, order);
        }
    }

    fn tail(&mut self, node: usize, order: u32, is_whole: bool, tokens: Vec<Token>) {
        self.nodes[node].tails.push(Tail {
            order,
            is_whole,
            tokens,
        });
    }

    /// The node behind a segment.
    fn step(&mut self, from: usize, segment: Vec<Token>) -> usize {
        let next = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let sketch = &mut self.nodes[from];
        let literal = match &*segment {
            [] => Some(Vec::new()),
            [Token::Literal(literal)] => Some(literal.to_vec()),
            _ => None,
        };
        let to = if let Some(literal) = literal {
            *sketch.literals.entry(literal).or_insert(next)
        } else {
            let accepts = Accepts::new(segment);
            let mut edges = sketch.edges.iter();
            if let Some((_, known)) = edges.find(|(known, _)| *known == accepts) {
                *known
            } else {
                sketch.edges.push((accepts, next));
                next
            }
        };
        if to == next {
            self.nodes.push(Sketch::default());
        }
        to as usize
    }

    pub(super) fn build(self) -> Trie {
        let sketches = self.nodes.into_iter().enumerate().rev();
        // Nodes stand behind those that lead to them; of each, its first route.
        let mut built = BTreeMap::new();
        for (place, sketch) in sketches {
            let node = sketch.build(&mut built);
            built.insert(place, node);
        }
        let root = built.remove(&0);
        root.map_or_else(|| Sketch::default().build(&mut built).0, |(root, _)| root)
    }
}

impl Sketch {
    /// The node, and the first route at or below it.
    fn build(self, built: &mut BTreeMap<usize, (Trie, u32)>) -> (Trie, u32) {
        let own = self.here.iter().chain(&self.slash).copied();
        let own = own.chain(self.tails.iter().map(|tail| tail.order));
        let mut least = own.min().unwrap_or(NONE);
        let mut below = |to: u32| built.remove(&(to as usize));
        let mut literals = Vec::new();
        for (literal, to) in self.literals {
            if let Some((node, first)) = below(to) {
                least = least.min(first);
                literals.push((literal, node));
            }
        }
        let mut edges = Vec::new();
        for (accepts, to) in self.edges {
            if let Some((node, first)) = below(to) {
                least = least.min(first);
                edges.push(Edge {
                    accepts,
                    least: first,
                    to: Box::new(node),
                });
            }
        }
        edges.sort_by_key(|edge| edge.least);
        let first = |ends: &[u32]| ends.first().copied().unwrap_or(NONE);
        let others = |ends: &[u32]| ends.get(1..).unwrap_or_default().into();
        let rare = Rare {
            has_optional: edges.iter().any(|edge| edge.accepts.takes_nothing()),
            slash: others(&self.slash),
            here: others(&self.here),
            tails: self.tails.into(),
        };
        let trie = Trie {
            literals: Table::new(literals),
            edges: edges.into(),
            slash: first(&self.slash),
            here: first(&self.here),
            rare: rare.is_any().then(|| Box::new(rare)),
        };
        (trie, least)
    }
}

fn push(segment: &mut Vec<Token>, literal: &[u8]) {
    if !literal.is_empty() {
        segment.push(Token::Literal(literal.into()));
    }
}

/// Several ways of one route may end at one place.
fn offer(ends: &mut Vec<u32>, order: u32) {
    if ends.last() != Some(&order) {
        ends.push(order);
    }
}
