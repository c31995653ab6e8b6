//! What a job's processes use, looked up when somebody asks.

/// What the processes of a job use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time since they started, milliseconds; of those that ended, too, where
    /// their parents know.
    pub cpu_ms: i64,
    /// Memory that they hold.
    pub memory_bytes: i64,
    /// How many they are.
    pub processes: usize,
}

impl Usage {
    /// Looks at a process and all below it; nothing when it is gone, or on systems where
    /// this is not known.
    pub fn of(pid: u32) -> Option<Self> {
        platform::usage(pid)
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use super::Usage;
    use std::collections::HashMap;

    /// What `/proc/<pid>/stat` tells of a process.
    struct Stat {
        parent: u32,
        cpu_ticks: i64,
        pages: i64,
    }

    /// Numbers of fields behind the name, as proc(5) counts them less three.
    const PARENT: usize = 1;
    const TIMES: std::ops::Range<usize> = 11..15;
    const RESIDENT: usize = 21;

    fn stat(pid: u32) -> Option<Stat> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything; what counts is behind the last parenthesis.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
        let times = fields.get(TIMES)?.iter().map(|field| field.parse::<i64>());
        Some(Stat {
            parent: fields.get(PARENT)?.parse().ok()?,
            cpu_ticks: times.sum::<Result<i64, _>>().ok()?,
            pages: fields.get(RESIDENT)?.parse().ok()?,
        })
    }

    pub(super) fn usage(pid: u32) -> Option<Usage> {
        let mut known: HashMap<u32, Vec<(u32, Stat)>> = HashMap::new();
        let root = stat(pid)?;
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if let Some(found) = stat(child) {
                known.entry(found.parent).or_default().push((child, found));
            }
        }
        let (mut ticks, mut pages, mut processes) = (root.cpu_ticks, root.pages, 1);
        let mut open = vec![pid];
        while let Some(parent) = open.pop() {
            for (child, found) in known.remove(&parent).unwrap_or_default() {
                open.push(child);
                ticks += found.cpu_ticks;
                pages += found.pages;
                processes += 1;
            }
        }
        let a_second = i64::try_from(rustix::param::clock_ticks_per_second()).ok()?;
        let page = i64::try_from(rustix::param::page_size()).ok()?;
        Some(Usage {
            cpu_ms: ticks * 1000 / a_second.max(1),
            memory_bytes: pages * page,
            processes,
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn usage(_pid: u32) -> Option<super::Usage> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something_and_one_that_is_gone_nothing() {
        let own = Usage::of(std::process::id()).unwrap();
        assert!(own.memory_bytes > 0 && own.processes >= 1, "{own:?}");
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
