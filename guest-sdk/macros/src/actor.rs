//! `#[actor]`: on the type, a record with its documentation; on its `impl`, the constructor and the methods.
//!
//! [`Class`] is the `impl` block, read and checked: its one constructor, its remote methods, and what stays local. The
//! expansion leaves the block as it was (without the `#[wrun(…)]` attributes) and adds `remote` and `options` to the type,
//! and a hidden type with the remote methods, which `Handle` gives by `Deref`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Path, Result, ReturnType,
    Type,
};

use crate::Failed;
use crate::expand::{Callable, krate};
use crate::manifest::{Record, export};
use crate::options::{ACTOR, ACTOR_TYPE, Attributes, METHOD};
use crate::signature::{Signature, first_argument, is_result, placed};

/// What a handle has itself, so that a method of that name could not be reached.
const TAKEN: &[&str] = &[
    "kill",
    "kill_and_restart",
    "terminate",
    "options",
    "clone",
    "error",
];

pub(crate) fn expand(
    attribute: TokenStream,
    item: TokenStream,
) -> std::result::Result<TokenStream, Failed> {
    let parsed: Item = syn::parse2(item.clone()).map_err(Failed::bare)?;
    let mut item = item;
    let expanded = match parsed {
        Item::Impl(block) => {
            item = plain(&block);
            class(attribute, block)
        }
        Item::Struct(item) => {
            type_record(attribute, &item.ident, &item.generics, &item.attrs, &item)
        }
        Item::Enum(item) => type_record(attribute, &item.ident, &item.generics, &item.attrs, &item),
        other => Err(Error::new_spanned(
            other,
            "an actor is a struct or enum and one `impl` block of it; for a function use `#[wrun::task]`",
        )),
    };
    expanded.map_err(|error| Failed { error, item })
}

/// The block as it stays beside an error: without attributes that don't exist.
fn plain(block: &ItemImpl) -> TokenStream {
    let mut block = block.clone();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            function
                .attrs
                .retain(|attribute| !attribute.path().is_ident("wrun"));
        }
    }
    block.to_token_stream()
}

fn type_record(
    attribute: TokenStream,
    ident: &Ident,
    generics: &syn::Generics,
    attributes: &[Attribute],
    item: &dyn ToTokens,
) -> Result<TokenStream> {
    let options = Attributes::parse(attribute, ACTOR_TYPE).map_err(|error| {
        Error::new(
            error.span(),
            format!("{error} (options of calls stand on the `impl`)"),
        )
    })?;
    if let Some(parameter) = generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "an actor can't be generic: its constructor is one export of the module",
        ));
    }
    let name = options
        .name
        .map_or_else(|| ident.to_string(), |name| name.value());
    let record = Record::new("actor")
        .text("name", &name)
        .doc(attributes)
        .expand();
    Ok(quote!(#item const _: () = { #record };))
}

/// One remote function of the block.
struct Function {
    item: ImplItemFn,
    attributes: Attributes,
    signature: Signature,
}

/// The block, checked.
struct Class {
    block: ItemImpl,
    krate: Path,
    ident: Ident,
    name: String,
    constructor: Function,
    methods: Vec<Function>,
}

fn class(attribute: TokenStream, mut block: ItemImpl) -> Result<TokenStream> {
    let mut attributes = Attributes::parse(attribute, ACTOR)?;
    let ident = own_type(&block)?;
    let mut constructors = Vec::new();
    let mut methods = Vec::new();
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let own = take_attributes(&mut function.attrs)?;
        if own.skip {
            continue;
        }
        if function.sig.receiver().is_some() {
            if own.constructor {
                return Err(Error::new_spanned(
                    &function.sig.ident,
                    "a constructor has no `self`: it makes the actor",
                ));
            }
            methods.push(method(function, own, &ident)?);
        } else if own.constructor || constructs(function, &ident) {
            constructors.push((function.clone(), own));
        }
    }
    let (function, own) = one_constructor(constructors, &block)?;
    let signature = signature(&function, &own, &ident, "constructor")?;
    attributes.stream = false;
    let name = attributes
        .name
        .take()
        .map_or_else(|| ident.to_string(), |name| name.value());
    let krate = krate(attributes.krate.as_ref());
    let constructor = Function {
        item: function,
        attributes,
        signature,
    };
    Ok(Class {
        block,
        krate,
        ident,
        name,
        constructor,
        methods,
    }
    .expand())
}

fn own_type(block: &ItemImpl) -> Result<Ident> {
    if let Some((_, path, _)) = &block.trait_ {
        let message =
            "the methods of an actor stand in an `impl` of the type itself, not of a trait";
        return Err(Error::new_spanned(path, message));
    }
    if let Some(parameter) = block.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "an actor can't be generic: its constructor is one export of the module",
        ));
    }
    if let Type::Path(path) = &*block.self_ty
        && let Some(segment) = path.path.segments.last()
        && segment.arguments.is_empty()
    {
        return Ok(segment.ident.clone());
    }
    let message = "the actor is a plain type of this crate; wrap others in a struct: `struct Counters(HashMap<String, u64>);`";
    Err(Error::new_spanned(&block.self_ty, message))
}

/// Reads the `#[wrun(…)]` of a method and takes it out, since no such attribute exists.
fn take_attributes(attributes: &mut Vec<Attribute>) -> Result<Attributes> {
    let mut own = Attributes::default();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("wrun"))
    {
        own = Attributes::parse(attribute.meta.require_list()?.tokens.clone(), METHOD)?;
    }
    attributes.retain(|attribute| !attribute.path().is_ident("wrun"));
    Ok(own)
}

/// Whether a function without `self` returns the actor.
fn constructs(function: &ImplItemFn, ident: &Ident) -> bool {
    let ReturnType::Type(_, ty) = &function.sig.output else {
        return false;
    };
    let ok = if is_result(ty) {
        first_argument(ty)
    } else {
        Some((**ty).clone())
    };
    matches!(ok, Some(Type::Path(path)) if path.path.is_ident("Self") || path.path.is_ident(ident))
}

fn one_constructor(
    constructors: Vec<(ImplItemFn, Attributes)>,
    block: &ItemImpl,
) -> Result<(ImplItemFn, Attributes)> {
    let marked = constructors
        .iter()
        .filter(|(_, own)| own.constructor)
        .count();
    let mut candidates: Vec<_> = constructors
        .into_iter()
        .filter(|(_, own)| marked == 0 || own.constructor)
        .collect();
    match (candidates.len(), marked) {
        (1, _) => Ok(candidates.remove(0)),
        (0, _) => {
            let message = "this actor has no constructor: add a function without `self` that returns `Self` or `Result<Self, E>`";
            Err(Error::new_spanned(&block.self_ty, message))
        }
        (_, 0) => {
            let message = "this actor has two constructors: mark one `#[wrun(constructor)]`, or the others `#[wrun(skip)]`";
            Err(Error::new_spanned(&candidates[1].0.sig.ident, message))
        }
        _ => Err(Error::new_spanned(
            &candidates[1].0.sig.ident,
            "an actor has one constructor; this is the second",
        )),
    }
}

fn method(function: &ImplItemFn, attributes: Attributes, ident: &Ident) -> Result<Function> {
    let name = &function.sig.ident;
    if TAKEN.iter().any(|taken| name == taken) {
        let message = format!(
            "handles have a function `{name}` of their own; give the method another name, or mark it `#[wrun(skip)]`"
        );
        return Err(Error::new_spanned(name, message));
    }
    if let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first()
        && (receiver.reference.is_none() || receiver.colon_token.is_some())
    {
        let message =
            "a method of an actor takes `&self` or `&mut self`: the actor lives on after the call";
        return Err(Error::new_spanned(receiver, message));
    }
    let signature = signature(function, &attributes, ident, "method")?;
    Ok(Function {
        item: function.clone(),
        attributes,
        signature,
    })
}

/// Reads a signature with `Self` written out, since the expansion uses it in other types.
fn signature(
    function: &ImplItemFn,
    attributes: &Attributes,
    ident: &Ident,
    what: &str,
) -> Result<Signature> {
    let mut sig = function.sig.clone();
    let inputs = without_self(sig.inputs.to_token_stream(), ident);
    let parser = syn::punctuated::Punctuated::<FnArg, syn::Token![,]>::parse_terminated;
    sig.inputs = syn::parse::Parser::parse2(parser, inputs)?;
    sig.output = syn::parse2(without_self(sig.output.to_token_stream(), ident))?;
    Signature::read(&sig, attributes, what)
}

fn without_self(tokens: TokenStream, ident: &Ident) -> TokenStream {
    use proc_macro2::{Group, TokenTree};
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(word) if word == "Self" => {
                TokenTree::Ident(placed(ident, word.span()))
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), ident));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        })
        .collect()
}

impl Class {
    fn expand(&self) -> TokenStream {
        let Self {
            block,
            krate,
            ident,
            name,
            ..
        } = self;
        let starter = self.starter();
        let methods = self.methods.iter().map(|method| self.method(method));
        let constructor = self.constructor_export();
        let exports = self.methods.iter().map(|method| self.method_export(method));
        quote! {
            #block

            const _: () = {
                impl #krate::Actor for #ident {
                    const NAME: &'static str = #name;
                    type Methods = __WrunMethods;
                }

                /// The remote methods of an actor; a handle has them.
                #[allow(unreachable_pub, reason = "named by a public trait, wherever the actor is")]
                #[derive(Debug, Clone)]
                pub struct __WrunMethods {
                    target: #krate::__private::Target,
                }

                impl ::core::convert::From<#krate::__private::Target> for __WrunMethods {
                    fn from(target: #krate::__private::Target) -> Self {
                        Self { target }
                    }
                }

                impl ::core::convert::AsRef<#krate::__private::Target> for __WrunMethods {
                    fn as_ref(&self) -> &#krate::__private::Target {
                        &self.target
                    }
                }

                #[allow(dead_code, clippy::too_many_arguments, clippy::type_complexity, reason = "generated for every actor")]
                impl __WrunMethods {
                    #(#methods)*
                }

                #starter
                #constructor
                #(#exports)*
            };
        }
    }

    fn constructor_callable(&self) -> Callable<'_> {
        Callable {
            krate: &self.krate,
            name: self.name.clone(),
            kind: "Constructor",
            signature: &self.constructor.signature,
            defaults: &self.constructor.attributes.defaults,
        }
    }

    fn method_callable<'a>(&'a self, method: &'a Function) -> Callable<'a> {
        Callable {
            krate: &self.krate,
            name: unraw(&method.item.sig.ident),
            kind: "Method",
            signature: &method.signature,
            defaults: &method.attributes.defaults,
        }
    }

    /// `remote` and `options` of the type.
    fn starter(&self) -> TokenStream {
        let Self { krate, ident, .. } = self;
        let callable = self.constructor_callable();
        let vis = &self.constructor.item.vis;
        let (params, names) = (callable.caller_params(), callable.names());
        let entry = quote!(__WRUN_CONSTRUCTOR);
        let start = callable.start(
            &entry,
            &quote!(::core::option::Option::None),
            &quote!(&self.options),
        );
        quote! {
            #[allow(dead_code, clippy::too_many_arguments, reason = "generated for every actor")]
            impl #ident {
                /// Starts an actor and gives its handle at once; the constructor's error shows at the first call.
                #vis fn remote(#params) -> #krate::Handle<#ident> {
                    Self::options().remote(#names)
                }

                /// Sets options for a new actor.
                #vis fn options() -> __WrunOptions {
                    __WrunOptions { options: ::core::default::Default::default() }
                }
            }

            /// Options for a new actor.
            #[allow(dead_code, reason = "generated for every actor")]
            #[derive(Debug, Clone)]
            #vis struct __WrunOptions {
                options: #krate::__private::CallOptions,
            }

            #[allow(dead_code, clippy::too_many_arguments, reason = "generated for every actor")]
            impl __WrunOptions {
                #krate::__private::actor_options!(#vis);

                /// Starts an actor with these options and gives its handle at once.
                #vis fn remote(&self, #params) -> #krate::Handle<#ident> {
                    #start
                }
            }
        }
    }

    /// The caller's side of one method.
    fn method(&self, method: &Function) -> TokenStream {
        let callable = self.method_callable(method);
        let (ident, vis) = (&method.item.sig.ident, &method.item.vis);
        let docs = method
            .item
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("doc"));
        let params = callable.caller_params();
        let remote = method.signature.returns.remote(&self.krate);
        let entry = method_entry(ident);
        let actor = quote!(::core::option::Option::Some(&self.target));
        let start = callable.start(&quote!(#entry), &actor, &quote!(self.target.options()));
        quote! {
            #(#docs)*
            #vis fn #ident(&self, #params) -> #remote {
                #start
            }
        }
    }

    fn constructor_export(&self) -> TokenStream {
        let Self {
            krate,
            ident,
            name,
            constructor,
            ..
        } = self;
        let callable = self.constructor_callable();
        let run = format_ident!("__wrun_construct");
        let entry = callable.entry(&run);
        let function = &constructor.item.sig.ident;
        let serve = constructor_serve(&callable, ident, function);
        let export_name = format!("wrun.actor.{name}");
        let export = export(&export_name, &run);
        let record = Record::new("constructor")
            .text("name", name)
            .text("export", &export_name)
            .params(&constructor.signature.params)
            .doc(&constructor.item.attrs)
            .defaults(callable.defaults)
            .expand();
        quote! {
            static __WRUN_CONSTRUCTOR: #krate::__private::Entry = #entry;
            fn #run() {
                #krate::__private::task(|__wrun_call| { #serve });
            }
            const _: () = { #export #record };
        }
    }

    /// The actor's side of one method.
    fn method_export(&self, method: &Function) -> TokenStream {
        let Self {
            krate, ident, name, ..
        } = self;
        let callable = self.method_callable(method);
        let function = &method.item.sig.ident;
        let run = format_ident!("__wrun_run_{}", callable.name);
        let entry = callable.entry(&run);
        let entry_name = method_entry(function);
        let serve =
            callable.serve(|arguments| quote!(#ident::#function(__wrun_actor, #(#arguments),*)));
        let full_name = format!("{name}.{}", callable.name);
        let export_name = format!("wrun.method.{full_name}");
        let export = export(&export_name, &run);
        let record = Record::new("method")
            .text("name", &full_name)
            .text("export", &export_name)
            .params(&method.signature.params)
            .returns(&method.signature.returns)
            .doc(&method.item.attrs)
            .defaults(callable.defaults)
            .expand();
        quote! {
            #[allow(non_upper_case_globals, reason = "it has the method's name")]
            static #entry_name: #krate::__private::Entry = #entry;
            fn #run() {
                #krate::__private::method::<#ident>(|__wrun_call, __wrun_actor| { #serve });
            }
            const _: () = { #export #record };
        }
    }
}

/// As [`Callable::serve`], but the value becomes the actor.
fn constructor_serve(callable: &Callable<'_>, ident: &Ident, function: &Ident) -> TokenStream {
    let returns = &callable.signature.returns;
    let fallible = returns.fallible;
    callable.serve_with(|arguments| {
        let made = quote!(#ident::#function(#(#arguments),*));
        if fallible {
            quote!(let __wrun_made: #ident = __wrun_call.ok(#made)?; __wrun_call.install(__wrun_made))
        } else {
            quote!(let __wrun_made: #ident = #made; __wrun_call.install(__wrun_made))
        }
    })
}

fn method_entry(ident: &Ident) -> Ident {
    format_ident!("__WRUN_ENTRY_{}", unraw(ident))
}

fn unraw(ident: &Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}
