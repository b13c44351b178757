//! The log of a server, on standard error: events of the targets `wrun::…`, a line each, as text or as JSON.
//!
//! A thread of its own writes ([`Log`]), so a reader that is stuck stops nobody else: what there is no room for is dropped and
//! counted, and so is what comes faster than a disk should be filled ([`Rates`]); the log says how much when it goes on.
//!
//! Guests and clients choose some of what is told. Characters that a terminal would obey, or that would begin another
//! line, are written as escapes, and what is long is cut.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
    num::NonZeroU32,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use clap::ValueEnum;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    layer::{Context, SubscriberExt as _},
};

use crate::rt::clock;

/// Lines that wait to be written; more are dropped.
const WAITING: usize = 1024;
/// Bytes of one value; the rest is cut.
const VALUE: usize = 2 << 10;
/// Lines of a second that are written, of those that tell of trouble,
const TROUBLE: u32 = 50;
/// of the others, and of those for debugging;
const USUAL: u32 = 200;
/// and so many seconds' worth at once after a pause.
const BURST: u32 = 5;
/// How long the end of the process waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);
/// That lines were dropped is told so often at most.
const TELL: Duration = Duration::from_secs(1);

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Time, level, message, and fields
    Text,
    /// An object
    Json,
}

/// Which events are written: a level, and others for parts, as in `info,http=debug`.
#[derive(Debug, Clone)]
pub(super) struct Filter(Targets);

impl Default for Filter {
    fn default() -> Self {
        Self(Targets::new().with_target("wrun", LevelFilter::INFO))
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut targets = Self::default().0;
        for part in text.split(',') {
            targets = match part.split_once('=') {
                None => targets.with_target("wrun", level(part)?),
                Some((part, name)) if PARTS.contains(&part) => {
                    targets.with_target(format!("wrun::{part}"), level(name)?)
                }
                Some((part, _)) => {
                    let (part, all) = (part.escape_debug(), PARTS.join(", "));
                    return Err(format!(
                        "nothing that is logged is called `{part}`: there are {all}"
                    ));
                }
            };
        }
        Ok(Self(targets))
    }
}

/// What events are about.
const PARTS: [&str; 8] = [
    "server", "http", "job", "tenant", "module", "ledger", "otlp", "bug",
];

fn level(name: &str) -> Result<LevelFilter, String> {
    Ok(match name {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        _ => {
            let name = name.escape_debug();
            return Err(format!(
                "`{name}` is no level: there are off, error, warn, info and debug"
            ));
        }
    })
}

/// The log while it is written; its end waits for the last lines.
#[derive(Debug)]
pub(super) struct Log(SyncSender<Message>);

#[derive(Debug)]
enum Message {
    Line(String),
    /// Something was dropped.
    Dropped,
    /// Everything before is to be written, and this dropped then.
    End(SyncSender<()>),
}

impl Log {
    /// Begins to write what this process has to tell, its panics too. Once in a process.
    pub(super) fn start(format: Format, filter: Filter) -> std::io::Result<Self> {
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let dropped = Arc::<AtomicU64>::default();
        let lines = Lines {
            format,
            rates: Rates::default(),
            sender: sender.clone(),
            dropped: dropped.clone(),
        };
        let writer = thread::Builder::new().name("wrun-log".to_owned());
        writer.spawn(move || write(&messages, &dropped, format))?;
        let subscriber = Registry::default().with(lines).with(filter.0);
        // Nobody else in this process has one.
        let _ = tracing::subscriber::set_global_default(subscriber);
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let said = panic.payload_as_str().unwrap_or("without a message");
            let backtrace = std::backtrace::Backtrace::capture();
            let backtrace = (backtrace.status() == std::backtrace::BacktraceStatus::Captured)
                .then(|| backtrace.to_string());
            let thread = thread::current().name().map(ToOwned::to_owned);
            tracing::error!(target: "wrun::bug", place, thread, said, backtrace, "panicked");
        }));
        Ok(Self(sender))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let deadline = clock::now() + PATIENCE;
        let (done, wait) = mpsc::sync_channel(0);
        let mut message = Message::End(done);
        while let Err(mpsc::TrySendError::Full(back)) = self.0.try_send(message) {
            if clock::now() >= deadline {
                return;
            }
            message = back;
            thread::sleep(Duration::from_millis(5));
        }
        let left = deadline.saturating_duration_since(clock::now());
        let _ = wait.recv_timeout(left);
    }
}

/// The thread that writes.
fn write(messages: &Receiver<Message>, dropped: &AtomicU64, format: Format) {
    let print = |line: &str| {
        // Nobody is left to tell when it is closed.
        let _ = std::io::stderr().write_all(line.as_bytes());
    };
    let mut told = None;
    loop {
        let next = match dropped.load(Ordering::Relaxed) {
            0 => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            _ => messages.recv_timeout(TELL),
        };
        let end = match next {
            Ok(Message::Line(line)) => {
                print(&line);
                None
            }
            Ok(Message::Dropped) | Err(RecvTimeoutError::Timeout) => None,
            Ok(Message::End(done)) => Some(done),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let recently = told.is_some_and(|told| clock::now() < told + TELL);
        if end.is_some() || !recently {
            let lines = dropped.swap(0, Ordering::Relaxed);
            if lines > 0 {
                told = Some(clock::now());
                let fields = vec![("lines", Value::from(lines))];
                let message = "lines of the log were dropped";
                print(&line(format, &Level::WARN, "wrun::log", message, fields));
            }
        }
    }
}

/// How many lines are written of a time, by what they are for.
#[derive(Debug)]
struct Rates([DefaultDirectRateLimiter; 3]);

impl Default for Rates {
    fn default() -> Self {
        let rate = |lines: u32| {
            let each = NonZeroU32::new(lines).unwrap_or(NonZeroU32::MIN);
            let burst = each.saturating_mul(NonZeroU32::new(BURST).unwrap_or(NonZeroU32::MIN));
            RateLimiter::direct(Quota::per_second(each).allow_burst(burst))
        };
        Self([rate(TROUBLE), rate(USUAL), rate(USUAL)])
    }
}

impl Rates {
    fn lets(&self, level: Level) -> bool {
        let rate = match level {
            Level::ERROR | Level::WARN => &self.0[0],
            Level::INFO => &self.0[1],
            _ => &self.0[2],
        };
        rate.check().is_ok()
    }
}

/// Makes lines of events and hands them on.
struct Lines {
    format: Format,
    rates: Rates,
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about: &Metadata<'_> = event.metadata();
        if self.rates.lets(*about.level()) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let Fields { message, fields } = fields;
            let line = line(self.format, about.level(), about.target(), &message, fields);
            if self.sender.try_send(Message::Line(line)).is_ok() {
                return;
            }
        }
        if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            // When there is no room the writer is awake.
            let _ = self.sender.try_send(Message::Dropped);
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.push((field.name(), value.into()));
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, (value * 1e3).round() / 1e3);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, cut(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = cut(&text),
            _ => self.add(field, cut(&text)),
        }
    }
}

/// As much of a text as is written.
fn cut(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(VALUE)];
    match text.len() - kept.len() {
        0 => kept.to_owned(),
        more => format!("{kept}… ({more} more bytes)"),
    }
}

/// A whole line.
fn line(
    format: Format,
    level: &Level,
    target: &str,
    message: &str,
    fields: Vec<(&'static str, Value)>,
) -> String {
    let time = time(clock::unix_millis());
    let mut line = String::new();
    match format {
        Format::Text => {
            line.push_str(&format!("{time} {level:<5} "));
            plain(&mut line, message, "");
            for (name, value) in &fields {
                line.push_str(&format!(" {name}="));
                match value {
                    Value::String(text) => quoted(&mut line, text),
                    other => line.push_str(&other.to_string()),
                }
            }
        }
        Format::Json => {
            let mut object = Map::new();
            object.insert("time".to_owned(), time.into());
            object.insert("level".to_owned(), level.as_str().into());
            object.insert("target".to_owned(), target.into());
            object.insert("message".to_owned(), message.into());
            for (name, value) in fields {
                object.entry(name).or_insert(value);
            }
            // What a terminal would obey stands only in texts here, and JSON's own escapes leave some of it.
            for c in Value::Object(object).to_string().chars() {
                match is_obeyed(c) {
                    true => escape_json(&mut line, c),
                    false => line.push(c),
                }
            }
        }
    }
    line.push('\n');
    line
}

/// Whether a terminal, or whoever reads line by line, takes it for more than a sign.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn escape_json(line: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        // Writing into a string does not fail.
        let _ = write!(line, "\\u{unit:04x}");
    }
}

/// A text with escapes for what is obeyed and for these characters.
fn plain(line: &mut String, text: &str, also: &str) {
    for c in text.chars() {
        if also.contains(c) {
            line.push('\\');
            line.push(c);
        } else if is_obeyed(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
}

/// A value, in quotes unless it is a word.
fn quoted(line: &mut String, text: &str) {
    let word = |c: char| c.is_alphanumeric() || "-_./:@{}".contains(c);
    if !text.is_empty() && text.chars().all(word) {
        line.push_str(text);
        return;
    }
    line.push('"');
    plain(line, text, "\"\\");
    line.push('"');
}

/// Milliseconds since 1970 as RFC 3339 has it.
fn time(millis: u64) -> String {
    let (days, of_day) = (millis / 86_400_000, millis % 86_400_000);
    // Years begin in March here, so that the odd day is at the end; 400 of them are an era.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let (seconds, millis) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_798_761_599_001, "2026-12-31T23:59:59.001Z"),
        ] {
            assert_eq!(time(millis), text);
        }
    }

    const ODD: &str = "a\nINFO forged=\"1\" \u{1b}[31mred\u{9b}2J \u{202e}tfel\u{2028} \\end";

    fn odd(format: Format) -> String {
        let fields = vec![
            ("error", ODD.into()),
            ("n", 7.into()),
            ("word", "a/b".into()),
        ];
        line(format, &Level::INFO, "wrun::job", ODD, fields)
    }

    #[test]
    fn no_text_is_obeyed_or_begins_a_line() {
        for format in [Format::Text, Format::Json] {
            let line = odd(format);
            let body = line.strip_suffix('\n').unwrap();
            assert!(!body.chars().any(is_obeyed), "{body}");
        }
    }

    #[test]
    fn json_says_what_was_said() {
        let line: Value = serde_json::from_str(&odd(Format::Json)).unwrap();
        assert_eq!(
            (&line["message"], &line["error"]),
            (&ODD.into(), &ODD.into())
        );
        assert_eq!(
            (line["level"].as_str(), line["n"].as_u64()),
            (Some("INFO"), Some(7))
        );
        // A field can't take the place of what all lines have.
        let fields = vec![("level", "forged".into())];
        let text = super::line(Format::Json, &Level::WARN, "t", "m", fields);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["level"],
            "WARN"
        );
    }

    #[test]
    fn in_text_a_value_ends_where_its_quotes_do() {
        let line = odd(Format::Text);
        let end = "\\u{2028} \\\\end\" n=7 word=a/b\n";
        assert!(line.ends_with(end), "{line}");
        assert!(
            line.contains("error=\"a\\nINFO forged=\\\"1\\\" \\u{1b}[31mred"),
            "{line}"
        );
    }

    #[test]
    fn long_values_are_cut() {
        let text = cut(&"ä".repeat(VALUE));
        assert!(
            text.len() < VALUE + 40 && text.ends_with(&format!("({VALUE} more bytes)")),
            "{text}"
        );
    }

    #[test]
    fn a_filter_names_levels_and_parts() {
        let lets = |filter: &str, target: &str, level| {
            let filter: Filter = filter.parse().unwrap();
            filter.0.would_enable(target, &level)
        };
        assert!(lets("debug", "wrun::http", Level::DEBUG));
        assert!(!lets("info", "wrun::http", Level::DEBUG));
        assert!(lets("warn,http=debug", "wrun::http", Level::DEBUG));
        assert!(!lets("warn,http=debug", "wrun::job", Level::INFO));
        assert!(!lets("off", "wrun::job", Level::ERROR));
        // What other crates say may hold headers.
        assert!(!lets("debug", "h2::codec", Level::ERROR));
        for wrong in [
            "",
            "loud",
            "http=",
            "info,,warn",
            "http=loud",
            "h2=debug",
            "=debug",
        ] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_comes_too_fast_is_left_out_by_level() {
        let rates = Rates::default();
        let all = u64::from(USUAL * BURST) * 3;
        let told = (0..all).filter(|_| rates.lets(Level::INFO)).count() as u64;
        assert!(told >= u64::from(USUAL * BURST) && told < all, "{told}");
        assert!(rates.lets(Level::WARN) && rates.lets(Level::DEBUG));
    }
}
