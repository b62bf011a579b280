//! A request as it was sent, for hosts that want no environ.

use super::application::lent_bytes;
use super::guard::{Failure, guard};
use super::helpers::lend;
use super::server::{here, wsgi_server};
use super::types::*;
use crate::engine::Engine;
use crate::engine::handle::RequestId;
use crate::gateway::RequestView;
use crate::gateway::environ::{KEYS, becomes};

/// Fills view with the request as it was sent; view->struct_size is to be set before. Nothing is
/// put together as for an environ, so this is the cheaper way for who needs none. A dispatcher changes
/// nothing here. Any thread. Errors: WSGI_E_NULL, WSGI_E_STATE (the struct is too small), WSGI_GONE,
/// WSGI_BUSY.
///
/// # Safety
/// view is NULL or may be read and written to for the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_view(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    view: *mut wsgi_view,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        // SAFETY: NULL or readable by the caller's word.
        let view = unsafe { view.as_mut() }.ok_or(Failure::Null("view"))?;
        if view.struct_size < size_of::<wsgi_view>() {
            return Err(Failure::Status(WSGI_E_STATE));
        }
        *view = server.with_engine(|engine| look(engine, request, RawTable::view))?;
        Ok(())
    })
}

/// The value of the first field of this name, in whatever case, as a string that is lent until the
/// request ends; value.ptr is NULL if the request has none. Any thread. Errors: WSGI_E_NULL,
/// WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// name is readable, value may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_header(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    name: wsgi_str,
    value: *mut wsgi_str,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if value.is_null() {
            return Err(Failure::Null("value"));
        }
        // SAFETY: readable by the caller's word.
        let name = unsafe { lent_bytes(name)? };
        let found = server.with_engine(|engine| {
            look(engine, request, |table| table.header(name).unwrap_or_else(|| lend(None)))
        })?;
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *value = found };
        Ok(())
    })
}

/// What the environ has under the key of this number (WSGI_KEY_REQUEST_METHOD, WSGI_KEY_HTTP_HOST),
/// as a string that is lent until the request ends; value.ptr is NULL if it has none. Fields, the
/// method and the query come without an environ being built; other keys, fields that came several
/// times, and the length of a chunked body have it built. Any thread. Errors: WSGI_E_NULL, WSGI_E_OPTION (no key has this number),
/// WSGI_GONE, WSGI_BUSY.
///
/// # Safety
/// value may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsgi_request_get(
    server: Option<&wsgi_server>,
    request: wsgi_request,
    key_id: u32,
    value: *mut wsgi_str,
) -> wsgi_status {
    guard(|| {
        let server = here(server)?;
        if value.is_null() {
            return Err(Failure::Null("value"));
        }
        let index = (key_id as usize).wrapping_sub(1);
        let key = KEYS.get(index).ok_or(Failure::Status(WSGI_E_OPTION))?;
        let found = server.with_engine(|engine| {
            if let Some(found) = look(engine, request, |table| table.get(key, key_id))? {
                return Ok(found);
            }
            let id = RequestId(request);
            Ok(engine.environ(id, |environ, _| lend(environ.get(key.as_bytes())))?)
        })?;
        // SAFETY: not NULL, so it may be written to by the caller's word.
        unsafe { *value = found };
        Ok(())
    })
}

/// Looks into the request's table, which is filled when it is first asked for.
fn look<R>(
    engine: &Engine,
    request: wsgi_request,
    look: impl FnOnce(&RawTable) -> R,
) -> Result<R, Failure> {
    Ok(engine.raw(RequestId(request), RawTable::fill, look)?)
}

/// A copy of the request's head, because the connection's buffer may move, with what C sees of it;
/// used again for one request after another.
#[derive(Default)]
struct RawTable {
    text: Vec<u8>,
    /// Method, target, path, query, protocol, scheme: lengths, in the order of the text.
    lengths: [usize; 6],
    fields: Vec<wsgi_pair>,
    content_length: i64,
    version_minor: u32,
}

// SAFETY: the pointers lead into the text, whose bytes stay where they are when the table moves.
unsafe impl Send for RawTable {}

impl RawTable {
    fn fill(view: &RequestView<'_>, table: &mut Self) {
        let Self { text, fields, .. } = table;
        let parts = [
            view.method(),
            view.target(),
            view.path(),
            view.query(),
            view.protocol(),
            view.scheme(),
        ];
        let with_nuls = |sum: usize, part: &[u8]| sum + part.len() + 1;
        let headers = || view.keyed_headers();
        let size = parts.iter().fold(0, |sum, part| with_nuls(sum, part))
            + headers().fold(0, |sum, (name, value, _)| with_nuls(with_nuls(sum, name), value));
        fields.clear();
        text.clear();
        // No string may move once it is lent.
        text.reserve(size);
        for part in parts {
            put(part, text);
        }
        fields.extend(headers().map(|(name, value, key_id)| wsgi_pair {
            key: put(name, text),
            value: put(value, text),
            key_id,
        }));
        table.lengths = parts.map(<[u8]>::len);
        table.content_length =
            view.content_length().map_or(-1, |length| i64::try_from(length).unwrap_or(i64::MAX));
        table.version_minor = view.version_minor().into();
    }

    fn part(&self, index: usize) -> wsgi_str {
        let start: usize = self.lengths.iter().take(index).map(|length| length + 1).sum();
        let end = start + self.lengths.get(index).copied().unwrap_or(0);
        lend(Some(self.text.get(start..end).unwrap_or_default()))
    }

    /// Whether the target is a path, which names no host.
    fn has_path_alone(&self) -> bool {
        self.text.get(self.lengths[0] + 1) == Some(&b'/')
    }

    fn view(&self) -> wsgi_view {
        wsgi_view {
            struct_size: size_of::<wsgi_view>(),
            method: self.part(0),
            target: self.part(1),
            path: self.part(2),
            query: self.part(3),
            protocol: self.part(4),
            scheme: self.part(5),
            fields: self.fields.as_ptr(),
            count: self.fields.len(),
            content_length: self.content_length,
            version_minor: self.version_minor,
        }
    }

    fn header(&self, name: &[u8]) -> Option<wsgi_str> {
        let is_it = |field: &&wsgi_pair| {
            // SAFETY: a field's strings lie in the text, which lives as long as the table.
            let key = unsafe { lent_bytes(field.key) };
            key.is_ok_and(|key| key.eq_ignore_ascii_case(name))
        };
        self.fields.iter().find(is_it).map(|field| field.value)
    }

    /// A key's value; `None`: only an environ can tell.
    fn get(&self, key: &str, id: u32) -> Option<wsgi_str> {
        match key {
            "REQUEST_METHOD" => return Some(self.part(0)),
            "QUERY_STRING" => return Some(self.part(3)),
            // The target may name the host of a request that has no field for it.
            "HTTP_HOST" if !self.has_path_alone() => return None,
            // The environ has one of them.
            "CONTENT_LENGTH" | "HTTP_TRANSFER_ENCODING" if self.content_length < 0 => return None,
            _ if !(key.starts_with("HTTP_") || key.starts_with("CONTENT_")) => return None,
            _ => {}
        }
        if self.fields.iter().any(|field| field.key_id == 0 && is_key_too(field, key)) {
            return None;
        }
        let mut found = self.fields.iter().filter(|field| field.key_id == id);
        match (found.next(), found.next()) {
            (None, _) => Some(lend(None)),
            (Some(field), None) => Some(field.value),
            _ => None,
        }
    }
}

/// Where names with `_` are kept, such a one may become the key of one with `-`.
fn is_key_too(field: &wsgi_pair, key: &str) -> bool {
    // SAFETY: a field's strings lie in the text, which lives as long as the table.
    let name = unsafe { lent_bytes(field.key) };
    name.is_ok_and(|name| becomes(name, key.as_bytes()))
}

/// Appends a string and a NUL.
fn put(part: &[u8], text: &mut Vec<u8>) -> wsgi_str {
    let start = text.len();
    text.extend_from_slice(part);
    text.push(0);
    lend(text.get(start..start + part.len()))
}
