//! `#[derive(Module)]` of the `nn` crate; see there for what it is for. Use it as `nn::Module`.

#![forbid(unsafe_code)]

mod expand;

use proc_macro::TokenStream;

/// Writes `nn::Module`, the walk over named parameters, for a struct or an enum.
///
/// Each field is walked in order, its name joined to the path: `conv1.weight`. Fields of a tuple are named by number
/// (`0.weight`), except that the field of a type with a single unnamed one adds no name. Of an enum the present
/// variant is walked; the name of the variant is no part of the path. Type parameters that walked fields mention get
/// the bound `nn::Module`.
///
/// A field marked `#[module(skip)]` is left out. Its parameters, if any, are then not trained, saved or counted.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::module(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
