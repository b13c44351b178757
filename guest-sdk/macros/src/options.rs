//! What stands in the parentheses of an attribute.
//!
//! [`Attributes`] holds every argument that any of the macros knows; [`Attributes::parse`] takes the list that is
//! allowed where it stands and refuses the others by name. Values are literals, since they go into the manifest.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Error, Lit, LitStr, Path, Result, Token};

/// Allowed in `#[task(…)]`.
pub(crate) const TASK: &[&str] = &[
    "name",
    "stream",
    "num_returns",
    "max_retries",
    "retry_errors",
    "timeout",
    "num_cpus",
    "memory",
    "crate",
];
/// Allowed in `#[actor(…)]` on an `impl`.
pub(crate) const ACTOR: &[&str] = &[
    "name",
    "max_restarts",
    "max_pending_calls",
    "num_cpus",
    "memory",
    "timeout",
    "crate",
];
/// Allowed in `#[actor(…)]` on the type.
pub(crate) const ACTOR_TYPE: &[&str] = &["name", "crate"];
/// Allowed in `#[wrun(…)]` on a method.
pub(crate) const METHOD: &[&str] = &[
    "skip",
    "constructor",
    "stream",
    "num_returns",
    "max_retries",
    "retry_errors",
    "timeout",
];
/// Allowed in `#[main(…)]`.
pub(crate) const MAIN: &[&str] = &["crate"];

/// The arguments of one attribute.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) krate: Option<Path>,
    pub(crate) name: Option<LitStr>,
    pub(crate) skip: bool,
    pub(crate) constructor: bool,
    pub(crate) stream: bool,
    pub(crate) num_returns: Option<(usize, Span)>,
    pub(crate) defaults: Defaults,
}

/// Defaults of call options, as the manifest has them.
#[derive(Default)]
pub(crate) struct Defaults {
    pub(crate) max_retries: Option<u32>,
    pub(crate) retry_errors: Option<bool>,
    pub(crate) timeout: Option<f64>,
    pub(crate) num_cpus: Option<f64>,
    pub(crate) memory: Option<u64>,
    pub(crate) max_restarts: Option<u32>,
    pub(crate) max_pending_calls: Option<u32>,
}

impl Attributes {
    /// Reads `tokens`, of which only what `allowed` names may be there.
    pub(crate) fn parse(tokens: TokenStream, allowed: &[&str]) -> Result<Self> {
        let mut attributes = Self::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                attributes.argument(input, allowed)?;
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        parser.parse2(tokens)?;
        Ok(attributes)
    }

    fn argument(&mut self, input: ParseStream<'_>, allowed: &[&str]) -> Result<()> {
        let key = input.call(syn::ext::IdentExt::parse_any)?;
        let (key, span): (String, Span) = (syn::Ident::to_string(&key), key.span());
        if !allowed.contains(&key.as_str()) {
            return Err(Error::new(
                span,
                format!(
                    "there is no option `{key}` here; there are: {}",
                    allowed.join(", ")
                ),
            ));
        }
        match key.as_str() {
            "skip" => self.skip = true,
            "constructor" => self.constructor = true,
            "stream" => self.stream = flag(input)?,
            "crate" => {
                input.parse::<Token![=]>()?;
                self.krate = Some(path(input)?);
            }
            _ => {
                input.parse::<Token![=]>()?;
                self.value(&key, &input.parse::<Lit>()?)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, key: &str, value: &Lit) -> Result<()> {
        let defaults = &mut self.defaults;
        match key {
            "name" => self.name = Some(name(value)?),
            "num_returns" => self.num_returns = Some((returns(value)?, value.span())),
            "max_retries" => defaults.max_retries = Some(whole(value)?),
            "max_restarts" => defaults.max_restarts = Some(whole(value)?),
            "max_pending_calls" => defaults.max_pending_calls = Some(whole(value)?),
            "memory" => defaults.memory = Some(whole(value)?),
            "timeout" => defaults.timeout = Some(number(value, "seconds")?),
            "num_cpus" => defaults.num_cpus = Some(number(value, "slots")?),
            "retry_errors" => match value {
                Lit::Bool(value) => defaults.retry_errors = Some(value.value),
                other => return Err(Error::new(other.span(), "this is `true` or `false`")),
            },
            _ => return Err(Error::new(value.span(), format!("`{key}` takes no value"))),
        }
        Ok(())
    }
}

fn flag(input: ParseStream<'_>) -> Result<bool> {
    if !input.peek(Token![=]) {
        return Ok(true);
    }
    input.parse::<Token![=]>()?;
    Ok(input.parse::<syn::LitBool>()?.value)
}

fn path(input: ParseStream<'_>) -> Result<Path> {
    if input.peek(LitStr) {
        input.parse::<LitStr>()?.parse()
    } else {
        input.call(Path::parse_mod_style)
    }
}

fn name(value: &Lit) -> Result<LitStr> {
    let Lit::Str(name) = value else {
        return Err(Error::new(value.span(), "the name is a string"));
    };
    let text = name.value();
    if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return Err(Error::new(
            value.span(),
            "a name has 1 to 200 bytes and no control characters",
        ));
    }
    Ok(name.clone())
}

fn returns(value: &Lit) -> Result<usize> {
    match whole::<usize>(value)? {
        n @ 1..=256 => Ok(n),
        _ => Err(Error::new(value.span(), "`num_returns` is 1 to 256")),
    }
}

fn whole<N: std::str::FromStr<Err: std::fmt::Display>>(value: &Lit) -> Result<N> {
    match value {
        Lit::Int(n) => n.base10_parse(),
        other => Err(Error::new(other.span(), "this is a whole number")),
    }
}

fn number(value: &Lit, unit: &str) -> Result<f64> {
    let n = match value {
        Lit::Int(n) => n.base10_parse::<f64>()?,
        Lit::Float(n) => n.base10_parse::<f64>()?,
        other => {
            return Err(Error::new(
                other.span(),
                format!("this is a number of {unit}"),
            ));
        }
    };
    if n.is_finite() && n < 1e9 {
        Ok(n)
    } else {
        Err(Error::new(value.span(), format!("too many {unit}")))
    }
}
