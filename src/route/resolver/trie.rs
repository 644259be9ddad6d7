//! All routes that tokens can express, walked segment by segment.
//!
//! Invariant: the walk finds the first route, in Django's order, among those that match; nodes whose
//! routes all stand behind the one found already are not looked at.

use super::lower::Way;
use super::path::Path;
use super::table::{self, Table, Tables};
use super::token::{self, Run, Token};
use crate::model::digits;

/// No route.
pub(super) const NONE: u32 = u32::MAX;

/// Segments that may have been taken otherwise, before the walk calls itself.
const PENDING: usize = 2;
/// In place of an edge: the node was not looked at yet.
const ENTER: u32 = u32::MAX;

/// The routes by their segments; node 0 is where paths begin.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Box<[Node]>,
    tables: Tables,
    /// Segments that are no literals, of all nodes.
    edges: Box<[Edge]>,
    /// What does not go by segments, of all nodes.
    tails: Box<[Tail]>,
    /// Further routes that end at one place.
    more: Box<[Box<[u32]>]>,
}

/// What may follow a number of segments.
#[derive(Clone, Debug)]
struct Node {
    /// The first route at or below this node.
    least: u32,
    /// Where its edges begin, and end.
    edges: (u32, u32),
    /// Whether one of its edges takes an empty segment.
    has_optional: bool,
    /// Segments that are literals.
    literals: Table,
    /// Routes that end here, with a slash.
    slash: Ends,
    /// Routes that end here, without a slash behind the last segment.
    here: Ends,
    /// What is to be tried on all that is left: where it begins, and ends.
    tails: (u32, u32),
}

#[derive(Clone, Debug)]
struct Edge {
    accepts: Accepts,
    to: u32,
    /// The first route behind it.
    least: u32,
}

/// A segment that is no literal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Accepts {
    /// Anything that is not empty.
    Any,
    /// So many digits, bounds included.
    Digits(usize, usize),
    Run(Run),
    Tokens(Vec<Token>),
}

#[derive(Clone, Debug)]
struct Tail {
    order: u32,
    is_whole: bool,
    tokens: Vec<Token>,
}

/// Routes that end at one place, ascending.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// `NONE` if there is none.
    first: u32,
    /// Where the others stand in [`Trie::more`].
    more: u32,
}

/// Where a walk may go on: at the edges of a node from this one on.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    node: u32,
    edge: u32,
    at: usize,
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
        let mut best = NONE;
        let start = Point {
            node: 0,
            edge: ENTER,
            at,
        };
        self.walk(start, path, &mut best, guard);
        best
    }

    /// Goes on from a point, and back to where another way was left.
    fn walk(&self, start: Point, path: &Path<'_>, best: &mut u32, guard: &mut impl Guard) {
        let (mut pending, mut height) = ([Point::default(); PENDING], 0);
        let mut point = start;
        while let Some(node) = self.nodes.get(point.node as usize) {
            if let Some((to, end)) = self.step(node, &mut point, path, best, guard) {
                let next = Point {
                    node: to,
                    edge: ENTER,
                    at: end + 1,
                };
                if point.edge < node.edges.1 {
                    let Some(place) = pending.get_mut(height) else {
                        self.walk_apart(next, path, best, guard);
                        continue;
                    };
                    *place = point;
                    height += 1;
                }
                if end < path.bytes.len() {
                    point = next;
                    continue;
                }
                self.finish(to, best, guard);
            }
            loop {
                let Some(last) = pending.get(height.wrapping_sub(1)) else {
                    return;
                };
                height -= 1;
                let edge = self.edges.get(last.edge as usize);
                if edge.is_some_and(|edge| edge.least < *best) {
                    point = *last;
                    break;
                }
            }
        }
    }

    /// Goes on where no more can be kept pending.
    #[cold]
    fn walk_apart(&self, next: Point, path: &Path<'_>, best: &mut u32, guard: &mut impl Guard) {
        if next.at <= path.bytes.len() {
            self.walk(next, path, best, guard);
        } else {
            self.finish(next.node, best, guard);
        }
    }

    #[inline]
    fn finish(&self, to: u32, best: &mut u32, guard: &mut impl Guard) {
        if let Some(node) = self.nodes.get(to as usize) {
            self.offer(node.here, best, guard);
        }
    }

    /// The next way on from a node, and where its segment ends; moves the point past that way.
    #[expect(clippy::inline_always, reason = "the whole of the walk's loop")]
    #[inline(always)]
    fn step(
        &self,
        node: &Node,
        point: &mut Point,
        path: &Path<'_>,
        best: &mut u32,
        guard: &mut impl Guard,
    ) -> Option<(u32, usize)> {
        let at = point.at;
        let is_entered = point.edge != ENTER;
        if !is_entered {
            if node.least >= *best {
                return None;
            }
            point.edge = node.edges.0;
            if node.tails.0 < node.tails.1 {
                self.try_tails(node, path.bytes.get(at..)?, best, guard);
            }
            if at >= path.bytes.len() {
                self.offer(node.slash, best, guard);
                if !node.has_optional {
                    return None;
                }
            }
        }
        let end = path.segment_end(at);
        let head = path.word(at);
        // A literal most often stands before the parameters, which then need not be tried.
        if !is_entered
            && !node.literals.is_empty()
            && let Some(to) = self.tables.find(&node.literals, path, (at, end), head)
        {
            return Some((to, end));
        }
        while point.edge < node.edges.1 {
            let edge = self.edges.get(point.edge as usize)?;
            if edge.least >= *best {
                return None;
            }
            point.edge += 1;
            if edge.accepts.takes(path, (at, end), head) {
                return Some((edge.to, end));
            }
        }
        None
    }

    #[inline(never)]
    fn try_tails(&self, node: &Node, left: &[u8], best: &mut u32, guard: &mut impl Guard) {
        let tails = node.tails.0 as usize..node.tails.1 as usize;
        for tail in self.tails.get(tails).unwrap_or_default() {
            if tail.order < *best
                && token::matches(&tail.tokens, tail.is_whole, left)
                && guard.admits(tail.order)
            {
                *best = tail.order;
            }
        }
    }

    #[inline]
    fn offer(&self, ends: Ends, best: &mut u32, guard: &mut impl Guard) {
        if ends.first >= *best {
            return;
        }
        if guard.admits(ends.first) {
            *best = ends.first;
            return;
        }
        for order in self.more.get(ends.more as usize).into_iter().flatten() {
            if *order >= *best {
                return;
            }
            if guard.admits(*order) {
                *best = *order;
                return;
            }
        }
    }
}

impl Ends {
    fn new(orders: &[u32], all: &mut Vec<Box<[u32]>>) -> Self {
        let (first, others) = orders.split_first().unwrap_or((&NONE, &[]));
        let mut more = NONE;
        if !others.is_empty() {
            more = place(all.len());
            all.push(others.into());
        }
        Self {
            first: *first,
            more,
        }
    }
}

/// A place in one of the trie's lists.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

impl Accepts {
    fn new(mut segment: Vec<Token>) -> Self {
        match (segment.pop(), segment.is_empty()) {
            (Some(Token::Run(run)), true) if run.is_segment => Self::Any,
            (Some(Token::Run(run)), true) => match run.digits() {
                Some((least, most)) => Self::Digits(least, most),
                None => Self::Run(run),
            },
            (last, _) => {
                segment.extend(last);
                Self::Tokens(segment)
            }
        }
    }

    fn takes_nothing(&self) -> bool {
        self.takes(&Path::decoded(b""), (0, 0), 0)
    }

    /// Whether it takes a segment of a path, which begins with the word `head`.
    #[expect(clippy::inline_always, reason = "most are a few instructions")]
    #[inline(always)]
    fn takes(&self, path: &Path<'_>, (at, end): (usize, usize), head: u64) -> bool {
        let length = end - at;
        match self {
            Self::Any => length > 0,
            Self::Digits(least, most) if length <= 8 => {
                (*least..=*most).contains(&length) && digits::leading(head) >= length
            }
            _ => self.takes_text(&path.bytes[at..end]),
        }
    }

    #[inline(never)]
    fn takes_text(&self, segment: &[u8]) -> bool {
        match self {
            Self::Any => !segment.is_empty(),
            Self::Digits(least, most) => {
                (*least..=*most).contains(&segment.len()) && segment.iter().all(u8::is_ascii_digit)
            }
            Self::Run(run) => run.takes_segment(segment),
            Self::Tokens(tokens) => token::matches(tokens, true, segment),
        }
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
    literals: std::collections::BTreeMap<Vec<u8>, u32>,
    edges: Vec<Edge>,
    tails: Vec<Tail>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Sketch::default()],
        }
    }

    /// Adds a way to a route. Routes are added in their order.
    pub(super) fn add(&mut self, order: u32, way: &Way) {
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
            let known = sketch.edges.iter().find(|edge| edge.accepts == accepts);
            if let Some(known) = known {
                known.to
            } else {
                sketch.edges.push(Edge {
                    accepts,
                    to: next,
                    least: NONE,
                });
                next
            }
        };
        if to == next {
            self.nodes.push(Sketch::default());
        }
        to as usize
    }

    pub(super) fn build(self) -> Trie {
        let mut least = vec![NONE; self.nodes.len()];
        // Nodes stand behind those that lead to them.
        for (place, node) in self.nodes.iter().enumerate().rev() {
            let own = node.here.iter().chain(&node.slash).copied();
            let own = own.chain(node.tails.iter().map(|tail| tail.order));
            let next = node.literals.values().copied();
            let next = next.chain(node.edges.iter().map(|edge| edge.to));
            let below = next.map(|to| least[to as usize]);
            least[place] = own.chain(below).min().unwrap_or(NONE);
        }
        let mut tables = table::Builder::default();
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        let (mut tails, mut more) = (Vec::new(), Vec::new());
        for (mut node, lowest) in self.nodes.into_iter().zip(&least) {
            for edge in &mut node.edges {
                edge.least = least[edge.to as usize];
            }
            node.edges.sort_by_key(|edge| edge.least);
            let literals = node.literals.iter();
            let first = (place(edges.len()), place(tails.len()));
            let has_optional = node.edges.iter().any(|edge| edge.accepts.takes_nothing());
            edges.append(&mut node.edges);
            tails.append(&mut node.tails);
            nodes.push(Node {
                least: *lowest,
                edges: (first.0, place(edges.len())),
                has_optional,
                literals: tables.add(literals.map(|(segment, to)| (segment.as_slice(), *to))),
                slash: Ends::new(&node.slash, &mut more),
                here: Ends::new(&node.here, &mut more),
                tails: (first.1, place(tails.len())),
            });
        }
        Trie {
            nodes: nodes.into(),
            tables: tables.build(),
            edges: edges.into(),
            tails: tails.into(),
            more: more.into(),
        }
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
