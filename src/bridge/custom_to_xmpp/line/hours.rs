//! What agents are told about the hours of their queues.

/// A queue that closes soon; the minutes are rounded, and at least one.
pub(super) fn closing(queue: &str, in_ms: i64, waiting: u32) -> String {
    let minutes = match (in_ms.saturating_add(30_000) / 60_000).max(1) {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    let wait = match waiting {
        0 => "nobody waiting".to_owned(),
        1 => "1 waits".to_owned(),
        many => format!("{many} wait"),
    };
    format!("{queue} closes in {minutes}; {wait}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_told_in_whole_minutes() {
        let told = |in_ms, waiting| closing("Sales", in_ms, waiting);
        assert_eq!(told(600_000, 2), "Sales closes in 10 minutes; 2 wait");
        assert_eq!(told(540_100, 1), "Sales closes in 9 minutes; 1 waits");
        assert_eq!(told(10, 0), "Sales closes in 1 minute; nobody waiting");
    }
}
