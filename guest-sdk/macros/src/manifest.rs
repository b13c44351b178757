//! The record that describes an export: one line of JSON in the custom section `wrun.manifest`.
//!
//! [`Record`] collects the fields and becomes a static of bytes. The section's form is fixed by the guest ABI.

use std::fmt::Write as _;

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::options::Defaults;
use crate::signature::{Param, Returns, Shape};

/// One record, as far as it is written.
pub(crate) struct Record {
    json: String,
}

impl Record {
    /// Starts a record of this kind.
    pub(crate) fn new(kind: &str) -> Self {
        Self {
            json: format!("{{\"abi\":1,\"kind\":\"{kind}\""),
        }
    }

    /// Adds a field with a string.
    pub(crate) fn text(mut self, key: &str, value: &str) -> Self {
        let _ = write!(self.json, ",\"{key}\":");
        quoted(&mut self.json, value);
        self
    }

    /// Adds the parameters.
    pub(crate) fn params(mut self, params: &[Param]) -> Self {
        self.json.push_str(",\"params\":[");
        for (i, param) in params.iter().enumerate() {
            self.json
                .push_str(if i == 0 { "{\"name\":" } else { ",{\"name\":" });
            quoted(&mut self.json, &param.name);
            self.json.push_str(",\"type\":");
            quoted(&mut self.json, &type_text(&param.ty));
            self.json.push('}');
        }
        self.json.push(']');
        self
    }

    /// Adds the results.
    pub(crate) fn returns(mut self, returns: &Returns) -> Self {
        self = self.text("returns", &returns.text());
        match &returns.shape {
            Shape::One => {}
            Shape::Many(fields) => {
                let _ = write!(self.json, ",\"num_returns\":{}", fields.len());
            }
            Shape::Stream { .. } => self.json.push_str(",\"stream\":true"),
        }
        self
    }

    /// Adds the documentation, if there is any.
    pub(crate) fn doc(self, attributes: &[Attribute]) -> Self {
        let doc = doc_text(attributes);
        if doc.is_empty() {
            self
        } else {
            self.text("doc", &doc)
        }
    }

    /// Adds the defaults of call options, if there are any.
    pub(crate) fn defaults(mut self, defaults: &Defaults) -> Self {
        let fields = [
            ("max_retries", defaults.max_retries.map(|n| n.to_string())),
            ("retry_errors", defaults.retry_errors.map(|b| b.to_string())),
            ("timeout", defaults.timeout.map(|n| n.to_string())),
            ("num_cpus", defaults.num_cpus.map(|n| n.to_string())),
            ("max_restarts", defaults.max_restarts.map(|n| n.to_string())),
            ("memory", defaults.memory.map(|n| n.to_string())),
            (
                "max_pending_calls",
                defaults.max_pending_calls.map(|n| n.to_string()),
            ),
        ];
        let set: Vec<_> = fields
            .iter()
            .filter_map(|(k, v)| v.as_ref().map(|v| format!("\"{k}\":{v}")))
            .collect();
        if !set.is_empty() {
            let _ = write!(self.json, ",\"options\":{{{}}}", set.join(","));
        }
        self
    }

    /// The static that puts the record into the section. It carries the macro's own span: a crate that forbids unsafe
    /// code may use the attribute that way.
    pub(crate) fn expand(mut self) -> TokenStream {
        self.json.push_str("}\n");
        let bytes = Literal::byte_string(self.json.as_bytes());
        let len = Literal::usize_unsuffixed(self.json.len());
        quote! {
            #[cfg(target_arch = "wasm32")]
            #[used]
            #[unsafe(link_section = "wrun.manifest")]
            static RECORD: [u8; #len] = *#bytes;
        }
    }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The doc comment's text, without the space that follows each `///`.
pub(crate) fn doc_text(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else {
            continue;
        };
        if !meta.path.is_ident("doc") {
            continue;
        }
        if let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &meta.value
        {
            let text = text.value();
            lines.extend(
                text.lines()
                    .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()),
            );
            if text.is_empty() {
                lines.push(String::new());
            }
        }
    }
    lines.join("\n").trim().to_owned()
}

/// A type as people write it: `Vec<(i64, f64)>`.
pub(crate) fn type_text(ty: &impl ToTokens) -> String {
    let mut text = String::new();
    write_tokens(&mut text, ty.to_token_stream());
    text
}

fn write_tokens(text: &mut String, tokens: TokenStream) {
    let mut after_word = false;
    for token in tokens {
        let word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if word && after_word {
            text.push(' ');
        }
        after_word = word;
        match token {
            TokenTree::Punct(punct) => match punct.as_char() {
                c @ (',' | ';') => text.extend([c, ' ']),
                c @ ('=' | '+') => text.extend([' ', c, ' ']),
                c => text.push(c),
            },
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_tokens(text, group.stream());
                text.push_str(close);
            }
            other => text.push_str(&other.to_string()),
        }
    }
}

/// An export of the module, and only there: natively the entry is called through its function pointer.
pub(crate) fn export(name: &str, run: &syn::Ident) -> TokenStream {
    let name = Literal::string(name);
    let export = syn::Ident::new("export", Span::call_site());
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = #name)]
        extern "C" fn #export() {
            #run();
        }
    }
}
