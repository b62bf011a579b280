//! Dates: that of HTTP (IMF-fixdate, RFC 9110 section 5.6.7) and those of the access log.
#![forbid(unsafe_code)]

const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
const SECONDS_PER_DAY: u64 = 86_400;
/// The last second of the year 9999: the format has four digits for the year.
const LAST_SECOND: u64 = 253_402_300_799;

/// `Sun, 06 Nov 1994 08:49:37 GMT` from the seconds since 1970.
pub fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(LAST_SECOND);
    let (days, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let weekday = (days % 7) as usize * 3;
    text[..3].copy_from_slice(&DAYS[weekday..weekday + 3]);
    two_digits(&mut text, 5, day);
    let name = (month as usize - 1) * 3;
    text[8..11].copy_from_slice(&MONTHS[name..name + 3]);
    two_digits(&mut text, 12, year / 100);
    two_digits(&mut text, 14, year % 100);
    time_of_day(&mut text, 17, second);
    text
}

/// `06/Nov/1994:08:49:37 +0000`, as access logs have it.
pub fn common_log(unix_seconds: u64) -> [u8; 26] {
    let seconds = unix_seconds.min(LAST_SECOND);
    let (days, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"01/Jan/1970:00:00:00 +0000";
    two_digits(&mut text, 0, day);
    let name = (month as usize - 1) * 3;
    text[3..6].copy_from_slice(&MONTHS[name..name + 3]);
    two_digits(&mut text, 7, year / 100);
    two_digits(&mut text, 9, year % 100);
    time_of_day(&mut text, 12, second);
    text
}

/// `1994-11-06T08:49:37` (RFC 3339), without the zone, which is UTC.
pub fn rfc3339(unix_seconds: u64) -> [u8; 19] {
    let seconds = unix_seconds.min(LAST_SECOND);
    let (days, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"1970-01-01T00:00:00";
    two_digits(&mut text, 0, year / 100);
    two_digits(&mut text, 2, year % 100);
    two_digits(&mut text, 5, month);
    two_digits(&mut text, 8, day);
    time_of_day(&mut text, 11, second);
    text
}

/// Year, month and day of a day counted from 1970. The year is counted from March, so that the
/// leap day comes last and the lengths of the months follow one formula.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    const MARCH_OF_YEAR_0: u64 = 719_468; // days from there to 1970
    let shifted = days + MARCH_OF_YEAR_0;
    let (era, in_era) = (shifted / DAYS_PER_ERA, shifted % DAYS_PER_ERA);
    let year_in_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_in_era + u64::from(month <= 2), month, day)
}

/// `08:49:37`.
fn time_of_day(text: &mut [u8], at: usize, second: u64) {
    two_digits(text, at, second / 3600);
    two_digits(text, at + 3, second / 60 % 60);
    two_digits(text, at + 6, second % 60);
}

fn two_digits(text: &mut [u8], at: usize, value: u64) {
    text[at] = b'0' + (value / 10 % 10) as u8;
    text[at + 1] = b'0' + (value % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::{common_log, imf_fixdate, rfc3339};

    fn text(seconds: u64) -> String {
        String::from_utf8(imf_fixdate(seconds).to_vec()).unwrap()
    }

    #[test]
    fn known_dates() {
        assert_eq!(text(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(text(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text(951_782_399), "Mon, 28 Feb 2000 23:59:59 GMT");
        assert_eq!(text(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(text(951_868_800), "Wed, 01 Mar 2000 00:00:00 GMT");
        assert_eq!(text(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
        assert_eq!(text(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn the_dates_of_logs() {
        assert_eq!(&common_log(784_111_777), b"06/Nov/1994:08:49:37 +0000");
        assert_eq!(&rfc3339(784_111_777), b"1994-11-06T08:49:37");
        assert_eq!(&common_log(u64::MAX), b"31/Dec/9999:23:59:59 +0000");
        assert_eq!(&rfc3339(951_782_400), b"2000-02-29T00:00:00");
    }

    #[test]
    fn beyond_four_digits_stays_at_the_last_second() {
        assert_eq!(text(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let (mut year, mut month, mut day, mut weekday) = (1970, 0, 1, 4);
        for days in 0..60_000u64 {
            let name = &months[month * 3..month * 3 + 3];
            let expected = format!("{}, {day:02} {name} {year} 12:34:56 GMT", names[weekday]);
            assert_eq!(text(days * 86_400 + 45_296), expected);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            day += 1;
            weekday = (weekday + 1) % 7;
            if day > lengths[month] + i32::from(leap && month == 1) {
                (day, month) = (1, month + 1);
            }
            if month == 12 {
                (month, year) = (0, year + 1);
            }
        }
    }
}
