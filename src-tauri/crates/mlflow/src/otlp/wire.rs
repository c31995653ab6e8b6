//! Protobuf's wire format, read without copying. Every field read is paid for from a
//! [`Budget`], so that a small body cannot become a large structure.

use super::Malformed;

/// How much one request may hold.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// Spans, events, links and values of attributes together, in one request.
const MOST_PARTS: usize = 1_000_000;
/// Values within values.
pub(super) const DEEPEST: usize = 64;

impl Budget {
    pub(super) fn new() -> Self {
        Self(MOST_PARTS)
    }

    /// Pays for one part.
    pub(super) fn pay(&mut self) -> Result<(), Malformed> {
        self.0 = self.0.checked_sub(1).ok_or(Malformed::TooMuch)?;
        Ok(())
    }
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'b [u8]),
}

impl<'b> Value<'b> {
    pub(super) fn bytes(self) -> Result<&'b [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Shape),
        }
    }

    pub(super) fn text(self) -> Result<String, Malformed> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Shape)?;
        Ok(text.to_owned())
    }

    pub(super) fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(n) | Self::Fixed64(n) => Ok(n),
            _ => Err(Malformed::Shape),
        }
    }
}

/// The fields of a message, in the order of the wire.
pub(super) struct Fields<'b>(pub(super) &'b [u8]);

impl<'b> Fields<'b> {
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for place in 0..10 {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed::Shape)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Shape)
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Shape)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'b>), Malformed> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| Malformed::Shape)?;
                Value::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Shape)?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            // Groups were given up before OpenTelemetry was begun.
            _ => return Err(Malformed::Shape),
        };
        Ok((key >> 3, value))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u64, Value<'b>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        Fields(bytes).collect()
    }

    #[test]
    fn every_kind_of_field_is_read() {
        let bytes =
            [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x25, 1, 2, 3, 4];
        let fields = read(&bytes).unwrap();
        assert_eq!(
            fields,
            [
                (1, Value::Varint(150)),
                (2, Value::Bytes(b"hi")),
                (3, Value::Fixed64(1)),
                (4, Value::Fixed32),
            ]
        );
    }

    #[test]
    fn what_ends_early_or_never_is_refused() {
        for bytes in [
            &[0x12, 5, 1][..],
            &[0x08],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[0x0b],
            &[0x19, 1],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] {
            assert_eq!(read(bytes), Err(Malformed::Shape), "{bytes:?}");
        }
        assert_eq!(read(&[]), Ok(Vec::new()));
    }
}
