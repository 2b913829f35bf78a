//! Why a file could not be fetched, as a stored word.

use crate::chat::row::FetchError;
use crate::ports::store_error::StoreError;
use crate::store::error::corrupt;

pub(super) fn fetch_word(why: FetchError) -> (&'static str, Option<u64>) {
    match why {
        FetchError::Off => ("off", None),
        FetchError::Forbidden => ("forbidden", None),
        FetchError::TooLarge(most) => ("large", Some(most)),
        FetchError::WrongType => ("type", None),
        FetchError::Slow => ("slow", None),
        FetchError::Broken => ("broken", None),
        FetchError::NotKept => ("unkept", None),
        FetchError::Ended => ("ended", None),
    }
}

pub(super) fn parse_fetch(word: &str, most: Option<u64>) -> Result<FetchError, StoreError> {
    Ok(match word {
        "off" => FetchError::Off,
        "forbidden" => FetchError::Forbidden,
        "large" => FetchError::TooLarge(most.unwrap_or_default()),
        "type" => FetchError::WrongType,
        "slow" => FetchError::Slow,
        "broken" => FetchError::Broken,
        "unkept" => FetchError::NotKept,
        "ended" => FetchError::Ended,
        _ => return Err(corrupt("the reason", word)),
    })
}
