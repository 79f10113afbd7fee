use core::error::Error;
use core::fmt;
use std::io;
use std::path::PathBuf;

/// Why a file says nothing of endpoints.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is a directory, a pipe or a device.
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// It is larger than may be.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most, in bytes.
        limit: u64,
    },
    /// Its content is bad.
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there, and what was expected.
        message: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NotAFile { path } => write!(f, "{}: not a regular file", path.display()),
            Self::TooLarge { path, limit } => {
                write!(f, "{}: larger than {limit} bytes", path.display())
            }
            Self::Content { path, line, column, message } => {
                write!(f, "{}:{line}:{column}: {message}", path.display())
            }
        }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { error, .. } => Some(error),
            Self::NotAFile { .. } | Self::TooLarge { .. } | Self::Content { .. } => None,
        }
    }
}
