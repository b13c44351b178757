//! What a remote function takes and gives.
//!
//! [`Signature::read`] turns a function's signature into [`Param`]s and [`Returns`], and refuses what can't cross into
//! another sandbox: borrowed or generic parameters, `async`, a `num_returns` that the type does not have. Whether a type
//! can be serialized is left to the compiler, which sees it in the expansion.

use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::{
    Error, FnArg, GenericArgument, Ident, Pat, PathArguments, Result, ReturnType, Type,
    TypeImplTrait,
};

use crate::options::Attributes;

/// One parameter.
pub(crate) struct Param {
    /// How people know it; `_0` and so on for a pattern.
    pub(crate) name: String,
    /// What generated code calls it.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

/// What a call gives.
pub(crate) struct Returns {
    /// The type as it is written; `()` for none.
    pub(crate) ty: Type,
    /// Whether it is a `Result` whose `Err` fails the call.
    pub(crate) fallible: bool,
    pub(crate) shape: Shape,
}

/// How many results, and of what type.
pub(crate) enum Shape {
    /// One; the type when it can be read from the signature.
    One,
    /// One for each field of a tuple.
    Many(Vec<Type>),
    /// One at a time; the item's type when it is written out.
    Stream {
        item: Option<Box<Type>>,
        /// Whether an item is a `Result` whose `Err` ends the stream.
        fallible: bool,
    },
}

/// A remote function's signature.
pub(crate) struct Signature {
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Returns,
}

impl Signature {
    /// Reads what follows the receiver, if there is one. `what` is "task" or the like, for messages.
    pub(crate) fn read(
        signature: &syn::Signature,
        attributes: &Attributes,
        what: &str,
    ) -> Result<Self> {
        plain(signature, what)?;
        let mut params = Vec::new();
        for argument in &signature.inputs {
            if let FnArg::Typed(argument) = argument {
                params.push(param(params.len(), argument, what)?);
            }
        }
        Ok(Self {
            params,
            returns: returns(&signature.output, attributes)?,
        })
    }
}

fn plain(signature: &syn::Signature, what: &str) -> Result<()> {
    if let Some(token) = &signature.asyncness {
        let message = format!(
            "a {what} can't be async: inside it `get` and `wait` block only this sandbox; write `fn`{}",
            hint(what)
        );
        return Err(Error::new_spanned(token, message));
    }
    if let Some(token) = &signature.unsafety {
        return Err(Error::new_spanned(
            token,
            format!("a {what} can't be unsafe: anyone may call it"),
        ));
    }
    let generics = &signature.generics;
    if let Some(parameter) = generics.params.first() {
        let message = format!(
            "a {what} can't be generic: it becomes one export of the module; write one {what} for each type and let it call the generic function"
        );
        return Err(Error::new_spanned(parameter, message));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new_spanned(
            variadic,
            format!("a {what} has a fixed number of parameters"),
        ));
    }
    Ok(())
}

fn param(index: usize, argument: &syn::PatType, what: &str) -> Result<Param> {
    match &*argument.ty {
        Type::Reference(reference) => {
            let owned = owned(&reference.elem);
            let message = format!(
                "a {what} gets values of its own, not borrowed ones: its arguments come from another sandbox; take `{owned}`{}",
                hint(what)
            );
            return Err(Error::new_spanned(reference, message));
        }
        Type::ImplTrait(ty) => {
            let message =
                format!("a {what}'s parameters need a concrete type: they are decoded from bytes");
            return Err(Error::new_spanned(ty, message));
        }
        _ => {}
    }
    let name = match &*argument.pat {
        Pat::Ident(pattern) => syn::ext::IdentExt::unraw(&pattern.ident).to_string(),
        _ => format!("_{index}"),
    };
    let ident = match &*argument.pat {
        // With the place of the user's name, but not its hygiene, so that lints see generated code.
        Pat::Ident(pattern) => placed(&pattern.ident, pattern.ident.span()),
        _ => Ident::new(&format!("argument_{index}"), Span::call_site()),
    };
    Ok(Param {
        name,
        ident,
        ty: (*argument.ty).clone(),
    })
}

/// What else to do about a method.
fn hint(what: &str) -> &'static str {
    if what == "method" {
        ", or mark it `#[wrun(skip)]` if it is not for callers"
    } else {
        ""
    }
}

/// The macro's hygiene at the user's place.
pub(crate) fn place(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// The name at another place.
pub(crate) fn placed(ident: &Ident, span: Span) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(place(span));
    ident
}

fn owned(ty: &Type) -> String {
    match ty {
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Path(path) if path.path.is_ident("Path") => "PathBuf".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", crate::manifest::type_text(&slice.elem)),
        other => crate::manifest::type_text(other),
    }
}

fn returns(output: &ReturnType, attributes: &Attributes) -> Result<Returns> {
    let ty = match output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let fallible = is_result(&ty);
    let ok = if fallible {
        first_argument(&ty)
    } else {
        Some(ty.clone())
    };
    if let Some(Type::Reference(reference)) = &ok {
        let owned = owned(&reference.elem);
        return Err(Error::new_spanned(
            reference,
            format!("a result leaves the sandbox and can't be borrowed; return `{owned}`"),
        ));
    }
    let shape = shape(&ty, ok, attributes)?;
    Ok(Returns {
        ty,
        fallible,
        shape,
    })
}

fn shape(ty: &Type, ok: Option<Type>, attributes: &Attributes) -> Result<Shape> {
    let item = match &ok {
        Some(Type::ImplTrait(opaque)) => Some(item(opaque)?),
        _ => None,
    };
    if item.is_some() || attributes.stream {
        if let Some((_, span)) = attributes.num_returns {
            return Err(Error::new(
                span,
                "a stream has as many results as it yields; leave `num_returns` out",
            ));
        }
        let fallible = item.as_ref().is_some_and(is_result);
        return Ok(Shape::Stream {
            item: item.map(Box::new),
            fallible,
        });
    }
    let Some((count, span)) = attributes.num_returns else {
        return Ok(Shape::One);
    };
    match ok {
        _ if count == 1 => Ok(Shape::One),
        Some(Type::Tuple(tuple)) if tuple.elems.is_empty() => Err(Error::new(
            span,
            "it returns nothing; with `num_returns` it returns a tuple",
        )),
        Some(Type::Tuple(tuple)) if tuple.elems.len() == count => {
            Ok(Shape::Many(tuple.elems.into_iter().collect()))
        }
        Some(Type::Tuple(tuple)) => {
            let message = format!(
                "`num_returns` is {count}, but the tuple has {} fields",
                tuple.elems.len()
            );
            Err(Error::new_spanned(tuple, message))
        }
        _ => {
            let message = format!(
                "with `num_returns = {count}` the return type is written as a tuple of {count}"
            );
            Err(Error::new_spanned(ty, message))
        }
    }
}

/// `T` of `impl Iterator<Item = T>`.
fn item(opaque: &TypeImplTrait) -> Result<Type> {
    for bound in &opaque.bounds {
        let syn::TypeParamBound::Trait(bound) = bound else {
            continue;
        };
        let Some(segment) = bound.path.segments.last() else {
            continue;
        };
        if segment.ident == "Stream" {
            return Err(Error::new_spanned(
                segment,
                "streams are iterators here: return `impl Iterator<Item = …>`",
            ));
        }
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
            continue;
        };
        for argument in &arguments.args {
            match argument {
                GenericArgument::AssocType(assoc) if assoc.ident == "Item" => {
                    return Ok(assoc.ty.clone());
                }
                _ => {}
            }
        }
    }
    let message = "an `impl` type is returned by streaming tasks only, as `impl Iterator<Item = …>`; else name the type";
    Err(Error::new_spanned(opaque, message))
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Whether the type is written as some `Result`.
pub(crate) fn is_result(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == "Result")
}

/// `T` of `Result<T, …>`, when it is written out.
pub(crate) fn first_argument(ty: &Type) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = &last_segment(ty)?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}

impl Returns {
    /// How many handles a call gives.
    pub(crate) fn count(&self) -> usize {
        match &self.shape {
            Shape::Many(fields) => fields.len(),
            _ => 1,
        }
    }

    /// What people are shown.
    pub(crate) fn text(&self) -> String {
        let shown = match &self.shape {
            Shape::Stream {
                item: Some(item),
                fallible: true,
            } => first_argument(item),
            Shape::Stream {
                item: Some(item), ..
            } => Some((**item).clone()),
            Shape::Stream { item: None, .. } => first_argument(&self.ty),
            _ if self.fallible => first_argument(&self.ty),
            _ => None,
        };
        crate::manifest::type_text(&shown.unwrap_or_else(|| self.ty.clone()))
    }

    /// The type that the caller gets: a ref, a tuple of refs or a stream of them.
    pub(crate) fn remote(&self, krate: &syn::Path) -> proc_macro2::TokenStream {
        let ty = &self.ty;
        let ok_of = |ty: &dyn ToTokens| quote!(<#ty as #krate::__private::IsResult>::Ok);
        match &self.shape {
            Shape::One if self.fallible => {
                let ok = ok_of(ty);
                quote!(#krate::ObjectRef<#ok>)
            }
            Shape::One => quote!(#krate::ObjectRef<#ty>),
            Shape::Many(fields) => quote!((#(#krate::ObjectRef<#fields>,)*)),
            Shape::Stream { item, fallible } => {
                let item = item.as_ref().map_or_else(
                    || {
                        let all = if self.fallible {
                            ok_of(ty)
                        } else {
                            quote!(#ty)
                        };
                        quote!(<#all as ::core::iter::IntoIterator>::Item)
                    },
                    |item| quote!(#item),
                );
                let item = if *fallible { ok_of(&item) } else { item };
                quote!(#krate::RefStream<#item>)
            }
        }
    }
}
