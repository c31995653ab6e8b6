//! What of the machine jobs are given.

/// The machine as it is at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Graphics processors that jobs share out among themselves.
    pub gpu_slots: u32,
    /// Processors that this program may use.
    pub processors: u32,
    /// It runs on its battery.
    pub on_battery: bool,
}

impl Machine {
    /// How many jobs of a queue run at a time. One with a `least` follows the machine: a job
    /// for each processor, within its bounds; on battery no more than it must.
    pub fn at_a_time(&self, most: u32, least: Option<u32>) -> u32 {
        match least {
            None => most,
            Some(least) if self.on_battery => least.min(most),
            Some(least) => self.processors.max(least).min(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q18_a_queue_that_follows_the_machine_runs_a_job_for_each_processor_and_few_on_battery() {
        let plugged = Machine { gpu_slots: 0, processors: 8, on_battery: false };
        let on_battery = Machine { on_battery: true, ..plugged };
        assert_eq!((plugged.at_a_time(4, None), on_battery.at_a_time(4, None)), (4, 4));
        assert_eq!(plugged.at_a_time(64, Some(2)), 8);
        assert_eq!(plugged.at_a_time(4, Some(2)), 4, "never more than it may");
        assert_eq!(plugged.at_a_time(64, Some(16)), 16, "never fewer than it must");
        assert_eq!(on_battery.at_a_time(64, Some(2)), 2);
    }
}
