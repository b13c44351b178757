//! A report for people: the machine's facts, then a line for each row.

use std::fmt::{self, Write as _};

use super::{
    catalog::Goal,
    facts::Facts,
    report::{Measured, Report, Row, Verdict},
};
use crate::config::format_size;

const HEAD: [&str; 8] = [
    "row",
    "median",
    "min – max",
    "ratio",
    "at least",
    "aim",
    "CPU each",
    "verdict",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", facts(&self.host))?;
        writeln!(f, "medians of {} after a warm-up\n", self.repeat)?;
        let lines: Vec<_> = std::iter::once(HEAD.map(str::to_owned))
            .chain(self.rows.iter().map(cells))
            .collect();
        let width = |column: usize| {
            let widths = lines.iter().map(|line| line[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..HEAD.len()).map(width).collect();
        for line in &lines {
            let mut text = String::new();
            for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
                // Names and verdicts stand on the left, numbers on the right.
                let left = at == 0 || at + 1 == HEAD.len();
                let _ = if left {
                    write!(text, "{cell:<width$}  ")
                } else {
                    write!(text, "{cell:>width$}  ")
                };
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        let failed = self
            .rows
            .iter()
            .filter_map(|row| Some((row.name, row.error.as_ref()?)));
        failed
            .into_iter()
            .try_for_each(|(name, error)| writeln!(f, "\n{name}: {error}"))
    }
}

fn facts(facts: &Facts) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let number = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let engine = facts.engine.as_ref().map(|engine| {
        let strategy = serde_json::to_value(engine.strategy).unwrap_or_default();
        format!("{}: {}", strategy.as_str().unwrap_or("unknown"), engine.why)
    });
    let rows = [
        ("wrun", format!("{}, {}", facts.version, facts.date)),
        (
            "cores",
            format!(
                "{}, {}",
                number(facts.cores.map(|n| n.to_string())),
                text(&facts.cpu)
            ),
        ),
        ("kernel", text(&facts.kernel)),
        (
            "memory",
            format!(
                "{}, swap {}, transparent hugepages {}, max_map_count {}",
                number(facts.memory.map(format_size)),
                number(facts.swap.map(format_size)),
                text(&facts.transparent_hugepages),
                number(facts.max_map_count.map(|n| n.to_string())),
            ),
        ),
        ("sandboxes", text(&engine)),
    ];
    rows.iter().fold(String::new(), |mut all, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(all, "{name:<10} {value}");
        all
    })
}

fn cells(row: &Row) -> [String; 8] {
    let Some(measured) = &row.measured else {
        let mut cells: [String; 8] = std::array::from_fn(|_| String::new());
        cells[0] = row.name.to_owned();
        cells[7] = "failed".to_owned();
        return cells;
    };
    let with_unit = |value: f64| match row.unit {
        "/s" => format!("{}/s", number(value)),
        unit => format!("{} {unit}", number(value)),
    };
    let goal = |value: f64| match row.goal {
        Some(Goal::Ratio { .. }) => format!("{value} ×"),
        _ => with_unit(value),
    };
    let (at_least, aim) = match row.goal {
        Some(
            Goal::Ratio { at_least, aim, .. }
            | Goal::AtLeast { at_least, aim }
            | Goal::AtMost { at_least, aim },
        ) => (goal(*at_least), goal(*aim)),
        None => (String::new(), String::new()),
    };
    [
        row.name.to_owned(),
        with_unit(measured.median),
        format!("{} – {}", number(measured.min), number(measured.max)),
        ratio(row, measured),
        at_least,
        aim,
        measured
            .cpu_us
            .map_or_else(String::new, |cpu| format!("{} µs", number(cpu))),
        verdict(row.verdict).to_owned(),
    ]
}

fn ratio(row: &Row, measured: &Measured) -> String {
    match (measured.ratio, row.goal) {
        (Some(ratio), Some(Goal::Ratio { to, .. })) => format!("{ratio:.2} × {to}"),
        _ => String::new(),
    }
}

fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Ok) => "ok",
        Some(Verdict::BelowAim) => "below aim",
        Some(Verdict::Below) => "BELOW",
        None => "",
    }
}

/// Three digits, or all of those before the point, in groups of three.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        "" => grouped,
        fraction => format!("{grouped}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.5, "0.50"),
            (9.996, "10.0"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1_234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
