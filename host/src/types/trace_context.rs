//! Which trace a job belongs to: [W3C Trace Context](https://www.w3.org/TR/trace-context/), level 1.
//!
//! A [`TraceContext`] is what came with whoever asked for a job: the trace's id, the span that asked, the flags, and
//! `tracestate`, which is passed on and not looked into. Below it each attempt of a job and of a call is a span, whose
//! [`SpanId`] is computed from what the attempt is called anyway: nothing is drawn or stored for it.

use std::{fmt, num::NonZeroU64};

use serde::{Deserialize, Serialize};

use super::JobId;

/// The name of the header, and in capitals of the environment variable.
pub const TRACEPARENT: &str = "traceparent";
/// The name of the other one.
pub const TRACESTATE: &str = "tracestate";

/// A `traceparent` of version 00 has so many characters.
const LENGTH: usize = 55;
/// Of the flags of version 00 only this one means something: the caller recorded the trace.
const SAMPLED: u8 = 1;
/// `tracestate` has so many members at most,
const MEMBERS: usize = 32;
/// and so many bytes of it are passed on;
const STATE: usize = 512;
/// when it has more, members of more bytes than this go first.
const LARGE: usize = 128;

/// A span: 64 bits, not all of them zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// A new random one.
    #[must_use]
    pub fn random() -> Self {
        Self::of_bits(crate::rt::random::u64())
    }

    /// That of an attempt of a job.
    #[must_use]
    pub fn of_job(job: JobId, job_attempt: u32) -> Self {
        Self::of_call(job, job_attempt, 0, 0)
    }

    /// That of an attempt of a call in a job, by its number.
    #[must_use]
    pub fn of_call(job: JobId, job_attempt: u32, number: u64, attempt: u32) -> Self {
        let attempts = u64::from(job_attempt) << 32 | u64::from(attempt);
        Self::of_bits(mix(mix(mix(job.bits()) ^ number) ^ attempts))
    }

    fn of_bits(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }

    /// Its 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Each number to another one, spread over all bits (the last steps of SplitMix64).
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Which trace something belongs to, and below which of its spans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct TraceContext {
    /// Not zero.
    trace_id: u128,
    /// None for what begins the trace.
    parent: Option<SpanId>,
    flags: u8,
    state: Option<Box<str>>,
}

impl TraceContext {
    /// A new trace.
    #[must_use]
    pub fn random(sampled: bool) -> Self {
        let half = || u128::from(SpanId::random().bits());
        Self {
            trace_id: half() << 64 | half(),
            parent: None,
            flags: if sampled { SAMPLED } else { 0 },
            state: None,
        }
    }

    /// The trace of a job that came without one: always the same of one job.
    #[must_use]
    pub fn of_job(job: JobId, sampled: bool) -> Self {
        let half = |n: u64| u128::from(SpanId::of_bits(mix(n)).bits());
        Self {
            trace_id: half(!job.bits()) << 64 | half(job.bits()),
            parent: None,
            flags: if sampled { SAMPLED } else { 0 },
            state: None,
        }
    }

    /// What the headers of a request say; nothing when there is no valid `traceparent`, or more than one. A `tracestate` that
    /// is not valid is left out; several are one, in their order.
    #[must_use]
    pub fn parse<'a>(
        mut traceparent: impl Iterator<Item = &'a str>,
        tracestate: impl Iterator<Item = &'a str>,
    ) -> Option<Self> {
        let one = traceparent.next()?;
        if traceparent.next().is_some() {
            return None;
        }
        let (trace_id, parent, flags) = parent(one.trim_matches([' ', '\t']))?;
        Some(Self {
            trace_id,
            parent: Some(parent),
            flags,
            state: state(tracestate),
        })
    }

    /// The trace's id.
    #[must_use]
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span that this is below.
    #[must_use]
    pub const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether the trace is recorded, as far as who began it says.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// What the systems that it came through say about it.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The same trace, below another span of it.
    #[must_use]
    pub fn below(self, span: SpanId) -> Self {
        Self {
            parent: Some(span),
            ..self
        }
    }

    /// What a span of the trace says of itself to others.
    #[must_use]
    pub fn traceparent(&self, span: SpanId) -> String {
        format!("00-{:032x}-{span}-{:02x}", self.trace_id, self.flags)
    }
}

/// Trace, span and flags of a `traceparent`.
fn parent(text: &str) -> Option<(u128, SpanId, u8)> {
    let (known, more) = text.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let mut field = |digits: usize| {
        let field = fields.next().filter(|field| field.len() == digits)?;
        let plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let plain = field.bytes().all(plain);
        u128::from_str_radix(field, 16).ok().filter(|_| plain)
    };
    let (version, trace_id, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    // A later version may have more behind another dash; 255 is none.
    let is_valid = match version {
        0 => more.is_empty(),
        0xff => false,
        _ => more.is_empty() || more.starts_with('-'),
    };
    let span = NonZeroU64::new(u64::try_from(span).ok()?)?;
    let flags = u8::try_from(flags).ok()? & SAMPLED;
    (is_valid && trace_id != 0).then_some((trace_id, SpanId(span), flags))
}

/// The members of `tracestate` that are passed on.
fn state<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Box<str>> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in headers.flat_map(|header| header.split(',')) {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let again = members.iter().any(|(other, _)| *other == key);
        if again || members.len() == MEMBERS || !is_key(key) || !is_value(value) {
            return None;
        }
        members.push((key, member));
    }
    let bytes = |members: &[(&str, &str)]| {
        let all = members.iter().map(|(_, member)| member.len() + 1);
        all.sum::<usize>().saturating_sub(1)
    };
    // The last is the oldest.
    while bytes(&members) > STATE
        && let Some(large) = members.iter().rposition(|(_, member)| member.len() > LARGE)
    {
        members.remove(large);
    }
    while bytes(&members) > STATE {
        members.pop();
    }
    let members: Vec<&str> = members.into_iter().map(|(_, member)| member).collect();
    (!members.is_empty()).then(|| members.join(",").into())
}

fn is_key(key: &str) -> bool {
    let of = |text: &str, most: usize, digit_first: bool| {
        let first = text.bytes().next();
        let first = first.is_some_and(|byte| {
            byte.is_ascii_lowercase() || (digit_first && byte.is_ascii_digit())
        });
        let rest = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'*' | b'/')
        };
        first && text.len() <= most && text.bytes().all(rest)
    };
    match key.split_once('@') {
        None => of(key, 256, false),
        Some((tenant, system)) => of(tenant, 241, true) && of(system, 14, false),
    }
}

fn is_value(value: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(plain)
}

/// It as it is written down.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    trace_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    #[serde(default)]
    flags: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Box<str>>,
}

impl From<TraceContext> for Stored {
    fn from(context: TraceContext) -> Self {
        Self {
            trace_id: format!("{:032x}", context.trace_id),
            parent_id: context.parent.map(|span| span.to_string()),
            flags: context.flags,
            state: context.state,
        }
    }
}

impl TryFrom<Stored> for TraceContext {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let trace_id = u128::from_str_radix(&stored.trace_id, 16).ok();
        let parent = stored.parent_id.map(|text| {
            let bits = u64::from_str_radix(&text, 16).ok();
            bits.and_then(NonZeroU64::new).map(SpanId).ok_or(())
        });
        match (trace_id, parent.transpose()) {
            (Some(trace_id @ 1..), Ok(parent)) => Ok(Self {
                trace_id,
                parent,
                flags: stored.flags,
                state: stored.state,
            }),
            _ => Err("no trace has this id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parsed(traceparent: &str, tracestate: &[&str]) -> Option<TraceContext> {
        TraceContext::parse([traceparent].into_iter(), tracestate.iter().copied())
    }

    fn state_of(tracestate: &[&str]) -> Option<String> {
        let context = parsed(VALID, tracestate).expect("valid");
        context.state().map(ToOwned::to_owned)
    }

    #[test]
    fn a_valid_one_is_taken_and_given_on() {
        let context = parsed(VALID, &["a=1", "b@c=2 x"]).expect("valid");
        assert_eq!(
            context.trace_id(),
            0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c
        );
        assert_eq!(
            context.parent().map(SpanId::bits),
            Some(0xb7ad_6b71_6920_3331)
        );
        assert!(context.is_sampled());
        assert_eq!(context.state(), Some("a=1,b@c=2 x"));
        let parent = context.parent().expect("it has one");
        assert_eq!(context.traceparent(parent), VALID);
        let stored = serde_json::to_string(&context).expect("serializes");
        let back: TraceContext = serde_json::from_str(&stored).expect("parses");
        assert_eq!(back, context);
        assert!(parsed(&format!(" \t{VALID} "), &[]).is_some());
    }

    #[test]
    fn malformed_ones_are_none() {
        let zeros = |n: usize| "0".repeat(n);
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for text in [
            String::new(),
            "00".into(),
            format!("{VALID}-"),
            format!("{VALID}-what"),
            format!("{VALID}."),
            VALID[..54].into(),
            VALID.to_uppercase(),
            VALID.replace('-', "_"),
            VALID.replacen("00-", "ff-", 1),
            VALID.replacen("00-", "0-0", 1),
            VALID.replacen("00-", ".0-", 1),
            VALID.replacen("00-", "+0-", 1),
            format!("00-{}-{span}-01", zeros(32)),
            format!("00-{trace}-{}-01", zeros(16)),
            format!("00-{}-{span}-01", trace.replacen('0', "+", 1)),
            format!("00-{}-{span}-01", trace.replacen('a', "A", 1)),
            format!("00-{}-{span}-01", trace.replacen('a', "g", 1)),
            format!("00-{}-{span}-01", &trace[1..]),
            format!("00-{trace}0-{span}-1"),
            format!("00-{trace}-{}-01", span.replacen('b', ".", 1)),
            format!("00-{trace}-{}-010", &span[1..]),
            format!("00-{trace}-{span}-.1"),
            format!("00-{trace}-{span}-0A"),
            format!("00-{trace}-{}é01", &span),
            format!("00 {trace} {span} 01"),
        ] {
            assert_eq!(parsed(&text, &[]), None, "{text}");
        }
        let twice = TraceContext::parse([VALID, VALID].into_iter(), [].into_iter());
        assert_eq!(twice, None);
        assert_eq!(
            TraceContext::parse([].into_iter(), ["a=1"].into_iter()),
            None
        );
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for (text, valid) in [
            (VALID.replacen("00-", "cc-", 1), true),
            (format!("{}-", VALID.replacen("00-", "cc-", 1)), true),
            (
                format!("{}-what the future", VALID.replacen("00-", "cc-", 1)),
                true,
            ),
            (format!("{}.what", VALID.replacen("00-", "cc-", 1)), false),
            (VALID.replacen("00-", "cc-", 1)[..54].to_owned(), false),
            (VALID.replacen("00-", "cC-", 1), false),
        ] {
            let context = parsed(&text, &[]);
            assert_eq!(context.is_some(), valid, "{text}");
            // It is said again in the version that is known.
            if let Some(context) = context {
                assert_eq!(context.traceparent(context.parent().expect("some")), VALID);
            }
        }
    }

    #[test]
    fn of_the_flags_the_known_one_counts() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let context = parsed(&format!("{}{flags}", &VALID[..53]), &[]).expect("valid");
            assert_eq!(context.is_sampled(), sampled);
            let again = context.traceparent(SpanId::random());
            assert!(
                again.ends_with(if sampled { "-01" } else { "-00" }),
                "{again}"
            );
        }
    }

    #[test]
    fn a_state_that_is_not_valid_is_left_out_whole() {
        assert_eq!(state_of(&["a=1", "", " , b=2\t,"]), Some("a=1,b=2".into()));
        assert_eq!(state_of(&["", ","]), None);
        assert_eq!(
            state_of(&["0t@v=1,a/b*c_d-e=!\"<>~"]),
            Some("0t@v=1,a/b*c_d-e=!\"<>~".into())
        );
        let long = |n: usize| "k".repeat(n);
        for bad in [
            "a".to_owned(),
            "a=".into(),
            "=1".into(),
            "A=1".into(),
            "0a=1".into(),
            "a b=1".into(),
            "a =1".into(),
            "a=1=2".into(),
            "a=é".into(),
            "a=\u{1b}[31m".into(),
            "a=1,a=2".into(),
            "a@b@c=1".into(),
            "@b=1".into(),
            "a@=1".into(),
            "a@0b=1".into(),
            format!("{}=1", long(257)),
            format!("{}@v=1", long(242)),
            format!("t@{}=1", long(15)),
            format!("a={}", long(257)),
            (0..33).map(|n| format!("k{n}=1,")).collect(),
        ] {
            assert_eq!(state_of(&["x=1", &bad]), None, "{bad}");
        }
        let most: String = (0..32).map(|n| format!("k{n}=1,")).collect();
        assert!(state_of(&[&most]).is_some());
    }

    #[test]
    fn of_a_long_state_the_large_and_the_oldest_go_first() {
        let (large, small) = ("v".repeat(200), "v".repeat(100));
        let list = |keys: &[(&str, &String)]| {
            let members: Vec<_> = keys
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            members.join(",")
        };
        let all = [
            ("a", &small),
            ("b", &large),
            ("c", &small),
            ("d", &large),
            ("e", &small),
        ];
        let kept = [("a", &small), ("b", &large), ("c", &small), ("e", &small)];
        assert_eq!(state_of(&[&list(&all)]), Some(list(&kept)));
        let six: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .map(|key| (key, &small))
            .into();
        assert_eq!(state_of(&[&list(&six)]), Some(list(&six[..4])));
    }

    #[test]
    fn spans_of_different_attempts_differ_and_are_always_the_same() {
        let jobs = [JobId::random(), JobId::random()];
        let mut seen = std::collections::HashSet::new();
        for job in jobs {
            for job_attempt in 0..3 {
                for number in 0..1_000 {
                    for attempt in 0..3 {
                        let span = SpanId::of_call(job, job_attempt, number, attempt);
                        assert_eq!(span, SpanId::of_call(job, job_attempt, number, attempt));
                        assert!(seen.insert(span), "{job} {job_attempt} {number} {attempt}");
                    }
                }
            }
        }
        let traces = jobs.map(|job| TraceContext::of_job(job, true));
        assert_ne!(traces[0].trace_id(), traces[1].trace_id());
        assert_eq!(traces[0], TraceContext::of_job(jobs[0], true));
        assert_ne!(
            TraceContext::random(true).trace_id(),
            TraceContext::random(true).trace_id()
        );
    }
}
