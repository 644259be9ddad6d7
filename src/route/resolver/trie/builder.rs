//! From routes to the trie that finds them.
//!
//! Invariant: every way of every route is in the trie once; what stands behind a node knows the first
//! route there.

use std::collections::BTreeMap;

use super::super::lower;
use super::super::path::Path;
use super::super::segment::Accepts;
use super::super::table::Table;
use super::super::token::Token;
use super::{Edge, Literal, NONE, Rare, Trie, least};

/// A trie in the making.
#[derive(Debug)]
pub(in super::super) struct Builder {
    nodes: Vec<Sketch>,
}

#[derive(Debug, Default)]
struct Sketch {
    here: Vec<u32>,
    slash: Vec<u32>,
    literals: BTreeMap<Vec<u8>, u32>,
    /// Segments that are no literals, and the nodes behind them.
    edges: Vec<(Accepts, u32)>,
    /// What takes all that is left, and the routes that end so.
    tails: Vec<(Accepts, u32)>,
}

impl Builder {
    pub(in super::super) fn new() -> Self {
        Self {
            nodes: vec![Sketch::default()],
        }
    }

    /// Adds a way to a route. Routes are added in their order.
    pub(in super::super) fn add(&mut self, order: u32, way: &lower::Way) {
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
        let rest = Accepts::Rest(tokens.into(), is_whole);
        self.nodes[node].tails.push((rest, order));
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

    pub(in super::super) fn build(self) -> Trie {
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
        let own = own.chain(self.tails.iter().map(|(_, order)| *order));
        let mut least = own.min().unwrap_or(NONE);
        let mut below = |to: u32| built.remove(&(to as usize));
        let tails = self.tails.into_iter();
        let mut edges: Vec<_> = tails
            .map(|(accepts, least)| Edge {
                accepts,
                least,
                to: None,
            })
            .collect();
        for (accepts, to) in self.edges {
            if let Some((node, first)) = below(to) {
                least = least.min(first);
                edges.push(Edge {
                    accepts,
                    least: first,
                    to: Some(Box::new(node)),
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
            let left = left(&edges, &text);
            let literal = Literal {
                to: Box::new(node),
                left: u32::try_from(left.len()).unwrap_or(u32::MAX),
                least: self::least(left),
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

/// The edges from the first on that takes a literal as well.
fn left<'e>(edges: &'e [Edge], literal: &[u8]) -> &'e [Edge] {
    let path = Path::decoded(literal);
    let segment = path.segment(0, path.ends(0));
    // What takes all that is left may take it, whatever follows.
    let takes = |edge: &Edge| edge.to.is_none() || edge.accepts.takes(&path, segment);
    let first = edges.iter().position(takes);
    first.map_or(&[], |first| &edges[first..])
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
