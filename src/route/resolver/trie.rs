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
    /// Short segments that are literals.
    literals: Table<Literal>,
    /// Segments that are no literals; those with the first routes stand first.
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
    /// Literals that are too long for the table.
    long: BTreeMap<Box<[u8]>, Literal>,
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

/// The points that a walk left, the last on top.
#[derive(Debug, Default)]
struct Pending<'t> {
    points: [Point<'t>; PENDING],
    height: usize,
}

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
        let mut pending = Pending::default();
        let mut node = self;
        let mut ends = path.ends(at);
        let length = path.bytes.len();
        loop {
            if let Some(rare) = &node.rare {
                best = rare.first(path.bytes.get(at..), best, guard);
            }
            let is_last = at >= length;
            if is_last {
                best = node.last(at > length, best, guard);
            }
            let mut edges: &[Edge] = &[];
            if !is_last || (at == length && node.has_optional()) {
                let segment = path.segment(at, ends);
                // A literal most often stands before the parameters, which then need not be tried.
                if let Some(literal) = node.literal(path, segment) {
                    let (to, next) = (&literal.to, segment.end + 1);
                    if literal.left > 0 {
                        let first = node.edges.len().saturating_sub(literal.left as usize);
                        edges = node.edges.get(first..).unwrap_or_default();
                    }
                    if literal.left == 0 || pending.push(Point { edges, at }) {
                        ends &= ends.wrapping_sub(1);
                        (node, at) = (to, next);
                        continue;
                    }
                    best = to.walk_apart(next, path, best, guard);
                } else {
                    edges = &node.edges;
                }
            }
            (node, at) = loop {
                if !edges.is_empty() {
                    let segment = path.segment(at, ends);
                    if let Some((edge, left)) = taking(edges, path, segment, best).split_first() {
                        let next = segment.end + 1;
                        if left.is_empty() || pending.push(Point { edges: left, at }) {
                            // The end of the segment is behind us.
                            ends &= ends.wrapping_sub(1);
                            break (&*edge.to, next);
                        }
                        best = edge.to.walk_apart(next, path, best, guard);
                        edges = left;
                        continue;
                    }
                }
                let Some(point) = pending.pop(best) else {
                    return best;
                };
                (edges, at) = (point.edges, point.at);
                ends = path.ends(at);
            };
        }
    }

    /// Goes on where no more can be kept pending.
    #[cold]
    #[inline(never)]
    fn walk_apart(&self, at: usize, path: &Path<'_>, best: u32, guard: &mut impl Guard) -> u32 {
        self.walk(at, path, best, guard)
    }

    /// Where a segment leads as a literal.
    #[expect(clippy::inline_always, reason = "the whole of the walk's loop")]
    #[inline(always)]
    fn literal(&self, path: &Path<'_>, segment: Segment) -> Option<&Literal> {
        if segment.end - segment.at <= Table::<Literal>::LONGEST {
            self.literals.find(path.words(segment))
        } else {
            self.long(path, segment)
        }
    }

    #[inline(never)]
    fn long(&self, path: &Path<'_>, segment: Segment) -> Option<&Literal> {
        let rare = self.rare.as_ref()?;
        rare.long.get(path.bytes.get(segment.at..segment.end)?)
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
        has_ends || self.has_optional || !self.tails.is_empty() || !self.long.is_empty()
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

    /// The first route that takes all that is left, if it stands before `best`.
    #[inline(never)]
    fn first(&self, left: Option<&[u8]>, best: u32, guard: &mut impl Guard) -> u32 {
        let Some(left) = left else {
            return best;
        };
        let mut before = self.tails.iter().take_while(|tail| tail.order < best);
        let first = before.find(|tail| {
            token::matches(&tail.tokens, tail.is_whole, left) && guard.admits(tail.order)
        });
        first.map_or(best, |tail| tail.order)
    }
}

impl<'t> Pending<'t> {
    /// Says whether there was room.
    #[inline]
    fn push(&mut self, point: Point<'t>) -> bool {
        let free = self.points.get_mut(self.height);
        free.is_some_and(|free| {
            *free = point;
            self.height += 1;
            true
        })
    }

    /// The last point that may lead to a route before `best`.
    #[inline]
    fn pop(&mut self, best: u32) -> Option<Point<'t>> {
        while let Some(height) = self.height.checked_sub(1)
            && let Some(point) = self.points.get(height)
        {
            self.height = height;
            if point.edges.first().is_some_and(|edge| edge.least < best) {
                return Some(*point);
            }
        }
        None
    }
}

/// The edges from the first on that takes a segment and may lead to a route before `best`.
#[inline(never)]
fn taking<'t>(mut edges: &'t [Edge], path: &Path<'_>, segment: Segment, best: u32) -> &'t [Edge] {
    while let Some((edge, left)) = edges.split_first() {
        if edge.least >= best {
            break;
        }
        if edge.accepts.takes(path, segment) {
            return edges;
        }
        edges = left;
    }
    &[]
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
        let (mut literals, mut long) = (Vec::new(), BTreeMap::new());
        for (text, to) in self.literals {
            let Some((node, first)) = below(to) else {
                continue;
            };
            least = least.min(first);
            let literal = Literal {
                left: left(&edges, &text),
                to: Box::new(node),
            };
            if text.len() <= Table::<Literal>::LONGEST {
                literals.push((text, literal));
            } else {
                long.insert(text.into(), literal);
            }
        }
        let first = |ends: &[u32]| ends.first().copied().unwrap_or(NONE);
        let further = |ends: &[u32]| ends.get(1..).unwrap_or_default().into();
        let rare = Rare {
            has_optional: edges.iter().any(|edge| edge.accepts.takes_nothing()),
            slash: further(&self.slash),
            here: further(&self.here),
            tails: self.tails.into(),
            long,
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

/// How many edges there are from the first on that takes a literal as well.
fn left(edges: &[Edge], literal: &[u8]) -> u32 {
    let path = Path::decoded(literal);
    let segment = path.segment(0, path.ends(0));
    let takes = |edge: &Edge| edge.accepts.takes(&path, segment);
    let first = edges.iter().position(takes).unwrap_or(edges.len());
    u32::try_from(edges.len() - first).unwrap_or(NONE)
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
