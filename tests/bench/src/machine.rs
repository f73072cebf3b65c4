//! What the figures were measured on.

use serde::Serialize;

/// A machine, as far as it decides figures. Says nothing of who owns it.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Model of the processor.
    pub processor: String,
    /// Vector units that decide how fast matrices are.
    pub features: Vec<&'static str>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's version.
    pub kernel: String,
    /// Frequency governor, where the system tells.
    pub governor: Option<String>,
    /// Work that waited in the last minute, before anything was measured: above 0.3 the machine was not quiet.
    pub load: f64,
}

/// Looked for in the processor's flags.
const FEATURES: &[&str] = &["aes", "avx2", "avx512f", "avx512_vnni", "vaes", "sha_ni", "asimd", "sve"];

impl Machine {
    /// Looks at this machine. What the system does not tell stays empty.
    #[must_use]
    pub fn look() -> Self {
        let processor = read("/proc/cpuinfo");
        let flags = field(&processor, "flags").or_else(|| field(&processor, "Features"));
        let flags: Vec<&str> = flags.unwrap_or_default().split_whitespace().collect();
        let memory = read("/proc/meminfo");
        let kib =
            field(&memory, "MemTotal").and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        let load = read("/proc/loadavg");
        let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        Self {
            processor: field(&processor, "model name").unwrap_or_default().to_owned(),
            features: FEATURES.iter().copied().filter(|feature| flags.contains(feature)).collect(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib.unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease")
                .trim()
                .split('-')
                .next()
                .unwrap_or_default()
                .to_owned(),
            governor: Some(governor.trim().to_owned()).filter(|text| !text.is_empty()),
            load: load.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "flagship: no\nflags\t\t: aes avx2\nMemTotal:  2048 kB\n";
        assert_eq!(field(text, "flags"), Some("aes avx2"));
        assert_eq!(field(text, "MemTotal"), Some("2048 kB"));
        assert_eq!(field(text, "flag"), None);
    }

    #[test]
    fn this_machine_has_a_core_and_a_kernel() {
        let machine = Machine::look();
        assert!(machine.cores > 0 && !machine.kernel.is_empty());
    }
}
