//! A slow and obvious reader of requests, to compare the fast one with. It takes whole texts, copies
//! what it likes and shares no code with the parsers. It knows no limits.

pub mod chunked;
pub mod head;

use head::{Body, Head};

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Wrong,
    /// Not all of it is there. What is there may be wrong already.
    Short,
}

/// A head and the body behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub head: Head,
    pub body: Vec<u8>,
    /// Of all its bytes.
    pub length: usize,
}

/// Reads the request that `input` starts with.
pub fn message(input: &[u8]) -> Result<Message, Fault> {
    let head = head::head(input)?;
    let rest = &input[head.length..];
    let (body, length) = match head.body {
        Body::None => (Vec::new(), 0),
        Body::Length(length) => {
            let length = usize::try_from(length).map_err(|_| Fault::Short)?;
            (rest.get(..length).ok_or(Fault::Short)?.to_vec(), length)
        }
        Body::Chunked => {
            let (data, _, length) = chunked::body(rest)?;
            (data, length)
        }
    };
    Ok(Message { body, length: head.length + length, head })
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
