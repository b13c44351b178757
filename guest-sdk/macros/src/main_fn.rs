//! `#[main]`: the function as it was, and the export that runs it as the driver.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, ReturnType, Type};

use crate::Failed;
use crate::expand::krate;
use crate::manifest::{Record, export};
use crate::options::{Attributes, MAIN};
use crate::signature::{is_result, place};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream, Failed> {
    let function: ItemFn = syn::parse2(item.clone()).map_err(Failed::bare)?;
    main(attribute, &function).map_err(|error| Failed { error, item })
}

fn main(attribute: TokenStream, function: &ItemFn) -> syn::Result<TokenStream> {
    let attributes = Attributes::parse(attribute, MAIN)?;
    let signature = &function.sig;
    if let Some(argument) = signature.inputs.first() {
        let message = "main takes no parameters; the program's arguments are in `std::env::args()`";
        return Err(Error::new_spanned(argument, message));
    }
    if let Some(token) = &signature.asyncness {
        return Err(Error::new_spanned(
            token,
            "main can't be async: `get` and `wait` block only this sandbox; write `fn`",
        ));
    }
    if let Some(parameter) = signature.generics.params.first() {
        return Err(Error::new_spanned(parameter, "main can't be generic"));
    }
    let krate = krate(attributes.krate.as_ref());
    let ident = &signature.ident;
    let run = format_ident!("__wrun_run");
    let call = match &signature.output {
        ReturnType::Default => quote!(#ident(); ::core::result::Result::Ok(())),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => {
                quote!(#ident(); ::core::result::Result::Ok(()))
            }
            ty if is_result(ty) => quote_spanned!(place(ty.span())=> __wrun_call.ok(#ident())),
            ty => {
                return Err(Error::new_spanned(
                    ty,
                    "main returns nothing or a `Result<(), E>`",
                ));
            }
        },
    };
    let export = export("wrun.main", &run);
    let record = Record::new("main")
        .text("export", "wrun.main")
        .doc(&function.attrs)
        .expand();
    Ok(quote! {
        #function

        const _: () = {
            fn #run() {
                #krate::__private::task(|__wrun_call| {
                    let _: () = { #call }?;
                    ::core::result::Result::Ok(())
                });
            }
            // Keeps `main` alive in builds that have no exports.
            const _: fn() = #run;
            #export
            #record
        };
    })
}
