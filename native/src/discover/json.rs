//! JSON with the place of what is not good in it.

use serde::de::Deserialize;

/// What is wrong, and where.
pub(super) struct Bad {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
}

impl Bad {
    /// Begins at this byte of the text.
    pub(super) fn at(text: &[u8], offset: usize, message: String) -> Self {
        let before = String::from_utf8_lossy(&text[..offset.min(text.len())]);
        let last = before.rsplit('\n').next().unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Self { line, column: last.chars().count() + 1, message }
    }
}

/// Reads text, and names the place in it that is not good.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Bad> {
    let bad =
        |error: core::str::Utf8Error| Bad::at(bytes, error.valid_up_to(), "not UTF-8".to_owned());
    core::str::from_utf8(bytes).map_err(bad)
}

/// Reads something in JSON, and names the place that is not good.
pub(super) fn from_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Bad> {
    let text = text(bytes)?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let (message, place) = (error.to_string(), format!(" at line {line} column {column}"));
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        // It counts bytes.
        let begin = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
        let begin = &begin[..column.min(begin.len())];
        let column = String::from_utf8_lossy(begin).chars().count();
        Bad { line: line.max(1), column: column.max(1), message }
    })
}
