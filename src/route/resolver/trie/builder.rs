//! Builds the trie of all routes that tokens can express.
//!
//! Invariant: every alternative of every route is in the trie once, and each edge has the order of the first
//! route behind it.

use std::collections::BTreeMap;

use super::super::lower::Alternative;
use super::super::path::Path;
use super::super::segment::SegmentPattern;
use super::super::table::LiteralTable;
use super::super::token::PathToken;
use super::super::words::Words;
use super::{Edge, EdgeIndex, LiteralEdge, NONE, RareParts, Trie, count, least};

/// A trie under construction.
#[derive(Debug)]
pub(crate) struct TrieBuilder {
    nodes: Vec<NodeDraft>,
}

#[derive(Debug, Default)]
struct NodeDraft {
    here: Vec<u32>,
    slash: Vec<u32>,
    /// Literal segments and the indices of the nodes behind them.
    literals: BTreeMap<Vec<u8>, usize>,
    /// Other segments and the indices of the nodes behind them.
    edges: Vec<(SegmentPattern, usize)>,
    /// Patterns of the rest of a path, and the routes that end with it.
    tails: Vec<(SegmentPattern, u32)>,
}

impl TrieBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![NodeDraft::default()],
        }
    }

    /// Adds an alternative of a route. Routes are added in their order.
    pub(crate) fn add(&mut self, order: u32, alternative: &Alternative) {
        let mut node = 0;
        // Tokens of the current segment, from its beginning on.
        let mut segment: Vec<PathToken> = Vec::new();
        for (place, token) in alternative.tokens.iter().enumerate() {
            match token {
                PathToken::Literal(literal) => {
                    let mut parts = literal.split(|byte| *byte == b'/');
                    let mut part = parts.next().unwrap_or_default();
                    for next in parts {
                        push_literal(&mut segment, part);
                        node = self.add_segment(node, std::mem::take(&mut segment));
                        part = next;
                    }
                    push_literal(&mut segment, part);
                }
                PathToken::Run(run) if !run.class.has('/') => segment.push(token.clone()),
                PathToken::Run(_) | PathToken::Until(..) => {
                    segment.extend_from_slice(&alternative.tokens[place..]);
                    self.add_tail(node, order, alternative.is_whole, segment);
                    return;
                }
            }
        }
        if !alternative.is_whole {
            self.add_tail(node, order, false, segment);
        } else if segment.is_empty() {
            push_end(&mut self.nodes[node].slash, order);
        } else {
            let last = self.add_segment(node, segment);
            push_end(&mut self.nodes[last].here, order);
        }
    }

    fn add_tail(&mut self, node: usize, order: u32, is_whole: bool, tokens: Vec<PathToken>) {
        let rest = SegmentPattern::Rest(tokens.into(), is_whole);
        self.nodes[node].tails.push((rest, order));
    }

    /// Returns the node behind a segment, adding it if it is missing.
    fn add_segment(&mut self, from: usize, segment: Vec<PathToken>) -> usize {
        let next = self.nodes.len();
        let draft = &mut self.nodes[from];
        let literal = match &*segment {
            [] => Some(Vec::new()),
            [PathToken::Literal(literal)] => Some(literal.to_vec()),
            _ => None,
        };
        let to = if let Some(literal) = literal {
            *draft.literals.entry(literal).or_insert(next)
        } else {
            let pattern = SegmentPattern::new(segment);
            let mut edges = draft.edges.iter();
            if let Some((_, known)) = edges.find(|(known, _)| *known == pattern) {
                *known
            } else {
                draft.edges.push((pattern, next));
                next
            }
        };
        if to == next {
            self.nodes.push(NodeDraft::default());
        }
        to
    }

    /// Builds the trie.
    pub(crate) fn build(self) -> Trie {
        // A node has a higher index than the node that leads to it, so children are built first. Each
        // built node comes with its first route.
        let mut built = BTreeMap::new();
        for (index, draft) in self.nodes.into_iter().enumerate().rev() {
            let node = draft.build(&mut built);
            built.insert(index, node);
        }
        let root = built.remove(&0);
        root.map_or_else(
            || NodeDraft::default().build(&mut built).0,
            |(root, _)| root,
        )
    }
}

impl NodeDraft {
    /// Builds the node, and returns it with the first route at or below it.
    fn build(self, built: &mut BTreeMap<usize, (Trie, u32)>) -> (Trie, u32) {
        let own = self.here.iter().chain(&self.slash).copied();
        let own = own.chain(self.tails.iter().map(|(_, order)| *order));
        let mut first = own.min().unwrap_or(NONE);
        let tails = self.tails.into_iter();
        let mut edges: Vec<_> = tails
            .map(|(pattern, least)| Edge {
                pattern,
                least,
                to: None,
            })
            .collect();
        for (pattern, to) in self.edges {
            if let Some((node, least)) = built.remove(&to) {
                first = first.min(least);
                edges.push(Edge {
                    pattern,
                    least,
                    to: Some(Box::new(node)),
                });
            }
        }
        edges.sort_by_key(|edge| edge.least);
        let (mut literals, mut long) = (Vec::new(), BTreeMap::new());
        for (text, to) in self.literals {
            let Some((node, below)) = built.remove(&to) else {
                continue;
            };
            first = first.min(below);
            let left = edges_for_literal(&edges, &text);
            let (then, to) = match only_literal(node) {
                Ok((then, literal)) => (then, literal.to),
                Err(node) => (Words::NONE, Box::new(node)),
            };
            let literal = LiteralEdge {
                to,
                then,
                left: count(left),
                least: least(left),
            };
            if text.len() <= LiteralTable::<LiteralEdge>::LONGEST {
                literals.push((text, literal));
            } else {
                long.insert(text.into(), literal);
            }
        }
        let first_end = |ends: &[u32]| ends.first().copied().unwrap_or(NONE);
        let further_ends = |ends: &[u32]| ends.get(1..).unwrap_or_default().into();
        let rare = RareParts {
            index: EdgeIndex::new(edges.iter().map(|edge| edge.pattern.first_literal())),
            has_optional: edges.iter().any(|edge| edge.pattern.accepts_empty()),
            slash: further_ends(&self.slash),
            here: further_ends(&self.here),
            long,
        };
        let trie = Trie {
            literals: LiteralTable::new(literals),
            edges: edges.into(),
            slash: first_end(&self.slash),
            here: first_end(&self.here),
            rare: rare.is_any().then(|| Box::new(rare)),
        };
        (trie, first)
    }
}

/// Returns the only way on from a node, and its segment; the node if it has anything else.
fn only_literal(node: Trie) -> Result<(Words, LiteralEdge), Trie> {
    let has_ends = (node.slash, node.here) != (NONE, NONE);
    if has_ends || !node.edges.is_empty() || node.rare.is_some() {
        return Err(node);
    }
    let is_single = |edge: &LiteralEdge| edge.then == Words::NONE;
    let Trie { literals, .. } = node;
    let only = literals.into_only(is_single);
    only.map_err(|literals| Trie { literals, ..node })
}

/// Returns the edges from the first on that also accepts a literal.
fn edges_for_literal<'e>(edges: &'e [Edge], literal: &[u8]) -> &'e [Edge] {
    let path = Path::from_unescaped(literal);
    let segment = path.segment(0, path.ends(0));
    // A pattern of the rest of a path depends on what follows the literal.
    let accepts = |edge: &Edge| edge.to.is_none() || edge.pattern.accepts(&path, segment);
    let first = edges.iter().position(accepts);
    first.map_or(&[], |first| &edges[first..])
}

fn push_literal(segment: &mut Vec<PathToken>, literal: &[u8]) {
    if !literal.is_empty() {
        segment.push(PathToken::Literal(literal.into()));
    }
}

/// Appends a route that ends at a node, once for several alternatives.
fn push_end(ends: &mut Vec<u32>, order: u32) {
    if ends.last() != Some(&order) {
        ends.push(order);
    }
}
