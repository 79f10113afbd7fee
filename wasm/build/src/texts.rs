//! The texts of the core's errors, with gaps for what they name: JavaScript's side fills them, so
//! that the module carries neither them nor what formats numbers.

use core::fmt::{Display, Write};

use anyhow::{Result, ensure};
use evenkeel_core::policy::{InvalidParameter, ParsePolicyError};
use evenkeel_core::{ConfigError, ImportError};

const HEAD: &str = "
/** Texts of errors. Their gaps are for names, for numbers, and (`x0`) for hexadecimal ones. */
export const POLICY_ERRORS = {
";

/// What no text has otherwise.
const NUMBERS: [u16; 3] = [10_001, 10_002, 10_003];
const NAMES: [&str; 4] = ["NAME", "VALUE", "POLICY", "KNOWN"];

/// Writes the texts: those of the policies' parser by name, the others by their numbers.
pub(crate) fn write(text: &mut String) -> Result<()> {
    text.push_str(HEAD);
    for (key, error) in policy_errors() {
        writeln!(text, "  {key}: {},", with_gaps(&error))?;
    }
    text.push_str("};\n");

    let [found, wanted, most] = NUMBERS;
    let [name, _, _, _] = NAMES;
    let (value, limit) = (found.into(), wanted.into());
    let parameters = [
        InvalidParameter::OutOfRange { name, value, least: limit, most: most.into() },
        InvalidParameter::NotPrime { name, value },
    ];
    let indices = parameters.map(|error| error.index());
    list(text, "PARAMETER_ERRORS", InvalidParameter::NAMES, &indices, &parameters)?;
    let settings = [
        ConfigError::TooSmall { setting: name, value, least: limit },
        ConfigError::TooLarge { setting: name, value, most: limit },
        ConfigError::Uncounted { setting: name, value },
        ConfigError::Unweighted { setting: name },
    ];
    let indices = settings.map(|error| error.index());
    list(text, "CONFIG_ERRORS", ConfigError::NAMES, &indices, &settings)?;
    let states = [
        ImportError::Version { found, supported: wanted },
        ImportError::Checksum { found: value, computed: limit },
        ImportError::TooLarge { what: name, value, most: limit },
        ImportError::Unordered { place: found.into() },
        ImportError::Stale { age: value, most: limit },
        ImportError::Foreign { addresses: found.into(), set: wanted.into() },
    ];
    let indices = states.map(|error| error.index());
    list(text, "STATE_ERRORS", ImportError::NAMES, &indices, &states)
}

fn policy_errors() -> [(&'static str, ParsePolicyError); 6] {
    let [name, value, policy, known] = NAMES;
    // All are short enough to be kept.
    macro_rules! kept {
        ($text:expr) => {
            $text.try_into().unwrap_or_default()
        };
    }
    let unknown = |known| {
        let name = kept!(name);
        ParsePolicyError::UnknownParameter { policy, name, known: [known, ""] }
    };
    [
        ("unknownPolicy", ParsePolicyError::UnknownPolicy { name: kept!(name) }),
        ("unclosed", ParsePolicyError::Unclosed { text: kept!(name) }),
        ("noParameters", unknown("")),
        ("unknownParameter", unknown(known)),
        ("twice", ParsePolicyError::Twice { name }),
        ("notANumber", ParsePolicyError::NotANumber { name, value: kept!(value) }),
    ]
}

/// Writes the texts of errors, which are to be all in the order of their numbers.
fn list(
    text: &mut String,
    name: &str,
    names: &[&str],
    indices: &[u8],
    errors: &[impl Display],
) -> Result<()> {
    let all = (0..).take(names.len());
    ensure!(all.eq(indices.iter().copied()), "{name}: an error is missing, or out of order");
    writeln!(text, "export const {name} = [")?;
    for error in errors {
        writeln!(text, "  {},", with_gaps(error))?;
    }
    writeln!(text, "];")?;
    Ok(())
}

/// Returns an error's text with gaps, between JavaScript's quotes.
fn with_gaps(error: &impl Display) -> String {
    let mut text = error.to_string();
    for name in NAMES {
        let gap = format!("{{{}}}", name.to_lowercase());
        // JavaScript's side shows what users wrote.
        text = text.replace(&format!("\"{name}\""), &gap).replace(name, &gap);
    }
    for (at, number) in NUMBERS.iter().enumerate() {
        text = text.replace(&format!("{number:016x}"), &format!("{{x{at}}}"));
        text = text.replace(&number.to_string(), &format!("{{{at}}}"));
    }
    format!("`{text}`")
}
