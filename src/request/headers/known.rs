//! Well-known names: found with one look into a table, then compared once.

macro_rules! known_names {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// Names that clients send often or that have a meaning for the server.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Known {
            #[default]
            Other,
            $($variant),+
        }

        impl Known {
            /// The names in lower case, in the order of the variants behind `Other`.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
            const ALL: &'static [Known] = &[$(Known::$variant),+];
        }
    };
}

known_names! {
    Accept = "accept",
    AcceptCharset = "accept-charset",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    AccessControlRequestHeaders = "access-control-request-headers",
    AccessControlRequestMethod = "access-control-request-method",
    Authorization = "authorization",
    CacheControl = "cache-control",
    Connection = "connection",
    ContentEncoding = "content-encoding",
    ContentLength = "content-length",
    ContentRange = "content-range",
    ContentType = "content-type",
    Cookie = "cookie",
    Date = "date",
    Dnt = "dnt",
    Expect = "expect",
    Forwarded = "forwarded",
    From = "from",
    Host = "host",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    KeepAlive = "keep-alive",
    MaxForwards = "max-forwards",
    Origin = "origin",
    Pragma = "pragma",
    Priority = "priority",
    Proxy = "proxy",
    ProxyAuthorization = "proxy-authorization",
    ProxyConnection = "proxy-connection",
    Range = "range",
    Referer = "referer",
    SecChUa = "sec-ch-ua",
    SecChUaMobile = "sec-ch-ua-mobile",
    SecChUaPlatform = "sec-ch-ua-platform",
    SecFetchDest = "sec-fetch-dest",
    SecFetchMode = "sec-fetch-mode",
    SecFetchSite = "sec-fetch-site",
    SecFetchUser = "sec-fetch-user",
    SecGpc = "sec-gpc",
    SecWebSocketExtensions = "sec-websocket-extensions",
    SecWebSocketKey = "sec-websocket-key",
    SecWebSocketProtocol = "sec-websocket-protocol",
    SecWebSocketVersion = "sec-websocket-version",
    Te = "te",
    Traceparent = "traceparent",
    Trailer = "trailer",
    TransferEncoding = "transfer-encoding",
    Upgrade = "upgrade",
    UpgradeInsecureRequests = "upgrade-insecure-requests",
    UserAgent = "user-agent",
    Via = "via",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
    XRequestedWith = "x-requested-with",
}

impl Known {
    /// One look into a table without collisions, then one comparison. `name` is a token.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let known = SLOTS[slot(name)];
        match Self::NAMES.get((known as usize).wrapping_sub(1)) {
            Some(text) if is_name(name, text.as_bytes()) => known,
            _ => Self::Other,
        }
    }

    /// What several fields of this name become in the environ.
    pub fn repeated(self) -> Repeated {
        match self {
            Self::Cookie => Repeated::Joined(b"; "),
            Self::Date
            | Self::From
            | Self::IfModifiedSince
            | Self::IfRange
            | Self::IfUnmodifiedSince
            | Self::MaxForwards
            | Self::Referer
            | Self::UserAgent => Repeated::Last,
            _ => Repeated::Joined(b", "),
        }
    }
}

/// How a field that came several times is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    Joined(&'static [u8]),
    /// No list by its syntax: the last one counts, as in the seed.
    Last,
}

/// Whether a token is this lower-case name. Setting bit 5 folds the case of a letter and changes
/// no other byte that a token may hold into one that a known name has.
#[inline]
fn is_name(name: &[u8], lower: &[u8]) -> bool {
    const BIT_5: u64 = 0x2020_2020_2020_2020;
    let eight = |a: &[u8; 8], b: &[u8; 8]| u64::from_le_bytes(*a) | BIT_5 == u64::from_le_bytes(*b);
    let four =
        |a: &[u8; 4], b: &[u8; 4]| u32::from_le_bytes(*a) | BIT_5 as u32 == u32::from_le_bytes(*b);
    if name.len() != lower.len() {
        return false;
    }
    // The words at both ends overlap in the middle, so that no loop goes by single bytes.
    if let (Some(a), Some(b)) = (name.last_chunk::<8>(), lower.last_chunk::<8>()) {
        let (heads, tails) = (name.as_chunks::<8>().0, lower.as_chunks::<8>().0);
        return eight(a, b) && heads.iter().zip(tails).all(|(a, b)| eight(a, b));
    }
    if let (Some(a), Some(b), Some(c), Some(d)) = (
        name.first_chunk::<4>(),
        lower.first_chunk::<4>(),
        name.last_chunk::<4>(),
        lower.last_chunk::<4>(),
    ) {
        return four(a, b) && four(c, d);
    }
    name.iter().zip(lower).all(|(a, b)| a | 32 == *b)
}

/// Factors that give each known name a slot of its own; the table checks it when it is compiled.
#[inline]
const fn slot(name: &[u8]) -> usize {
    let length = name.len();
    if length < 2 {
        return 0;
    }
    let (first, last, before) = (name[0] | 32, name[length - 1] | 32, name[length - 2] | 32);
    let sum = (length as u32).wrapping_mul(7333)
        + first as u32 * 10_515
        + last as u32 * 45_303
        + before as u32 * 61_331;
    (sum as usize >> 8) & 255
}

static SLOTS: [Known; 256] = {
    let mut slots = [Known::Other; 256];
    let mut index = 0;
    while index < Known::NAMES.len() {
        let slot = slot(Known::NAMES[index].as_bytes());
        assert!(matches!(slots[slot], Known::Other), "two known names in one slot");
        slots[slot] = Known::ALL[index];
        index += 1;
    }
    // `Known` bits are kept in a u64.
    assert!(Known::NAMES.len() < 64);
    slots
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (name, known) in Known::NAMES.iter().zip(Known::ALL) {
            assert_eq!(Known::of(name.as_bytes()), *known);
            assert_eq!(Known::of(name.to_ascii_uppercase().as_bytes()), *known);
            for at in 0..name.len() {
                for other in [b'x', b'_', b'0', b'-', b'^'] {
                    let mut changed = name.as_bytes().to_vec();
                    changed[at] = other;
                    if changed != name.as_bytes() {
                        assert_ne!(Known::of(&changed), *known, "{}", changed.escape_ascii());
                    }
                }
            }
        }
    }

    #[test]
    fn other_names() {
        for name in ["", "x", "te2", "hos", "hostt", "content_length", "x-custom-header"] {
            assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name}");
        }
    }
}
