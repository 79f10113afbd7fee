//! Forms of lists and numbers that serde leaves open.

/// A list of any store as a sequence; one that has no room for it is refused.
pub(crate) mod list {
    use core::fmt;
    use core::marker::PhantomData;

    use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
    use serde::ser::{Serialize, Serializer};

    use crate::store::List;

    pub(crate) fn serialize<T: Serialize, W: Serializer>(
        list: &impl List<T>,
        serializer: W,
    ) -> Result<W::Ok, W::Error> {
        serializer.collect_seq(list.iter())
    }

    pub(crate) fn deserialize<'de, T, L, D>(deserializer: D) -> Result<L, D::Error>
    where
        T: Deserialize<'de>,
        L: List<T>,
        D: Deserializer<'de>,
    {
        struct Elements<T, L>(PhantomData<(T, L)>);

        impl<'de, T: Deserialize<'de>, L: List<T>> Visitor<'de> for Elements<T, L> {
            type Value = L;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if L::LIMIT == usize::MAX {
                    f.write_str("a list")
                } else {
                    write!(f, "a list of at most {}", L::LIMIT)
                }
            }

            fn visit_seq<Q: SeqAccess<'de>>(self, mut elements: Q) -> Result<L, Q::Error> {
                let mut list = L::NEW;
                while let Some(element) = elements.next_element()? {
                    if list.try_push(element).is_err() {
                        return Err(Error::invalid_length(list.len() + 1, &self));
                    }
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

/// A 64-bit number as a text of 16 hexadecimal digits, where people or JavaScript may read it.
pub(crate) mod hex {
    use core::fmt;
    use core::str;

    use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
    use serde::ser::{Serialize, Serializer};

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn serialize<W: Serializer>(number: &u64, serializer: W) -> Result<W::Ok, W::Error> {
        if !serializer.is_human_readable() {
            return number.serialize(serializer);
        }
        let mut rest = *number;
        let text = [(); 16].map(|()| {
            rest = rest.rotate_left(4);
            DIGITS.get((rest & 15) as usize).copied().unwrap_or(b'0')
        });
        // ASCII is UTF-8.
        serializer.serialize_str(str::from_utf8(&text).unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Digits)
        } else {
            u64::deserialize(deserializer)
        }
    }

    struct Digits;

    impl Visitor<'_> for Digits {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("16 hexadecimal digits")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            let digit = |byte: u8| DIGITS.iter().position(|&digit| digit == byte);
            let number =
                text.bytes().try_fold(0, |number, byte| Some(number << 4 | digit(byte)? as u64));
            number
                .filter(|_| text.len() == 16)
                .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
        }
    }
}
