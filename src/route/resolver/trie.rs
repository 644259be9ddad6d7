//! All routes that tokens can express, walked segment by segment.
//!
//! Invariant: the walk finds the first route, in Django's order, among those that match; nodes whose
//! routes all stand behind the one found already are not looked at.

use super::lower::Way;
use super::path::Path;
use super::table::Table;
use super::token::{self, Run, Token};

/// No route.
pub(super) const NONE: u32 = u32::MAX;

/// The routes by their segments; node 0 is where paths begin.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Box<[Node]>,
    table: Table,
}

/// What may follow a number of segments.
#[derive(Clone, Debug)]
struct Node {
    /// The first route at or below this node.
    least: u32,
    /// Routes that end here, without a slash behind the last segment.
    here: Ends,
    /// Routes that end here, with a slash.
    slash: Ends,
    has_segments: bool,
    /// Segments that are no literals.
    edges: Box<[Edge]>,
    /// What does not go by segments, to be tried on all that is left.
    tails: Box<[Tail]>,
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
#[derive(Clone, Debug, Default)]
struct Ends(Box<[u32]>);

/// What decides whether a route is there at all, besides its pattern.
pub(super) trait Guard {
    /// Whether a route may answer this path.
    fn admits(&mut self, order: u32) -> bool;
}

impl Trie {
    /// The first route that matches what is left of a path from `at` on; `NONE` if there is none.
    pub(super) fn find(&self, path: &Path<'_>, at: usize, guard: &mut impl Guard) -> u32 {
        let mut best = NONE;
        self.walk(0, path, at, &mut best, guard);
        best
    }

    fn walk(&self, from: u32, path: &Path<'_>, at: usize, best: &mut u32, guard: &mut impl Guard) {
        let (mut from, mut at) = (from, at);
        while let Some(node) = self.nodes.get(from as usize) {
            if node.least >= *best {
                return;
            }
            for tail in &node.tails {
                if tail.order < *best
                    && token::matches(&tail.tokens, tail.is_whole, &path.bytes[at..])
                    && guard.admits(tail.order)
                {
                    *best = tail.order;
                }
            }
            let end = path.segment_end(at);
            let segment = &path.bytes[at..end];
            let is_last = end == path.bytes.len();
            if segment.is_empty() && is_last {
                node.slash.offer(best, guard);
            }
            let literal = if node.has_segments {
                self.table.find(from, segment)
            } else {
                None
            };
            if node.edges.is_empty() && !is_last {
                let Some(next) = literal else { return };
                (from, at) = (next, end + 1);
                continue;
            }
            // A literal most often stands before the parameters, which then need not be tried.
            if let Some(next) = literal {
                self.follow(next, path, end, best, guard);
            }
            for edge in &node.edges {
                if edge.least >= *best {
                    break;
                }
                if edge.accepts.takes(segment) {
                    self.follow(edge.to, path, end, best, guard);
                }
            }
            return;
        }
    }

    /// Goes on behind a segment that ends at `end`.
    #[inline]
    fn follow(&self, to: u32, path: &Path<'_>, end: usize, best: &mut u32, guard: &mut impl Guard) {
        if end < path.bytes.len() {
            self.walk(to, path, end + 1, best, guard);
        } else if let Some(node) = self.nodes.get(to as usize) {
            node.here.offer(best, guard);
        }
    }
}

impl Ends {
    #[inline]
    fn offer(&self, best: &mut u32, guard: &mut impl Guard) {
        for order in &self.0 {
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

impl Accepts {
    #[inline]
    fn takes(&self, segment: &[u8]) -> bool {
        match self {
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
            let accepts = match <[Token; 1]>::try_from(segment) {
                Ok([Token::Run(run)]) => Accepts::Run(run),
                Ok([token]) => Accepts::Tokens(vec![token]),
                Err(tokens) => Accepts::Tokens(tokens),
            };
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
        let mut segments = Vec::new();
        let mut nodes = Vec::new();
        for ((mut node, from), lowest) in self.nodes.into_iter().zip(0..).zip(&least) {
            for edge in &mut node.edges {
                edge.least = least[edge.to as usize];
            }
            node.edges.sort_by_key(|edge| edge.least);
            nodes.push(Node {
                least: *lowest,
                here: Ends(node.here.into()),
                slash: Ends(node.slash.into()),
                has_segments: !node.literals.is_empty(),
                edges: node.edges.into(),
                tails: node.tails.into(),
            });
            let literals = node.literals.into_iter();
            segments.extend(literals.map(|(segment, to)| (from, segment, to)));
        }
        Trie {
            nodes: nodes.into(),
            table: Table::new(&segments),
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
