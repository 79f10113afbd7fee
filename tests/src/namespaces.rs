//! Network namespaces: a loopback interface, port 53 and `/etc/resolv.conf` of a process's own.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

/// Tells that this machine lets us make namespaces: as root, and where containers do not forbid it.
pub fn are_allowed() -> bool {
    let mut made = command("true");
    made.stdin(Stdio::null()).stderr(Stdio::null());
    made.status().is_ok_and(|status| status.success())
}

/// Returns a command that runs a program in namespaces of its own, for the network and for mounts.
/// It has the loopback interface and nothing else.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", r#"ip link set lo up && exec "$0" "$@""#]);
    command.arg(program);
    command
}

/// Shows this process, and whoever it starts, other text in `/etc/resolv.conf`. To be called in
/// namespaces of its own.
///
/// # Errors
/// The file cannot be covered by another.
pub fn resolv_conf(text: &str) -> io::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), text)?;
    let mut mount = Command::new("mount");
    let mounted = mount.arg("--bind").arg(file.path()).arg("/etc/resolv.conf").status()?;
    if mounted.success() { Ok(()) } else { Err(io::Error::other("/etc/resolv.conf: no mount")) }
}
