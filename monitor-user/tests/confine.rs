//! What is left to a process that gave its privileges up. A program of its own, as there is no way
//! back.

use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    process::Command,
};

use nix::{
    errno::Errno,
    sys::{memfd::MFdFlags, signal::kill, stat::Mode},
    unistd::{Pid, geteuid, mkfifo},
};
use runmon::keeper::confine::confine;

/// A user whom nobody else here is.
const USER: u32 = 64988;

#[test]
fn only_what_the_line_needs_is_left() {
    if !geteuid().is_root() {
        // Who is not root has nothing to give up, and may not become another user.
        assert!(confine(USER).is_err());
        return;
    }
    let secret = std::env::temp_dir().join(format!("runmon-confine-{}", std::process::id()));
    fs::write(&secret, "of root").unwrap();
    let mut permissions = fs::metadata(&secret).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&secret, permissions).unwrap();
    let before = std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        status()
    });
    confine(USER).unwrap();
    // What everybody may do, and the line has no use for.
    assert_eq!(
        Command::new("/bin/true").spawn().map(drop).unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    let memfd = nix::sys::memfd::memfd_create("x", MFdFlags::empty());
    assert_eq!(memfd.map(drop), Err(Errno::EPERM));
    assert_eq!(kill(Pid::this(), None), Err(Errno::EPERM));
    let fifo = std::env::temp_dir().join(format!("runmon-fifo-{}", std::process::id()));
    assert_eq!(mkfifo(&fifo, Mode::S_IRWXU), Err(Errno::EPERM));
    // What root may.
    assert_eq!(fs::read(&secret).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(nix::unistd::setresuid(0.into(), 0.into(), 0.into()).is_err());
    // What it needs: files of everybody's, sockets, threads. Those from before gave up the same.
    assert!(fs::read_to_string("/proc/self/status").is_ok());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let after = std::thread::spawn(status);
    for status in [before.join().unwrap(), after.join().unwrap(), status()] {
        let status = status.unwrap();
        let has = |line: &str| assert!(status.contains(line), "{line}: {status}");
        has(&format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n"));
        has("CapPrm:\t0000000000000000\n");
        has("NoNewPrivs:\t1\n");
        has("Seccomp:\t2\n");
    }
}

/// What the kernel says of this thread.
fn status() -> std::io::Result<String> {
    fs::read_to_string("/proc/thread-self/status")
}
