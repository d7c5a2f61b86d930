//! The table that a run ends with.

use std::time::Duration;

use super::samples::{Samples, shown};

/// What a row is held to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// So many times faster than the peer.
    Faster(f64),
    /// At most so many times as long as the peer.
    Within(f64),
    /// At most this long.
    Under(Duration),
    /// At most so many MB.
    Megabytes(u64),
    /// Nothing: shown for comparison.
    Shown,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(super) enum Measured {
    /// Times of ours.
    Time(Samples),
    /// Peak memory in MB.
    Memory(u64),
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What was done.
    pub what: String,
    /// How daruma did.
    pub ours: Measured,
    /// The peer's name and times.
    pub peer: Option<(String, Samples)>,
    /// What is asked for.
    pub target: Target,
}

impl Row {
    /// How many times as long the other one takes; at least 1 where the target is met or beaten by the faster one.
    fn factor(&self) -> Option<f64> {
        let (Measured::Time(ours), Some((_, peer))) = (&self.ours, &self.peer) else {
            return None;
        };
        Some(peer.median().as_secs_f64() / ours.median().as_secs_f64().max(f64::EPSILON))
    }

    fn ratio(&self) -> String {
        match (self.target, self.factor()) {
            (Target::Within(_), Some(factor)) => format!("{:.2}× as long", 1.0 / factor),
            (_, Some(factor)) => format!("{factor:.1}× faster"),
            (_, None) => String::new(),
        }
    }

    fn is_met(&self) -> Option<bool> {
        match (self.target, &self.ours) {
            (Target::Faster(times), _) => self.factor().map(|factor| factor >= times),
            (Target::Within(times), _) => self.factor().map(|factor| 1.0 / factor <= times),
            (Target::Under(limit), Measured::Time(ours)) => Some(ours.median() <= limit),
            (Target::Megabytes(limit), Measured::Memory(mb)) => Some(*mb <= limit),
            _ => None,
        }
    }

    fn cells(&self) -> [String; 6] {
        let ours = match &self.ours {
            Measured::Time(samples) => samples.to_string(),
            Measured::Memory(mb) => format!("{mb} MB"),
        };
        let peer = self.peer.as_ref();
        let peer = peer.map_or_else(String::new, |(name, samples)| format!("{name} {samples}"));
        let target = match self.target {
            Target::Faster(times) => format!("≥ {times}× faster"),
            Target::Within(times) => format!("≤ {times}× as long"),
            Target::Under(limit) => format!("≤ {}", shown(limit)),
            Target::Megabytes(limit) => format!("≤ {limit} MB"),
            Target::Shown => String::new(),
        };
        let met = match self.is_met() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        [
            self.what.clone(),
            ours,
            peer,
            self.ratio(),
            target,
            met.to_owned(),
        ]
    }
}

const HEAD: [&str; 6] = ["what", "daruma", "peer", "ratio", "target", "met"];

/// The rows as a Markdown table that also reads well as it is.
pub(super) fn render(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(ToOwned::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|cells| length(&cells[column])).max();
    let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let rule = widths.map(|width| "-".repeat(width));
    lines.insert(1, rule);
    lines.iter().map(|cells| line(cells, &widths)).collect()
}

fn line(cells: &[String; 6], widths: &[usize; 6]) -> String {
    let pad = |(cell, width): (&String, &usize)| {
        format!("{cell}{}", " ".repeat(width.saturating_sub(length(cell))))
    };
    let cells: Vec<String> = cells.iter().zip(widths).map(pad).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ms: u64) -> Samples {
        let mut samples = Samples::default();
        samples.push(Duration::from_millis(ms));
        samples
    }

    #[test]
    fn a_target_is_met_or_missed_by_the_medians() {
        let rows = [
            (100, 900, Target::Faster(8.0), "9.0× faster", Some(true)),
            (100, 700, Target::Faster(8.0), "7.0× faster", Some(false)),
            (140, 100, Target::Within(1.5), "1.40× as long", Some(true)),
            (160, 100, Target::Within(1.5), "1.60× as long", Some(false)),
            (160, 100, Target::Shown, "0.6× faster", None),
        ];
        for (ours, peer, target, ratio, met) in rows {
            let row = Row {
                what: "x".to_owned(),
                ours: Measured::Time(times(ours)),
                peer: Some(("y".to_owned(), times(peer))),
                target,
            };
            assert_eq!((row.ratio().as_str(), row.is_met()), (ratio, met));
        }
    }
}
