//! What is in the file.

use std::fs;
use std::io::Read;
use std::path::Path;

use evenkeel_core::Endpoint;

use super::error::FileError;
use crate::discover::json::{Bad, text};
use crate::discover::list::{self, List};
use crate::target::Target;

/// Most bytes that are read: some 500,000 endpoints with all that can be said of them.
const LIMIT: u64 = 64 << 20;

/// Reads the file, in the format that its name says.
pub(super) fn read(path: &Path) -> Result<Vec<Endpoint<Target>>, FileError> {
    let failed = |error| FileError::Read { path: path.to_owned(), error };
    // A pipe would keep the thread for ever.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(FileError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    let toml = path.extension().is_some_and(|extension| extension == "toml");
    parse(&bytes, toml).map_err(|Bad { line, column, message }| FileError::Content {
        path: path.to_owned(),
        line,
        column,
        message,
    })
}

fn parse(bytes: &[u8], toml: bool) -> Result<Vec<Endpoint<Target>>, Bad> {
    if !toml {
        return list::json(bytes);
    }
    let document = toml::from_str::<Document>(text(bytes)?);
    document.map(|document| document.endpoints.0).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Bad::at(bytes, offset, error.message().to_owned())
    })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    endpoints: List,
}
