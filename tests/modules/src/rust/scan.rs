//! What a file of Rust declares, imports and names, without its tests.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, Macro, Meta, UseTree, Visibility};

/// A path as it is written, such as `crate`, `policy`, `View`.
pub(super) type Segments = Vec<String>;

/// One module, inline or a file of its own.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Modules declared with a body.
    pub(super) inline: Vec<(String, Self)>,
    /// Modules declared without one: they have a file.
    pub(super) declared: Vec<String>,
    /// Types, functions and the like.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Paths of at least two segments in the code.
    pub(super) paths: Vec<Segments>,
}

/// One name that a `use` brings in.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) path: Segments,
    /// What it is called here; `None` for everything in `path`.
    pub(super) name: Option<String>,
}

impl Scan {
    pub(super) fn new(items: &[Item]) -> Self {
        let mut scan = Self::default();
        for item in items {
            scan.visit_item(item);
        }
        scan
    }

    fn import(&mut self, prefix: &[String], tree: &UseTree) {
        let (last, name) = match tree {
            UseTree::Path(path) => {
                let prefix = [prefix, &[path.ident.to_string()]].concat();
                return self.import(&prefix, &path.tree);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(prefix, tree));
            }
            UseTree::Glob(_) => (None, None),
            UseTree::Name(name) if name.ident == "self" => (None, prefix.last().cloned()),
            UseTree::Name(name) => (Some(name.ident.to_string()), Some(name.ident.to_string())),
            UseTree::Rename(name) if name.ident == "self" => (None, Some(name.rename.to_string())),
            UseTree::Rename(name) => (Some(name.ident.to_string()), Some(name.rename.to_string())),
        };
        let path = prefix.iter().cloned().chain(last).collect();
        self.imports.push(Import { path, name });
    }

    /// Macros are not expanded: their tokens are searched for paths.
    fn search(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.path(core::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.path(core::mem::take(&mut path));
                    self.search(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.path(core::mem::take(&mut path));
                }
            }
            colons = 0;
        }
        self.path(path);
    }

    fn path(&mut self, path: Segments) {
        if path.len() > 1 {
            self.paths.push(path);
        }
    }
}

impl Visit<'_> for Scan {
    fn visit_item(&mut self, item: &Item) {
        let (name, attributes) = head(item);
        if is_test(attributes) {
            return;
        }
        match item {
            Item::Mod(module) => match &module.content {
                Some((_, items)) => self.inline.push((module.ident.to_string(), Self::new(items))),
                None => self.declared.push(module.ident.to_string()),
            },
            Item::Use(item) if item.leading_colon.is_none() => self.import(&[], &item.tree),
            _ => {
                self.items.extend(name.map(Ident::to_string));
                visit::visit_item(self, item);
            }
        }
    }

    fn visit_impl_item_fn(&mut self, function: &syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &Macro) {
        visit::visit_macro(self, mac);
        self.search(mac.tokens.clone());
    }

    // Neither takes anything.
    fn visit_attribute(&mut self, _: &Attribute) {}
    fn visit_visibility(&mut self, _: &Visibility) {}
}

/// Tells whether something is there in tests only, by `#[test]`, `#[cfg(test)]` or
/// `#[cfg(all(test, …))]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => needs_test(list.tokens.clone()),
        Meta::List(_) | Meta::NameValue(_) => false,
    })
}

fn needs_test(condition: TokenStream) -> bool {
    let mut tokens = condition.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(ident)), None) => ident == "test",
        (Some(TokenTree::Ident(ident)), Some(TokenTree::Group(all))) if ident == "all" => {
            let conditions: Vec<_> = all.stream().into_iter().collect();
            let is_comma =
                |token: &_| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
            conditions.split(is_comma).any(|part| needs_test(part.iter().cloned().collect()))
        }
        _ => false,
    }
}

/// The name of an item, if it has one, and its attributes.
fn head(item: &Item) -> (Option<&Ident>, &[Attribute]) {
    match item {
        Item::Const(item) => (Some(&item.ident), &item.attrs),
        Item::Enum(item) => (Some(&item.ident), &item.attrs),
        Item::ExternCrate(item) => (Some(&item.ident), &item.attrs),
        Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
        Item::ForeignMod(item) => (None, &item.attrs),
        Item::Impl(item) => (None, &item.attrs),
        Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
        Item::Mod(item) => (Some(&item.ident), &item.attrs),
        Item::Static(item) => (Some(&item.ident), &item.attrs),
        Item::Struct(item) => (Some(&item.ident), &item.attrs),
        Item::Trait(item) => (Some(&item.ident), &item.attrs),
        Item::TraitAlias(item) => (Some(&item.ident), &item.attrs),
        Item::Type(item) => (Some(&item.ident), &item.attrs),
        Item::Union(item) => (Some(&item.ident), &item.attrs),
        Item::Use(item) => (None, &item.attrs),
        _ => (None, &[]),
    }
}
