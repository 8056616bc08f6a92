//! Debug messages of the kernel programs, for `--kernel-log`: they join the daemon's own log.

use aya_log::EbpfLogger;

use super::BpfError;

/// Reader of the messages.
pub struct KernelLog {
    logger: EbpfLogger<&'static dyn log::Log>,
}

impl KernelLog {
    pub(super) fn new(ebpf: &mut aya::Ebpf) -> Result<Self, BpfError> {
        let logger = EbpfLogger::init(ebpf)
            .map_err(|source| BpfError::KernelLog { source: Box::new(source) })?;
        Ok(Self { logger })
    }

    /// Writes the messages that came since the last call.
    pub fn flush(&mut self) {
        self.logger.flush();
    }
}
