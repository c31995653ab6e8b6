//! The `branchline-desktop` binary.

// No console window beside the app on Windows.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    // The process around a job's process is this program too.
    if let Some(code) = branchline_engine::supervise_if_asked() {
        return code;
    }
    branchline_desktop::run()
}
