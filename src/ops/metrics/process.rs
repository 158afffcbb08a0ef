//! The process as Prometheus knows it from every client library, read from `/proc` when scraped.

use std::{fmt::Write, fs};

/// Ticks of `/proc/*/stat` per second: part of the kernel's interface, the same on all that we
/// build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Name, kind and help of each metric. The names are the conventional ones, without our prefix.
pub const TABLE: &[(&str, &str, &str)] = &[
    ("process_cpu_seconds_total", "counter", "Processor time spent, user and system."),
    ("process_resident_memory_bytes", "gauge", "Resident memory."),
    ("process_virtual_memory_bytes", "gauge", "Virtual memory."),
    ("process_open_fds", "gauge", "Open file descriptors."),
    ("process_max_fds", "gauge", "Most file descriptors that may be open."),
    ("process_threads", "gauge", "Threads."),
    ("process_start_time_seconds", "gauge", "Start of the process, since the epoch."),
];

/// Writes the metrics in the text format; what the system does not tell is left out.
pub(super) fn encode() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let mut out = String::new();
    for (name, kind, help) in TABLE {
        let value = match *name {
            "process_cpu_seconds_total" => cpu_seconds(&stat),
            "process_resident_memory_bytes" => kib(&status, "VmRSS:"),
            "process_virtual_memory_bytes" => kib(&status, "VmSize:"),
            "process_open_fds" => fs::read_dir("/proc/self/fd").ok().map(|d| d.count() as f64),
            "process_max_fds" => after(&limits, "Max open files"),
            "process_threads" => after(&status, "Threads:"),
            _ => start_seconds(&stat, &boot),
        };
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
    }
    out
}

/// Returns the number after a line's name.
fn after(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn kib(status: &str, name: &str) -> Option<f64> {
    after(status, name).map(|n| n * 1_024.0)
}

/// Returns a field of `/proc/self/stat` by its number in proc(5); the name before may hold spaces.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number - 3)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_seconds(stat: &str, boot: &str) -> Option<f64> {
    Some(after(boot, "btime ")? + field(stat, 22)? / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_by_its_manual() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 1000 20";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(start_seconds(stat, "cpu 1 2\nbtime 100\n"), Some(110.0));
        assert_eq!(kib("VmSize:\t 9 kB\nVmRSS:\t  3 kB\n", "VmRSS:"), Some(3_072.0));
        let limits = "Max open files            1024     4096  files\n";
        assert_eq!(after(limits, "Max open files"), Some(1_024.0));
        assert_eq!(cpu_seconds(""), None);
    }
}
