//! What tasks, constructors and methods have in common when they are written out.
//!
//! [`Callable`] is one export: its [`entry`](Callable::entry) describes it to the SDK, its [`run`](Callable::run) pulls
//! the arguments, calls the user's function and pushes the result, and [`starter`](Callable::starter) is the function
//! that a caller uses. All names that are not the user's start with `__wrun`, so that they hide nothing of the user's.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Path, Visibility};

use crate::options::Defaults;
use crate::signature::{Shape, Signature, place};

/// The path of the SDK's crate.
pub(crate) fn krate(path: Option<&Path>) -> Path {
    path.cloned().unwrap_or_else(|| syn::parse_quote!(::wrun))
}

/// One export.
pub(crate) struct Callable<'a> {
    pub(crate) krate: &'a Path,
    /// The name that calls carry.
    pub(crate) name: String,
    /// A variant of `CallKind`.
    pub(crate) kind: &'a str,
    pub(crate) signature: &'a Signature,
    pub(crate) defaults: &'a Defaults,
}

impl Callable<'_> {
    /// The expression of the SDK's `Entry`, with `run` as the function that serves a call.
    pub(crate) fn entry(&self, run: &syn::Ident) -> TokenStream {
        let Self { krate, name, .. } = self;
        let kind = format_ident!("{}", self.kind);
        let returns = Literal::usize_unsuffixed(self.signature.returns.count());
        let stream = matches!(self.signature.returns.shape, Shape::Stream { .. });
        let defaults = self.default_options();
        quote! {
            #krate::__private::Entry {
                name: #name,
                kind: #krate::__private::CallKind::#kind,
                returns: #returns,
                stream: #stream,
                run: #run,
                defaults: || #defaults,
            }
        }
    }

    fn default_options(&self) -> TokenStream {
        let krate = self.krate;
        let defaults = self.defaults;
        let mut fields = TokenStream::new();
        let mut set = |name: &str, value: Option<TokenStream>| {
            if let Some(value) = value {
                let name = format_ident!("{name}");
                fields.extend(quote!(.#name(#value)));
            }
        };
        set("max_retries", defaults.max_retries.map(|n| quote!(#n)));
        set("retry_errors", defaults.retry_errors.map(|b| quote!(#b)));
        set(
            "timeout",
            defaults
                .timeout
                .map(|n| quote!(::core::time::Duration::from_secs_f64(#n))),
        );
        set("num_cpus", defaults.num_cpus.map(|n| quote!(#n)));
        set("max_restarts", defaults.max_restarts.map(|n| quote!(#n)));
        set("memory", defaults.memory.map(|n| quote!(#n)));
        set(
            "max_pending_calls",
            defaults.max_pending_calls.map(|n| quote!(#n)),
        );
        quote!(#krate::__private::Defaults::new() #fields)
    }

    /// The statements that run a call: the arguments into locals, then `call` with them, then its result.
    /// `call` gets the locals and gives the expression of the user's function.
    pub(crate) fn serve(&self, call: impl FnOnce(&[TokenStream]) -> TokenStream) -> TokenStream {
        self.serve_with(|arguments| self.result(&call(arguments)))
    }

    /// The statements that pull the arguments, then what `then` gives for them.
    pub(crate) fn serve_with(
        &self,
        then: impl FnOnce(&[TokenStream]) -> TokenStream,
    ) -> TokenStream {
        let params = &self.signature.params;
        let mut locals = Vec::new();
        let mut arguments = TokenStream::new();
        for (i, param) in params.iter().enumerate() {
            let local = format_ident!("__wrun_{i}");
            let (name, ty) = (&param.name, &param.ty);
            arguments.extend(quote_spanned! {place(ty.span())=>
                let #local = __wrun_call.arg::<#ty>(#name)?;
            });
            locals.push(quote!(#local));
        }
        let result = then(&locals);
        quote! {
            #arguments
            #result
        }
    }

    fn result(&self, value: &TokenStream) -> TokenStream {
        let returns = &self.signature.returns;
        let span = place(returns.ty.span());
        let value = if returns.fallible {
            quote_spanned!(span=> __wrun_call.ok(#value)?)
        } else {
            value.clone()
        };
        match &returns.shape {
            Shape::One => quote_spanned!(span=> __wrun_call.result(0, &#value)),
            Shape::Stream {
                fallible: false, ..
            } => quote_spanned!(span=> __wrun_call.stream(#value)),
            Shape::Stream { fallible: true, .. } => {
                quote_spanned!(span=> __wrun_call.try_stream(#value))
            }
            Shape::Many(fields) => {
                let names: Vec<_> = (0..fields.len())
                    .map(|i| format_ident!("__wrun_r{i}"))
                    .collect();
                let indexes = (0..fields.len()).map(Literal::usize_unsuffixed);
                quote_spanned! {span=>
                    let (#(#names,)*) = #value;
                    #(__wrun_call.result(#indexes, &#names)?;)*
                    ::core::result::Result::Ok(())
                }
            }
        }
    }

    /// The parameters as a caller's function has them.
    pub(crate) fn caller_params(&self) -> TokenStream {
        let krate = self.krate;
        let params = self.signature.params.iter().map(|param| {
            let (ident, ty) = (&param.ident, &param.ty);
            quote!(#ident: impl #krate::IntoArg<#ty>)
        });
        quote!(#(#params),*)
    }

    /// The parameters' names, to be handed on.
    pub(crate) fn names(&self) -> TokenStream {
        let names = self.signature.params.iter().map(|param| &param.ident);
        quote!(#(#names),*)
    }

    /// The encoded arguments, as a list.
    fn encoded(&self) -> TokenStream {
        let krate = self.krate;
        let arguments = self.signature.params.iter().map(|param| {
            let (ident, ty) = (&param.ident, &param.ty);
            quote!(#krate::IntoArg::<#ty>::into_arg(#ident))
        });
        quote!(::std::vec![#(#arguments),*])
    }

    /// The expression that starts a call of `entry`, with `options` set.
    pub(crate) fn start(
        &self,
        entry: &TokenStream,
        actor: &TokenStream,
        options: &TokenStream,
    ) -> TokenStream {
        let krate = self.krate;
        let arguments = self.encoded();
        quote!(#krate::__private::start(&#entry, #actor, #options, #arguments))
    }

    /// `map`, which starts one call for each item and sends many at once. Nothing for a function without parameters.
    pub(crate) fn map(&self, vis: &Visibility, entry: &TokenStream) -> TokenStream {
        let params = &self.signature.params;
        if params.is_empty() {
            return TokenStream::new();
        }
        let krate = self.krate;
        let remote = self.signature.returns.remote(krate);
        let generics: Vec<_> = (0..params.len())
            .map(|i| format_ident!("__Wrun{i}"))
            .collect();
        let bounds = params.iter().zip(&generics).map(|(param, generic)| {
            let ty = &param.ty;
            quote!(#generic: #krate::IntoArg<#ty>)
        });
        let names = self.names();
        let (item, pattern) = match &generics[..] {
            [one] => (quote!(#one), quote!(#names)),
            many => (quote!((#(#many),*)), quote!((#names))),
        };
        let arguments = self.encoded();
        quote! {
            /// Starts one call for each item (a tuple when there are several parameters), sending many at once; gives
            /// the results in the items' order.
            #[allow(dead_code, clippy::type_complexity, reason = "generated for every task")]
            #vis fn map<#(#bounds),*>(
                &self,
                arguments: impl ::core::iter::IntoIterator<Item = #item>,
            ) -> ::std::vec::Vec<#remote> {
                #krate::__private::start_all(
                    &#entry,
                    &self.options,
                    ::core::iter::IntoIterator::into_iter(arguments).map(|#pattern| #arguments),
                )
            }
        }
    }
}
