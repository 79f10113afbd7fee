//! Source files of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Texts by their paths in the folder.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// Reads all Rust and TypeScript in `folder` and in the folders within.
///
/// # Errors
/// Names the file or folder that cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut next = vec![PathBuf::new()];
    while let Some(inner) = next.pop() {
        let path = folder.join(&inner);
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, inner) = (entry.path(), inner.join(entry.file_name()));
            if entry.file_type()?.is_dir() {
                next.push(inner);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "ts")
            {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                files.insert(inner, text);
            }
        }
    }
    Ok(files)
}
