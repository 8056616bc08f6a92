//! The loaded object: its programs, links and maps.

use std::{
    collections::HashMap,
    fs::File,
    io::Read as _,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, MapData},
    programs::{
        BtfTracePoint, CgroupAttachMode, CgroupSockAddr, FExit, Iter, Program as AyaProgram,
    },
};
use monitor_common::{Program, limits, settings};

use crate::env::EnvKeys;

use super::{
    BpfError, btf,
    counters::Counters,
    hooks::{AttachPoint, attach_point},
    kernel_log::KernelLog,
    ring::Ring,
};

/// The compiled kernel programs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/monitor-ebpf"));

/// What the object is loaded with.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Size of the ring buffer in bytes, a power of two and a multiple of the page size.
    pub ring_bytes: u32,
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
    floor: bool,
    /// Whether `io_uring_complete` tells of the request, and not only of what the user called it.
    completes_requests: bool,
}

/// An attached program, by the form of its link.
enum Link {
    Tracepoint(aya::programs::tp_btf::BtfTracePointLinkId),
    Fexit(aya::programs::fexit::FExitLinkId),
    Cgroup(aya::programs::cgroup_sock_addr::CgroupSockAddrLinkId),
}

impl Object {
    /// Makes the maps; loads no program yet.
    pub fn load(options: &LoadOptions) -> Result<Self, BpfError> {
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
        drop(types);
        let btf = parse_btf(&data)?;
        drop(data);
        let ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global(settings::OFFSETS, &offsets, true)
            .override_global(settings::DIRECT, &direct, true)
            .override_global(settings::FLOOR, &floor, true)
            .override_global(settings::CGROUP_V1_SUBSYSTEM, &subsystem, true)
            .override_global("AYA_LOG_LEVEL", &log_level, false)
            .map_max_entries(settings::RECORDS, options.ring_bytes)
            // Asked for only after a refusal. Without it, older kernels then hide their reason
            // behind EINVAL.
            .verifier_log_level(VerifierLogLevel::DEBUG)
            .load(OBJECT)
            .map_err(|source| BpfError::Load(Box::new(source)))?;
        Ok(Self {
            ebpf,
            btf: Some(btf),
            cgroup2: cgroup2_root(),
            links: HashMap::new(),
            floor: options.floor,
            completes_requests,
        })
    }

    /// Loads and attaches a program. One that is already attached stays as it is.
    pub fn attach(&mut self, program: Program) -> Result<(), BpfError> {
        if self.links.contains_key(&(program as u32)) {
            return Ok(());
        }
        let refused = |act: &'static str| {
            move |source: aya::programs::ProgramError| BpfError::Program {
                program,
                act,
                source: Box::new(source),
            }
        };
        if program == Program::UringOpen && !self.completes_requests {
            let source = "this kernel's tracepoint does not say which request it completes".into();
            return Err(BpfError::Program { program, act: "used", source });
        }
        let Self { ebpf, btf, cgroup2, links, floor: _, completes_requests: _ } = self;
        let btf = kernel_btf(btf)?;
        let entry = ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        let unloaded = entry.fd().is_err();
        let link = match attach_point(program) {
            AttachPoint::Tracepoint(name) => {
                let entry: &mut BtfTracePoint = entry.try_into().map_err(refused("found"))?;
                if unloaded {
                    entry.load(name, btf).map_err(refused("loaded"))?;
                }
                Link::Tracepoint(entry.attach().map_err(refused("attached"))?)
            }
            AttachPoint::Fexit(name) => {
                let entry: &mut FExit = entry.try_into().map_err(refused("found"))?;
                if unloaded {
                    entry.load(name, btf).map_err(refused("loaded"))?;
                }
                Link::Fexit(entry.attach().map_err(refused("attached"))?)
            }
            AttachPoint::Cgroup(_) => {
                let root = cgroup2.as_ref().ok_or(BpfError::NoCgroup2)?;
                let directory = File::open(root)
                    .map_err(|source| BpfError::Open { path: root.clone(), source })?;
                let entry: &mut CgroupSockAddr = entry.try_into().map_err(refused("found"))?;
                if unloaded {
                    entry.load().map_err(refused("loaded"))?;
                }
                let attached = entry.attach(directory.as_fd(), CgroupAttachMode::Single);
                Link::Cgroup(attached.map_err(refused("attached"))?)
            }
            AttachPoint::Iterator(_) => return Err(BpfError::Absent("link for an iterator")),
        };
        links.insert(program as u32, link);
        Ok(())
    }

    /// Detaches a program; it stays loaded.
    pub fn detach(&mut self, program: Program) -> Result<(), BpfError> {
        let Some(link) = self.links.remove(&(program as u32)) else { return Ok(()) };
        let refused = |source: aya::programs::ProgramError| BpfError::Program {
            program,
            act: "detached",
            source: Box::new(source),
        };
        let entry =
            self.ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        match (link, entry) {
            (Link::Tracepoint(link), AyaProgram::BtfTracePoint(entry)) => entry.detach(link),
            (Link::Fexit(link), AyaProgram::FExit(entry)) => entry.detach(link),
            (Link::Cgroup(link), AyaProgram::CgroupSockAddr(entry)) => entry.detach(link),
            _ => Ok(()),
        }
        .map_err(refused)
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
        let program = Program::TaskIter;
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| BpfError::Program {
            program,
            act: "run",
            source,
        };
        let entry =
            self.ebpf.program_mut(program.name()).ok_or(BpfError::Absent(program.name()))?;
        let entry: &mut Iter =
            entry.try_into().map_err(|e: aya::programs::ProgramError| refused(e.into()))?;
        if entry.fd().is_err() {
            entry.load("task", kernel_btf(&mut self.btf)?).map_err(|e| refused(e.into()))?;
        }
        let link = entry.attach().map_err(|e| refused(e.into()))?;
        let link = entry.take_link(link).map_err(|e| refused(e.into()))?;
        let mut records = Vec::new();
        let mut file = link.into_file().map_err(|e| refused(e.into()))?;
        file.read_to_end(&mut records).map_err(|e| refused(e.into()))?;
        Ok(records)
    }

    /// Lets go of what only loading needs.
    pub fn forget_types(&mut self) {
        self.btf = None;
    }

    /// The ring buffer; it can be taken once.
    pub fn take_ring(&mut self) -> Result<Ring, BpfError> {
        let map =
            self.ebpf.take_map(settings::RECORDS).ok_or(BpfError::Absent(settings::RECORDS))?;
        let sleeps = self
            .ebpf
            .take_map(settings::READER_SLEEPS)
            .ok_or(BpfError::Absent(settings::READER_SLEEPS))?;
        Ring::new(map, sleeps)
    }

    /// The counters; they can be taken once.
    pub fn take_counters(&mut self) -> Result<Counters, BpfError> {
        let counters =
            self.ebpf.take_map(settings::COUNTERS).ok_or(BpfError::Absent(settings::COUNTERS))?;
        let losses =
            self.ebpf.take_map(settings::LOSSES).ok_or(BpfError::Absent(settings::LOSSES))?;
        Counters::new(counters, losses)
    }

    /// Names the monitors whose own acts are left out; more than fit are not left out.
    pub fn set_own_pids(&mut self, pids: &[u32]) -> Result<(), BpfError> {
        let name = settings::OWN_PIDS;
        let refused = |source| BpfError::Map { name, source: Box::new(source) };
        let map = self.ebpf.map_mut(name).ok_or(BpfError::Absent(name))?;
        let mut own: Array<&mut MapData, [u32; limits::SELF_PIDS]> =
            Array::try_from(map).map_err(refused)?;
        let mut places = [0; limits::SELF_PIDS];
        for (place, pid) in places.iter_mut().zip(pids) {
            *place = *pid;
        }
        own.set(0, places, 0).map_err(refused)
    }

    /// Says which variables are looked for in environments that are too long to be recorded.
    pub fn set_env_keys(&mut self, keys: &EnvKeys) -> Result<(), BpfError> {
        let name = settings::ENV_WANTED;
        let refused = |source| BpfError::Map { name, source: Box::new(source) };
        let map = self.ebpf.map_mut(name).ok_or(BpfError::Absent(name))?;
        let mut wanted: Array<&mut MapData, [[u64; 2]; limits::ENV_KEYS]> =
            Array::try_from(map).map_err(refused)?;
        wanted.set(0, super::env_wanted::patterns(keys), 0).map_err(refused)
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
