//! The graph of files that use names of other files, and its circles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, UseTree};

use crate::source::SourceFile;

/// Files, each with the files whose names it uses.
pub type Edges = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Names that one file defines and imports.
struct Scope<'f> {
    path: &'f Path,
    /// Items and child modules.
    defined: BTreeSet<String>,
    /// Names that `use` brings in, each with its whole path.
    imported: BTreeMap<String, Vec<String>>,
    /// Paths that the code names in full, those of `use` among them.
    named: Vec<Vec<String>>,
}

/// Returns the edges between files. A re-exported name counts for the file that defines it.
pub fn edges(files: &[SourceFile]) -> Edges {
    let scopes: BTreeMap<&[String], Scope<'_>> = files
        .iter()
        .map(|file| (&*file.module, Scope::new(file)))
        .collect();
    let mut edges = Edges::new();
    for file in files {
        let scope = &scopes[&*file.module];
        let used = scope.named.iter();
        let used = used.filter_map(|path| resolve(&scopes, &file.module, path, 8));
        let others = used
            .filter(|used| *used != file.path)
            .map(Path::to_path_buf);
        edges.insert(file.path.clone(), others.collect());
    }
    edges
}

/// Returns the circles among files of one top module, each as the sorted list of its files.
pub fn circles(edges: &Edges) -> BTreeSet<Vec<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = edges
        .keys()
        .map(|file| (file, reachable(edges, file)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, others) in &reached {
        if others.contains(file) {
            let circle = others
                .iter()
                .filter(|other| reached[**other].contains(file));
            circles.insert(circle.map(|file| (*file).clone()).collect());
        }
    }
    circles
}

/// Returns the files that a file uses, directly and through others of its top module.
fn reachable<'e>(edges: &'e Edges, from: &PathBuf) -> BTreeSet<&'e PathBuf> {
    let top = |path: &Path| {
        path.components()
            .nth(1)
            .map(|top| top.as_os_str().to_owned())
    };
    let mut reached = BTreeSet::new();
    let mut open: Vec<&PathBuf> = edges[from].iter().collect();
    while let Some(file) = open.pop() {
        if top(file) == top(from) && reached.insert(file) {
            open.extend(&edges[file]);
        }
    }
    reached
}

impl<'f> Scope<'f> {
    fn new(file: &'f SourceFile) -> Self {
        let mut scope = Self {
            path: &file.path,
            defined: BTreeSet::new(),
            imported: BTreeMap::new(),
            named: Vec::new(),
        };
        let syntax = file.syntax();
        for item in &syntax.items {
            let name = match item {
                Item::Const(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Fn(item) => &item.sig.ident,
                Item::Macro(item) if item.ident.is_some() => item.ident.as_ref().unwrap(),
                Item::Mod(item) => &item.ident,
                Item::Static(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::Type(item) => &item.ident,
                _ => continue,
            };
            scope.defined.insert(name.to_string());
        }
        scope.visit_file(&syntax);
        scope
    }

    fn import(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| -> Vec<String> {
            before.iter().cloned().chain([name.to_string()]).collect()
        };
        match tree {
            UseTree::Path(path) => self.import(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.import(before, tree)),
            UseTree::Glob(_) => self.named.push(before.to_vec()),
            UseTree::Name(name) => {
                let path = if name.ident == "self" {
                    before.to_vec()
                } else {
                    with(&name.ident)
                };
                let name = path.last().cloned().unwrap_or_default();
                self.imported.insert(name, path.clone());
                self.named.push(path);
            }
            UseTree::Rename(name) => {
                let path = with(&name.ident);
                self.imported.insert(name.rename.to_string(), path.clone());
                self.named.push(path);
            }
        }
    }
}

impl<'a> Visit<'a> for Scope<'_> {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        // A re-export is not a use.
        let is_handed_on = !matches!(item.vis, syn::Visibility::Inherited);
        let named = self.named.len();
        self.import(&[], &item.tree);
        if is_handed_on {
            self.named.truncate(named);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.segments.len() > 1 {
            let names = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.named.push(names.collect());
        }
        visit::visit_path(self, path);
    }
}

/// Returns the file that defines the item of a path, seen from a module; `None` for names of other crates.
fn resolve<'f>(
    scopes: &BTreeMap<&[String], Scope<'f>>,
    from: &[String],
    path: &[String],
    depth: u32,
) -> Option<&'f Path> {
    let mut module = from.to_vec();
    let mut rest = path;
    let mut is_first = true;
    while let Some((name, behind)) = rest.split_first() {
        match name.as_str() {
            "crate" => module.clear(),
            "super" => {
                module.pop();
            }
            "self" => {}
            "Self" => return None,
            name => {
                let scope = scopes.get(&*module)?;
                let child: Vec<String> = module.iter().cloned().chain([name.to_owned()]).collect();
                if scopes.contains_key(&*child) {
                    module = child;
                } else if scope.defined.contains(name) {
                    return Some(scope.path);
                } else {
                    let target = scope.imported.get(name)?;
                    if depth == 0 || is_first && target.as_slice() == path {
                        return None;
                    }
                    let whole: Vec<String> = target.iter().chain(behind).cloned().collect();
                    return resolve(scopes, &module, &whole, depth - 1);
                }
            }
        }
        is_first = false;
        rest = behind;
    }
    scopes.get(&*module).map(|scope| scope.path)
}
