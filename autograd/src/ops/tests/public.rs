//! The names of all public operations, read from the source of this crate, so that none can be missing in the table.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The names of the public functions in all `impl Var` blocks of this crate and the `impl Graph` blocks of this folder, also
/// of those that macros write, and of the functions behind operators.
pub(super) fn public_operations() -> Vec<String> {
    let mut names = vec![];
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        let of_operations = folder.components().any(|part| part.as_os_str() == "ops");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
                file.items.iter().for_each(|item| collect(item, of_operations, &mut names));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn collect(item: &syn::Item, of_operations: bool, names: &mut Vec<String>) {
    match item {
        syn::Item::Impl(block) => {
            let of_var = is_type(&block.self_ty, "Var");
            let operator = (of_operations || of_var)
                && block
                    .trait_
                    .as_ref()
                    .is_some_and(|(path, _)| path.segments.iter().any(|s| s.ident == "ops"));
            let own = block.trait_.is_none() && (of_var || of_operations && is_type(&block.self_ty, "Graph"));
            for item in &block.items {
                match item {
                    syn::ImplItem::Fn(f)
                        if operator || own && matches!(f.vis, syn::Visibility::Public(_)) =>
                    {
                        names.push(f.sig.ident.to_string());
                    }
                    syn::ImplItem::Macro(m) if own => unknown(&m.mac),
                    _ => {}
                }
            }
        }
        // The macros of this folder are called with `/// docs`, `Op, name` or `name, name_keepdim: …;` rows.
        syn::Item::Macro(m) if m.ident.is_none() => {
            let columns: &[usize] = match m.mac.path.require_ident().map(ToString::to_string).as_deref() {
                Ok("unary" | "binary" | "flat" | "comparisons" | "operators") => &[1],
                Ok("reductions") => &[0, 1],
                // They write what an operation does, and no method.
                Ok("adjoint_pair" | "flat_reductions" | "for_scalar_ops") => &[],
                _ if of_operations => unknown(&m.mac),
                _ => &[],
            };
            for row in rows(&m.mac.tokens.to_string()) {
                for &column in columns {
                    let cell = row.split([',', ':', '|']).nth(column).unwrap_or_default();
                    names.push(cell.trim().to_owned());
                }
            }
        }
        _ => {}
    }
}

fn unknown(mac: &syn::Macro) -> ! {
    let name = &mac.path.segments.last().unwrap().ident;
    panic!("{name}! may write operations: say in this test in which column of its rows their names are")
}

fn is_type(ty: &syn::Type, name: &str) -> bool {
    matches!(ty, syn::Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == name))
}

/// The rows of a macro call: what follows each run of doc comments.
fn rows(tokens: &str) -> Vec<String> {
    let mut rows = vec![];
    let stream: proc_macro2::TokenStream = tokens.parse().unwrap();
    let mut row = String::new();
    for token in stream {
        match token {
            proc_macro2::TokenTree::Punct(p) if p.as_char() == '#' => {}
            proc_macro2::TokenTree::Group(g) if g.delimiter() == proc_macro2::Delimiter::Bracket => {}
            proc_macro2::TokenTree::Punct(p) if p.as_char() == ';' => rows.push(std::mem::take(&mut row)),
            other => row += &other.to_string(),
        }
    }
    rows
}

#[test]
fn an_operation_by_an_unknown_macro_is_noticed() {
    let collected = |source: &str| {
        let mut names = vec![];
        let items = syn::parse_file(source).unwrap().items;
        catch_unwind(AssertUnwindSafe(|| items.iter().for_each(|item| collect(item, true, &mut names))))
            .map(|()| names)
    };
    assert!(collected("mystery! { /// Doc.\n Op, name; }").is_err());
    assert!(collected("impl<'g> Var<'g> { mystery!(name); }").is_err());
    assert_eq!(collected("flat! { /// Doc.\n Op, name; }").unwrap(), ["name"]);
    assert_eq!(collected("impl Graph { pub fn name(&self) {} fn own(&self) {} }").unwrap(), ["name"]);
    assert_eq!(collected("impl std::ops::Rem for Var<'_> { fn rem(self, o: Self) {} }").unwrap(), ["rem"]);
}
