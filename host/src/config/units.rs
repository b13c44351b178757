//! Numbers with units: sizes, durations and slots.

use std::time::Duration;

use super::ConfigError;

/// Reads a size: a number, with a fraction if need be, and a unit. `K`, `M`, `G`, `T` and `KiB` … are powers of 1024,
/// `KB` … powers of 1000; without a unit it is bytes.
///
/// # Errors
/// When it does not parse, is zero, or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, ConfigError> {
    let bad = || ConfigError::Size(text.to_owned());
    let trimmed = text.trim();
    let unit_at = trimmed
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_at);
    let factor = size_factor(unit).ok_or_else(bad)?;
    let (digits, scale) = decimal(number.trim_end()).ok_or_else(bad)?;
    let range = || ConfigError::SizeRange(text.to_owned());
    let bytes = digits.checked_mul(factor).ok_or_else(range)? / scale;
    match u64::try_from(bytes) {
        Ok(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(range()),
    }
}

fn size_factor(unit: &str) -> Option<u128> {
    let unit = unit.to_ascii_lowercase();
    let (prefix, base) = match unit.strip_suffix("ib") {
        Some(prefix) => (prefix, 1024),
        None => match unit.strip_suffix('b') {
            Some(prefix) => (prefix, 1000),
            None => (unit.as_str(), 1024),
        },
    };
    let power = match prefix {
        "" if unit != "ib" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(u128::pow(base, power))
}

/// `12.34` as (1234, 100); at most 20 digits, so that products fit 128 bits.
fn decimal(text: &str) -> Option<(u128, u128)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = [whole, fraction].concat();
    if whole.is_empty() || digits.len() > 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let places = u32::try_from(fraction.len()).ok()?;
    Some((digits.parse().ok()?, 10_u128.pow(places)))
}

/// A size for people: `1.5 MiB`, `17 B`.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = None;
    for name in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths = (tenths + 512) / 1024;
        unit = Some(name);
    }
    match unit {
        None => format!("{bytes} B"),
        Some(unit) if tenths % 10 == 0 => format!("{} {unit}", tenths / 10),
        Some(unit) => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// Reads a duration: numbers with the units `ms`, `s`, `m`, `h`, one after another; without a unit it is seconds.
///
/// # Errors
/// When it does not parse, is zero, or is beyond what a clock can count.
pub fn parse_duration(text: &str) -> Result<Duration, ConfigError> {
    let bad = || ConfigError::Duration(text.to_owned());
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(unit_at);
        let next = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(next);
        let seconds = match unit {
            "ms" => 0.001,
            "s" | "sec" => 1.0,
            "" if rest.len() == text.trim().len() => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(bad()),
        };
        decimal(number).ok_or_else(bad)?;
        let number: f64 = number.parse().map_err(|_| bad())?;
        let part = Duration::try_from_secs_f64(number * seconds).ok();
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| ConfigError::DurationRange(text.to_owned()))?;
        rest = after;
    }
    match total {
        Duration::ZERO if text.trim().is_empty() => Err(bad()),
        Duration::ZERO => Err(ConfigError::DurationRange(text.to_owned())),
        total => Ok(total),
    }
}

/// Reads a number of slots.
///
/// # Errors
/// When it is not a number from 0.0001 to 1,000,000.
pub fn parse_slots(text: &str) -> Result<f64, ConfigError> {
    match text.trim().parse::<f64>() {
        Ok(slots) if (0.0001..=1_000_000.0).contains(&slots) => Ok(slots),
        _ => Err(ConfigError::Slots(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("65536", 65536),
            ("1b", 1),
            ("1K", 1024),
            ("512MiB", 512 << 20),
            ("1G", 1 << 30),
            ("1.5 GiB", 3 << 29),
            ("2mb", 2_000_000),
            ("3TB", 3_000_000_000_000),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for text in [
            "", "G", "-1", "1X", "1.2.3", "1e3", "ib", "1 ib", "0x10", "1KiBB", "²", "1é",
        ] {
            assert!(
                matches!(parse_size(text), Err(ConfigError::Size(_))),
                "{text}"
            );
        }
        for text in ["0", "0.1", "99999999999999999999", "99999999999T"] {
            assert!(
                matches!(parse_size(text), Err(ConfigError::SizeRange(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1 << 20, "1 MiB"),
            (3 << 19, "1.5 MiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(format_size(bytes), text);
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("10", 10_000),
            ("0.5", 500),
            ("250ms", 250),
            ("2s", 2000),
            ("1.5m", 90_000),
            ("1h30m", 5_400_000),
            ("1m30s500ms", 90_500),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_millis(millis),
                "{text}"
            );
        }
        for text in ["", "s", "-1s", "1x", "1m30", "nan", "inf", "1e3", "1 s 2"] {
            assert!(
                matches!(parse_duration(text), Err(ConfigError::Duration(_))),
                "{text}"
            );
        }
        for text in ["0", "0s", "99999999999999999999h"] {
            assert!(
                matches!(parse_duration(text), Err(ConfigError::DurationRange(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn slots() {
        assert_eq!(parse_slots("4").unwrap(), 4.0);
        assert_eq!(parse_slots("0.5").unwrap(), 0.5);
        for text in ["0", "-1", "nan", "inf", "four", "1e9"] {
            assert!(parse_slots(text).is_err(), "{text}");
        }
    }
}
