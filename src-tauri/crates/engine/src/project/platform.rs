//! What differs between operating systems. Linux is built and tested; macOS and Windows are
//! written and not built here.

/// Python in a virtual environment.
#[cfg(unix)]
pub(super) const PYTHON_IN_ENVIRONMENT: &str = "bin/python";
#[cfg(windows)]
pub(super) const PYTHON_IN_ENVIRONMENT: &str = r"Scripts\python.exe";

/// Python in a conda environment.
#[cfg(unix)]
pub(super) const PYTHON_IN_CONDA: &str = "bin/python";
#[cfg(windows)]
pub(super) const PYTHON_IN_CONDA: &str = "python.exe";

/// Whether this process may do everything, which Jupyter wants to be told.
#[cfg(target_os = "linux")]
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
#[cfg(not(target_os = "linux"))]
pub(super) fn is_root() -> bool {
    false
}

/// Names of Python on the search path.
#[cfg(unix)]
pub(super) const PYTHONS: [&str; 2] = ["python3", "python"];
#[cfg(windows)]
pub(super) const PYTHONS: [&str; 1] = ["python.exe"];

/// What runs the command of an entry point, which is a shell's by MLflow's rules.
#[cfg(unix)]
pub(super) const SHELL: [&str; 2] = ["bash", "-c"];
#[cfg(windows)]
pub(super) const SHELL: [&str; 2] = ["cmd", "/c"];

/// A value as the shell takes it as one word.
#[cfg(unix)]
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\"'\"'"))
}
#[cfg(windows)]
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || r"@+=:,./\_-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('"', "\"\""))
}
