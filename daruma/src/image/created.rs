//! Times as images carry them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A time in RFC 3339, kept as it was written; daruma's own are in UTC with whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Created(String);

/// The text or number is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time in RFC 3339")]
pub struct InvalidTime(String);

impl Created {
    /// The time `seconds` after 1970-01-01T00:00:00Z (`SOURCE_DATE_EPOCH`).
    pub fn from_unix(seconds: i64) -> Result<Self, InvalidTime> {
        Timestamp::from_second(seconds)
            .map(|time| Self(time.to_string()))
            .map_err(|_| InvalidTime(seconds.to_string()))
    }

    /// The time of the clock, whole seconds. For records that stay on this machine; images carry times that are inputs.
    pub fn now() -> Self {
        let now = Timestamp::now();
        Self(
            Timestamp::from_second(now.as_second())
                .unwrap_or(now)
                .to_string(),
        )
    }

    /// Takes RFC 3339 as others write it, fractions and offsets included.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        match text.parse::<Timestamp>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(InvalidTime(text.to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whole seconds after 1970-01-01T00:00:00Z.
    pub fn unix(&self) -> i64 {
        self.0.parse().map_or(0, Timestamp::as_second)
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Created {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        Self::parse(&text)
    }
}

impl From<Created> for String {
    fn from(created: Created) -> Self {
        created.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_and_foreign_ones_keep_their_text() {
        let ours = Created::from_unix(1_750_000_000).expect("in range");
        assert_eq!(ours.as_str(), "2025-06-15T15:06:40Z");
        assert_eq!(ours.unix(), 1_750_000_000);
        for text in [
            "2024-01-02T03:04:05.123456789Z",
            "0001-01-01T00:00:00Z",
            "2024-01-02T03:04:05+02:00",
        ] {
            assert_eq!(Created::parse(text).map(String::from), Ok(text.to_owned()));
        }
        for text in ["", "yesterday", "2024-01-02", "2024-13-02T00:00:00Z"] {
            assert!(Created::parse(text).is_err(), "{text}");
        }
    }
}
