//! Private keys that are encrypted in the way that OpenSSL had before PKCS #8: two header lines
//! (RFC 1421, section 4.6), and a key made of the password by one round of MD5.
#![forbid(unsafe_code)]

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipher, BlockDecryptMut, KeyInit, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use base64ct::{Base64, Encoding};
use cbc::Decryptor;
use des::TdesEde3;
use md5::{Digest, Md5};
use rustls_pki_types::PrivateKeyDer;

/// A key as it is in the file.
pub(super) struct Encrypted<'a> {
    kind: &'a str,
    cipher: &'a str,
    iv: Vec<u8>,
    data: Vec<u8>,
}

impl<'a> Encrypted<'a> {
    /// The first such key, if there is one.
    pub(super) fn find(text: &'a str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        loop {
            let begin = lines.find(|line| line.ends_with(" PRIVATE KEY-----"))?;
            let kind =
                begin.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
            let Some(kind) = kind else { continue };
            if lines.next() != Some("Proc-Type: 4,ENCRYPTED") {
                continue;
            }
            let (cipher, iv) = lines.next()?.strip_prefix("DEK-Info: ")?.split_once(',')?;
            let body: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
            let data = Base64::decode_vec(&body).ok()?;
            return Some(Self { kind, cipher, iv: hexadecimal(iv)?, data });
        }
    }

    pub(super) fn decrypt(&self, password: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
        let plain = match self.cipher {
            "AES-128-CBC" => self.decrypt_with::<Aes128>(password, 16),
            "AES-192-CBC" => self.decrypt_with::<Aes192>(password, 24),
            "AES-256-CBC" => self.decrypt_with::<Aes256>(password, 32),
            "DES-EDE3-CBC" => self.decrypt_with::<TdesEde3>(password, 24),
            _ => return Err("it is encrypted in a way that is not supported"),
        };
        let plain = plain.ok_or("it cannot be decrypted: the password is wrong")?;
        match self.kind {
            "RSA PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs1(plain.into())),
            "EC PRIVATE KEY" => Ok(PrivateKeyDer::Sec1(plain.into())),
            _ => Err("there is no key of a kind that is known"),
        }
    }

    fn decrypt_with<C>(&self, password: &[u8], key_size: usize) -> Option<Vec<u8>>
    where
        C: BlockCipher + BlockDecryptMut + KeyInit,
    {
        let key = self.derive(password, key_size);
        let cipher = Decryptor::<C>::new_from_slices(&key, &self.iv).ok()?;
        let mut data = self.data.clone();
        let plain = cipher.decrypt_padded_mut::<Pkcs7>(&mut data).ok()?;
        // One in 256 wrong passwords leaves a good padding; DER begins with a SEQUENCE.
        plain.starts_with(&[0x30]).then(|| plain.to_vec())
    }

    /// OpenSSL's EVP_BytesToKey with one round; the salt is the beginning of the IV.
    fn derive(&self, password: &[u8], size: usize) -> Vec<u8> {
        let mut key = Vec::new();
        let mut last = Vec::new();
        while key.len() < size {
            let mut digest = Md5::new();
            digest.update(&last);
            digest.update(password);
            digest.update(self.iv.get(..8).unwrap_or(&self.iv));
            last = digest.finalize().to_vec();
            key.extend_from_slice(&last);
        }
        key.truncate(size);
        key
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    digits.chunks(2).map(|pair| Some((pair[0] * 16 + *pair.get(1)?) as u8)).collect()
}
