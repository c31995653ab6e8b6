//! What the machine has for jobs at this time.

use branchline_core::machine::Machine;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where Linux tells of power supplies. Elsewhere a machine never runs on its battery, as far
/// as is known here.
const SUPPLIES: &str = "/sys/class/power_supply";
/// Asking takes files to be read, and claims come often.
const FRESH: Duration = Duration::from_secs(10);

/// Processors, and whether the machine runs on its battery, as they were seen last.
#[derive(Debug, Default)]
pub(crate) struct Power(Mutex<Option<(Instant, u32, bool)>>);

impl Power {
    /// The machine as it is now.
    pub(super) fn machine(&self, gpu_slots: u32) -> Machine {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, processors, on_battery) = match *seen {
            Some(seen) if seen.0.elapsed() < FRESH => seen,
            _ => *seen.insert((Instant::now(), processors(), on_battery(Path::new(SUPPLIES)))),
        };
        Machine { gpu_slots, processors, on_battery }
    }
}

/// Those that this program may use, whatever the machine has.
fn processors() -> u32 {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A battery of the machine, not one of a mouse, is being emptied.
fn on_battery(supplies: &Path) -> bool {
    let entries = std::fs::read_dir(supplies).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|supply| {
        let says = |file: &str, word: &str| {
            std::fs::read_to_string(supply.join(file)).is_ok_and(|text| text.trim() == word)
        };
        says("type", "Battery") && !says("scope", "Device") && says("status", "Discharging")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q18_a_battery_that_is_emptied_is_seen_and_a_mouse_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let tell = |supply: &str, file: &str, text: &str| {
            std::fs::create_dir_all(folder.path().join(supply)).unwrap();
            std::fs::write(folder.path().join(supply).join(file), text).unwrap();
        };
        assert!(!on_battery(&folder.path().join("none")), "a machine without supplies");
        tell("AC", "type", "Mains\n");
        tell("mouse", "type", "Battery\n");
        tell("mouse", "scope", "Device\n");
        tell("mouse", "status", "Discharging\n");
        tell("BAT0", "type", "Battery\n");
        tell("BAT0", "status", "Charging\n");
        assert!(!on_battery(folder.path()));
        tell("BAT0", "status", "Discharging\n");
        assert!(on_battery(folder.path()));
    }
}
