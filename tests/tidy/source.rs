//! Reads the crate as the compiler does: from `lib.rs` and `main.rs` along `mod` declarations, without test items.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item};

/// A file of shipped code.
pub struct SourceFile {
    /// Relative to the package's root.
    pub path: PathBuf,
    /// Names of the modules that lead to the file; empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    /// The file's text without test items.
    pub shipped: String,
}

impl SourceFile {
    /// Parses the text without test items.
    pub fn syntax(&self) -> syn::File {
        syn::parse_file(&self.shipped)
            .unwrap_or_else(|error| panic!("{} without its tests: {error}", self.path.display()))
    }
}

/// The package's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file that is compiled into the library or the program, in the order of their paths.
/// They are read once, for all tests.
pub fn shipped_files() -> &'static [SourceFile] {
    static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| {
        let mut files = Vec::new();
        for start in ["src/lib.rs", "src/main.rs"] {
            collect(Path::new(start), Vec::new(), &mut files);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    });
    &FILES
}

/// Returns every Rust file below `folder`, sorted, with paths relative to the package's root.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Cuts test items out of a file's text, wherever they stand.
pub fn without_tests(text: &str) -> String {
    let mut tests = TestItems::default();
    tests.visit_file(&syn::parse_file(text).expect("Rust source parses"));
    let is_shipped = |number: usize| !tests.lines.iter().any(|lines| lines.contains(&number));
    let lines = text.lines().zip(1..);
    let shipped = lines.filter(|(_, number)| is_shipped(*number));
    shipped.fold(String::new(), |shipped, (line, _)| shipped + line + "\n")
}

/// Returns the names that stand directly behind `crate::`, in paths, groups of `use` and macros.
pub fn crate_names(tokens: TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => names.extend(crate_names(group.stream())),
            TokenTree::Ident(name)
                if name == "crate"
                    && tokens[..at].last().is_none_or(|before| !is_colon(before)) =>
            {
                if let [first, second, behind, ..] = &tokens[at + 1..]
                    && is_colon(first)
                    && is_colon(second)
                {
                    names.extend(leading_names(behind));
                }
            }
            _ => {}
        }
    }
    names
}

/// Returns the name of an identifier, or the first names of the paths in a group.
fn leading_names(token: &TokenTree) -> Vec<String> {
    match token {
        TokenTree::Ident(name) => vec![name.to_string()],
        TokenTree::Group(group) => {
            let mut is_head = true;
            let mut names = Vec::new();
            for token in group.stream() {
                match &token {
                    TokenTree::Ident(name) if is_head => {
                        names.push(name.to_string());
                        is_head = false;
                    }
                    TokenTree::Punct(mark) if mark.as_char() == ',' => is_head = true,
                    _ => {}
                }
            }
            names
        }
        _ => Vec::new(),
    }
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':')
}

fn collect(path: &Path, module: Vec<String>, files: &mut Vec<SourceFile>) {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let file = SourceFile {
        path: path.to_path_buf(),
        module,
        shipped: without_tests(&text),
    };
    let name = path.file_name().unwrap();
    let folder = if name == "mod.rs" || file.module.is_empty() {
        path.with_file_name("")
    } else {
        path.with_extension("")
    };
    for item in &file.syntax().items {
        let Item::Mod(child) = item else { continue };
        if child.content.is_some() {
            continue;
        }
        let name = child.ident.to_string();
        let beside = folder.join(format!("{name}.rs"));
        let inside = folder.join(&name).join("mod.rs");
        let path = if root().join(&beside).exists() {
            beside
        } else {
            inside
        };
        let module = file.module.iter().cloned().chain([name]).collect();
        collect(&path, module, files);
    }
    files.push(file);
}

/// Line ranges of items, members and statements under `#[cfg(test)]`.
#[derive(Default)]
struct TestItems {
    lines: Vec<RangeInclusive<usize>>,
}

impl TestItems {
    fn check(&mut self, attributes: &[Attribute], node: &impl Spanned) {
        if attributes.iter().any(is_test) {
            let span = node.span();
            self.lines.push(span.start().line..=span.end().line);
        }
    }
}

/// Returns whether an attribute keeps its item out of a shipped build: `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_test(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    let condition = list.tokens.to_string();
    attribute.path().is_ident("cfg")
        && (condition == "test" || condition.starts_with("all (test ,"))
}

impl<'a> Visit<'a> for TestItems {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        self.check(attributes, item);
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.check(&item.attrs, item);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_impl_item_const(&mut self, item: &'a syn::ImplItemConst) {
        self.check(&item.attrs, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        self.check(&item.attrs, item);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_field(&mut self, field: &'a syn::Field) {
        self.check(&field.attrs, field);
    }

    fn visit_field_value(&mut self, field: &'a syn::FieldValue) {
        self.check(&field.attrs, field);
        visit::visit_field_value(self, field);
    }

    fn visit_variant(&mut self, variant: &'a syn::Variant) {
        self.check(&variant.attrs, variant);
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        self.check(&arm.attrs, arm);
        visit::visit_arm(self, arm);
    }

    fn visit_local(&mut self, local: &'a syn::Local) {
        self.check(&local.attrs, local);
        visit::visit_local(self, local);
    }

    fn visit_expr_block(&mut self, block: &'a syn::ExprBlock) {
        self.check(&block.attrs, block);
        visit::visit_expr_block(self, block);
    }

    fn visit_expr_if(&mut self, condition: &'a syn::ExprIf) {
        self.check(&condition.attrs, condition);
        visit::visit_expr_if(self, condition);
    }
}
