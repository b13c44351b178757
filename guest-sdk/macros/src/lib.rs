//! The attribute macros of the crate `wrun`: `#[task]`, `#[actor]` and `#[main]`.
//!
//! Each goes through three stages. *Parse*: `options` reads what stands in the attribute, `signature` what a function
//! takes and gives. *Validate*: the same two refuse what can't work, at the span of the user's own code. *Expand*:
//! `task`, `actor` and `main_fn` write calls into `::wrun::__private` (or the crate named by `crate = …`), and
//! `manifest` the record that describes the export. What is expanded holds no logic of its own: that is in the SDK.
//!
//! Users name these macros through the crate `wrun`, whose documentation describes them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod actor;
mod expand;
mod main_fn;
mod manifest;
mod options;
mod signature;
mod task;

use proc_macro::TokenStream;

/// Makes a function a task: beside the function, which stays as it is, a type of the same name with `remote`,
/// `options` and `map`.
///
/// ```ignore
/// #[wrun::task(max_retries = 3, timeout = 2.5)]
/// fn add(x: i64, y: i64) -> i64 {
///     x + y
/// }
/// let sum = add::remote(1, 2); // ObjectRef<i64>
/// ```
///
/// Arguments, each optional: `name = "…"` (in the manifest; the function's own when left out), `stream`,
/// `num_returns`, `max_retries`, `retry_errors`, `timeout` (seconds), `num_cpus`, `memory` (bytes), `crate = path`.
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    done(task::expand(attribute.into(), item.into()))
}

/// Makes a type an actor: `#[actor]` on the struct (documentation for the manifest) and on one `impl` block with the
/// constructor and the methods.
///
/// ```ignore
/// #[wrun::actor]
/// struct Counter { value: i64 }
///
/// #[wrun::actor(max_restarts = 1)]
/// impl Counter {
///     fn new(start: i64) -> Self { Counter { value: start } }
///     fn inc(&mut self) -> i64 { self.value += 1; self.value }
/// }
/// let counter = Counter::remote(10); // Handle<Counter>
/// let n = counter.inc();             // ObjectRef<i64>
/// ```
///
/// Arguments on the `impl`: `name`, `max_restarts`, `max_pending_calls`, `num_cpus`, `memory`, `timeout` (of the
/// constructor), `crate`. On a method, `#[wrun(…)]` takes `skip` (not callable from outside), `constructor`, `stream`,
/// `num_returns`, `max_retries`, `retry_errors` and `timeout`.
#[proc_macro_attribute]
pub fn actor(attribute: TokenStream, item: TokenStream) -> TokenStream {
    done(actor::expand(attribute.into(), item.into()))
}

/// Makes a function the module's entry: what `wrun submit module.wasm` runs as the driver.
///
/// It takes nothing and returns nothing or a `Result<(), E>` whose error can be displayed. The program's arguments are
/// in `std::env::args()`.
#[proc_macro_attribute]
pub fn main(attribute: TokenStream, item: TokenStream) -> TokenStream {
    done(main_fn::expand(attribute.into(), item.into()))
}

fn done(expansion: Result<proc_macro2::TokenStream, Failed>) -> TokenStream {
    match expansion {
        Ok(tokens) => tokens.into(),
        Err(Failed { error, item }) => {
            let error = error.to_compile_error();
            quote::quote!(#error #item).into()
        }
    }
}

/// A mistake, and the item as it was, so that the compiler does not also miss the function.
struct Failed {
    error: syn::Error,
    item: proc_macro2::TokenStream,
}

impl Failed {
    /// For items that can't even be parsed: they are left out, since they would only be reported twice.
    fn bare(error: syn::Error) -> Self {
        Self {
            error,
            item: proc_macro2::TokenStream::new(),
        }
    }
}
