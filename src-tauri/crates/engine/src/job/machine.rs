//! What the machine has for jobs at this time.

use branchline_core::machine::Machine;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where Linux tells of power supplies. Elsewhere a machine never runs on its battery, as far
/// as is known here.
const SUPPLIES: &str = "/sys/class/power_supply";
/// Asking a battery can take a while, and claims come often.
const FRESH: Duration = Duration::from_secs(10);

/// Whether the machine runs on its battery, as it was seen last.
#[derive(Debug, Default)]
pub(crate) struct Power(Mutex<Option<(Instant, bool)>>);

impl Power {
    fn on_battery(&self) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some((at, on_battery)) if at.elapsed() < FRESH => on_battery,
            _ => seen.insert((Instant::now(), on_battery(Path::new(SUPPLIES)))).1,
        }
    }

    /// The machine as it is now.
    pub(super) fn machine(&self, gpu_slots: u32) -> Machine {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Machine {
            gpu_slots,
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
            on_battery: self.on_battery(),
        }
    }
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
