//! The numbers of well-known keys.

#![allow(dead_code, reason = "the numbers are for C")]

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::gateway::environ::key_text;

/// The key ACTUAL_SERVER_PROTOCOL.
pub const WSGI_KEY_ACTUAL_SERVER_PROTOCOL: u32 = 1;
/// The key SCRIPT_NAME.
pub const WSGI_KEY_SCRIPT_NAME: u32 = 2;
/// The key SERVER_NAME.
pub const WSGI_KEY_SERVER_NAME: u32 = 3;
/// The key SERVER_PORT.
pub const WSGI_KEY_SERVER_PORT: u32 = 4;
/// The key SERVER_SOFTWARE.
pub const WSGI_KEY_SERVER_SOFTWARE: u32 = 5;
/// The key wsgi.input_terminated.
pub const WSGI_KEY_WSGI_INPUT_TERMINATED: u32 = 6;
/// The key wsgi.multiprocess.
pub const WSGI_KEY_WSGI_MULTIPROCESS: u32 = 7;
/// The key wsgi.multithread.
pub const WSGI_KEY_WSGI_MULTITHREAD: u32 = 8;
/// The key wsgi.run_once.
pub const WSGI_KEY_WSGI_RUN_ONCE: u32 = 9;
/// The key wsgi.url_scheme.
pub const WSGI_KEY_WSGI_URL_SCHEME: u32 = 10;
/// The key wsgi.version.
pub const WSGI_KEY_WSGI_VERSION: u32 = 11;
/// The key REMOTE_ADDR.
pub const WSGI_KEY_REMOTE_ADDR: u32 = 12;
/// The key REMOTE_PORT.
pub const WSGI_KEY_REMOTE_PORT: u32 = 13;
/// The key PATH_INFO.
pub const WSGI_KEY_PATH_INFO: u32 = 14;
/// The key QUERY_STRING.
pub const WSGI_KEY_QUERY_STRING: u32 = 15;
/// The key REQUEST_METHOD.
pub const WSGI_KEY_REQUEST_METHOD: u32 = 16;
/// The key REQUEST_URI.
pub const WSGI_KEY_REQUEST_URI: u32 = 17;
/// The key SERVER_PROTOCOL.
pub const WSGI_KEY_SERVER_PROTOCOL: u32 = 18;
/// The key wsgi.url_encoding.
pub const WSGI_KEY_WSGI_URL_ENCODING: u32 = 19;
/// The key CONTENT_TYPE.
pub const WSGI_KEY_CONTENT_TYPE: u32 = 20;
/// The key CONTENT_LENGTH.
pub const WSGI_KEY_CONTENT_LENGTH: u32 = 21;
/// The key HTTP_ACCEPT; of a raw field: Accept.
pub const WSGI_KEY_HTTP_ACCEPT: u32 = 22;
/// The key HTTP_ACCEPT_CHARSET; of a raw field: Accept-Charset.
pub const WSGI_KEY_HTTP_ACCEPT_CHARSET: u32 = 23;
/// The key HTTP_ACCEPT_ENCODING; of a raw field: Accept-Encoding.
pub const WSGI_KEY_HTTP_ACCEPT_ENCODING: u32 = 24;
/// The key HTTP_ACCEPT_LANGUAGE; of a raw field: Accept-Language.
pub const WSGI_KEY_HTTP_ACCEPT_LANGUAGE: u32 = 25;
/// The key HTTP_ACCESS_CONTROL_REQUEST_HEADERS; of a raw field: Access-Control-Request-Headers.
pub const WSGI_KEY_HTTP_ACCESS_CONTROL_REQUEST_HEADERS: u32 = 26;
/// The key HTTP_ACCESS_CONTROL_REQUEST_METHOD; of a raw field: Access-Control-Request-Method.
pub const WSGI_KEY_HTTP_ACCESS_CONTROL_REQUEST_METHOD: u32 = 27;
/// The key HTTP_AUTHORIZATION; of a raw field: Authorization.
pub const WSGI_KEY_HTTP_AUTHORIZATION: u32 = 28;
/// The key HTTP_CACHE_CONTROL; of a raw field: Cache-Control.
pub const WSGI_KEY_HTTP_CACHE_CONTROL: u32 = 29;
/// The key HTTP_CONNECTION; of a raw field: Connection.
pub const WSGI_KEY_HTTP_CONNECTION: u32 = 30;
/// The key HTTP_CONTENT_ENCODING; of a raw field: Content-Encoding.
pub const WSGI_KEY_HTTP_CONTENT_ENCODING: u32 = 31;
/// The key HTTP_CONTENT_RANGE; of a raw field: Content-Range.
pub const WSGI_KEY_HTTP_CONTENT_RANGE: u32 = 32;
/// The key HTTP_COOKIE; of a raw field: Cookie.
pub const WSGI_KEY_HTTP_COOKIE: u32 = 33;
/// The key HTTP_DATE; of a raw field: Date.
pub const WSGI_KEY_HTTP_DATE: u32 = 34;
/// The key HTTP_DNT; of a raw field: Dnt.
pub const WSGI_KEY_HTTP_DNT: u32 = 35;
/// The key HTTP_EXPECT; of a raw field: Expect.
pub const WSGI_KEY_HTTP_EXPECT: u32 = 36;
/// The key HTTP_FORWARDED; of a raw field: Forwarded.
pub const WSGI_KEY_HTTP_FORWARDED: u32 = 37;
/// The key HTTP_FROM; of a raw field: From.
pub const WSGI_KEY_HTTP_FROM: u32 = 38;
/// The key HTTP_HOST; of a raw field: Host.
pub const WSGI_KEY_HTTP_HOST: u32 = 39;
/// The key HTTP_IF_MATCH; of a raw field: If-Match.
pub const WSGI_KEY_HTTP_IF_MATCH: u32 = 40;
/// The key HTTP_IF_MODIFIED_SINCE; of a raw field: If-Modified-Since.
pub const WSGI_KEY_HTTP_IF_MODIFIED_SINCE: u32 = 41;
/// The key HTTP_IF_NONE_MATCH; of a raw field: If-None-Match.
pub const WSGI_KEY_HTTP_IF_NONE_MATCH: u32 = 42;
/// The key HTTP_IF_RANGE; of a raw field: If-Range.
pub const WSGI_KEY_HTTP_IF_RANGE: u32 = 43;
/// The key HTTP_IF_UNMODIFIED_SINCE; of a raw field: If-Unmodified-Since.
pub const WSGI_KEY_HTTP_IF_UNMODIFIED_SINCE: u32 = 44;
/// The key HTTP_KEEP_ALIVE; of a raw field: Keep-Alive.
pub const WSGI_KEY_HTTP_KEEP_ALIVE: u32 = 45;
/// The key HTTP_MAX_FORWARDS; of a raw field: Max-Forwards.
pub const WSGI_KEY_HTTP_MAX_FORWARDS: u32 = 46;
/// The key HTTP_ORIGIN; of a raw field: Origin.
pub const WSGI_KEY_HTTP_ORIGIN: u32 = 47;
/// The key HTTP_PRAGMA; of a raw field: Pragma.
pub const WSGI_KEY_HTTP_PRAGMA: u32 = 48;
/// The key HTTP_PRIORITY; of a raw field: Priority.
pub const WSGI_KEY_HTTP_PRIORITY: u32 = 49;
/// The key HTTP_PROXY_AUTHORIZATION; of a raw field: Proxy-Authorization.
pub const WSGI_KEY_HTTP_PROXY_AUTHORIZATION: u32 = 50;
/// The key HTTP_PROXY_CONNECTION; of a raw field: Proxy-Connection.
pub const WSGI_KEY_HTTP_PROXY_CONNECTION: u32 = 51;
/// The key HTTP_RANGE; of a raw field: Range.
pub const WSGI_KEY_HTTP_RANGE: u32 = 52;
/// The key HTTP_REFERER; of a raw field: Referer.
pub const WSGI_KEY_HTTP_REFERER: u32 = 53;
/// The key HTTP_SEC_CH_UA; of a raw field: Sec-Ch-Ua.
pub const WSGI_KEY_HTTP_SEC_CH_UA: u32 = 54;
/// The key HTTP_SEC_CH_UA_MOBILE; of a raw field: Sec-Ch-Ua-Mobile.
pub const WSGI_KEY_HTTP_SEC_CH_UA_MOBILE: u32 = 55;
/// The key HTTP_SEC_CH_UA_PLATFORM; of a raw field: Sec-Ch-Ua-Platform.
pub const WSGI_KEY_HTTP_SEC_CH_UA_PLATFORM: u32 = 56;
/// The key HTTP_SEC_FETCH_DEST; of a raw field: Sec-Fetch-Dest.
pub const WSGI_KEY_HTTP_SEC_FETCH_DEST: u32 = 57;
/// The key HTTP_SEC_FETCH_MODE; of a raw field: Sec-Fetch-Mode.
pub const WSGI_KEY_HTTP_SEC_FETCH_MODE: u32 = 58;
/// The key HTTP_SEC_FETCH_SITE; of a raw field: Sec-Fetch-Site.
pub const WSGI_KEY_HTTP_SEC_FETCH_SITE: u32 = 59;
/// The key HTTP_SEC_FETCH_USER; of a raw field: Sec-Fetch-User.
pub const WSGI_KEY_HTTP_SEC_FETCH_USER: u32 = 60;
/// The key HTTP_SEC_GPC; of a raw field: Sec-Gpc.
pub const WSGI_KEY_HTTP_SEC_GPC: u32 = 61;
/// The key HTTP_SEC_WEBSOCKET_EXTENSIONS; of a raw field: Sec-Websocket-Extensions.
pub const WSGI_KEY_HTTP_SEC_WEBSOCKET_EXTENSIONS: u32 = 62;
/// The key HTTP_SEC_WEBSOCKET_KEY; of a raw field: Sec-Websocket-Key.
pub const WSGI_KEY_HTTP_SEC_WEBSOCKET_KEY: u32 = 63;
/// The key HTTP_SEC_WEBSOCKET_PROTOCOL; of a raw field: Sec-Websocket-Protocol.
pub const WSGI_KEY_HTTP_SEC_WEBSOCKET_PROTOCOL: u32 = 64;
/// The key HTTP_SEC_WEBSOCKET_VERSION; of a raw field: Sec-Websocket-Version.
pub const WSGI_KEY_HTTP_SEC_WEBSOCKET_VERSION: u32 = 65;
/// The key HTTP_TE; of a raw field: Te.
pub const WSGI_KEY_HTTP_TE: u32 = 66;
/// The key HTTP_TRACEPARENT; of a raw field: Traceparent.
pub const WSGI_KEY_HTTP_TRACEPARENT: u32 = 67;
/// The key HTTP_TRAILER; of a raw field: Trailer.
pub const WSGI_KEY_HTTP_TRAILER: u32 = 68;
/// The key HTTP_TRANSFER_ENCODING; of a raw field: Transfer-Encoding.
pub const WSGI_KEY_HTTP_TRANSFER_ENCODING: u32 = 69;
/// The key HTTP_UPGRADE; of a raw field: Upgrade.
pub const WSGI_KEY_HTTP_UPGRADE: u32 = 70;
/// The key HTTP_UPGRADE_INSECURE_REQUESTS; of a raw field: Upgrade-Insecure-Requests.
pub const WSGI_KEY_HTTP_UPGRADE_INSECURE_REQUESTS: u32 = 71;
/// The key HTTP_USER_AGENT; of a raw field: User-Agent.
pub const WSGI_KEY_HTTP_USER_AGENT: u32 = 72;
/// The key HTTP_VIA; of a raw field: Via.
pub const WSGI_KEY_HTTP_VIA: u32 = 73;
/// The key HTTP_X_FORWARDED_FOR; of a raw field: X-Forwarded-For.
pub const WSGI_KEY_HTTP_X_FORWARDED_FOR: u32 = 74;
/// The key HTTP_X_FORWARDED_HOST; of a raw field: X-Forwarded-Host.
pub const WSGI_KEY_HTTP_X_FORWARDED_HOST: u32 = 75;
/// The key HTTP_X_FORWARDED_PORT; of a raw field: X-Forwarded-Port.
pub const WSGI_KEY_HTTP_X_FORWARDED_PORT: u32 = 76;
/// The key HTTP_X_FORWARDED_PROTO; of a raw field: X-Forwarded-Proto.
pub const WSGI_KEY_HTTP_X_FORWARDED_PROTO: u32 = 77;
/// The key HTTP_X_REAL_IP; of a raw field: X-Real-Ip.
pub const WSGI_KEY_HTTP_X_REAL_IP: u32 = 78;
/// The key HTTP_X_REQUEST_ID; of a raw field: X-Request-Id.
pub const WSGI_KEY_HTTP_X_REQUEST_ID: u32 = 79;
/// The key HTTP_X_REQUESTED_WITH; of a raw field: X-Requested-With.
pub const WSGI_KEY_HTTP_X_REQUESTED_WITH: u32 = 80;
/// The key X_REMOTE_PID.
pub const WSGI_KEY_X_REMOTE_PID: u32 = 81;
/// The key X_REMOTE_UID.
pub const WSGI_KEY_X_REMOTE_UID: u32 = 82;
/// The key X_REMOTE_GID.
pub const WSGI_KEY_X_REMOTE_GID: u32 = 83;
/// The key X_REMOTE_USER.
pub const WSGI_KEY_X_REMOTE_USER: u32 = 84;
/// The key X_REMOTE_GROUP.
pub const WSGI_KEY_X_REMOTE_GROUP: u32 = 85;
/// The key REMOTE_USER.
pub const WSGI_KEY_REMOTE_USER: u32 = 86;

/// The key that has this number, like "HTTP_HOST" for WSGI_KEY_HTTP_HOST; NULL for a number that
/// none has. It lives as long as the library. Numbers stay the same; new keys get new ones. Any
/// thread, no errors.
#[unsafe(no_mangle)]
pub extern "C" fn wsgi_key_name(key_id: u32) -> *const c_char {
    key_text(key_id).map_or(ptr::null(), CStr::as_ptr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::environ::KEYS;

    /// Each constant of this file has the name and the number of its key.
    #[test]
    fn the_constants_are_the_keys() {
        let lines = include_str!("keys.rs").lines();
        let constants: Vec<_> = lines
            .filter_map(|line| line.strip_prefix("pub const WSGI_KEY_")?.strip_suffix(';'))
            .map(|line| line.split_once(": u32 = ").unwrap())
            .collect();
        assert_eq!(constants.len(), KEYS.len());
        for (index, ((name, number), key)) in constants.iter().zip(KEYS).enumerate() {
            assert_eq!(*name, key.to_ascii_uppercase().replace('.', "_"));
            assert_eq!(number.parse(), Ok(index + 1));
            assert_eq!(key_text(index as u32 + 1).unwrap().to_bytes(), key.as_bytes());
        }
        assert_eq!((key_text(0), key_text(KEYS.len() as u32 + 1)), (None, None));
    }
}
