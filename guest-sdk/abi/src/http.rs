//! What the host's function [`NAME`] takes and gives: an HTTP request, and the response to it.
//!
//! Both are values in format 0, so a guest writes and reads them as it does its own: a request as bincode has the fields
//! of [`Request`], a response `status: u16, url: String, headers: Vec<(String, String)>, body: Vec<u8>`. This is the
//! host's side of them: [`Request::decode`] borrows from the value, [`ResponseWriter`] writes a body as it comes. What a
//! request may say is not checked here.

use crate::format;

/// The function's name in a `spawn` buffer, under [`CallKind::Host`](crate::CallKind::Host).
pub const NAME: &str = "http";

/// A request, as it stands in its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// With its scheme.
    pub url: &'a str,
    /// Names and values, in order.
    pub headers: Vec<(&'a str, &'a str)>,
    /// May be empty.
    pub body: &'a [u8],
    /// How many redirects are followed at most; one more is the response.
    pub redirects: u8,
}

/// Why a value is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// It is in another format than bincode.
    Format,
    /// A field is longer than what is left.
    Truncated,
    /// Something follows the last field.
    LeftOver,
    /// A text is not UTF-8.
    NotText,
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Format => "a request must be in bincode (format byte 0)",
            Self::Truncated => "the request ends in the middle of a field",
            Self::LeftOver => "bytes are left over after the request",
            Self::NotText => "its method, URL and headers must be UTF-8",
        })
    }
}

impl std::error::Error for RequestError {}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], RequestError> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(RequestError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    /// bincode's variable-length integers: one byte up to 250, else a byte that tells how many follow.
    fn length(&mut self) -> Result<usize, RequestError> {
        let [first] = *self.take(1)? else {
            return Err(RequestError::Truncated);
        };
        let width = match first {
            0..=250 => return Ok(usize::from(first)),
            251 => 2,
            252 => 4,
            253 => 8,
            _ => return Err(RequestError::Truncated),
        };
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.take(width)?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| RequestError::Truncated)
    }

    fn bytes(&mut self) -> Result<&'a [u8], RequestError> {
        let n = self.length()?;
        self.take(n)
    }

    fn text(&mut self) -> Result<&'a str, RequestError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| RequestError::NotText)
    }
}

impl<'a> Request<'a> {
    /// Reads a value, format byte first.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn decode(value: &'a [u8]) -> Result<Self, RequestError> {
        let Some((&format::BINCODE, rest)) = value.split_first() else {
            return Err(RequestError::Format);
        };
        let mut reader = Reader(rest);
        let (method, url) = (reader.text()?, reader.text()?);
        let count = reader.length()?;
        // Each takes at least two bytes, so a count that lies reserves no more than a few times the value's own size.
        let mut headers = Vec::with_capacity(count.min(reader.0.len() / 2));
        for _ in 0..count {
            headers.push((reader.text()?, reader.text()?));
        }
        let body = reader.bytes()?;
        let redirects = reader.take(1)?[0];
        if !reader.0.is_empty() {
            return Err(RequestError::LeftOver);
        }
        Ok(Self {
            method,
            url,
            headers,
            body,
            redirects,
        })
    }
}

/// Writes a response, its body piece by piece.
///
/// ```
/// use wrun_abi::http::ResponseWriter;
///
/// let mut response = ResponseWriter::new(200, "http://a/", [("x", "1")].into_iter());
/// response.body(b"he");
/// response.body(b"llo");
/// assert!(response.finish().ends_with(b"hello"));
/// ```
#[derive(Debug)]
pub struct ResponseWriter {
    bytes: Vec<u8>,
    /// Where the body's length stands, always in four bytes, since it is known last.
    length_at: usize,
}

fn write_length(bytes: &mut Vec<u8>, n: usize) {
    if let Ok(short @ 0..=250) = u8::try_from(n) {
        return bytes.push(short);
    }
    bytes.push(253);
    bytes.extend_from_slice(&(n as u64).to_le_bytes());
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    write_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

impl ResponseWriter {
    /// Writes all but the body.
    #[must_use]
    pub fn new<'h>(
        status: u16,
        url: &str,
        headers: impl ExactSizeIterator<Item = (&'h str, &'h str)>,
    ) -> Self {
        let mut bytes = vec![format::BINCODE, 251];
        bytes.extend_from_slice(&status.to_le_bytes());
        write_text(&mut bytes, url);
        write_length(&mut bytes, headers.len());
        for (name, value) in headers {
            write_text(&mut bytes, name);
            write_text(&mut bytes, value);
        }
        bytes.push(252);
        let length_at = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        Self { bytes, length_at }
    }

    /// How many bytes it has so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: it begins with its format.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many it has room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for so many bytes in all, and no more.
    pub fn reserve(&mut self, total: usize) {
        self.bytes
            .reserve_exact(total.saturating_sub(self.bytes.len()));
    }

    /// Adds to the body.
    pub fn body(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The value.
    ///
    /// # Panics
    /// When the body has 4 GiB or more.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let body = self.bytes.len() - self.length_at - 4;
        let length = u32::try_from(body).expect("a body is smaller than 4 GiB");
        self.bytes[self.length_at..self.length_at + 4].copy_from_slice(&length.to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut value = vec![format::BINCODE];
        for text in ["GET", "http://a/"] {
            write_text(&mut value, text);
        }
        write_length(&mut value, 1);
        write_text(&mut value, "x");
        write_text(&mut value, &"y".repeat(300));
        write_length(&mut value, 3);
        value.extend_from_slice(b"abc\x05");
        value
    }

    #[test]
    fn a_request_is_read() {
        let value = sample();
        let request = Request::decode(&value).expect("a request");
        assert_eq!((request.method, request.url), ("GET", "http://a/"));
        assert_eq!((request.body, request.redirects), (&b"abc"[..], 5));
        assert_eq!(request.headers, [("x", &*"y".repeat(300))]);
    }

    #[test]
    fn what_is_no_request_is_told_and_nothing_panics() {
        let value = sample();
        for end in 1..value.len() {
            assert_eq!(
                Request::decode(&value[..end]),
                Err(RequestError::Truncated),
                "{end}"
            );
        }
        assert_eq!(Request::decode(&[]), Err(RequestError::Format));
        assert_eq!(Request::decode(&[1, b'{']), Err(RequestError::Format));
        let more = [&value[..], &[0]].concat();
        assert_eq!(Request::decode(&more), Err(RequestError::LeftOver));
        assert_eq!(
            Request::decode(&[0, 1, 0xff, 0, 0, 0, 0]),
            Err(RequestError::NotText)
        );
        // Lengths and counts that lie: of the method, of the headers, of all widths.
        for lie in [
            &[251, 255, 255][..],
            &[252, 255, 255, 255, 255],
            &[253; 9],
            &[254],
            &[255],
        ] {
            assert!(Request::decode(&[&[0][..], lie].concat()).is_err());
            assert!(Request::decode(&[&[0, 0, 0][..], lie].concat()).is_err());
        }
    }
}
