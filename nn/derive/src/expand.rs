//! From the definition of a type to its `impl Module`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Generics, Ident, Result, parse_quote};

pub(crate) fn module(input: &DeriveInput) -> Result<TokenStream> {
    refuse_attributes(&input.attrs)?;
    let variants: Vec<(TokenStream, &Fields)> = match &input.data {
        Data::Struct(data) => vec![(quote!(Self), &data.fields)],
        Data::Enum(data) => {
            data.variants.iter().map(|v| (v.ident.to_token_stream(), &v.fields)).collect::<Vec<_>>()
        }
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "a union does not know which of its fields it holds, so it cannot be a Module; use an enum",
            ));
        }
    };
    let is_enum = matches!(input.data, Data::Enum(_));
    let mut walked_types = vec![];
    let mut arms = [vec![], vec![]];
    for (variant, fields) in &variants {
        let walked = walked(fields)?;
        walked_types.extend(walked.iter().map(|w| &w.field.ty));
        let path = if is_enum { quote!(Self::#variant) } else { quote!(Self) };
        for (arms, walk) in arms.iter_mut().zip(["visit", "visit_mut"]) {
            arms.push(arm(&path, &walked, &format_ident!("{walk}")));
        }
    }
    let [arms, arms_mut] = arms;
    let (body, body_mut) = if variants.is_empty() {
        (quote!(match *self {}), quote!(match *self {}))
    } else {
        (quote!(match self { #(#arms)* }), quote!(match self { #(#arms_mut)* }))
    };
    let name = &input.ident;
    let generics = bounded(input.generics.clone(), &walked_types);
    let (for_impl, for_type, clause) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_variables)]
        impl #for_impl ::nn::__private::Module for #name #for_type #clause {
            fn visit<'module>(
                &'module self,
                path: &::nn::__private::ParamPath<'_>,
                f: &mut dyn FnMut(&::nn::__private::ParamPath<'_>, &'module ::nn::__private::Param),
            ) {
                #body
            }
            fn visit_mut<'module>(
                &'module mut self,
                path: &::nn::__private::ParamPath<'_>,
                f: &mut dyn FnMut(&::nn::__private::ParamPath<'_>, &'module mut ::nn::__private::Param),
            ) {
                #body_mut
            }
        }
    })
}

/// A field that is walked.
struct Walked<'a> {
    field: &'a Field,
    /// How a pattern names it: `weight`, `0`.
    member: TokenStream,
    /// What it is bound to in the arm.
    binding: Ident,
    /// What it adds to the path, if anything.
    name: Option<String>,
}

fn walked(fields: &Fields) -> Result<Vec<Walked<'_>>> {
    let alone = matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
    let mut walked = vec![];
    for (i, field) in fields.iter().enumerate() {
        if is_skipped(field)? {
            continue;
        }
        let index = syn::Index::from(i);
        let (member, name) = match &field.ident {
            // `r#type` is called `type` in paths.
            Some(ident) => (ident.to_token_stream(), Some(ident.to_string().replace("r#", ""))),
            None => (index.to_token_stream(), (!alone).then(|| i.to_string())),
        };
        // With the span of the type, the compiler points there when it is no Module.
        let binding = format_ident!("field_{i}", span = field.ty.span());
        walked.push(Walked { field, member, binding, name });
    }
    Ok(walked)
}

/// `Self::Conv { 0: field_0, .. } => { Module::visit(field_0, …); }`
fn arm(path: &TokenStream, walked: &[Walked<'_>], walk: &Ident) -> TokenStream {
    let patterns = walked.iter().map(|Walked { member, binding, .. }| quote!(#member: #binding));
    let calls = walked.iter().map(|Walked { binding, name, .. }| match name {
        Some(name) => quote! {
            ::nn::__private::Module::#walk(#binding, &::nn::__private::ParamPath::join(path, #name), f);
        },
        None => quote!(::nn::__private::Module::#walk(#binding, path, f);),
    });
    quote!(#path { #(#patterns,)* .. } => { #(#calls)* })
}

/// The generics with `Module` as a bound of every type parameter that walked fields mention.
fn bounded(mut generics: Generics, walked_types: &[&syn::Type]) -> Generics {
    let mentioned: Vec<String> = walked_types.iter().flat_map(|ty| idents(ty.to_token_stream())).collect();
    for param in generics.type_params_mut() {
        if mentioned.contains(&param.ident.to_string()) {
            param.bounds.push(parse_quote!(::nn::__private::Module));
        }
    }
    generics
}

/// Every identifier in these tokens.
fn idents(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => vec![ident.to_string()],
            proc_macro2::TokenTree::Group(group) => idents(group.stream()),
            _ => vec![],
        })
        .collect()
}

fn is_skipped(field: &Field) -> Result<bool> {
    let mut skipped = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("skip") {
                return Err(meta.error("unknown option; the only one is #[module(skip)]"));
            }
            skipped = true;
            Ok(())
        })?;
    }
    Ok(skipped)
}

fn refuse_attributes(attributes: &[syn::Attribute]) -> Result<()> {
    match attributes.iter().find(|a| a.path().is_ident("module")) {
        Some(attribute) => Err(Error::new(attribute.span(), "#[module(skip)] belongs on a field")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::module;
    use quote::quote;
    use syn::parse_quote;

    fn refusal(input: &syn::DeriveInput) -> String {
        module(input).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_a_module_is_refused() {
        let union = refusal(&parse_quote!(
            union Either {
                a: f32,
                b: u32,
            }
        ));
        assert!(union.contains("use an enum"), "{union}");
        let option = refusal(&parse_quote!(
            struct Layer {
                #[module(skipped)]
                name: String,
            }
        ));
        assert_eq!(option, "unknown option; the only one is #[module(skip)]");
        let place = refusal(&parse_quote!(
            #[module(skip)]
            struct Layer;
        ));
        assert_eq!(place, "#[module(skip)] belongs on a field");
        let in_a_variant = refusal(&parse_quote!(
            enum Choice {
                A(#[module(stop)] f32),
            }
        ));
        assert!(in_a_variant.starts_with("unknown option"), "{in_a_variant}");
    }

    #[test]
    fn only_mentioned_type_parameters_are_bounded() {
        let text = module(&parse_quote!(
            struct Pair<A, B, const N: usize> {
                first: [Vec<A>; N],
                #[module(skip)]
                second: B,
            }
        ))
        .unwrap()
        .to_string();
        let head = quote!(impl<A: ::nn::__private::Module, B, const N: usize>).to_string();
        assert!(text.contains(&head), "{text}");
    }
}
