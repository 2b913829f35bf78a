//! Tables of hours and the moments they mean.

use super::*;
use crate::ports::settings::HoursMode;

fn written(hours: &str, zone: &str, country: &str) -> OpeningHours {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    OpeningHours { hours: some(hours), hours_mode: None, zone: some(zone), country: some(country) }
}

fn utc(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The times from a day on, each as the UTC moments it begins and ends at.
fn times(hours: &str, zone: &str, country: &str, from: &str, days: i64) -> Vec<String> {
    let table = Timetable::of(&written(hours, zone, country)).unwrap().unwrap();
    let from = utc(from);
    let plain = |at: Timestamp| match at {
        NEVER => "never".to_owned(),
        at => jiff::Timestamp::from_millisecond(at.0).unwrap().strftime("%m-%d %H:%M").to_string(),
    };
    let times = table.times(from, from.plus(days * DAY_MS));
    times.iter().map(|time| format!("{} to {}", plain(time.from), plain(time.until))).collect()
}

#[test]
fn both_changes_of_the_clocks() {
    for (zone, from, hours, expected) in [
        // The day before, the day itself, the day after; the wall says the same.
        (
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            "09:00-17:00",
            [
                "03-28 08:00 to 03-28 16:00",
                "03-29 07:00 to 03-29 15:00",
                "03-30 07:00 to 03-30 15:00",
            ],
        ),
        (
            "Europe/Berlin",
            "2027-10-30T00:00:00Z",
            "09:00-17:00",
            [
                "10-30 07:00 to 10-30 15:00",
                "10-31 08:00 to 10-31 16:00",
                "11-01 08:00 to 11-01 16:00",
            ],
        ),
        (
            "America/New_York",
            "2026-03-07T06:00:00Z",
            "08:00-12:00",
            [
                "03-07 13:00 to 03-07 17:00",
                "03-08 12:00 to 03-08 16:00",
                "03-09 12:00 to 03-09 16:00",
            ],
        ),
        (
            "America/New_York",
            "2028-11-04T05:00:00Z",
            "08:00-12:00",
            [
                "11-04 12:00 to 11-04 16:00",
                "11-05 13:00 to 11-05 17:00",
                "11-06 13:00 to 11-06 17:00",
            ],
        ),
        // Half an hour, at two in the night; the other half of the year than in the north.
        (
            "Australia/Lord_Howe",
            "2026-04-03T14:00:00Z",
            "09:00-10:00",
            [
                "04-03 22:00 to 04-03 23:00",
                "04-04 22:30 to 04-04 23:30",
                "04-05 22:30 to 04-05 23:30",
            ],
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-02T14:00:00Z",
            "09:00-10:00",
            [
                "10-02 22:30 to 10-02 23:30",
                "10-03 22:00 to 10-03 23:00",
                "10-04 22:00 to 10-04 23:00",
            ],
        ),
    ] {
        assert_eq!(times(hours, zone, "", from, 3), expected, "{zone} from {from}");
    }
}

#[test]
fn times_that_are_skipped_and_times_that_come_twice() {
    for (zone, from, hours, expected) in [
        // In Berlin, 29 March 2026 has no 02:30: it opens when the clock is set.
        ("Europe/Berlin", "2026-03-29T00:00:00Z", "02:30-05:00", "03-29 01:00 to 03-29 03:00"),
        ("Europe/Berlin", "2026-03-29T00:00:00Z", "02:00-05:00", "03-29 01:00 to 03-29 03:00"),
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "01:00-02:30", "03-29 00:00 to 03-29 01:00"),
        // 25 October 2026 has 02:30 twice: it opens the first time, and closes the second.
        ("Europe/Berlin", "2026-10-25T00:00:00Z", "02:30-05:00", "10-25 00:30 to 10-25 04:00"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "01:00-02:30", "10-24 23:00 to 10-25 01:30"),
        ("America/Sao_Paulo", "2026-11-01T03:00:00Z", "00:00-06:00", "11-01 03:00 to 11-01 09:00"),
    ] {
        let found = times(hours, zone, "", from, 1);
        assert_eq!(found.first().map(String::as_str), Some(expected), "{hours} from {from}");
    }
    // All of it is skipped.
    let table = Timetable::of(&written("02:10-02:50", "Europe/Berlin", "")).unwrap().unwrap();
    let from = utc("2026-03-28T12:00:00Z");
    let hours = Hours::new(true, table.times(from, from.plus(DAY_MS)));
    assert!(hours.times().iter().all(|time| {
        !(utc("2026-03-29T00:00:00Z")..utc("2026-03-29T12:00:00Z")).contains(&time.from)
    }));
}

#[test]
fn zones_that_are_half_an_hour_or_less_apart() {
    for (zone, expected) in [
        ("Asia/Kolkata", "12-02 03:30 to 12-02 11:30"),
        ("Asia/Kathmandu", "12-02 03:15 to 12-02 11:15"),
        ("America/St_Johns", "12-02 12:30 to 12-02 20:30"),
        ("Pacific/Chatham", "12-01 19:15 to 12-02 03:15"),
        ("Pacific/Kiritimati", "12-01 19:00 to 12-02 03:00"),
        ("UTC", "12-02 09:00 to 12-02 17:00"),
    ] {
        let found = times("We 09:00-17:00", zone, "", "2026-12-01T00:00:00Z", 2);
        assert_eq!(found, [expected], "{zone}");
    }
}

#[test]
fn over_midnight_and_without_end() {
    let over = times("Fr 22:00-04:00", "Europe/Berlin", "", "2026-12-03T00:00:00Z", 5);
    assert_eq!(over, ["12-04 21:00 to 12-05 03:00"]);
    // It is open already at the beginning.
    let inside = times("Fr 22:00-04:00", "Europe/Berlin", "", "2026-12-05T01:00:00Z", 1);
    assert_eq!(inside.first().unwrap(), "12-04 21:00 to 12-05 03:00");
    let inside = times("Mo-Fr 22:00-26:00", "Europe/Berlin", "", "2026-12-01T00:30:00Z", 1);
    assert_eq!(inside, ["11-30 21:00 to 12-01 01:00", "12-01 21:00 to 12-02 01:00"]);
    assert_eq!(
        times("24/7", "Asia/Tokyo", "", "2026-12-01T00:00:00Z", 1),
        ["11-30 00:00 to never"]
    );
    assert_eq!(times("off", "Asia/Tokyo", "", "2026-12-01T00:00:00Z", 14), [""; 0]);
    let past = times("2020 Dec 24 09:00-12:00", "Asia/Tokyo", "", "2026-12-01T00:00:00Z", 14);
    assert_eq!(past, [""; 0]);
}

#[test]
fn holidays_and_single_days() {
    let hours = "Mo-Fr 09:00-17:00; Sa 10:00-14:00; PH off; 2026 Dec 24 09:00-12:00";
    let found = times(hours, "Europe/Berlin", "DE", "2026-12-23T00:00:00Z", 7);
    assert_eq!(
        found,
        [
            "12-23 08:00 to 12-23 16:00",
            "12-24 08:00 to 12-24 11:00",
            // Friday and Saturday are Christmas.
            "12-28 08:00 to 12-28 16:00",
            "12-29 08:00 to 12-29 16:00",
        ]
    );
    // 26 December is none in France.
    let found = times("Sa 10:00-14:00; PH off", "Europe/Paris", "fr", "2026-12-24T00:00:00Z", 3);
    assert_eq!(found, ["12-26 09:00 to 12-26 13:00"]);
}

#[test]
fn the_next_opening_is_told_however_far_away() {
    let summer = "Mo-Fr 09:00-17:00; 2026 Aug 03-2026 Aug 28 off";
    let found = times(summer, "Europe/Rome", "", "2026-08-01T12:00:00Z", 14);
    assert_eq!(found, ["08-31 07:00 to 08-31 15:00"]);
    let found = times(summer, "Europe/Rome", "", "2026-08-30T12:00:00Z", 1);
    assert_eq!(found, ["08-31 07:00 to 08-31 15:00"]);
}

#[test]
fn a_desk_is_told_two_weeks_of_both_sides() {
    let now = utc("2026-12-01T12:00:00Z");
    let hours = around(&written("09:00-17:00", "UTC", ""), now).unwrap().unwrap();
    assert!(hours.strict && hours.is_open(now));
    assert_eq!((hours.times().len(), hours.times()[0].from), (29, utc("2026-11-17T09:00:00Z")));
    let advisory =
        OpeningHours { hours_mode: Some(HoursMode::Advisory), ..written("24/7", "UTC", "") };
    let hours = around(&advisory, now).unwrap().unwrap();
    assert!(!hours.strict && hours.is_open(now));
    assert_eq!(around(&written("", "", ""), now), Ok(None), "always open");
}

#[test]
fn nonsense_is_refused_with_what_is_wrong_and_an_example() {
    for (hours, zone, country, expected) in [
        ("Mo-Fr 9 to 5", "Europe/Berlin", "", "cannot be read from character"),
        ("weekdays", "Europe/Berlin", "", "cannot be read from character 5 on (“days”)"),
        ("Mo-Fr 09:00-17:00; ", "UTC", "", "cannot be read from character"),
        ("Mo 25:00-90:00", "UTC", "", "the hours cannot be"),
        ("Mo-Fr 09:00-17:00; PH off", "Europe/Berlin", "", "country=DE"),
        ("Mo-Fr 09:00-17:00; SH off", "Europe/Berlin", "DE", "school holidays (SH), which are not"),
        ("sunrise-sunset", "Europe/Berlin", "", "the sunrise"),
        ("Mo-Fr 09:00-17:00", "", "", "zone=Europe/Berlin"),
        ("Mo-Fr 09:00-17:00", "Mars/Base", "", "no time zone “Mars/Base”"),
        ("", "+01:00", "", "no time zone “+01:00”"),
        ("Mo-Fr 09:00-17:00", "UTC", "Germany", "“Germany” are not known: write an ISO code"),
        (&"Mo ".repeat(200), "UTC", "", "at most 500 bytes"),
    ] {
        let refused = Timetable::of(&written(hours, zone, country)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{hours}: {refused}");
    }
    // A word in a comment names nothing.
    assert!(Timetable::of(&written("Mo 09:00-17:00 \"not on PH\"", "UTC", "")).is_ok());
    assert!(Timetable::of(&written(EXAMPLE, "Europe/Berlin", "DE")).is_ok());
}

#[test]
fn names_are_spelled_as_they_are_known() {
    assert_eq!(zone_name("europe/berlin").as_deref(), Ok("Europe/Berlin"));
    assert_eq!(country_code(" de ").as_deref(), Ok("DE"));
    let table = Timetable::of(&written("24/7", "Asia/Kolkata", "")).unwrap().unwrap();
    assert_eq!(table.written(utc("2026-12-01T20:00:00Z")), "Wed 2026-12-02 01:30");
    assert_eq!(table.read("2026-12-02T01:30"), Some(utc("2026-12-01T20:00:00Z")));
    assert_eq!(table.read("2026-12-02T01:30:00+01:00"), Some(utc("2026-12-02T00:30:00Z")));
    assert_eq!(table.read("tomorrow"), None);
}

#[test]
fn a_moment_is_the_next_time_of_the_day_or_has_its_date() {
    let written = OpeningHours { zone: Some("Europe/Berlin".to_owned()), ..Default::default() };
    // Saturday, 28 March 2026, 12:00 UTC, a day before the clocks change.
    let now = Timestamp(1_774_699_200_000);
    let hours = |text| moment(&written, text, now).map(|at| (at.0 - now.0) / 3_600_000);
    assert_eq!(hours("14:00"), Some(1));
    assert_eq!(hours("13:00"), Some(23), "tomorrow, an hour earlier");
    assert_eq!(hours(" 09:00 "), Some(19));
    assert_eq!(hours("2026-03-29T09:00"), Some(19));
    assert_eq!(hours("2026-03-29T09:00:00+01:00"), Some(20));
    for wrong in ["noon", "25:00", "", "2026-02-30T09:00"] {
        assert_eq!(hours(wrong), None, "{wrong}");
    }
    let utc = moment(&OpeningHours::default(), "14:00", now);
    assert_eq!(utc, Some(now.plus(2 * 3_600_000)));
}

#[test]
fn what_is_closed_by_hand_is_closed_whatever_the_hours_are() {
    let now = Timestamp(1_774_699_200_000);
    let shut = ByHand { open: false, from: now, until: None };
    let none = OpeningHours::default();
    let closed = |found: &Option<Hours>| found.as_ref().is_some_and(|hours| !hours.is_open(now));
    assert_eq!(around_by_hand(&none, None, now), Ok(None));
    assert!(closed(&around_by_hand(&none, Some(shut), now).unwrap()));
    let bad = OpeningHours { hours: Some("Mo-Fr 9".to_owned()), ..Default::default() };
    let (_, instead) = around_by_hand(&bad, Some(shut), now).unwrap_err();
    assert!(closed(&instead));
    assert_eq!(around_by_hand(&bad, None, now).unwrap_err().1, None);
}
