//! A call's results as JSON, for whoever called from the outside.
//!
//! What a guest gives is not parsed into memory, where it would take many times its size: it is read and written again, piece by
//! piece, with names in the places of references. Until all is there it lies in the store, charged to its tenant.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use wrun_abi::format;

use crate::{
    store::{INLINE_MAX, Next, ObjectRef, Resource, Value, Waitable, Waiting},
    types::{ErrorKind, TaskError},
};

/// The results of a call that has ended.
#[derive(Debug)]
pub struct Ready {
    values: Vec<Value>,
    /// One value, else an array of them.
    is_one: bool,
}

impl Ready {
    /// Waits for what a call gives, as long as that has at most `limit` bytes together.
    pub(super) async fn wait(results: &[Resource], limit: u64) -> Result<Self, TaskError> {
        let mut values = Values::new(limit);
        match results {
            [Resource::Stream(stream)] => loop {
                Waiting::for_some(&[Waitable::Stream(stream.clone())], 1).await;
                match stream.next() {
                    Next::Item(item) => values.add(&item).await?,
                    Next::Ended => break,
                    Next::Pending => {}
                }
            },
            several => {
                for resource in several {
                    if let Resource::Object(object) = resource {
                        values.add(object).await?;
                    }
                }
            }
        }
        Ok(Self {
            values: values.there,
            is_one: matches!(results, [Resource::Object(_)]),
        })
    }

    /// How many bytes they have; their text has about as many.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.values.iter().map(|value| value.len() + 1).sum()
    }

    /// Their text: one value, or an array when the call has several or streams them.
    ///
    /// # Errors
    /// `Limit` when it has more than `limit` bytes, `BadResult` for what is no JSON.
    pub async fn json(self, limit: u64) -> Result<String, TaskError> {
        if self.bytes() <= INLINE_MAX as u64 {
            // It is in memory.
            return self.write(limit);
        }
        let written = tokio::task::spawn_blocking(move || self.write(limit)).await;
        written.unwrap_or_else(|_| {
            let what = "the result was not read: the runtime is shut down";
            Err(TaskError::new(ErrorKind::System, what))
        })
    }

    fn write(self, limit: u64) -> Result<String, TaskError> {
        let mut text = String::new();
        if self.is_one {
            for value in self.values {
                write(&value, &mut text, limit)?;
            }
            return Ok(text);
        }
        text.push('[');
        for (n, value) in self.values.into_iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            write(&value, &mut text, limit)?;
        }
        text.push(']');
        Ok(text)
    }
}

/// What is there of the results.
struct Values {
    there: Vec<Value>,
    bytes: u64,
    limit: u64,
}

impl Values {
    fn new(limit: u64) -> Self {
        Self {
            there: Vec::new(),
            bytes: 0,
            limit,
        }
    }

    async fn add(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        Waiting::for_all(&[Waitable::Object(object.clone())]).await;
        let outcome = object.outcome().expect("waited for it");
        let value = outcome
            .as_ref()
            .map_err(|error| (**error).clone().unpaid())?;
        self.bytes += value.len() + 1;
        // The format's byte, and a comma, are not of the text.
        if self.bytes.saturating_sub(2) > self.limit {
            return Err(over(self.limit));
        }
        self.there.push(value.clone());
        Ok(())
    }
}

fn over(limit: u64) -> TaskError {
    let message = format!(
        "the result takes more than {limit} bytes as JSON, which are the most that it may: write large results to a file or split the job"
    );
    TaskError::new(ErrorKind::Limit, message)
}

/// Appends a value's text.
fn write(value: &Value, text: &mut String, limit: u64) -> Result<(), TaskError> {
    let bad = |what: String| TaskError::new(ErrorKind::BadResult, what);
    let bytes = value
        .to_bytes_blocking()
        .map_err(|e| TaskError::new(ErrorKind::System, format!("the result can't be read: {e}")))?;
    let Some((&format::JSON, json)) = bytes.split_first() else {
        return Err(bad("the result is not in JSON, as it was asked for".into()));
    };
    let refs = value.refs();
    let mut out = Out {
        text,
        refs: &refs,
        limit,
    };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = out.copy(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| match out.is_over() {
        true => over(limit),
        false => bad(format!("the result is not JSON: {error}")),
    })
}

/// Where JSON is written to as it is read.
struct Out<'a> {
    text: &'a mut String,
    refs: &'a [Resource],
    limit: u64,
}

impl Out<'_> {
    fn is_over(&self) -> bool {
        self.text.len() as u64 > self.limit
    }

    fn copy<'de, D: Deserializer<'de>>(&mut self, reader: D) -> Result<(), D::Error> {
        Copy(self).deserialize(reader)
    }

    fn write<E: serde::de::Error>(&mut self, json: impl fmt::Display) -> Result<(), E> {
        use fmt::Write as _;
        write!(self.text, "{json}").map_err(E::custom)?;
        if self.is_over() {
            return Err(E::custom("it is too long"));
        }
        Ok(())
    }

    fn string<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        self.write(serde_json::to_string(text).map_err(E::custom)?)
    }
}

/// Reads one value and writes it.
struct Copy<'a, 'b>(&'a mut Out<'b>);

impl<'de> DeserializeSeed<'de> for Copy<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.write("null")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.0.write(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.0.write(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.0.write(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.0.write(serde_json::Value::from(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.string(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.write('[')?;
        let start = self.0.text.len();
        loop {
            let before = self.0.text.len();
            if before > start {
                self.0.write(',')?;
            }
            if items.next_element_seed(Copy(&mut *self.0))?.is_none() {
                self.0.text.truncate(before);
                return self.0.write(']');
            }
        }
    }

    /// An object whose only field is `$ref`, with the number of a reference, is that reference, as people read it.
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let start = self.0.text.len();
        self.0.write('{')?;
        let (mut count, mut named) = (0, None);
        while let Some(key) = fields.next_key::<String>()? {
            if count > 0 {
                self.0.write(',')?;
            }
            count += 1;
            self.0.string(&key)?;
            self.0.write(':')?;
            let from = self.0.text.len();
            fields.next_value_seed(Copy(&mut *self.0))?;
            let is_ref = count == 1 && key == "$ref";
            named = is_ref
                .then(|| self.0.text[from..].parse::<usize>().ok())
                .flatten();
        }
        match named.and_then(|n| self.0.refs.get(n)) {
            Some(resource) => {
                self.0.text.truncate(start);
                self.0.string(&format!("{resource:?}"))
            }
            None => self.0.write('}'),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    fn copied(json: &str, limit: u64) -> Result<String, TaskError> {
        with_refs(json, Vec::new(), limit)
    }

    fn with_refs(json: &str, refs: Vec<Resource>, limit: u64) -> Result<String, TaskError> {
        let mut bytes = vec![format::JSON];
        bytes.extend(json.bytes());
        let value = Value::new(Bytes::from(bytes), refs, None);
        let mut text = String::new();
        write(&value, &mut text, limit).map(|()| text)
    }

    #[test]
    fn what_is_read_is_written() {
        let json =
            r#"{"a":[1,-2,3.5,1e300,true,null,[],{}],"\"é\n":"\u0001€","b":{"c":[[1],[2]]}}"#;
        let parsed: serde_json::Value = serde_json::from_str(json).unwrap();
        let again = copied(json, 1_000).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&again).unwrap(),
            parsed
        );
        assert!(again.starts_with(r#"{"a":[1,-2,3.5,"#), "{again}");
        assert_eq!(copied(" [ 1 , 2 ] ", 5).unwrap(), "[1,2]");
        for (bad, what) in [
            ("[1", "EOF"),
            ("1 2", "trailing"),
            ("", "EOF"),
            (r#"{"a"}"#, "expected"),
        ] {
            let error = copied(bad, 100).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadResult);
            assert!(error.message.contains(what), "{}", error.message);
        }
        let deep = "[".repeat(100_000);
        assert!(
            copied(&deep, 1 << 20)
                .unwrap_err()
                .message
                .contains("recursion")
        );
    }

    #[test]
    fn references_are_named() {
        let named = |json| with_refs(json, vec![Resource::Actor(Arc::new(()))], 1_000).unwrap();
        assert_eq!(
            named(r#"[{"$ref":0},{"$ref":1}]"#),
            r#"["Actor",{"$ref":1}]"#
        );
        let others = r#"[{"$ref":0,"b":0},{"b":0,"$ref":0},{"$ref":"0"},{"$ref":[0]}]"#;
        assert_eq!(named(others), others);
    }

    #[test]
    fn what_is_too_long_ends_the_copying() {
        let error = copied("[1,2,3]", 6).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Limit);
        assert!(
            error.message.contains("more than 6 bytes"),
            "{}",
            error.message
        );
        assert_eq!(copied("[1,2,3]", 7).unwrap(), "[1,2,3]");
    }
}
