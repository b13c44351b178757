//! From samples to what is told: medians, ratios, verdicts.

use serde::Serialize;

use super::{
    RowError,
    catalog::{Goal, Line},
    facts::Facts,
    sample::Sample,
};

/// What a run of `wrun bench` gives.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Report {
    pub(super) host: Facts,
    /// How often each row was measured.
    pub(super) repeat: usize,
    pub(super) rows: Vec<Row>,
}

impl Report {
    /// How many rows have no number.
    pub(in crate::cli) fn failed(&self) -> usize {
        self.rows
            .iter()
            .filter(|row| row.measured.is_none())
            .count()
    }
}

/// One row.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    #[serde(flatten)]
    pub(super) measured: Option<Measured>,
    /// What the goal is about: the ratio, or the value itself.
    pub(super) goal: Option<&'static Goal>,
    pub(super) verdict: Option<Verdict>,
    /// Why there is no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A row's numbers.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Microseconds of processor time for one operation.
    pub(super) cpu_us: Option<f64>,
    /// What it is compared with, in the row's unit.
    pub(super) reference: Option<f64>,
    pub(super) ratio: Option<f64>,
}

/// What the goal says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// It reaches the aim.
    Ok,
    /// It is between what it must have and the aim.
    BelowAim,
    /// It has not even that.
    Below,
}

impl Row {
    /// From what was measured of this line.
    pub(super) fn new(line: &'static Line, samples: Result<Vec<Sample>, &RowError>) -> Self {
        let error = samples.as_ref().err().map(ToString::to_string);
        let measured = samples.ok().and_then(|samples| Measured::of(&samples));
        let verdict = line
            .goal
            .as_ref()
            .zip(measured.as_ref())
            .and_then(|(goal, measured)| goal.verdict(measured));
        Self {
            name: line.name,
            what: line.what,
            unit: line.unit.name(),
            measured,
            goal: line.goal.as_ref(),
            verdict,
            error,
        }
    }
}

impl Measured {
    fn of(samples: &[Sample]) -> Option<Self> {
        let all = |pick: fn(&Sample) -> Option<f64>| {
            let mut values: Vec<_> = samples.iter().filter_map(pick).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let values = all(|sample| Some(sample.value));
        Some(Self {
            median: median(&values)?,
            min: *values.first()?,
            max: *values.last()?,
            cpu_us: median(&all(|sample| sample.cpu)),
            reference: median(&all(|sample| sample.reference)),
            ratio: median(&all(|sample| Some(sample.value / sample.reference?))),
        })
    }
}

/// Of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
    Some(f64::midpoint(*sorted.get(low)?, *sorted.get(high)?))
}

impl Goal {
    /// What it says of these numbers.
    fn verdict(&self, measured: &Measured) -> Option<Verdict> {
        let (value, at_least, aim) = match *self {
            Self::Ratio { at_least, aim, .. } => (measured.ratio?, at_least, aim),
            Self::AtLeast { at_least, aim } => (measured.median, at_least, aim),
            // Less is better: the other way round.
            Self::AtMost { at_least, aim } => (-measured.median, -at_least, -aim),
        };
        Some(if value >= aim {
            Verdict::Ok
        } else if value >= at_least {
            Verdict::BelowAim
        } else {
            Verdict::Below
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[(f64, Option<f64>)]) -> Measured {
        let samples: Vec<_> = values
            .iter()
            .map(|(value, reference)| Sample {
                value: *value,
                reference: *reference,
                cpu: None,
            })
            .collect();
        Measured::of(&samples).unwrap()
    }

    #[test]
    fn the_middle_counts() {
        let three = measured(&[(9.0, None), (1.0, None), (2.0, None)]);
        assert_eq!((three.median, three.min, three.max), (2.0, 1.0, 9.0));
        assert_eq!(measured(&[(1.0, None), (2.0, None)]).median, 1.5);
        assert!(Measured::of(&[]).is_none());
    }

    #[test]
    fn each_sample_is_compared_with_its_own_reference() {
        let two = measured(&[(1.0, Some(2.0)), (30.0, Some(40.0)), (5.0, Some(5.0))]);
        assert_eq!((two.ratio, two.reference), (Some(0.75), Some(5.0)));
    }

    #[test]
    fn verdicts_know_which_way_is_better() {
        let more = Goal::AtLeast {
            at_least: 10.0,
            aim: 20.0,
        };
        let less = Goal::AtMost {
            at_least: 20.0,
            aim: 10.0,
        };
        for (value, of_more, of_less) in [
            (5.0, Verdict::Below, Verdict::Ok),
            (15.0, Verdict::BelowAim, Verdict::BelowAim),
            (25.0, Verdict::Ok, Verdict::Below),
        ] {
            let measured = measured(&[(value, None)]);
            assert_eq!(more.verdict(&measured), Some(of_more));
            assert_eq!(less.verdict(&measured), Some(of_less));
        }
    }
}
