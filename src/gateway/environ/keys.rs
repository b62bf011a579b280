//! Keys that have a number, and how a field's name becomes a key.

use std::ffi::CStr;

use crate::request::headers::Known;

/// Keys with a stable number: the position here plus one. Only ever appended to.
pub const KEYS: &[&str] = &[
    "ACTUAL_SERVER_PROTOCOL",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_SOFTWARE",
    "wsgi.input_terminated",
    "wsgi.multiprocess",
    "wsgi.multithread",
    "wsgi.run_once",
    "wsgi.url_scheme",
    "wsgi.version",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "PATH_INFO",
    "QUERY_STRING",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SERVER_PROTOCOL",
    "wsgi.url_encoding",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_CHARSET",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_CONNECTION",
    "HTTP_CONTENT_ENCODING",
    "HTTP_CONTENT_RANGE",
    "HTTP_COOKIE",
    "HTTP_DATE",
    "HTTP_DNT",
    "HTTP_EXPECT",
    "HTTP_FORWARDED",
    "HTTP_FROM",
    "HTTP_HOST",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_KEEP_ALIVE",
    "HTTP_MAX_FORWARDS",
    "HTTP_ORIGIN",
    "HTTP_PRAGMA",
    "HTTP_PRIORITY",
    "HTTP_PROXY_AUTHORIZATION",
    "HTTP_PROXY_CONNECTION",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_MOBILE",
    "HTTP_SEC_CH_UA_PLATFORM",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_USER",
    "HTTP_SEC_GPC",
    "HTTP_SEC_WEBSOCKET_EXTENSIONS",
    "HTTP_SEC_WEBSOCKET_KEY",
    "HTTP_SEC_WEBSOCKET_PROTOCOL",
    "HTTP_SEC_WEBSOCKET_VERSION",
    "HTTP_TE",
    "HTTP_TRACEPARENT",
    "HTTP_TRAILER",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_UPGRADE",
    "HTTP_UPGRADE_INSECURE_REQUESTS",
    "HTTP_USER_AGENT",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUEST_ID",
    "HTTP_X_REQUESTED_WITH",
    "X_REMOTE_PID",
    "X_REMOTE_UID",
    "X_REMOTE_GID",
    "X_REMOTE_USER",
    "X_REMOTE_GROUP",
    "REMOTE_USER",
];

/// The number of a key, 0 if it has none. For set-up, not for each request.
pub fn key_id(key: &[u8]) -> u32 {
    KEYS.iter().position(|known| known.as_bytes() == key).map_or(0, |index| index as u32 + 1)
}

/// The key of a number, as a C string.
pub(crate) fn key_text(id: u32) -> Option<&'static CStr> {
    let block = KEY_BLOCKS.get(id as usize).filter(|_| id > 0)?;
    CStr::from_bytes_until_nul(&block.text).ok()
}

/// The number of the key that a field of this name becomes, 0 if it has none.
#[inline]
pub(crate) fn key_id_of(known: Known) -> u32 {
    KEY_OF_KNOWN[known as usize & 63]
}

/// Whether a field of this name becomes this key. `Content-Length` and `Content-Type` do not: theirs have
/// no prefix.
pub(crate) fn becomes(name: &[u8], key: &[u8]) -> bool {
    let byte = |byte: &u8| KEY_BYTE[*byte as usize];
    key.strip_prefix(b"HTTP_").is_some_and(|rest| {
        rest.len() == name.len() && name.iter().map(byte).eq(rest.iter().copied())
    })
}

/// The number of the key that a name with `_`, where such are kept, comes to share with a well-known one.
#[cold]
pub(crate) fn key_id_of_underscores(name: &[u8]) -> u32 {
    if name.contains(&b'_') { find(b"HTTP_", name) } else { 0 }
}

/// The number of a key that is known when this is compiled.
pub(super) const fn id_of(key: &str) -> u32 {
    let id = find(b"", key.as_bytes());
    assert!(id != 0, "not in KEYS");
    id
}

/// The number of the key that is `prefix` and `name` as a key; 0 if there is none.
const fn find(prefix: &[u8], name: &[u8]) -> u32 {
    let mut index = 0;
    while index < KEYS.len() {
        let key = KEYS[index].as_bytes();
        let mut same = key.len() == prefix.len() + name.len();
        let mut at = 0;
        while same && at < key.len() {
            let byte = if at < prefix.len() {
                prefix[at]
            } else if prefix.is_empty() {
                name[at]
            } else {
                KEY_BYTE[name[at - prefix.len()] as usize]
            };
            same = key[at] == byte;
            at += 1;
        }
        if same {
            return index as u32 + 1;
        }
        index += 1;
    }
    0
}

/// A key with a NUL behind it.
pub(super) struct KeyBlock {
    text: [u8; 48],
    length: u8,
}

impl KeyBlock {
    #[cfg(test)]
    pub(super) fn is_terminated(&self) -> bool {
        self.text.get(self.length as usize) == Some(&0)
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        self.text.get(..self.length as usize).unwrap_or(&[])
    }
}

/// By number; the first is empty.
pub(super) static KEY_BLOCKS: [KeyBlock; KEYS.len() + 1] = {
    let mut blocks = [const { KeyBlock { text: [0; 48], length: 0 } }; KEYS.len() + 1];
    let mut index = 0;
    while index < KEYS.len() {
        let key = KEYS[index].as_bytes();
        assert!(key.len() < 48, "a key is too long for its block");
        let mut at = 0;
        while at < key.len() {
            blocks[index + 1].text[at] = key[at];
            at += 1;
        }
        blocks[index + 1].length = key.len() as u8;
        index += 1;
    }
    blocks
};

/// `A` for `a`, `_` for `-`.
pub(super) static KEY_BYTE: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if byte as u8 == b'-' { b'_' } else { (byte as u8).to_ascii_uppercase() };
        byte += 1;
    }
    table
};

/// 0 for what has no fixed key (`Other`) or is never exported (`Proxy`).
pub(super) static KEY_OF_KNOWN: [u32; 64] = {
    let mut ids = [0; 64];
    let mut index = 0;
    while index < Known::NAMES.len() {
        let name = Known::NAMES[index].as_bytes();
        // Known::Other is 0, so the variant of NAMES[index] is index + 1.
        ids[index + 1] = match index + 1 {
            known if known == Known::ContentType as usize => id_of("CONTENT_TYPE"),
            known if known == Known::ContentLength as usize => id_of("CONTENT_LENGTH"),
            known if known == Known::Proxy as usize => 0,
            _ => {
                let id = find(b"HTTP_", name);
                assert!(id != 0, "a known name without a key");
                id
            }
        };
        index += 1;
    }
    ids
};
