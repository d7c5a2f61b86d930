//! When to try again, and how long to wait before.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use super::Timing;

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    timing: &'a Timing,
    made: u32,
}

impl<'a> Attempts<'a> {
    /// The first attempt is about to be made.
    pub(super) fn new(timing: &'a Timing) -> Self {
        Self { timing, made: 1 }
    }

    /// How long to pause before the next attempt; `None` where there is none left, or the server asks for too much patience.
    pub(super) fn next(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        if self.made >= self.timing.attempts || retry_after > Some(self.timing.patience) {
            return None;
        }
        let doubled = self.timing.backoff * 2_u32.saturating_pow((self.made - 1).min(8));
        self.made += 1;
        Some(retry_after.unwrap_or_default().max(jittered(doubled)))
    }
}

/// Between half of `pause` and all of it, so that many clients do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 512;
    pause / 2 + pause * u32::try_from(random).unwrap_or(0) / 1024
}

/// Reads a `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let date = SystemTime::from(date.timestamp());
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_and_pauses_grow() {
        let timing = Timing {
            attempts: 4,
            backoff: Duration::from_millis(100),
            ..Timing::default()
        };
        let mut attempts = Attempts::new(&timing);
        for (low, high) in [(50, 100), (100, 200), (200, 400)] {
            let pause = attempts.next(None).expect("another").as_millis();
            assert!((low..=high).contains(&pause), "{pause}");
        }
        assert_eq!(attempts.next(None), None);
    }

    #[test]
    fn a_server_is_obeyed_within_patience() {
        let timing = Timing::default();
        let asked = Duration::from_secs(7);
        assert_eq!(Attempts::new(&timing).next(Some(asked)), Some(asked));
        assert_eq!(
            Attempts::new(&timing).next(Some(Duration::from_secs(61))),
            None
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 5);
        for (text, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(5)),
            ("Sun, 06 Nov 1993 08:49:37 GMT", None),
            ("soon", None),
        ] {
            let seconds = retry_after(text, now).map(|d| d.as_secs());
            assert_eq!(seconds, expected, "{text}");
        }
    }
}
