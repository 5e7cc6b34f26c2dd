//! How much memory a process comes to hold. Linux tells, in `/proc`.

use std::{fs, path::PathBuf};

use nix::unistd::Pid;

/// What makes the kernel forget the highest resident size so far (`proc(5)`,
/// `clear_refs`).
const FORGET_PEAK: &str = "5";

/// A process's memory as it was at one moment.
#[derive(Debug)]
pub struct MemoryMark {
    folder: PathBuf,
    resident_bytes: u64,
}

impl MemoryMark {
    /// Marks the process's memory of now; `None` where the system does not tell.
    pub(super) fn now(process: Pid) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{process}"));
        fs::write(folder.join("clear_refs"), FORGET_PEAK).ok()?;
        let mut mark = Self { folder, resident_bytes: 0 };
        mark.resident_bytes = mark.read("VmRSS:")?;
        Some(mark)
    }

    /// By how many bytes the process has grown since, at its highest.
    #[must_use]
    pub fn growth_bytes(&self) -> Option<u64> {
        self.read("VmHWM:").map(|peak| peak.saturating_sub(self.resident_bytes))
    }

    /// A line of the process's status, such as `VmRSS:     1234 kB`.
    fn read(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(self.folder.join("status")).ok()?;
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn growth_is_seen_and_what_was_there_is_not() {
        let before = vec![1_u8; 32 << 20];
        let mark = MemoryMark::now(Pid::this()).unwrap();
        let grown = vec![1_u8; 64 << 20];
        assert!(before.len() + grown.len() > 0);
        let growth = mark.growth_bytes().unwrap();
        assert!(growth >= 48 << 20, "{growth}");
    }
}
