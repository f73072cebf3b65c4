//! Memory and CPUs that are set aside for enclaves.

use super::{Finding, System, is_nitro, no_nitro};
use crate::config::Settings;

const FILE: &str = "/etc/nitro_enclaves/allocator.yaml";
const HUGEPAGES: &str = "/sys/kernel/mm/hugepages";
const POOL: &str = "/sys/module/nitro_enclaves/parameters/ne_cpus";
const ONLINE: &str = "/sys/devices/system/cpu/online";

const WRITE: &str = "write memory_mib and cpu_count into /etc/nitro_enclaves/allocator.yaml, then \
    `systemctl enable --now nitro-enclaves-allocator`";
const RESTART: &str = "`systemctl restart nitro-enclaves-allocator`; if it cannot find the memory, reboot, so \
    that it finds memory that is not in pieces";

/// Highest CPU number that is taken for one.
const MAX_CPU: u32 = 4096;

/// What the allocator was told to set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allocator {
    memory_mib: u64,
    cpus: usize,
}

/// Reads the allocator's file, if there is one that can be used.
pub(super) fn read(system: &System) -> Option<Allocator> {
    parse(&system.read(FILE).ok()?)
}

/// A YAML mapping of numbers, one a line, as `nitro-enclaves-cli` installs it.
fn parse(text: &str) -> Option<Allocator> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.trim_end().strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.split('#').next()?.trim().trim_matches(['"', '\'']))
    };
    let cpus = match value("cpu_pool") {
        Some(pool) => cpu_list(pool)?.len(),
        None => value("cpu_count")?.parse().ok()?,
    };
    Some(Allocator { memory_mib: value("memory_mib")?.parse().ok()?, cpus })
}

/// Whether anything is to be set aside.
pub(super) fn check(settings: &Settings, system: &System, allocator: Option<&Allocator>) -> Finding {
    if !is_nitro(settings) {
        return no_nitro();
    }
    match allocator {
        // A container sees what its node has set aside, and not the file that asked for it.
        None if reserved_mib(system) > 0
            && system.read(POOL).is_ok_and(|pool| cpu_list(pool.trim()).is_some()) =>
        {
            Finding::skip(format!("{FILE} is not here; memory and CPUs are set aside all the same"))
        }
        Some(found) if found.memory_mib > 0 && found.cpus > 0 => {
            Finding::pass(format!("{} MiB and {} CPUs for enclaves", found.memory_mib, found.cpus))
        }
        Some(_) => Finding::fail(format!("{FILE} sets nothing aside"), WRITE),
        None => Finding::fail(format!("{FILE} is missing or names no memory_mib and cpu_count"), WRITE),
    }
}

/// Whether the memory is set aside.
pub(super) fn hugepages(settings: &Settings, system: &System, allocator: Option<&Allocator>) -> Finding {
    if !is_nitro(settings) {
        return no_nitro();
    }
    let (reserved, wanted) = (reserved_mib(system), allocator.map_or(1, |a| a.memory_mib.max(1)));
    if reserved >= wanted {
        return Finding::pass(format!("{reserved} MiB of huge pages, of which {wanted} MiB are asked for"));
    }
    Finding::fail(format!("{reserved} MiB of huge pages where {wanted} MiB are asked for"), RESTART)
}

/// Huge pages of every size. A kernel that does not show the sizes shows their sum.
fn reserved_mib(system: &System) -> u64 {
    let sizes = system.names(HUGEPAGES);
    let of_size = |name: &String| {
        let size_kib: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let pages = system.read(&format!("{HUGEPAGES}/{name}/nr_hugepages")).ok()?;
        pages.trim().parse::<u64>().ok()?.checked_mul(size_kib)
    };
    let kib: u64 = if sizes.is_empty() {
        let text = system.read("/proc/meminfo").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Hugetlb:")?.trim().strip_suffix("kB"));
        line.and_then(|kib| kib.trim().parse().ok()).unwrap_or(0)
    } else {
        sizes.iter().filter_map(of_size).sum()
    };
    kib / 1024
}

/// Whether the CPUs are set aside and taken from the system.
pub(super) fn cpus(settings: &Settings, system: &System, allocator: Option<&Allocator>) -> Finding {
    if !is_nitro(settings) {
        return no_nitro();
    }
    let wanted = allocator.map_or(1, |allocator| allocator.cpus.max(1));
    let Some(pool) = system.read(POOL).ok().and_then(|text| cpu_list(text.trim())) else {
        return Finding::fail("no CPUs are set aside for enclaves", RESTART);
    };
    if pool.len() < wanted {
        return Finding::fail(format!("{} CPUs set aside where {wanted} are asked for", pool.len()), RESTART);
    }
    let online = system.read(ONLINE).ok().and_then(|text| cpu_list(text.trim())).unwrap_or_default();
    if pool.iter().any(|cpu| online.contains(cpu)) {
        return Finding::fail("CPUs set aside for enclaves are still used by the system", RESTART);
    }
    Finding::pass(format!("{} CPUs set aside, of which {wanted} are asked for", pool.len()))
}

/// `1,3,6-9`; `None` for other text and for an empty list.
fn cpu_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last > MAX_CPU {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocators_file_is_read_as_it_is_installed() {
        let text =
            "---\n# How much memory (in MiB).\nmemory_mib: 512\n#\ncpu_count: 2 # two\n# cpu_pool: 2,3,6-9\n";
        assert_eq!(parse(text), Some(Allocator { memory_mib: 512, cpus: 2 }));
        let pool = "memory_mib: \"3072\"\ncpu_pool: 2,3,6-9\n";
        assert_eq!(parse(pool), Some(Allocator { memory_mib: 3072, cpus: 6 }));
        for bad in [
            "",
            "memory_mib: 512",
            "cpu_count: 2",
            "memory_mib: a\ncpu_count: 2",
            "memory_mib: 1\ncpu_pool: 3-x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lists_of_cpus() {
        assert_eq!(cpu_list("1,3,6-9"), Some(vec![1, 3, 6, 7, 8, 9]));
        for bad in ["", "(null)", "1,", "0-99999"] {
            assert_eq!(cpu_list(bad), None, "{bad}");
        }
    }
}
