//! Graphics processors: which one a slot means, and what it does now, asked of the driver's
//! own program while somebody looks at a job that holds slots.

use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const PROGRAM: &str = "nvidia-smi";
const QUESTION: [&str; 2] = [
    "--query-gpu=index,uuid,utilization.gpu,memory.used,memory.total",
    "--format=csv,noheader,nounits",
];
/// How long the driver has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer serves all who look within this time.
const FRESH: Duration = Duration::from_millis(500);
const MIB: i64 = 1024 * 1024;

/// What the graphics processor of a slot does.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuUsage {
    /// The slot.
    pub slot: u32,
    /// How busy it is, 0 to 1, whoever uses it; where the driver tells.
    pub utilization: Option<f64>,
    /// Memory that is used on it.
    pub memory_bytes: Option<i64>,
    /// Memory that it has.
    pub memory_total: Option<i64>,
}

/// The device that a slot means: of those that we see ourselves, which is what there is to
/// share out.
pub(super) fn device(slot: u32) -> String {
    let ours = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let mut ours = ours.split(',').filter(|device| !device.is_empty());
    let index = usize::try_from(slot).unwrap_or(usize::MAX);
    ours.nth(index).map_or_else(|| slot.to_string(), |device| device.trim().to_owned())
}

/// What the driver told last.
static TOLD: LazyLock<Mutex<Option<(Instant, String)>>> = LazyLock::new(Mutex::default);

/// What the slots' processors do; nothing of those of which the driver does not tell.
pub(super) async fn usage(slots: &[u32]) -> Vec<GpuUsage> {
    if slots.is_empty() {
        return Vec::new();
    }
    // Who looks meanwhile waits for the same answer.
    let mut told = TOLD.lock().await;
    if told.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH) {
        *told = Some((Instant::now(), ask().await.unwrap_or_default()));
    }
    let text = told.as_ref().map_or("", |(_, text)| text);
    slots.iter().filter_map(|slot| of_device(text, *slot, &device(*slot))).collect()
}

async fn ask() -> Option<String> {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(QUESTION).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

fn of_device(text: &str, slot: u32, device: &str) -> Option<GpuUsage> {
    let rows = text.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    // A device is named by its number, or by the beginning of its long name.
    let mut of_it = rows.filter(|row| match row.as_slice() {
        [index, uuid, ..] => {
            *index == device || (device.starts_with("GPU-") && uuid.starts_with(device))
        }
        _ => false,
    });
    let row = of_it.next()?;
    // What a card does not tell is `[N/A]`.
    let number = |at: usize| row.get(at).and_then(|text: &&str| text.parse::<i64>().ok());
    let percent = number(2).and_then(|percent| i32::try_from(percent).ok());
    Some(GpuUsage {
        slot,
        utilization: percent.map(|percent| f64::from(percent) / 100.0),
        memory_bytes: number(3).map(|mib| mib * MIB),
        memory_total: number(4).map(|mib| mib * MIB),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "0, GPU-aaaa-1, 35, 1024, 24576\n1, GPU-bbbb-2, [N/A], 7, [N/A]\n";

    #[test]
    fn a_device_is_found_by_number_or_name_and_what_is_not_told_is_nothing() {
        let first = of_device(TOLD, 4, "0").unwrap();
        assert_eq!((first.slot, first.utilization), (4, Some(0.35)));
        assert_eq!(first.memory_bytes, Some(1024 * MIB));
        let second = of_device(TOLD, 0, "GPU-bbbb").unwrap();
        assert_eq!((second.utilization, second.memory_total), (None, None));
        assert_eq!(second.memory_bytes, Some(7 * MIB));
        assert_eq!(of_device(TOLD, 0, "2"), None);
        assert_eq!(of_device("No devices were found", 0, "0"), None);
    }
}
