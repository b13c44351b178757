//! `#[task]`: the function as it was, a type of the same name for its remote calls, and the export.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, Item, ItemFn};

use crate::Failed;
use crate::expand::{Callable, krate};
use crate::manifest::{Record, export};
use crate::options::{Attributes, TASK};
use crate::signature::Signature;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream, Failed> {
    let function = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(function)) => function,
        Ok(other) => {
            return Err(Failed {
                error: Error::new_spanned(other, "only a function can be a task"),
                item,
            });
        }
        // A method has a receiver, so it does not parse as a free function.
        Err(error) => return Err(receiver(&item).map_or_else(|| Failed::bare(error), Failed::bare)),
    };
    task(attribute, &function).map_err(|error| Failed { error, item })
}

fn receiver(item: &TokenStream) -> Option<Error> {
    let method = syn::parse2::<syn::ImplItemFn>(item.clone()).ok()?;
    let receiver = method.sig.receiver()?;
    Some(method_error(receiver.span()))
}

fn method_error(span: proc_macro2::Span) -> Error {
    Error::new(
        span,
        "a task has no `self`: it runs in a sandbox of its own; make the type an actor with `#[wrun::actor]`, or take the value as a parameter",
    )
}

fn task(attribute: TokenStream, function: &ItemFn) -> syn::Result<TokenStream> {
    let attributes = Attributes::parse(attribute, TASK)?;
    if let Some(receiver) = function.sig.receiver() {
        return Err(method_error(receiver.span()));
    }
    let signature = Signature::read(&function.sig, &attributes, "task")?;
    let krate = krate(attributes.krate.as_ref());
    let name = match &attributes.name {
        Some(name) => name.value(),
        None => syn::ext::IdentExt::unraw(&function.sig.ident).to_string(),
    };
    let callable = Callable {
        krate: &krate,
        name,
        kind: "Task",
        signature: &signature,
        defaults: &attributes.defaults,
    };
    let hidden = hidden(&callable, function);
    let ident = &function.sig.ident;
    let vis = &function.vis;
    let doc = format!("Remote calls of the task [`{ident}`](fn@{ident}).");
    Ok(quote! {
        #[allow(clippy::needless_pass_by_value, reason = "a task's arguments are values")]
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code, clippy::empty_enum, reason = "it has the function's name")]
        #[derive(Debug)]
        #vis enum #ident {}

        const _: () = { #hidden };
    })
}

/// What needs no name outside: the entry, its runner, the export, and the functions of the two types.
fn hidden(callable: &Callable<'_>, function: &ItemFn) -> TokenStream {
    let krate = callable.krate;
    let ident = &function.sig.ident;
    let run = format_ident!("__wrun_run");
    let entry = callable.entry(&run);
    let serve = callable.serve(|arguments| quote!(#ident(#(#arguments),*)));
    let export_name = format!("wrun.task.{}", callable.name);
    let export = export(&export_name, &run);
    let record = Record::new("task")
        .text("name", &callable.name)
        .text("export", &export_name)
        .params(&callable.signature.params)
        .returns(&callable.signature.returns)
        .doc(&function.attrs)
        .defaults(callable.defaults)
        .expand();
    let functions = functions(callable, function);
    quote! {
        static __WRUN_ENTRY: #krate::__private::Entry = #entry;
        fn #run() {
            #krate::__private::task(|__wrun_call| { #serve });
        }
        #functions
        #export
        #record
    }
}

fn functions(callable: &Callable<'_>, function: &ItemFn) -> TokenStream {
    let krate = callable.krate;
    let (ident, vis) = (&function.sig.ident, &function.vis);
    let (params, names) = (callable.caller_params(), callable.names());
    let remote = callable.signature.returns.remote(krate);
    let entry = quote!(__WRUN_ENTRY);
    let start = callable.start(
        &entry,
        &quote!(::core::option::Option::None),
        &quote!(&self.options),
    );
    let map = callable.map(vis, &entry);
    let plain_map = plain_map(callable, vis);
    quote! {
        impl #ident {
            /// Starts a call and gives its result's ref at once.
            #[allow(dead_code, clippy::too_many_arguments, clippy::type_complexity, reason = "generated for every task")]
            #vis fn remote(#params) -> #remote {
                Self::options().remote(#names)
            }

            /// Sets options for calls of this task.
            #[allow(dead_code, reason = "generated for every task")]
            #vis fn options() -> __WrunOptions {
                __WrunOptions { options: ::core::default::Default::default() }
            }

            #plain_map
        }

        /// Options for calls of a task.
        #[allow(dead_code, reason = "generated for every task")]
        #[derive(Debug, Clone)]
        #vis struct __WrunOptions {
            options: #krate::__private::CallOptions,
        }

        #[allow(dead_code, reason = "generated for every task")]
        impl __WrunOptions {
            #krate::__private::task_options!(#vis);

            /// Starts a call with these options and gives its result's ref at once.
            #[allow(dead_code, clippy::too_many_arguments, clippy::type_complexity, reason = "generated for every task")]
            #vis fn remote(&self, #params) -> #remote {
                #start
            }

            #map
        }
    }
}

/// `map` without options.
fn plain_map(callable: &Callable<'_>, vis: &syn::Visibility) -> TokenStream {
    let params = &callable.signature.params;
    if params.is_empty() {
        return TokenStream::new();
    }
    let krate = callable.krate;
    let remote = callable.signature.returns.remote(krate);
    let generics: Vec<_> = (0..params.len())
        .map(|i| format_ident!("__Wrun{i}"))
        .collect();
    let types = params.iter().map(|param| &param.ty);
    let item = match &generics[..] {
        [one] => quote!(#one),
        many => quote!((#(#many),*)),
    };
    quote! {
        /// Starts one call for each item (a tuple when there are several parameters), sending many at once; gives the
        /// results in the items' order.
        #[allow(dead_code, clippy::type_complexity, reason = "generated for every task")]
        #vis fn map<#(#generics: #krate::IntoArg<#types>),*>(
            arguments: impl ::core::iter::IntoIterator<Item = #item>,
        ) -> ::std::vec::Vec<#remote> {
            Self::options().map(arguments)
        }
    }
}
