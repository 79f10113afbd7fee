//! Writes the module as JavaScript, from which `index.js` starts it synchronously.
//!
//! Each byte is a character of a string, 0..=255: the file is larger than the module by what UTF-8
//! takes for half of them, and hardly so when it is compressed, other than base64.

use core::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// Writes `NAME.text.js`, and how many characters it must have where it arrives.
pub(crate) fn write(package: &Path, name: &str, module: &[u8]) -> Result<()> {
    let (text, length) = (literal(module)?, module.len());
    let script = format!("export const length = {length};\nexport const text = {text};\n");
    let types = "export declare const length: number;\nexport declare const text: string;\n";
    fs::write(package.join(format!("{name}.text.js")), script)?;
    fs::write(package.join(format!("{name}.text.d.ts")), types)?;
    Ok(())
}

/// Quotes bytes, escaping what may not stand in a string of JavaScript, or not in all HTML.
fn literal(bytes: &[u8]) -> Result<String> {
    let mut text = String::from("\"");
    for (&byte, next) in bytes.iter().zip(bytes.iter().skip(1).map(Some).chain([None])) {
        match byte {
            // With a digit behind it, it would be another number.
            0 if !next.is_some_and(u8::is_ascii_digit) => text.push_str("\\0"),
            0 => text.push_str("\\x00"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'"' | b'\\' => write!(text, "\\{}", char::from(byte))?,
            _ => text.push(char::from(byte)),
        }
    }
    text.push('"');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_in_the_literal() -> Result<()> {
        assert_eq!(
            literal(b"\0a\x001\n\r\"\\\x80\xff")?,
            "\"\\0a\\x001\\n\\r\\\"\\\\\u{80}\u{ff}\""
        );
        Ok(())
    }
}
