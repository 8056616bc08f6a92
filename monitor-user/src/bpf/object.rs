//! The loaded object: its programs, links and maps.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read as _,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, MapData, ProgramArray},
    programs::{CgroupAttachMode, CgroupSkbAttachType, Iter, Program as AyaProgram},
};
use monitor_common::{
    Member, Program, RecordKind, call::CallWords, limits, member::ABSENT, settings,
};
use zerocopy::IntoBytes as _;

use crate::flood::FloodLimit;

use super::{
    BpfError,
    attach_point::{AttachPoint, attach_point},
    btf,
    calls::CALLS,
    counters::Counters,
    kernel_log::KernelLog,
    own_objects::OwnObjects,
    ring::RingMaps,
    syscalls::{Syscalls, host_mounts},
};

mod cast;
mod kept;

use kept::Kept;

/// The compiled kernel programs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/monitor-ebpf"));

/// The same for kernels that let programs read any of their memory without a call.
static READABLE_OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/monitor-ebpf-readable"));

/// Where a kernel with kprobes says how to ask for one.
pub const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";

/// What the object is loaded with.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Size of the ring buffer in bytes, a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// What one container can make the kernel tell of.
    pub flood: FloodLimit,
    /// Whether the programs' own debug messages are wanted.
    pub kernel_log: bool,
    /// Whether programs return at once, to measure their attach points alone.
    pub floor: bool,
    /// The cgroup v1 controller that names containers, where there is one.
    pub cgroup_v1_controller: Option<&'static str>,
}

/// The programs and maps in the kernel. All of it goes when this is dropped, or the process dies.
pub struct Object {
    ebpf: Ebpf,
    /// The kernel's types as the loader wants them. Many megabytes, so they are let go when the
    /// hooks are attached and read again when one is added.
    btf: Option<Btf>,
    cgroup2: Option<PathBuf>,
    links: HashMap<u32, Link>,
    /// The kinds that are asked for, and those of them that are seen by system calls.
    wanted: HashMap<RecordKind, bool>,
    kept: Kept,
    own: OwnObjects,
    floor: bool,
    /// Whether `io_uring_complete` tells of the request, and not only of what the user called it.
    completes_requests: bool,
}

/// An attached program, by the form of its link.
enum Link {
    Tracepoint(aya::programs::tp_btf::BtfTracePointLinkId),
    Fexit(aya::programs::fexit::FExitLinkId),
    Kprobe(aya::programs::kprobe::KProbeLinkId),
    /// A place among the programs that the one on `sys_exit` leads to.
    Led(u8),
    Cgroup(aya::programs::cgroup_sock_addr::CgroupSockAddrLinkId),
    Packets(aya::programs::cgroup_skb::CgroupSkbLinkId),
}

impl Object {
    /// Makes the maps; loads no program yet.
    pub fn load(options: &LoadOptions) -> Result<Self, BpfError> {
        let (mut object, is_readable) = Self::load_with(options, true)?;
        // The kernel may have the function and not let programs call it.
        if is_readable && let Err(error) = object.load_walker() {
            let error = anyhow::Error::from(error);
            tracing::warn!("programs read kernel memory by calls, which costs more: {error:#}");
            return Ok(Self::load_with(options, false)?.0);
        }
        Ok(object)
    }

    /// As [`Self::load`], with the object that reads kernel memory without a call if that may be;
    /// returns whether it is that one.
    fn load_with(options: &LoadOptions, may_read: bool) -> Result<(Self, bool), BpfError> {
        let path = Path::new(btf::VMLINUX);
        let data = btf::read(path)?;
        let types = btf::KernelTypes::parse(&data).ok_or_else(|| BpfError::BtfFormat {
            path: path.to_owned(),
            what: "it is cut, or of another byte order",
        })?;
        let offsets = types.offsets()?;
        // The helper that hands out the running task as a typed pointer: Linux 5.11.
        let floor = u8::from(options.floor);
        let direct =
            u8::from(types.enum_value("bpf_func_id", "BPF_FUNC_get_current_task_btf").is_some());
        let subsystem = options
            .cgroup_v1_controller
            .and_then(|name| types.enum_value("cgroup_subsys_id", &format!("{name}_cgrp_id")))
            .unwrap_or(settings::NO_V1);
        let log_level = if options.kernel_log { 5_u8 } else { 0 };
        let completes_requests = types.tracepoint_has_pointer("io_uring_complete", 1);
        let arity = Program::ALL.map(|program| {
            let function = attach_point(program).function();
            function.and_then(|function| types.arity(&function)).unwrap_or(0)
        });
        let cast = cast::function(&types).filter(|_| may_read);
        let bucket_rate = options.flood.nanoseconds();
        // The last quarter is for processes.
        let headroom = u64::from(options.ring_bytes) / 4 * 3;
        drop(types);
        let btf = parse_btf(&data)?;
        drop(data);
        let readable = cast.map(|function| cast::placed(READABLE_OBJECT, function));
        let ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global(settings::OFFSETS, &offsets, true)
            .override_global(settings::DIRECT, &direct, true)
            .override_global(settings::FLOOR, &floor, true)
            .override_global(settings::ARITY, &arity, true)
            .override_global(settings::SEQUENCES, &sequences(), true)
            .override_global(settings::CGROUP_V1_SUBSYSTEM, &subsystem, true)
            .override_global(settings::BUCKET_RATE, &bucket_rate, true)
            .override_global(settings::HEADROOM, &headroom, true)
            .override_global(settings::HOST_MOUNTS, &host_mounts(), true)
            .override_global("AYA_LOG_LEVEL", &log_level, false)
            .map_max_entries(settings::RECORDS, options.ring_bytes)
            // Asked for only after a refusal. Without it, older kernels then hide their reason
            // behind EINVAL.
            .verifier_log_level(VerifierLogLevel::DEBUG)
            .load(readable.as_ref().map_or(OBJECT, |object| object.as_bytes()))
            .map_err(|source| BpfError::Load(Box::new(source)))?;
        let mut object = Self {
            ebpf,
            btf: Some(btf),
            cgroup2: cgroup2_root(),
            links: HashMap::new(),
            wanted: HashMap::new(),
            kept: Kept::default(),
            own: OwnObjects::default(),
            floor: options.floor,
            completes_requests,
        };
        object.set_calls(described_calls(&offsets))?;
        Ok((object, cast.is_some()))
    }

    /// Loads and attaches a program. One that is already attached stays as it is.
    pub fn attach(&mut self, program: Program) -> Result<(), BpfError> {
        if self.links.contains_key(&(program as u32)) {
            return Ok(());
        }
        let completion = matches!(program, Program::UringOpen | Program::UringAccept);
        if completion && !self.completes_requests {
            let source = "this kernel's tracepoint does not say which request it completes".into();
            return Err(BpfError::Program { program, act: "used", source });
        }
        let point = attach_point(program);
        if matches!(point, AttachPoint::Kprobe(_) | AttachPoint::KprobeCall(_))
            && !Path::new(KPROBES).exists()
        {
            let source = "this kernel has no kprobes".into();
            return Err(BpfError::Program { program, act: "attached", source });
        }
        self.load_program(program, point)?;
        let link = self.link(program, point)?;
        self.links.insert(program as u32, link);
        Ok(())
    }

    /// Loads a program that is not loaded yet.
    fn load_program(&mut self, program: Program, point: AttachPoint) -> Result<(), BpfError> {
        let Self { ebpf, btf, .. } = self;
        let btf = kernel_btf(btf)?;
        let entry = ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        if entry.fd().is_ok() {
            return Ok(());
        }
        let function = point.function().unwrap_or_default();
        let loaded = match (point, entry) {
            (AttachPoint::Tracepoint(name), AyaProgram::BtfTracePoint(entry)) => {
                entry.load(name, btf)
            }
            (AttachPoint::Led(..), AyaProgram::BtfTracePoint(entry)) => entry.load("sys_exit", btf),
            (_, AyaProgram::FExit(entry)) => entry.load(&function, btf),
            (_, AyaProgram::KProbe(entry)) => entry.load(),
            (_, AyaProgram::CgroupSockAddr(entry)) => entry.load(),
            (_, AyaProgram::CgroupSkb(entry)) => entry.load(),
            _ => return Err(BpfError::Absent(program.name())),
        };
        loaded.map_err(refused(program, "loaded"))
    }

    /// Attaches a program that is loaded.
    fn link(&mut self, program: Program, point: AttachPoint) -> Result<Link, BpfError> {
        let cgroup2 = self.cgroup2.clone();
        let entry =
            self.ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        if let AttachPoint::Led(place, _) = point {
            let entry = entry.fd().map_err(refused(program, "attached"))?.try_clone();
            let entry = entry.map_err(|source| BpfError::Program {
                program,
                act: "attached",
                source: Box::new(source),
            })?;
            let mut programs = call_programs(&mut self.ebpf)?;
            programs.set(place.into(), &entry, 0).map_err(refused_map(settings::CALL_PROGRAMS))?;
            return Ok(Link::Led(place));
        }
        let function = point.function().unwrap_or_default();
        let linked = match entry {
            AyaProgram::BtfTracePoint(entry) => entry.attach().map(Link::Tracepoint),
            AyaProgram::FExit(entry) => entry.attach().map(Link::Fexit),
            AyaProgram::KProbe(entry) => entry.attach(&function, 0).map(Link::Kprobe),
            AyaProgram::CgroupSockAddr(entry) => {
                let root = open_root(cgroup2)?;
                entry.attach(root.as_fd(), CgroupAttachMode::Single).map(Link::Cgroup)
            }
            AyaProgram::CgroupSkb(entry) => {
                let root = open_root(cgroup2)?;
                let way = match point {
                    AttachPoint::Packets("egress") => CgroupSkbAttachType::Egress,
                    _ => CgroupSkbAttachType::Ingress,
                };
                entry.attach(root.as_fd(), way, CgroupAttachMode::Single).map(Link::Packets)
            }
            _ => return Err(BpfError::Absent(program.name())),
        };
        linked.map_err(refused(program, "attached"))
    }

    /// Detaches a program; it stays loaded.
    pub fn detach(&mut self, program: Program) -> Result<(), BpfError> {
        let Some(link) = self.links.remove(&(program as u32)) else { return Ok(()) };
        if let Link::Led(place) = link {
            let mut programs = call_programs(&mut self.ebpf)?;
            return programs
                .clear_index(&place.into())
                .map_err(refused_map(settings::CALL_PROGRAMS));
        }
        let entry =
            self.ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        match (link, entry) {
            (Link::Tracepoint(link), AyaProgram::BtfTracePoint(entry)) => entry.detach(link),
            (Link::Fexit(link), AyaProgram::FExit(entry)) => entry.detach(link),
            (Link::Kprobe(link), AyaProgram::KProbe(entry)) => entry.detach(link),
            (Link::Cgroup(link), AyaProgram::CgroupSockAddr(entry)) => entry.detach(link),
            (Link::Packets(link), AyaProgram::CgroupSkb(entry)) => entry.detach(link),
            _ => Ok(()),
        }
        .map_err(refused(program, "detached"))
    }

    /// Asks for a kind: programs that see several tell of those that are asked for. `by_calls`:
    /// it is seen by its system calls.
    pub fn want(&mut self, kind: RecordKind, by_calls: bool) -> Result<(), BpfError> {
        self.wanted.insert(kind, by_calls);
        self.tell_wanted()
    }

    /// Asks for a kind no longer.
    pub fn unwant(&mut self, kind: RecordKind) -> Result<(), BpfError> {
        self.wanted.remove(&kind);
        self.tell_wanted()
    }

    /// Says which programs, maps and links are the monitor's own by now.
    pub fn tell_own_objects(&mut self) -> Result<(), BpfError> {
        let name = settings::OWN_OBJECTS;
        self.own.tell(self.ebpf.map_mut(name).ok_or(BpfError::Absent(name))?)
    }

    /// Whether programs return at once: then no canary can see them fire.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        self.floor
    }

    /// Whether a program is attached.
    #[must_use]
    pub fn is_attached(&self, program: Program) -> bool {
        self.links.contains_key(&(program as u32))
    }

    /// Walks the tasks that run now and returns their records, back to back.
    pub fn walk_tasks(&mut self) -> Result<Vec<u8>, BpfError> {
        let entry = self.load_walker()?;
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| BpfError::Program {
            program: Program::TaskIter,
            act: "run",
            source,
        };
        let link = entry.attach().map_err(|e| refused(e.into()))?;
        let link = entry.take_link(link).map_err(|e| refused(e.into()))?;
        let mut records = Vec::new();
        let mut file = link.into_file().map_err(|e| refused(e.into()))?;
        file.read_to_end(&mut records).map_err(|e| refused(e.into()))?;
        Ok(records)
    }

    /// The program that walks the tasks, which is loaded if it is not yet.
    fn load_walker(&mut self) -> Result<&mut Iter, BpfError> {
        let program = Program::TaskIter;
        let Self { ebpf, btf, .. } = self;
        let entry = ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        let entry: &mut Iter = entry.try_into().map_err(refused(program, "loaded"))?;
        if entry.fd().is_err() {
            entry.load("task", kernel_btf(btf)?).map_err(refused(program, "loaded"))?;
        }
        Ok(entry)
    }

    /// Lets go of what only loading needs.
    pub fn forget_types(&mut self) {
        self.btf = None;
    }

    /// The ring buffer; it can be taken once.
    pub fn take_ring(&mut self) -> Result<RingMaps, BpfError> {
        let mut take = |name| self.ebpf.take_map(name).ok_or(BpfError::Absent(name));
        Ok(RingMaps { ring: take(settings::RECORDS)?, sleeps: take(settings::READER_SLEEPS)? })
    }

    /// The counters; they can be taken once.
    pub fn take_counters(&mut self) -> Result<Counters, BpfError> {
        let counters =
            self.ebpf.take_map(settings::COUNTERS).ok_or(BpfError::Absent(settings::COUNTERS))?;
        let losses =
            self.ebpf.take_map(settings::LOSSES).ok_or(BpfError::Absent(settings::LOSSES))?;
        Counters::new(counters, losses)
    }

    /// Which system calls are made, which is noted from here on; it can be asked for once.
    pub fn note_syscalls(&mut self) -> Result<Syscalls, BpfError> {
        let name = settings::SYSCALLS;
        let marks = self.ebpf.take_map(name).ok_or(BpfError::Absent(name))?;
        self.attach(Program::SysEnter)?;
        Syscalls::new(marks)
    }

    /// Run count and total run time in nanoseconds of a program, where the kernel's run-time
    /// statistics are on.
    #[must_use]
    pub fn run_stats(&self, program: Program) -> Option<(u64, u64)> {
        let info = self.ebpf.program(program.name())?.info().ok()?;
        let nanoseconds = u64::try_from(info.run_time().as_nanos()).ok()?;
        Some((info.run_count(), nanoseconds))
    }

    /// Runs of a program that the kernel skipped because it was already running on the CPU.
    #[must_use]
    pub fn recursion_misses(&self, program: Program) -> Option<u64> {
        use std::os::fd::AsRawFd as _;
        let fd = self.ebpf.program(program.name())?.fd().ok()?;
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
        line.trim().parse().ok()
    }

    /// Instructions that the verifier walked to accept a loaded program.
    #[must_use]
    pub fn verified_instructions(&self, program: Program) -> Option<u32> {
        self.ebpf.program(program.name())?.info().ok()?.verified_instruction_count()
    }

    /// The reader of the programs' debug messages; it can be taken once.
    pub fn take_kernel_log(&mut self) -> Result<KernelLog, BpfError> {
        KernelLog::new(&mut self.ebpf)
    }
}

/// By the place of each system call which of its arguments mean what.
fn described_calls(offsets: &[u32; Member::COUNT]) -> BTreeMap<u32, CallWords> {
    let mut described = BTreeMap::new();
    for call in CALLS {
        for (number, narrow) in call.places() {
            let place = number + if narrow { limits::CALL_NUMBERS } else { 0 };
            let Ok(place) = u32::try_from(place) else { continue };
            let spec = call.spec(&registers(offsets, narrow), narrow);
            described.insert(place, zerocopy::transmute!(spec));
        }
    }
    described
}

/// Where the arguments of a system call are in `struct pt_regs`, in the order of the call.
fn registers(offsets: &[u32; Member::COUNT], narrow: bool) -> [Option<u32>; 6] {
    use Member::{
        PtRegsArg0, PtRegsArg1, PtRegsArg2, PtRegsArg3, PtRegsArg4, PtRegsArg5, PtRegsCompatArg0,
        PtRegsCompatArg1, PtRegsCompatArg5, PtRegsRegs,
    };
    let offset =
        |member: Member| offsets.get(member as usize).copied().filter(|offset| *offset != ABSENT);
    // An array of registers, of which the first becomes the result and is kept elsewhere.
    if let Some(first) = offset(PtRegsRegs) {
        let at = |argument: u32| Some(first + 8 * argument);
        return [offset(PtRegsArg0), at(1), at(2), at(3), at(4), at(5)];
    }
    let members = if narrow {
        // ebx, ecx, edx, esi, edi, ebp
        [PtRegsCompatArg0, PtRegsCompatArg1, PtRegsArg2, PtRegsArg1, PtRegsArg0, PtRegsCompatArg5]
    } else {
        [PtRegsArg0, PtRegsArg1, PtRegsArg2, PtRegsArg3, PtRegsArg4, PtRegsArg5]
    };
    members.map(offset)
}

/// Addresses of the kernel's counters of renames and mounts; zeros where it does not tell them.
fn sequences() -> [u64; 2] {
    let Ok(symbols) = std::fs::read_to_string("/proc/kallsyms") else { return [0; 2] };
    let address = |wanted: &str| {
        let line = symbols.lines().find(|line| line.ends_with(wanted))?;
        u64::from_str_radix(line.split(' ').next()?, 16).ok()
    };
    match (address(" rename_lock"), address(" mount_lock")) {
        (Some(renames), Some(mounts)) => [renames, mounts],
        _ => [0; 2],
    }
}

fn array<'e, T: aya::Pod>(
    ebpf: &'e mut Ebpf,
    name: &'static str,
) -> Result<Array<&'e mut MapData, T>, BpfError> {
    let map = ebpf.map_mut(name).ok_or(BpfError::Absent(name))?;
    Array::try_from(map).map_err(refused_map(name))
}

fn refused(
    program: Program,
    act: &'static str,
) -> impl Fn(aya::programs::ProgramError) -> BpfError {
    move |source| BpfError::Program { program, act, source: Box::new(source) }
}

fn call_programs(ebpf: &mut Ebpf) -> Result<ProgramArray<&mut MapData>, BpfError> {
    let name = settings::CALL_PROGRAMS;
    let map = ebpf.map_mut(name).ok_or(BpfError::Absent(name))?;
    ProgramArray::try_from(map).map_err(refused_map(name))
}

pub(super) fn refused_map(name: &'static str) -> impl Fn(aya::maps::MapError) -> BpfError {
    move |source| BpfError::Map { name, source: Box::new(source) }
}

fn parse_btf(data: &[u8]) -> Result<Btf, BpfError> {
    Btf::parse(data, aya::Endianness::default())
        .map_err(|source| BpfError::Load(Box::new(source.into())))
}

fn kernel_btf(btf: &mut Option<Btf>) -> Result<&Btf, BpfError> {
    Ok(match btf {
        Some(btf) => btf,
        none => none.insert(parse_btf(&btf::read(Path::new(btf::VMLINUX))?)?),
    })
}

/// The root of the cgroup v2 hierarchy, for programs to be put on.
fn open_root(root: Option<PathBuf>) -> Result<File, BpfError> {
    let root = root.ok_or(BpfError::NoCgroup2)?;
    File::open(&root).map_err(|source| BpfError::Open { path: root, source })
}

/// Where the cgroup v2 hierarchy is mounted, of the mounts that this process sees.
#[must_use]
pub fn cgroup2_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_device, place, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(place))
    })
}
