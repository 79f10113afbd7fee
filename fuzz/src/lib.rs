//! What the fuzz targets do without a fuzzer.

/// Runs `check` over the files named on the command line, such as a crash to debug.
///
/// # Errors
/// A file that cannot be read.
pub fn replay(check: impl Fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        println!("{}", path.display());
        check(&std::fs::read(path)?);
    }
    Ok(())
}
