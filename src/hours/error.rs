//! Why hours cannot be used, as operators read it: what is wrong, and what to write instead.

/// What an operator could write.
pub const EXAMPLE: &str = "Mo-Fr 09:00-17:00; Sa 10:00-14:00; PH off; 2026 Dec 24 09:00-12:00";

/// The longest hours, in bytes.
pub(super) const LONGEST: usize = 500;

/// Why hours cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHours {
    #[error("hours are at most {LONGEST} bytes long: leave out dates that have passed")]
    Long,
    #[error("the hours cannot be read from character {at} on (“{from}”): write e.g. {EXAMPLE}")]
    Syntax { at: usize, from: String },
    #[error("the hours cannot be used: {why}: write e.g. {EXAMPLE}")]
    Rules { why: String },
    #[error("the hours name public holidays (PH), but no country is set: set it, e.g. country=DE")]
    NoCountry,
    #[error(
        "the hours name {what}, which are not known here: write dates or times instead, e.g. \
         2026 Dec 24 off"
    )]
    Unknown { what: &'static str },
    #[error("hours need a time zone: set it, e.g. zone=Europe/Berlin")]
    NoZone,
    #[error("there is no time zone “{0}”: write its name in the tz database, e.g. Europe/Berlin")]
    Zone(String),
    #[error("the public holidays of “{0}” are not known: write an ISO code, e.g. DE")]
    Country(String),
}
