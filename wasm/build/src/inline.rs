//! Writes the module as JavaScript, from which `index.js` starts it synchronously.
//!
//! Each byte is a code, and each code below 126 a character of a string; 126 is before those from
//! 128 on, less 128, and 127 before 126 and 127. So all is ASCII, whatever charset it is read in,
//! and bundlers leave it as it is. The bytes that are most frequent swap their codes with those that
//! are not: there are hardly more characters than bytes, and what compresses the script finds
//! nearly what it finds in the module, other than in base64.

use core::cmp::Reverse;
use core::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// Writes `NAME.text.js`: the text, and the pairs of codes that are swapped, one after another.
pub(crate) fn write(package: &Path, name: &str, module: &[u8]) -> Result<()> {
    let swaps = swaps(module);
    let text = literal(module, &swaps)?;
    let script = format!("export const swaps = {swaps:?};\nexport const text = {text};\n");
    let types =
        "export declare const swaps: readonly number[];\nexport declare const text: string;\n";
    fs::write(package.join(format!("{name}.text.js")), script)?;
    fs::write(package.join(format!("{name}.text.d.ts")), types)?;
    Ok(())
}

/// Tells that a code is written as one character by all that writes strings of JavaScript.
fn is_short(code: u8) -> bool {
    code < 126 && !b"\0\x07\x08\n\x0b\x0c\r\x1b\"'\\`$".contains(&code)
}

/// Returns the codes to be swapped, so that the most frequent bytes have short ones.
fn swaps(module: &[u8]) -> Vec<u8> {
    let mut counts = [0_usize; 256];
    for &byte in module {
        counts[usize::from(byte)] += 1;
    }
    let mut bytes: Vec<u8> = (0..=u8::MAX).collect();
    bytes.sort_by_key(|&byte| Reverse(counts[usize::from(byte)]));
    let most = bytes.iter().filter(|&&code| is_short(code)).count();
    let (frequent, others) = bytes.split_at(most);
    let long = frequent.iter().filter(|&&code| !is_short(code));
    let unused = others.iter().filter(|&&code| is_short(code));
    long.zip(unused).flat_map(|(&one, &other)| [one, other]).collect()
}

/// Quotes bytes, swapping codes.
fn literal(module: &[u8], swaps: &[u8]) -> Result<String> {
    let mut codes: Vec<u8> = (0..=u8::MAX).collect();
    for pair in swaps.chunks_exact(2) {
        codes.swap(pair[0].into(), pair[1].into());
    }
    let mut plain = String::new();
    for &byte in module {
        match codes[usize::from(byte)] {
            code @ 128.. => plain.extend(['\x7e', char::from(code - 128)]),
            code @ 126.. => plain.extend(['\x7f', char::from(code)]),
            code => plain.push(char::from(code)),
        }
    }
    let mut text = String::from("\"");
    for code in plain.chars() {
        match code {
            '\0' => text.push_str("\\x00"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '"' | '\\' => write!(text, "\\{code}")?,
            _ => text.push(code),
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
        let all = b"\0a\x001\n\r\"\\\x7d\x7e\x7f\x80\xff";
        let text = "\"\\x00a\\x001\\n\\r\\\"\\\\\x7d\x7f\x7e\x7f\x7f\x7e\\x00\x7e\x7f\"";
        assert_eq!(literal(all, &[])?, text);
        Ok(())
    }

    #[test]
    fn the_most_frequent_bytes_have_short_codes() -> Result<()> {
        let module = [[0xff; 9], [b'\n'; 9]].concat();
        assert_eq!(literal(&module, &swaps(&module))?.len(), 2 + module.len());
        Ok(())
    }
}
