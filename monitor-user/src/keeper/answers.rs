//! Answers that say how it went.

use std::io;

use nix::libc;

use super::wire::Answer;
use crate::bpf::BpfError;

pub(super) fn done() -> Answer {
    Answer::Done { plan: None, canary_pids: Vec::new(), error: None }
}

pub(super) fn out_of_place() -> Answer {
    Answer::Refused(libc::EPROTO, "the request is out of place".to_owned())
}

pub(super) fn text(error: &BpfError) -> String {
    let mut text = error.to_string();
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        text.push_str(&format!(": {source}"));
        cause = source;
    }
    text
}

pub(super) fn refused(error: &BpfError) -> Answer {
    Answer::Refused(0, text(error))
}

pub(super) fn of_io(error: &io::Error) -> Answer {
    Answer::Refused(number_of(error), error.to_string())
}

pub(super) fn number_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_else(|| match error.kind() {
        io::ErrorKind::NotFound => libc::ENOENT,
        io::ErrorKind::PermissionDenied => libc::EACCES,
        io::ErrorKind::InvalidInput => libc::EINVAL,
        io::ErrorKind::FileTooLarge => libc::EFBIG,
        _ => libc::EIO,
    })
}
